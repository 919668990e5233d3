#pragma once

#include <string_view>

namespace kelp {

/// Whose needles no metadata names: scripts keep them by their file ids, over the volume servers'
/// HTTP (docs/operations/volume-http.md). Nothing but their own DELETE takes them away: collector,
/// fsck and rebuild leave its volumes alone, and in no other one a needle is written by its file
/// id.
inline constexpr std::string_view kFidCollection = "fids";

/// Of needles that no volume server has (wire/remote_volume.h): a lease of it is keys alone, on no
/// volume.
inline constexpr std::string_view kRemoteCollection = "remote";

}  // namespace kelp
