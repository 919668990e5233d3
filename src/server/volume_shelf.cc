#include "server/volume_shelf.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "ec/reed_solomon.h"
#include "volume/core/packing.h"
#include "wire/collections.h"

namespace kelp::server {
namespace {

Generation generation_of(const OfflineVolume& volume) {
  if (volume.role()) return volume.role()->generation;
  return volume.superblock() ? volume.superblock()->generation : Generation{};
}

/// The body that `shards` of `scheme` make; those that are not there are empty.
Result<std::string> join(EcScheme scheme, std::uint64_t body_bytes,
                         std::vector<std::string> shards) {
  const std::uint64_t longest = shard_bytes(scheme, 0, body_bytes);
  std::vector<ByteSpan> there(scheme.shards());
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (shards[i].empty()) continue;
    shards[i].resize(longest, '\0');  // cells that are not there count as zeros
    there[i] = as_bytes(shards[i]);
  }
  std::vector<std::string> made(scheme.data);
  std::vector<WantedShard> wanted;
  for (std::uint32_t i = 0; i < scheme.data; ++i) {
    if (!there[i].empty()) continue;
    made[i].resize(longest);
    wanted.push_back({i, std::as_writable_bytes(std::span(made[i]))});
  }
  if (!wanted.empty()) {
    KELP_TRY(ReedSolomon* const code, ReedSolomon::shared(scheme));
    KELP_CHECK(code->reconstruct(there, wanted));
  }
  std::string body;
  body.reserve(body_bytes);
  for (const CellPiece& piece : cut_into_cells(scheme, 0, body_bytes)) {
    const std::string& shard = there[piece.shard].empty() ? made[piece.shard] : shards[piece.shard];
    body.append(shard, piece.shard_offset, piece.bytes);
  }
  return body;
}

}  // namespace

Result<VolumeShelf> VolumeShelf::open(FileIo& io, const std::vector<std::string>& paths) {
  VolumeShelf shelf;
  for (const std::string& path : paths) {
    KELP_TRY(VolumesFolder folder, lock_volumes(io, path));
    shelf.take(io, folder);
    shelf.folders_.push_back(std::move(folder));
  }
  std::map<VolumeId, Generation> newest;
  for (const OfflineVolume& volume : shelf.volumes_) {
    Generation& generation = newest[volume.volume()];
    generation = std::max(generation, generation_of(volume));
  }
  for (std::uint32_t i = 0; i < shelf.volumes_.size(); ++i) {
    const OfflineVolume& volume = shelf.volumes_[i];
    if (generation_of(volume) == newest[volume.volume()]) {
      shelf.walk(i);
    } else {
      shelf.troubles_.push_back(fmt::format(
          "a copy of volume {} is of generation {}, another of {}: it is not used",
          volume.volume().value, generation_of(volume).value, newest[volume.volume()].value));
    }
  }
  return shelf;
}

void VolumeShelf::take(FileIo& io, const VolumesFolder& folder) {
  for (const std::string& log : folder.logs) {
    auto volume = OfflineVolume::open(io, log);
    if (volume.has_value()) {
      // What scripts keep by file id was in no bucket.
      const auto& superblock = volume->superblock();
      if (superblock && superblock->collection == kFidCollection) continue;
      volumes_.push_back(*std::move(volume));
    } else {
      troubles_.push_back(fmt::format("{}: {}", log, volume.error().detail()));
    }
  }
}

void VolumeShelf::walk(std::uint32_t index) {
  const OfflineVolume& volume = volumes_[index];
  auto visit = [&](const LogStep& step, bool live) -> Result<void> {
    if (live) shelve(index, step);
    if (step.header && step.trailer_matches && step.header->tombstone) {
      removed_[volume.volume()].insert(step.header->key.value);
    }
    return {};
  };
  const auto end = volume.walk(visit);
  if (end.has_value() && end->stopped) {
    troubles_.push_back(fmt::format("volume {} cannot be read from byte {} on: {}",
                                    volume.volume().value, end->offset, end->stopped->detail()));
  }
}

void VolumeShelf::shelve(std::uint32_t index, const LogStep& step) {
  const NeedleHeader& header = *step.header;
  const VolumeId volume = volumes_[index].volume();
  Shelved& shelved = needles_[{volume, header.key}];
  shelved.places.push_back({index, step.offset, step.bytes});
  if (header.part) {
    shelved.scheme = header.part->scheme;
    shelved.shards |= 1U << header.part->shard;
  }
  shelved.packed = header.packed_bytes > 0;
  FoundNeedle& needle = shelved.needle;
  needle.fid = {volume, header.key, header.cookie};
  needle.body_bytes = shelved.packed ? header.packed_bytes
                      : header.part  ? header.part->body_bytes
                                     : header.body_bytes;
  needle.created_ns = header.created_ns;
  needle.bucket = header.bucket;
  const auto pointer = split_back_pointer(header, step.back_pointer);
  if (!pointer.has_value()) return;
  needle.key = pointer->key;
  if (pointer->origin.empty()) return;
  if (auto origin = decode_origin(pointer->origin); origin.has_value()) {
    needle.origin = *std::move(origin);
  } else {
    troubles_.push_back(
        fmt::format("needle {}: {}", to_string(needle.fid), origin.error().detail()));
  }
}

