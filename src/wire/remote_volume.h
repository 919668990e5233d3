#pragma once

#include <cstdint>

#include "base/ids.h"

namespace kelp {

/// Numbers of volumes that no master ever makes: a file id of one of them says that the needle lies
/// in a bucket of another S3, and in which (docs/formats/remote-needle.md). Stored: never changed.
inline constexpr std::uint32_t kRemoteVolumes = 0xffff'0000;
/// A remote's own number is 1 to this.
inline constexpr std::uint32_t kMostRemotes = 0xfffe;

/// The volume of the remote with that number.
[[nodiscard]] constexpr VolumeId remote_volume(std::uint32_t number) {
  return VolumeId{kRemoteVolumes + number};
}
/// Whether its needles lie in a remote.
[[nodiscard]] constexpr bool is_remote(VolumeId volume) {
  return volume.value > kRemoteVolumes && volume.value <= kRemoteVolumes + kMostRemotes;
}

}  // namespace kelp
