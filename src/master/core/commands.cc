#include "master/core/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <numeric>
#include <set>

namespace kelp::master {
namespace {

/// Leases and uploads are over after so long; what the state remembers of their keys goes then.
constexpr std::chrono::hours kKeyBlockMemory{48};

Error conflict(std::string detail) {
  return {Errc::kConflict, std::move(detail)};
}

Result<VolumeRecord*> find_volume(MasterState& state, VolumeId volume) {
  const auto found = state.volumes.find(volume);
  if (found == state.volumes.end()) {
    return Error(Errc::kNotFound, fmt::format("volume {} was never made", volume.value));
  }
  return &found->second;
}

Result<NodeRecord*> find_node(MasterState& state, NodeNumber node) {
  const auto found = state.nodes.find(node);
  if (found == state.nodes.end()) {
    return Error(Errc::kNotFound, fmt::format("node {} is not of this cluster", node.value));
  }
  return &found->second;
}

Result<void> move_phase(MasterState& state, VolumeId volume, VolumePhase from, VolumePhase to) {
  KELP_TRY(VolumeRecord* const record, find_volume(state, volume));
  if (record->phase != from) {
    return conflict(
        fmt::format("volume {} is not in phase {}", volume.value, static_cast<int>(from)));
  }
  record->phase = to;
  if (to == VolumePhase::kSealed) state.open_volumes.erase(volume);
  return {};
}

void raise_generation(VolumeRecord& volume) {
  ++volume.generation.value;
}

/// What follows a step that is done; nothing: the job has ended.
std::optional<JobStep> next_step(const JobRecord& job) {
  switch (job.step) {
    case JobStep::kFreeze:
      return packs(job.kind) ? JobStep::kPack : JobStep::kCopy;
    case JobStep::kPack:
      return JobStep::kVerify;
    case JobStep::kCopy:
    case JobStep::kVerify:
      return JobStep::kSwitch;
    case JobStep::kSwitch:
      if (replaces_members(job.kind) || job.from.has_value()) return JobStep::kRetire;
      return std::nullopt;
    case JobStep::kRetire:
    case JobStep::kRelease:
      return std::nullopt;
  }
  return std::nullopt;
}

struct Apply {
  MasterState& state;

  Result<void> operator()(const ReserveKeys& command) const {
    std::uint64_t mark = 0;
    if (__builtin_add_overflow(state.key_mark.value, command.count, &mark)) {
      return conflict("the key space is used up");
    }
    auto& blocks = state.key_blocks;
    // A clock that was set back must not make older keys look younger.
    const WallTime now =
        blocks.empty() ? command.now : std::max(command.now, blocks.back().reserved);
    blocks.push_back({state.key_mark, now});
    while (blocks.size() > 1 && blocks[1].reserved < now - kKeyBlockMemory) blocks.pop_front();
    state.key_mark = NeedleKey{mark};
    return {};
  }

  Result<void> operator()(const CreateVolume& command) const {
    if (command.volume < state.next_volume || command.volume.value == UINT32_MAX) {
      return conflict(fmt::format("volume id {} was used before or is out of range, next is {}",
                                  command.volume.value, state.next_volume.value));
    }
    if (command.record.phase != VolumePhase::kCreating || command.record.frozen ||
        command.record.members.empty()) {
      return Error(Errc::kInvalidArgument, "a volume is made empty, by its members");
    }
    KELP_CHECK(check_shards(command.record));
    for (const NodeNumber member : command.record.members) {
      KELP_CHECK(find_node(state, member));
    }
    state.next_volume = VolumeId{command.volume.value + 1};
    state.volumes.emplace(command.volume, command.record);
    state.open_volumes.insert(command.volume);
    return {};
  }
  Result<void> operator()(const ActivateVolume& command) const {
    return move_phase(state, command.volume, VolumePhase::kCreating, VolumePhase::kWritable);
  }
  Result<void> operator()(const DropVolume& command) const {
    KELP_TRY(VolumeRecord* const record, find_volume(state, command.volume));
    if (record->phase != VolumePhase::kCreating) {
      return conflict(fmt::format("volume {} may hold needles", command.volume.value));
    }
    state.volumes.erase(command.volume);
    state.open_volumes.erase(command.volume);
    return {};
  }
  Result<void> operator()(const SealVolume& command) const {
    return move_phase(state, command.volume, VolumePhase::kWritable, VolumePhase::kSealed);
  }
  Result<void> operator()(const SetVolumeTier& command) const {
    KELP_TRY(VolumeRecord* const record, find_volume(state, command.volume));
    if (record->phase != VolumePhase::kSealed) {
      return conflict(fmt::format("volume {} is not sealed", command.volume.value));
    }
    record->tier = command.tag;
    return {};
  }

