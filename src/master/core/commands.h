#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "master/core/state.h"

namespace kelp::master {

// The only ways to change a MasterState. Applying the same commands in the same order gives the
// same state everywhere: what needs a clock, a disk or chance was decided before the command was
// made.

/// Keys [key_mark, key_mark + count) may be leased by whoever proposed this.
struct ReserveKeys {
  std::uint64_t count = 0;
  friend bool operator==(const ReserveKeys&, const ReserveKeys&) = default;
};
/// A volume is to be made: phase kCreating. `volume` must be at or above next_volume.
struct CreateVolume {
  VolumeId volume;
  VolumeRecord record;
  friend bool operator==(const CreateVolume&, const CreateVolume&) = default;
};
/// kCreating becomes kWritable: every member has it.
struct ActivateVolume {
  VolumeId volume;
  friend bool operator==(const ActivateVolume&, const ActivateVolume&) = default;
};
/// kWritable becomes kSealed.
struct SealVolume {
  VolumeId volume;
  friend bool operator==(const SealVolume&, const SealVolume&) = default;
};

using Command = std::variant<ReserveKeys, CreateVolume, ActivateVolume, SealVolume>;

/// Changes `state`, or leaves it alone and gives kConflict with what does not fit.
[[nodiscard]] Result<void> apply_command(MasterState& state, const Command& command);

/// A command as a log keeps it (docs/formats/master-state.md, version 1).
[[nodiscard]] std::string encode_command(const Command& command);
/// kCorruption; kUnimplemented for a newer version or an unknown command.
[[nodiscard]] Result<Command> decode_command(std::string_view bytes);

}  // namespace kelp::master
