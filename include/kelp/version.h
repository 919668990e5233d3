#pragma once

namespace kelp {

/// The version of this library and of the `kelp` binary, as major.minor.patch.
inline constexpr const char* kVersion = KELP_VERSION;

}  // namespace kelp
