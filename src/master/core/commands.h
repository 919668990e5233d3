#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "master/core/state.h"

namespace kelp::master {

// The only ways to change a MasterState. Applying the same commands in the same order gives the
// same state everywhere: what needs a clock, a disk or chance was decided before the command was
// made. Each says what it expects, so that one that comes late changes nothing.

/// Keys [key_mark, key_mark + count) may be leased by whoever proposed this.
struct ReserveKeys {
  std::uint64_t count = 0;
  WallTime now;  ///< Of the proposer; never falls in the state.
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
/// A volume that could not be made is forgotten; kCreating only. Its id is not used again.
struct DropVolume {
  VolumeId volume;
  friend bool operator==(const DropVolume&, const DropVolume&) = default;
};
/// kWritable becomes kSealed.
struct SealVolume {
  VolumeId volume;
  friend bool operator==(const SealVolume&, const SealVolume&) = default;
};

/// VolumeRecord::tier of a sealed volume; kConflict for another one.
struct SetVolumeTier {
  VolumeId volume;
  std::string tag;
  friend bool operator==(const SetVolumeTier&, const SetVolumeTier&) = default;
};

/// A node joins, or says something new of itself.
struct RegisterNode {
  NodeIdentity identity;
  friend bool operator==(const RegisterNode&, const RegisterNode&) = default;
};
/// What operators want of a node.
struct SetIntent {
  NodeNumber node;
  NodeIntent intent = NodeIntent::kActive;
  friend bool operator==(const SetIntent&, const SetIntent&) = default;
};
/// Refused while a volume names the node.
struct RemoveNode {
  NodeNumber node;
  friend bool operator==(const RemoveNode&, const RemoveNode&) = default;
};

/// Begins a job at kFreeze: the volume is frozen in a new generation, without the `lost` members,
/// so that their copies are old from here on; enough members to read it from must stay. Expects
/// generation `expected` and no job on the volume.
struct StartJob {
  JobRecord job;
  Generation expected;
  std::vector<NodeNumber> lost;  ///< kRepair only.
  friend bool operator==(const StartJob&, const StartJob&) = default;
};
/// The job's step is done; what follows is decided by its kind. From kCopy to kSwitch `to` becomes
/// a member in a new generation and the volume thaws, a move takes `from` out of the members. With
/// a scheme `to` has the shard of `from`, or the first one that is missing; the targets of a repair
/// have theirs. From kVerify to kSwitch the targets of a seal, or of a change of scheme, are the
/// members, with its scheme. The last step ends the job.
struct AdvanceJob {
  JobId job;
  JobStep from_step = JobStep::kFreeze;
  friend bool operator==(const AdvanceJob&, const AdvanceJob&) = default;
};
/// A target of a repair of several shards that has not switched yet gets none: it failed, and the
/// others go on without it. At least one stays.
struct LeaveOut {
  JobId job;
  NodeNumber target;
  friend bool operator==(const LeaveOut&, const LeaveOut&) = default;
};
/// Gives a job up that has not switched yet: the volume thaws with the members that it has, in a
/// new generation.
struct AbandonJob {
  JobId job;
  friend bool operator==(const AbandonJob&, const AbandonJob&) = default;
};
/// No job is started while paused; those under way go on.
struct PauseJobs {
  bool paused = false;
  friend bool operator==(const PauseJobs&, const PauseJobs&) = default;
};

/// Where a member of the masters' group is reached; an empty address takes it out.
struct SetMaster {
  std::uint64_t id = 0;
  std::string address;
  friend bool operator==(const SetMaster&, const SetMaster&) = default;
};
/// How long the lock may be held without being taken again.
inline constexpr std::chrono::minutes kMostLockTime{10};
/// Takes the lock when it is free, expired at `now`, farther from expiring than it ever may be, or
/// the same owner's; an `expires` at or before `now` gives it back.
struct TakeLock {
  std::string owner;
  std::uint64_t token = 0;
  WallTime now;
  WallTime expires;
  friend bool operator==(const TakeLock&, const TakeLock&) = default;
};
/// Replaces a state in which nothing happened yet: what a single master kept before it had a log.
struct ImportState {
  std::string state;  ///< encode_state(), any version.
  friend bool operator==(const ImportState&, const ImportState&) = default;
};

using Command = std::variant<ReserveKeys, CreateVolume, ActivateVolume, DropVolume, SealVolume,
                             RegisterNode, SetIntent, RemoveNode, StartJob, AdvanceJob, AbandonJob,
                             PauseJobs, SetMaster, TakeLock, ImportState, SetVolumeTier, LeaveOut>;

/// Changes `state`, or leaves it alone and gives kConflict (kNotFound, kInvalidArgument,
/// kCorruption) with what does not fit.
[[nodiscard]] Result<void> apply_command(MasterState& state, const Command& command);

/// A command as a log keeps it (docs/formats/master-state.md, version 6; 5 without a job that
/// changes a scheme, 4 without one that packs anew either, 3 without a seal, a tier or targets of a
/// repair in it either, 2 without a scheme).
[[nodiscard]] std::string encode_command(const Command& command);
/// kCorruption; kUnimplemented for a newer version or an unknown command.
[[nodiscard]] Result<Command> decode_command(std::string_view bytes);

}  // namespace kelp::master