  Result<void> operator()(const RegisterNode& command) const {
    if (command.identity.node_id.empty()) {
      return Error(Errc::kInvalidArgument, "a node without an id");
    }
    const auto known = state.find_node(command.identity.node_id);
    if (known.has_value()) {
      state.nodes.at(*known).identity = command.identity;
      return {};
    }
    state.nodes[state.next_node].identity = command.identity;
    ++state.next_node.value;
    return {};
  }
  Result<void> operator()(const SetIntent& command) const {
    KELP_TRY(NodeRecord* const node, find_node(state, command.node));
    node->intent = command.intent;
    return {};
  }
  Result<void> operator()(const RemoveNode& command) const {
    KELP_CHECK(find_node(state, command.node));
    for (const auto& [id, volume] : state.volumes) {
      if (std::ranges::find(volume.members, command.node) != volume.members.end()) {
        return conflict(fmt::format("node {} still has volume {}", command.node.value, id.value));
      }
    }
    for (const auto& [id, job] : state.jobs) {
      const bool target = std::ranges::find(job.targets, command.node) != job.targets.end();
      if (target || job.to == command.node || job.from == command.node) {
        return conflict(fmt::format("job {} works with node {}", id.value, command.node.value));
      }
    }
    state.nodes.erase(command.node);
    return {};
  }

  Result<void> operator()(const StartJob& command) const {
    const JobRecord& job = command.job;
    KELP_TRY(VolumeRecord* const volume, find_volume(state, job.volume));
    KELP_CHECK(find_node(state, job.to));
    KELP_CHECK(check_start(command, *volume));
    raise_generation(*volume);
    volume->frozen = true;
    for (const NodeNumber lost : command.lost) erase_member(*volume, lost);
    JobRecord begun = job;
    begun.step = JobStep::kFreeze;
    state.jobs.emplace(state.next_job, begun);
    ++state.next_job.value;
    return {};
  }
  Result<void> operator()(const AdvanceJob& command) const {
    const auto found = state.jobs.find(command.job);
    if (found == state.jobs.end() || found->second.step != command.from_step) {
      return conflict(fmt::format("job {} is not at step {}", command.job.value,
                                  static_cast<int>(command.from_step)));
    }
    JobRecord& job = found->second;
    KELP_TRY(VolumeRecord* const volume, find_volume(state, job.volume));
    if (job.step == JobStep::kCopy || job.step == JobStep::kVerify) switch_members(job, *volume);
    const auto next = next_step(job);
    if (next.has_value()) {
      job.step = *next;
    } else {
      state.jobs.erase(found);
    }
    return {};
  }
  Result<void> operator()(const AbandonJob& command) const {
    const auto found = state.jobs.find(command.job);
    if (found == state.jobs.end() || is_decided(found->second.step)) {
      return conflict(fmt::format("job {} is over or has switched", command.job.value));
    }
    KELP_TRY(VolumeRecord* const volume, find_volume(state, found->second.volume));
    raise_generation(*volume);
    volume->frozen = false;
    found->second.step = JobStep::kRelease;
    return {};
  }
  Result<void> operator()(const LeaveOut& command) const {
    const auto found = state.jobs.find(command.job);
    if (found == state.jobs.end() || is_decided(found->second.step) ||
        found->second.kind != JobKind::kRepair) {
      return conflict(
          fmt::format("job {} is over, has switched, or repairs nothing", command.job.value));
    }
    JobRecord& job = found->second;
    const auto target = std::ranges::find(job.targets, command.target);
    if (target == job.targets.end() || job.targets.size() == 1) {
      return conflict(fmt::format("job {}: node {} is not one of several targets",
                                  command.job.value, command.target.value));
    }
    job.shards.erase(job.shards.begin() + (target - job.targets.begin()));
    job.targets.erase(target);
    job.to = job.targets.front();
    return {};
  }
  Result<void> operator()(const PauseJobs& command) const {
    state.jobs_paused = command.paused;
    return {};
  }