bool VolumeShelf::enough_shards(const Shelved& shelved) const {
  return static_cast<std::uint32_t>(std::popcount(shelved.shards)) >= shelved.scheme.data;
}

std::vector<FoundNeedle> VolumeShelf::needles() const {
  std::vector<FoundNeedle> found;
  for (const auto& [name, shelved] : needles_) {
    if (is_extent(name.second)) continue;
    const auto removed = removed_.find(name.first);
    if (removed != removed_.end() && removed->second.contains(name.second.value)) continue;
    if (shelved.packed) {
      const auto place = find_packed(shelved);
      const auto extent =
          place.has_value() ? needles_.find({name.first, place->extent}) : needles_.end();
      if (extent == needles_.end() || !enough_shards(extent->second)) continue;
    } else if (!enough_shards(shelved)) {
      continue;
    }
    found.push_back(shelved.needle);
  }
  return found;
}

Result<std::string> VolumeShelf::read(const FileId& fid) const {
  const auto found = needles_.find({fid.volume, fid.key});
  if (found == needles_.end()) {
    return Error(Errc::kNotFound, fmt::format("needle {} is not here", to_string(fid)));
  }
  if (found->second.packed) return read_packed(found->second);
  return found->second.scheme ? read_striped(found->second) : read_whole(found->second);
}

/// From the first stub that is sound.
Result<PackedPlace> VolumeShelf::find_packed(const Shelved& shelved) const {
  Error last(Errc::kNotFound, "no stub");
  std::string image;
  for (const Place& place : shelved.places) {
    const LogStep step{.offset = place.offset, .bytes = place.bytes};
    const auto stub = volumes_[place.volume].read(step, image);
    if (stub.has_value()) return decode_stub(stub->header, stub->body);
    last = stub.error();
  }
  return last;
}

Result<std::string> VolumeShelf::read_packed(const Shelved& shelved) const {
  KELP_TRY(const PackedPlace place, find_packed(shelved));
  const Name name{shelved.needle.fid.volume, place.extent};
  if (extent_.first != name) {
    const auto extent = needles_.find(name);
    if (extent == needles_.end() || extent->second.needle.fid.cookie != place.cookie) {
      return Error(Errc::kNotFound, fmt::format("extent {:x} is not here", place.extent.value));
    }
    extent_ = {};
    KELP_TRY(std::string whole, read_striped(extent->second));
    extent_ = {name, std::move(whole)};
  }
  const std::string& whole = extent_.second;
  if (place.offset > whole.size() || place.body_bytes > whole.size() - place.offset) {
    return Error(Errc::kCorruption,
                 fmt::format("extent {:x} is shorter than its stubs say", place.extent.value));
  }
  std::string body = whole.substr(place.offset, place.body_bytes);
  if (packed_matches(place, 0, as_bytes(body))) return body;
  return Error(Errc::kCorruption, fmt::format("needle {}: wrong checksum in its extent",
                                              to_string(shelved.needle.fid)));
}

Result<std::string> VolumeShelf::read_whole(const Shelved& shelved) const {
  Error last(Errc::kNotFound, "no copy");
  std::string image;
  for (const Place& place : shelved.places) {
    const LogStep step{.offset = place.offset, .bytes = place.bytes};
    const auto needle = volumes_[place.volume].read(step, image);
    if (needle.has_value()) return std::string(as_text(needle->body));
    last = needle.error();
  }
  return last;
}

Result<std::string> VolumeShelf::read_striped(const Shelved& shelved) const {
  Error last(Errc::kNotFound, "too few shards");
  std::vector<std::string> shards(shelved.scheme.shards());
  std::uint32_t good = 0;
  std::string image;
  for (const Place& place : shelved.places) {
    if (good == shelved.scheme.data) break;
    const LogStep step{.offset = place.offset, .bytes = place.bytes};
    const auto needle = volumes_[place.volume].read(step, image);
    if (!needle.has_value()) {
      last = needle.error();
      continue;
    }
    const auto& part = needle->header.part;
    if (!part || part->scheme != shelved.scheme || !shards[part->shard].empty()) continue;
    shards[part->shard] = as_text(needle->body);
    ++good;
  }
  if (good < shelved.scheme.data) return last;
  return join(shelved.scheme, shelved.needle.body_bytes, std::move(shards));
}

}  // namespace kelp::server
