#include "raft/node/snapshot_format.h"

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "raft/core/membership.h"

namespace kelp::raft {
namespace {

constexpr std::string_view kMagic = "KRSN";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kCrcBytes = 4;

}  // namespace

std::string encode_snapshot(std::string_view cluster_id, const SnapshotMark& mark,
                            std::string_view state) {
  std::string out(kMagic);
  out.reserve(state.size() + 256);
  ByteWriter writer(out);
  writer.fixed(kVersion);
  writer.text(cluster_id);
  writer.fixed(mark.index.value);
  writer.fixed(mark.term.value);
  writer.text(encode_membership(mark.membership));
  writer.fixed(static_cast<std::uint64_t>(state.size()));
  writer.raw(state);
  writer.fixed(crc32c(as_bytes(out)));
  return out;
}

Result<Snapshot> decode_snapshot(std::string_view bytes) {
  if (bytes.size() < kMagic.size() + sizeof kVersion + kCrcBytes || !bytes.starts_with(kMagic)) {
    return Error(Errc::kCorruption,
                 fmt::format("raft snapshot: {} bytes without the mark {}", bytes.size(), kMagic));
  }
  ByteReader reader(bytes.substr(kMagic.size(), bytes.size() - kMagic.size() - kCrcBytes));
  if (const auto version = reader.fixed<std::uint32_t>(); version != kVersion) {
    return Error(
        version > kVersion ? Errc::kUnimplemented : Errc::kCorruption,
        fmt::format("raft snapshot has format {}, this program knows {}", version, kVersion));
  }
  ByteReader tail(bytes.substr(bytes.size() - kCrcBytes));
  if (tail.fixed<std::uint32_t>() != crc32c(as_bytes(bytes.substr(0, bytes.size() - kCrcBytes)))) {
    return Error(Errc::kCorruption, "raft snapshot: the checksum differs");
  }
  Snapshot snapshot;
  snapshot.cluster_id = reader.text();
  snapshot.mark.index = LogIndex{reader.fixed<std::uint64_t>()};
  snapshot.mark.term = Term{reader.fixed<std::uint64_t>()};
  const std::string_view membership = reader.text();
  snapshot.state = reader.raw(reader.fixed<std::uint64_t>());
  KELP_CHECK(reader.finish("raft snapshot"));
  KELP_TRY(snapshot.mark.membership, decode_membership(membership));
  return snapshot;
}

}  // namespace kelp::raft
