#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "async/work_pool.h"
#include "base/clock.h"
#include "volume/offline_volume.h"

namespace kelp {

/// What an export wrote.
struct VolumeExport {
  std::uint64_t needles = 0;
  std::uint64_t body_bytes = 0;
  std::vector<VolumeFinding> left_out;  ///< Live needles that do not check.
  OfflineVolume::End end;
};
/// Takes the next bytes of a file.
using ExportSink = std::function<Result<void>(std::string_view bytes)>;
/// Writes the live needles of a volume that check as a tar file (docs/formats/needle-tar.md).
/// Errors of `sink`. Blocks.
[[nodiscard]] Result<VolumeExport> export_volume(const OfflineVolume& volume,
                                                 const ExportSink& sink);

/// What an import did.
struct VolumeImport {
  VolumeId volume;
  bool made = false;  ///< There was no such volume in the folder.
  std::uint64_t needles = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t were_here = 0;  ///< Keys that the volume has already: nothing was done.
};
/// Where an import goes to; what it refers to must outlive the call.
struct ImportTarget {
  FileIo& io;
  WorkPool& pool;
  const Clock& clock;
  std::string directory;           ///< Of volumes; no server may have it.
  std::optional<Uuid> cluster_id;  ///< Whose folder it is; nothing: whatever the export says.
};
/// Gives the next bytes of a file: fewer than asked for only at its end.
using ImportSource = std::function<Result<std::size_t>(MutableByteSpan)>;
/// Puts the needles of an export into the volume that they came from, which is made when it is not
/// in the folder; durable on return. Blocks.
///
/// Errors  kCorruption for a file that is no whole export (what was read so far is in the volume:
///         once more does no harm); kPermissionDenied for another cluster's; kIo, kNoSpace.
[[nodiscard]] Result<VolumeImport> import_volume(const ImportTarget& target,
                                                 const ImportSource& source);

}  // namespace kelp
