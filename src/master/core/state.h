#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "kelp/result.h"

namespace kelp::master {

/// Values are stored: never renumber.
enum class VolumePhase : std::uint8_t {
  kCreating = 1,  ///< Decided; the volume server may or may not have it yet. Holds no needle.
  kWritable = 2,  ///< Made; takes needles.
  kSealed = 3     ///< Full; takes no new needles.
};

/// How a volume's needles are kept safe. Values are stored: never renumber.
enum class SchemeKind : std::uint8_t { kCopies = 1 };
struct Scheme {
  SchemeKind kind = SchemeKind::kCopies;
  std::uint8_t copies = 1;
  friend bool operator==(const Scheme&, const Scheme&) = default;
};

/// What the master decided about a volume; what disks hold is reported, and never trusted when its
/// generation differs.
struct VolumeRecord {
  Generation generation;
  Scheme scheme;
  VolumePhase phase = VolumePhase::kCreating;
  std::string collection;
  std::vector<std::string> member_node_ids;
  friend bool operator==(const VolumeRecord&, const VolumeRecord&) = default;
};

/// Everything a master must not forget: the result of applying its commands in order.
struct MasterState {
  std::string cluster_id;   ///< UUID text.
  NeedleKey key_mark{1};    ///< Keys below may have been leased and never are again.
  VolumeId next_volume{1};  ///< Never used before.
  std::map<VolumeId, VolumeRecord> volumes;
  friend bool operator==(const MasterState&, const MasterState&) = default;
};

/// The state as stored (docs/formats/master-state.md, version 1), with its checksum.
[[nodiscard]] std::string encode_state(const MasterState& state);
/// kCorruption for anything that encode_state() would not make; kUnimplemented for a newer version,
/// naming both.
[[nodiscard]] Result<MasterState> decode_state(std::string_view bytes);

/// One volume record, as in the state and in commands. Reading gives kCorruption for unknown
/// values; a short input shows in reader.failed().
void encode_volume(const VolumeRecord& volume, std::string& out);
[[nodiscard]] Result<VolumeRecord> decode_volume(ByteReader& reader);

}  // namespace kelp::master
