#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "volume/store/direct_window.h"
#include "volume/store/volume_file.h"

namespace kelp {

/// What one step of a scrub read.
struct ScrubStep {
  std::optional<NeedleKey> last;  ///< Up to here; nothing: the volume is through.
  std::uint64_t bytes = 0;
  std::uint32_t damaged = 0;  ///< Found by this step; the volume knows them.
};

/// Reads what a volume has on its disk and compares it: superblock, index snapshot, and each live
/// needle, byte by byte, with its checksums and with the index. What is damaged is logged, counted,
/// and noted in the volume (VolumeFile::damaged). A damaged snapshot is written anew at once. Room
/// that belongs to no live needle is not looked at. Blocks.
class VolumeScrub {
 public:
  /// Looks at the superblock and the snapshot. kConflict when another log took over.
  [[nodiscard]] static Result<VolumeScrub> begin(std::shared_ptr<VolumeFile> volume);
  /// Looks at needles with keys over `after`, about 4 MiB of them. kConflict as begin().
  Result<ScrubStep> step(NeedleKey after);
  /// Found by begin().
  [[nodiscard]] std::uint32_t damaged() const { return damaged_; }

 private:
  VolumeScrub(std::shared_ptr<VolumeFile> volume, DirectWindow window);
  Result<void> check_superblock();
  Result<void> check_snapshot();
  Result<void> check(const IndexEntry& entry);
  Result<void> check_small(const IndexEntry& entry, std::uint32_t seed);
  Result<void> check_large(const IndexEntry& entry, std::uint32_t seed);

  std::shared_ptr<VolumeFile> volume_;
  DirectWindow window_;
  std::uint32_t damaged_ = 0;
};

}  // namespace kelp
