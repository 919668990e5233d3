#pragma once

#include <string>

#include "client/volume_replicas.h"
#include "os/file_io.h"

namespace kelp {

/// The role of a copy as it is kept beside its log, once it differs from what the superblock says
/// (docs/formats/volume.md, "Role").
[[nodiscard]] std::string encode_volume_role(VolumeId volume, CopyRole role);
/// kCorruption for anything that encode_volume_role() would not make of this volume;
/// kUnimplemented, naming both versions, for a newer one.
[[nodiscard]] Result<CopyRole> decode_volume_role(VolumeId volume, std::string_view bytes);

/// "DIR/000000001.role".
[[nodiscard]] std::string role_path(const std::string& directory, VolumeId volume);
/// Reads it; `fallback` when there is none. Blocks.
[[nodiscard]] Result<CopyRole> load_volume_role(FileIo& io, const std::string& directory,
                                                VolumeId volume, CopyRole fallback);

}  // namespace kelp
