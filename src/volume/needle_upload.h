#pragma once

#include <memory>

#include "client/volume_client.h"
#include "volume/store/volume_file.h"

namespace kelp {

/// Largest body that is kept in memory until finish() and then written with one call.
inline constexpr std::uint64_t kSmallBodyBytes = 64 * 1024;

/// Begins a needle in `volume`, or in the log that replaces it just now. The request was checked:
/// token, generation, sizes; it outlives the call.
[[nodiscard]] Task<Result<std::unique_ptr<NeedleUpload>>> begin_upload(
    std::shared_ptr<VolumeFile> volume, const OpenNeedle& request);

}  // namespace kelp
