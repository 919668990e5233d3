#include "server/import/weed_import.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"

namespace kelp::weed {
namespace {

/// A file that was compressed may be this large.
constexpr std::size_t kMostBytes = 1ULL << 30;
constexpr std::uint64_t kMostIndexBytes = 4ULL << 30;

}  // namespace

Result<Volume> Volume::open(FileIo& io, const std::string& path) {
  Volume volume;
  const auto number = volume_of(path);
  if (!number) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("{}: a volume's file is NUMBER.dat or COLLECTION_NUMBER.dat", path));
  }
  volume.number_ = *number;
  KELP_TRY(volume.file_, io.open(path, OpenMode::kRead));
  KELP_TRY(volume.file_bytes_, volume.file_->size());
  std::array<std::byte, kSuperblockBytes> front{};
  KELP_TRY(const std::size_t got, volume.file_->read_at(0, front));
  const auto superblock = decode_superblock(ByteSpan(front).first(got));
  if (!superblock) {
    return Error(superblock.error().code(),
                 fmt::format("{}: {}", path, superblock.error().detail()));
  }
  volume.superblock_ = *superblock;
  const std::string index = path.substr(0, path.size() - 4) + ".idx";
  KELP_TRY(const bool indexed, io.exists(index));
  Result<void> loaded;
  if (indexed) {
    KELP_TRY(const std::string bytes, read_whole_file(io, index, kMostIndexBytes));
    loaded = volume.load_index(bytes);
  } else {
    loaded = volume.walk();
  }
  if (loaded) return volume;
  return Error(loaded.error().code(), fmt::format("{}: {}", path, loaded.error().detail()));
}

std::optional<Header> Volume::header_at(std::uint64_t offset) const {
  std::array<std::byte, kHeaderBytes> bytes{};
  const auto got = file_->read_at(offset, bytes);
  if (!got || *got < bytes.size()) return std::nullopt;
  const auto header = decode_header(bytes);
  return header ? std::optional(*header) : std::nullopt;
}

Result<void> Volume::load_index(const std::string& index) {
  const auto read = [](void* self, std::uint64_t offset) {
    return static_cast<const Volume*>(self)->header_at(offset);
  };
  const auto width = width_of(as_bytes(index), read, this);
  if (!width) {
    return Error(Errc::kCorruption,
                 "the .idx beside it does not fit: without it the log itself would be read");
  }
  KELP_TRY(places_, read_index(as_bytes(index), *width));
  return {};
}

Result<void> Volume::walk() {
  walked_ = true;
  std::map<std::uint64_t, Place> live;
  for (std::uint64_t at = superblock_.data_begin; at < file_bytes_;) {
    const auto header = header_at(at);
    const std::uint64_t end =
        header ? at + needle_bytes(superblock_.version, header->size) : UINT64_MAX;
    if (!header || end > file_bytes_ + kAlignment) {
      return Error(Errc::kCorruption,
                   fmt::format("it has no index, and its log cannot be read from byte {} on", at));
    }
    if (header->size == 0) {
      live.erase(header->key);
    } else {
      live[header->key] = {header->key, at, header->size};
    }
    at = end;
  }
  for (const auto& [key, place] : live) places_.push_back(place);
  std::ranges::sort(places_, {}, &Place::offset);
  return {};
}

Result<Needle> Volume::read(const Place& place, std::string& bytes) const {
  const std::uint64_t size = needle_bytes(superblock_.version, place.size);
  if (place.offset >= file_bytes_ || size > file_bytes_ - place.offset + kAlignment) {
    return Error(Errc::kCorruption,
                 fmt::format("needle {:x}: the log ends before it does", place.key));
  }
  bytes.resize(size);
  KELP_TRY(const std::size_t got,
           file_->read_at(place.offset, std::as_writable_bytes(std::span(bytes))));
  bytes.resize(got);
  KELP_TRY(Needle needle, decode_needle(as_bytes(bytes), superblock_.version));
  if (needle.header.key == place.key && needle.header.size == place.size) return needle;
  return Error(Errc::kCorruption,
               fmt::format("needle {:x}: another one lies in its place", place.key));
}

namespace {

std::string name_of(const Volume& volume, const Needle& needle) {
  return needle.name.empty() ? fid_text(volume.number(), needle.header) : needle.name;
}

/// The file id of a needle whose cookie may be damaged: "3,01????????".
std::string unread_fid(const Volume& volume, const Place& place) {
  std::string key = fmt::format("{:x}", place.key);
  if (key.size() % 2 != 0) key.insert(key.begin(), '0');
  return fmt::format("{},{}????????", volume.number(), key);
}

/// How many live needles have each name.
std::map<std::string, std::uint64_t> count_names(const std::vector<Volume>& volumes) {
  std::map<std::string, std::uint64_t> names;
  std::string bytes;
  for (const Volume& volume : volumes) {
    for (const Place& place : volume.places()) {
      const auto needle = volume.read(place, bytes);
      if (needle) ++names[name_of(volume, *needle)];
    }
  }
  return names;
}

/// What the client gave: as it was before it was compressed.
Result<std::string> body_of(const Needle& needle) {
  if (needle.manifest) {
    return Error(Errc::kUnimplemented, "it is a list of pieces, which lie in other needles");
  }
  if (!needle.compressed) return std::string(needle.data);
  return decompress(needle.data, kMostBytes);
}

}  // namespace

ImportReport import_volumes(const std::vector<Volume>& volumes, const std::string& prefix,
                            const std::function<Result<Imported>(const ImportedFile&)>& put) {
  ImportReport report;
  const auto names = count_names(volumes);
  std::string bytes;
  const auto take = [&](const Volume& volume, const Place& place,
                        std::string& fid) -> Result<void> {
    KELP_TRY(Needle needle, volume.read(place, bytes));
    fid = fid_text(volume.number(), needle.header);
    ImportedFile file{.key = prefix + name_of(volume, needle),
                      .body = {},
                      .mime = std::move(needle.mime),
                      .pairs = std::move(needle.pairs),
                      .modified_seconds = needle.modified_seconds};
    KELP_TRY(file.body, body_of(needle));
    const auto counted = names.find(name_of(volume, needle));
    const bool shared = counted == names.end() || counted->second > 1;
    if (shared) file.key += "~" + fid;
    KELP_TRY(const Imported outcome, put(file));
    report.renamed += shared ? 1 : 0;
    if (outcome == Imported::kThere) {
      ++report.there;
    } else {
      ++report.written;
      report.bytes += file.body.size();
    }
    return {};
  };
  for (const Volume& volume : volumes) {
    ++report.volumes;
    report.walked += volume.walked() ? 1 : 0;
    for (const Place& place : volume.places()) {
      ++report.needles;
      std::string fid = unread_fid(volume, place);
      const auto taken = take(volume, place, fid);
      if (!taken) report.left_out.push_back({fid, taken.error().detail()});
    }
  }
  return report;
}

}  // namespace kelp::weed