  Result<void> operator()(const SetMaster& command) const {
    if (command.address.empty()) {
      state.masters.erase(command.id);
    } else {
      state.masters[command.id] = command.address;
    }
    return {};
  }
  Result<void> operator()(const TakeLock& command) const {
    auto& lock = state.lock;
    // An expiry that no lease reaches was written by a clock that was ahead: it binds nobody.
    const bool held = lock.has_value() && lock->expires > command.now &&
                      lock->expires <= command.now + kMostLockTime;
    if (held && lock->token != command.token) {
      return conflict(fmt::format("the cluster is locked by {}", lock->owner));
    }
    if (command.expires <= command.now) {
      lock.reset();
    } else {
      lock = AdminLock{command.owner, command.token, command.expires};
    }
    return {};
  }
  Result<void> operator()(const ImportState& command) const {
    if (state.key_mark != NeedleKey{1} || !state.volumes.empty()) {
      return conflict("this cluster's state is in use already");
    }
    KELP_TRY(MasterState imported, decode_state(command.state));
    if (imported.cluster_id != state.cluster_id) {
      return Error(Errc::kPrecondition, fmt::format("the state is of cluster {}, this is {}",
                                                    imported.cluster_id, state.cluster_id));
    }
    imported.masters = std::move(state.masters);
    state = std::move(imported);
    return {};
  }

 private:
  /// A new volume has each of its shards once, or none at all.
  static Result<void> check_shards(const VolumeRecord& volume) {
    if (!volume.scheme && volume.shards.empty()) return {};
    KELP_CHECK(check_scheme(volume.scheme));
    std::uint32_t seen = 0;
    for (const std::uint8_t shard : volume.shards) seen |= shard < kMostShards ? 1U << shard : 0;
    const std::uint32_t all = volume.scheme.shards();
    if (volume.members.size() == all && volume.shards.size() == all &&
        static_cast<std::uint32_t>(std::popcount(seen)) == all &&
        static_cast<std::uint32_t>(std::bit_width(seen)) == all) {
      return {};
    }
    return Error(Errc::kInvalidArgument, fmt::format("a volume of {} has each shard on one member",
                                                     to_string(volume.scheme)));
  }
  Result<void> check_start(const StartJob& command, const VolumeRecord& volume) const {
    const JobRecord& job = command.job;
    const auto is_member = [&volume](NodeNumber node) {
      return std::ranges::find(volume.members, node) != volume.members.end();
    };
    if (volume.generation != command.expected || volume.phase == VolumePhase::kCreating ||
        state.job_of(job.volume).has_value()) {
      return conflict(
          fmt::format("volume {} is in generation {}, the job expects {} and none "
                      "other under way",
                      job.volume.value, volume.generation.value, command.expected.value));
    }
    if (job.kind == JobKind::kSeal) return check_seal(command, volume);
    if (job.kind == JobKind::kRepack) return check_repack(command, volume);
    if (job.kind == JobKind::kRecode) return check_recode(command, volume);
    const bool is_move = job.kind == JobKind::kMove;
    if (is_member(job.to) || is_move != job.from.has_value() ||
        (is_move && (!is_member(*job.from) || !command.lost.empty()))) {
      return conflict(fmt::format("volume {}: the copy would go from {} to {}", job.volume.value,
                                  job.from.value_or(NodeNumber{}).value, job.to.value));
    }
    const bool all_members = std::ranges::all_of(command.lost, is_member);
    if (!all_members || command.lost.size() + least_members(volume) > volume.members.size()) {
      return conflict(fmt::format("volume {}: no copy to go from", job.volume.value));
    }
    if (!is_move && volume.scheme &&
        volume.members.size() - command.lost.size() >= volume.scheme.shards()) {
      return conflict(fmt::format("volume {} lacks no shard", job.volume.value));
    }
    return job.targets.empty() && job.shards.empty() ? Result<void>()
                                                     : check_targets(command, volume);
  }

