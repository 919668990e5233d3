#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "async/background_budget.h"
#include "client/volume_nodes.h"
#include "volume/core/extent_use.h"

namespace kelp {

/// The whole body of an extent: its data shards as their members have them in a generation, each
/// verified; one that cannot be had is computed from the others (shard_rebuild.h).
///
/// `peers`  must outlive the call.
/// `from`   all members; `from.shard` says nothing.
/// Errors   kCorruption when the shards make another body than `use` says; else as
///          rebuild_shard().
[[nodiscard]] Task<Result<std::string>> read_extent(VolumeNodes& peers, VolumeId volume,
                                                    Generation generation, StripeSources from,
                                                    NeedleKey key, ExtentUse use);
/// The same of a needle with shards of its own: there is no checksum over all of its body.
[[nodiscard]] Task<Result<std::string>> read_stripe(VolumeNodes& peers, VolumeId volume,
                                                    Generation generation, StripeSources from,
                                                    NeedleKey key, ExtentUse use);

/// Bodies of extents, a few kept: needles that follow one another mostly lie in the same one, and
/// in one of two where a volume was packed anew.
class ExtentBodies {
 public:
  /// `budget` null: there is no limit. Both must outlive this.
  ExtentBodies(VolumeNodes& peers, BackgroundBudget* budget, VolumeId volume, Generation generation,
               StripeSources from, Urgency urgency)
      : peers_(peers),
        budget_(budget),
        volume_(volume),
        generation_(generation),
        from_(std::move(from)),
        urgency_(urgency) {}

  /// The image of a needle, which lies in an extent that is `use`, every byte checked. Points into
  /// what is kept: until the next call.
  Task<Result<std::string_view>> image_of(const PackedNeedle* needle, ExtentUse use);
  /// Bytes of extents that were read.
  [[nodiscard]] std::uint64_t read() const { return read_; }

 private:
  static constexpr std::size_t kMostKept = 2;
  struct Kept {
    NeedleKey key;
    std::string body;
  };
  VolumeNodes& peers_;
  BackgroundBudget* const budget_;
  const VolumeId volume_;
  const Generation generation_;
  const StripeSources from_;
  const Urgency urgency_;
  std::vector<Kept> kept_;  ///< What was asked for last comes last.
  std::uint64_t read_ = 0;
};

}  // namespace kelp
