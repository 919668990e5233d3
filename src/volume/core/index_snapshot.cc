#include "volume/core/index_snapshot.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc.h"
#include "volume/core/superblock.h"

namespace kelp {
namespace {

constexpr std::string_view kMagic = "KELPIDX\n";
constexpr std::size_t kCountOffset = 48;  ///< Of the needle count, filled in at the end.
constexpr std::size_t kHeaderBytes = 56;
constexpr std::size_t kPieceBytes = 1 << 20;

Error corrupt(std::string_view what) {
  return {Errc::kCorruption, fmt::format("index snapshot: {}", what)};
}

/// CRC of any length: one call takes at most 2 GiB.
std::uint32_t crc_of(std::string_view bytes) {
  std::uint32_t crc = 0;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, kPieceBytes);
    crc = crc32c(as_bytes(piece), crc);
    bytes.remove_prefix(piece.size());
  }
  return crc;
}

/// A place that a needle can have.
bool plausible(std::uint64_t packed) {
  const NeedlePlace place = unpack_place(packed);
  return place.offset >= kSuperblockBytes && place.bytes > 0;
}

}  // namespace

IndexSnapshotWriter::IndexSnapshotWriter(const IndexSnapshotHeader& header) {
  ByteWriter writer(out_);
  writer.raw(kMagic);
  writer.fixed(kIndexSnapshotVersion);
  writer.fixed(header.volume.value);
  writer.fixed(header.generation.value);
  writer.fixed(std::uint32_t{0});
  writer.raw(as_text(header.salt));
  writer.fixed(header.covered_bytes);
  writer.fixed(std::uint64_t{0});
  KELP_ASSERT(out_.size() == kHeaderBytes, "the header's length is part of the format");
}

void IndexSnapshotWriter::add(const IndexEntry& entry) {
  KELP_ASSERT(count_ == 0 || entry.key.value > previous_key_, "keys ascend");
  ByteWriter writer(out_);
  writer.varint(entry.key.value - previous_key_);
  writer.fixed(pack(entry.place));
  previous_key_ = entry.key.value;
  ++count_;
}

std::string IndexSnapshotWriter::finish() && {
  std::memcpy(out_.data() + kCountOffset, &count_, sizeof count_);
  ByteWriter(out_).fixed(crc_of(out_));
  return std::move(out_);
}

Result<IndexSnapshot> decode_index_snapshot(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes + 4) return corrupt(fmt::format("{} bytes", bytes.size()));
  ByteReader tail(bytes.substr(bytes.size() - 4));
  bytes.remove_suffix(4);
  ByteReader reader(bytes);
  if (reader.raw(kMagic.size()) != kMagic) return corrupt("wrong magic");
  if (tail.fixed<std::uint32_t>() != crc_of(bytes)) return corrupt("wrong checksum");
  const auto version = reader.fixed<std::uint32_t>();
  if (version != kIndexSnapshotVersion) {
    return Error(Errc::kUnimplemented,
                 fmt::format("index snapshot of format version {}, this program knows version {}",
                             version, kIndexSnapshotVersion));
  }
  IndexSnapshot snapshot;
  snapshot.header.volume = VolumeId{reader.fixed<std::uint32_t>()};
  snapshot.header.generation = Generation{reader.fixed<std::uint32_t>()};
  if (reader.fixed<std::uint32_t>() != 0) return corrupt("reserved bytes are in use");
  std::ranges::copy(as_bytes(reader.raw(16)), snapshot.header.salt.begin());
  snapshot.header.covered_bytes = reader.fixed<std::uint64_t>();
  const auto count = reader.fixed<std::uint64_t>();
  if (count > reader.remaining() / 9) return corrupt("more needles than bytes");
  snapshot.entries.reserve(count);
  std::uint64_t key = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t delta = reader.varint();
    const std::uint64_t place = reader.fixed<std::uint64_t>();
    if ((i > 0 && delta == 0) || delta > UINT64_MAX - key) return corrupt("keys do not ascend");
    if (!plausible(place)) return corrupt("an impossible place");
    key += delta;
    snapshot.entries.push_back({NeedleKey{key}, unpack_place(place)});
  }
  KELP_CHECK(reader.finish("index snapshot"));
  return snapshot;
}

}  // namespace kelp