  /// Each target is another node that is no member, each shard is missing, once.
  Result<void> check_targets(const StartJob& command, const VolumeRecord& volume) const {
    const JobRecord& job = command.job;
    const auto refuse = [&job] {
      return Error(Errc::kInvalidArgument,
                   fmt::format("volume {}: a repair in one pass asks for a node for each of some "
                               "missing shards",
                               job.volume.value));
    };
    if (job.kind != JobKind::kRepair || !volume.scheme || job.targets.empty() ||
        job.targets.size() != job.shards.size() || job.to != job.targets.front()) {
      return refuse();
    }
    VolumeRecord with = volume;
    for (const NodeNumber lost : command.lost) erase_member(with, lost);
    for (std::size_t i = 0; i < job.targets.size(); ++i) {
      KELP_CHECK(find_node(state, job.targets[i]));
      const bool taken = std::ranges::find(with.shards, job.shards[i]) != with.shards.end();
      const bool member =
          std::ranges::find(volume.members, job.targets[i]) != volume.members.end() ||
          std::ranges::find(with.members, job.targets[i]) != with.members.end();
      if (job.shards[i] >= volume.scheme.shards() || taken || member) return refuse();
      add_member(with, job.targets[i], job.shards[i]);
    }
    return {};
  }

  Result<void> check_seal(const StartJob& command, const VolumeRecord& volume) const {
    const JobRecord& job = command.job;
    KELP_CHECK(check_scheme(job.scheme));
    if (volume.phase != VolumePhase::kSealed || volume.scheme) {
      return conflict(fmt::format("volume {} is {}", job.volume.value,
                                  volume.scheme ? "in shards already" : "not full"));
    }
    return check_new_members(command, job.scheme.shards());
  }

  /// Whole volumes only: a shard that is missing is made first.
  Result<void> check_recode(const StartJob& command, const VolumeRecord& volume) const {
    const JobRecord& job = command.job;
    if (job.scheme) {
      KELP_CHECK(check_scheme(job.scheme));
    }
    const bool fits = volume.phase == VolumePhase::kSealed && volume.scheme &&
                      volume.members.size() == volume.scheme.shards() &&
                      job.scheme != volume.scheme && copies_of(job.spread) <= kMostCopies;
    if (fits) return check_new_members(command, wanted_members(job));
    return conflict(fmt::format("volume {}: a full volume with all its shards gets another scheme",
                                job.volume.value));
  }

  Result<void> check_new_members(const StartJob& command, std::uint32_t count) const {
    const JobRecord& job = command.job;
    for (const NodeNumber target : job.targets) {
      KELP_CHECK(find_node(state, target));
    }
    const std::set<NodeNumber> each(job.targets.begin(), job.targets.end());
    if (each.size() == job.targets.size() && each.size() == count &&
        job.to == job.targets.front() && !job.from && command.lost.empty()) {
      return {};
    }
    return Error(Errc::kInvalidArgument,
                 fmt::format("volume {}: {} asks for a node for each of {}", job.volume.value,
                             job.scheme ? to_string(job.scheme) : "copies", count));
  }

  static Result<void> check_repack(const StartJob& command, const VolumeRecord& volume) {
    const JobRecord& job = command.job;
    bool fits = volume.phase == VolumePhase::kSealed && volume.scheme &&
                job.scheme == volume.scheme && !job.from && command.lost.empty() &&
                job.targets.size() == volume.scheme.shards() &&
                job.targets.size() == volume.members.size() && job.to == job.targets.front();
    for (std::size_t i = 0; fits && i < volume.members.size(); ++i) {
      fits = job.targets[volume.shards[i]] == volume.members[i];
    }
    if (fits) return {};
    return conflict(fmt::format("volume {} is packed anew by all its members", job.volume.value));
  }

  static void switch_members(const JobRecord& job, VolumeRecord& volume) {
    raise_generation(volume);
    volume.frozen = false;
    if (job.kind == JobKind::kRepack) return;  // they have something else now
    if (replaces_members(job.kind)) {
      volume.scheme = job.scheme;
      volume.members = job.targets;
      if (!job.scheme) volume.spread = job.spread;
      volume.shards.resize(job.scheme.shards());
      std::iota(volume.shards.begin(), volume.shards.end(), std::uint8_t{0});
    } else if (job.kind == JobKind::kMove) {
      // The new copy takes the place of the old one, also as primary.
      std::ranges::replace(volume.members, *job.from, job.to);
    } else if (job.targets.empty()) {
      add_member(volume, job.to, missing_shard(volume));
    } else {
      for (std::size_t i = 0; i < job.targets.size(); ++i) {
        add_member(volume, job.targets[i], job.shards[i]);
      }
    }
  }
};

}  // namespace

Result<void> apply_command(MasterState& state, const Command& command) {
  return std::visit(Apply{state}, command);
}

}  // namespace kelp::master
