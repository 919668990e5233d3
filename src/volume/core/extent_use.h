#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "volume/core/needle_format.h"
#include "wire/packed_place.h"

namespace kelp {

// What of the extents of a packed volume is alive (docs/adr/0015-repacking.md).

/// One extent.
struct ExtentUse {
  Cookie cookie;
  std::uint64_t body_bytes = 0;  ///< Of its body, all shards together.
  std::uint64_t live_bytes = 0;  ///< Of that, of needles that have a stub.
  friend bool operator==(const ExtentUse&, const ExtentUse&) = default;
};
/// Half of it or more is alive: packing anew leaves it as it is.
[[nodiscard]] bool is_kept(const ExtentUse& use);

/// All extents of one volume, as its stubs say. Needles are not in it: some kilobytes for a full
/// volume.
struct ExtentsUse {
  std::map<NeedleKey, ExtentUse> extents;
  std::uint64_t homeless = 0;  ///< Stubs whose extent is not among them, or is another one.

  /// Counts a needle that lies at `place`; `bytes` of its image in the extent.
  void add(const PackedPlace& place, std::uint64_t bytes);
  /// Whether packing anew leaves this extent as it is. False for one that is not there.
  [[nodiscard]] bool keeps(NeedleKey extent) const;
  /// What the extents come to when they are packed anew, of all shards together.
  [[nodiscard]] std::uint64_t bytes_anew() const;
  /// What packing anew would come to. Extents that nothing lies in are not counted: they go
  /// without that.
  [[nodiscard]] SparseVolume summary(VolumeId volume) const;
};

/// A needle of an extent, as its stub says.
struct PackedNeedle {
  NeedleHeader header;  ///< Of the needle, not of its stub.
  PackedPlace place;
};
/// `stub`  the header of the stub.
[[nodiscard]] PackedNeedle packed_needle(const NeedleHeader& stub, PackedPlace place);
/// Needles of a volume in shards that are put together again in one go.
struct NeedleRun {
  std::vector<PackedNeedle> packed;         ///< By key.
  std::map<NeedleKey, ExtentUse> extents;   ///< Those that they lie in; nobody counted what lives.
  std::optional<NeedleFrame> striped = {};  ///< Or this one, which has shards of its own.
  [[nodiscard]] bool empty() const { return packed.empty() && !striped; }
};

/// The image of a needle out of its extent's body, every byte checked, also against the stub.
/// kCorruption.
[[nodiscard]] Result<std::string_view> image_in(std::string_view extent,
                                                const PackedNeedle& needle);

}  // namespace kelp
