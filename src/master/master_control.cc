// What volume servers and operators ask of a master (client/master_control.h).

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/log.h"
#include "master/master_service.h"

namespace kelp::master {
namespace {

std::string_view name_of(JobKind kind) {
  if (kind == JobKind::kSeal) return "seal";
  if (kind == JobKind::kRepack) return "repack";
  if (kind == JobKind::kRecode) return "recode";
  return kind == JobKind::kRepair ? "repair" : "move";
}

std::string_view name_of(JobStep step) {
  switch (step) {
    case JobStep::kFreeze:
      return "freeze";
    case JobStep::kCopy:
      return "copy";
    case JobStep::kSwitch:
      return "switch";
    case JobStep::kRetire:
      return "retire";
    case JobStep::kRelease:
      return "release";
    case JobStep::kPack:
      return "pack";
    case JobStep::kVerify:
      return "verify";
  }
  return "";
}

std::string_view phase_of(const VolumeRecord& volume) {
  if (volume.frozen) return "frozen";
  if (volume.phase == VolumePhase::kCreating) return "creating";
  return volume.phase == VolumePhase::kWritable ? "writable" : "sealed";
}

}  // namespace

Task<Result<WriteLease>> MasterService::lease(LeaseRequest request) {
  return here(desk_.lease(std::move(request)));
}
Task<Result<void>> MasterService::release(VolumeId volume, std::uint64_t bytes) {
  return here(end_reservation(volume, bytes));
}
Task<Result<VolumeLocation>> MasterService::locate(VolumeId volume) {
  return here(find_location(volume));
}
Task<Result<HeartbeatAnswer>> MasterService::heartbeat(Heartbeat beat) {
  return here(take_heartbeat(std::move(beat)));
}
Task<Result<LocationChange>> MasterService::watch_locations(std::uint64_t after,
                                                            MonoTime deadline) {
  return here(await_locations(after, deadline));
}
Task<Result<NeedleKey>> MasterService::key_floor() {
  return here(find_key_floor());
}
Task<Result<std::uint32_t>> MasterService::count_gateway(std::uint64_t gateway) {
  return here(hear_gateway(gateway));
}
Task<Result<ClusterView>> MasterService::view() {
  return here(describe());
}
Task<Result<void>> MasterService::set_node_intent(std::string node_id, NodeIntent intent) {
  return here(intend(std::move(node_id), intent));
}
Task<Result<void>> MasterService::remove_node(std::string node_id) {
  return here(forget_node(std::move(node_id)));
}
Task<Result<std::uint64_t>> MasterService::move_volume(VolumeId volume, std::string from,
                                                       std::string to) {
  return here(start_move(volume, std::move(from), std::move(to)));
}
Task<Result<void>> MasterService::pause_jobs(bool paused) {
  return here(context_.commit(PauseJobs{paused}));
}
Task<Result<void>> MasterService::add_master(std::uint64_t id, std::string address) {
  return here(join_master(id, std::move(address)));
}
Task<Result<void>> MasterService::remove_master(std::uint64_t id) {
  return here(leave_master(id));
}
Task<Result<void>> MasterService::transfer_leadership(std::optional<std::uint64_t> id) {
  return here(transfer(id));
}
Task<Result<void>> MasterService::wait_until_leading(MonoTime deadline) {
  return here(await_leading(deadline));
}
Task<MasterState> MasterService::state() {
  return here(copy_state());
}

// --- on the executor

Task<MasterState> MasterService::copy_state() {
  co_return context_.state();
}

Task<Result<void>> MasterService::await_leading(MonoTime deadline) {
  while (!context_.check_serving().has_value()) {
    if (context_.seams.clock.mono() >= deadline) {
      co_return Error(Errc::kDeadlineExceeded, "this master does not lead");
    }
    KELP_CO_CHECK(co_await context_.changed.wait());
  }
  co_return Result<void>();
}

Task<Result<void>> MasterService::end_reservation(VolumeId volume, std::uint64_t bytes) {
  context_.reservations.release(volume, bytes);
  co_return Result<void>();
}

/// Any master knows where volumes are; one that lags says where they were, and the volume servers
/// refuse what is too old. Only the leader can say that there is none.
Task<Result<VolumeLocation>> MasterService::find_location(VolumeId volume) {
  const auto found = context_.state().volumes.find(volume);
  if (found == context_.state().volumes.end()) {
    KELP_CO_CHECK(co_await context_.confirm_serving());
    co_return Error(Errc::kNotFound, fmt::format("volume {} was never made", volume.value));
  }
  co_return context_.location(volume, found->second);
}

Task<Result<LocationChange>> MasterService::await_locations(std::uint64_t after,
                                                            MonoTime deadline) {
  LocationChange change;
  while (true) {
    if (ending_) co_return Error(Errc::kUnavailable, "this master stops");
    const LocationLog& log = context_.machine.locations();
    if (log.newest() != after || !log.knows(after)) break;
    if (context_.seams.clock.mono() >= deadline) {
      change.sequence = after;
      co_return change;
    }
    KELP_CO_CHECK(co_await context_.changed.wait());
  }
  const LocationLog& log = context_.machine.locations();
  const auto changed = after == 0 ? std::nullopt : log.since(after);
  change.sequence = log.newest();
  const auto& volumes = context_.state().volumes;
  if (!changed.has_value()) {
    for (const auto& [id, volume] : volumes)
      change.volumes.push_back(context_.location(id, volume));
    co_return change;
  }
  for (const VolumeId id : *changed) {
    const auto volume = volumes.find(id);
    if (volume != volumes.end()) change.volumes.push_back(context_.location(id, volume->second));
  }
  co_return change;
}

Task<Result<HeartbeatAnswer>> MasterService::take_heartbeat(Heartbeat beat) {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  for (const VolumeStatus& volume : beat.status.volumes) {
    if (volume.volume < context_.state().next_volume) continue;
    // Going on would lease keys that are in use: this state is not the one that made the volume.
    co_return Error(
        Errc::kCorruption,
        fmt::format("node {} has volume {}, and no volume from {} on was ever made: the "
                    "masters' state was lost or is an older one",
                    beat.identity.node_id, volume.volume.value,
                    context_.state().next_volume.value));
  }
  auto number = context_.state().find_node(beat.identity.node_id);
  if (number.has_value()) {
    const std::string& address = context_.state().nodes.at(*number).identity.address;
    KELP_CO_CHECK(
        context_.topology.check_single(*number, beat, address, context_.seams.clock.mono()));
  }
  if (!number.has_value() || context_.state().nodes.at(*number).identity != beat.identity) {
    KELP_CO_CHECK(co_await context_.commit(RegisterNode{beat.identity}));
    KELP_CO_CHECK(context_.check_serving());
    number = context_.state().find_node(beat.identity.node_id);
  }
  const bool listening = context_.still_listening();
  auto answer = answer_to(*number, beat);
  if (listening) context_.changed.notify_all();  // also when this was the last one
  co_return answer;
}

/// Whether new data of every storage class that may lie on `node` finds quick disks elsewhere:
/// rather slowly than not at all, neither small needles nor large ones.
bool MasterService::can_do_without(const NodeIdentity& node) const {
  const PlacementOptions& placement = context_.options.placement;
  const std::uint64_t bytes = placement.volume_size_limit / 8;
  const auto elsewhere = [&](const StorageLayout& layout) {
    return !carries(node, layout.tag) ||
           (can_avoid_slow(context_.view(), shape_of(layout, false), bytes) &&
            can_avoid_slow(context_.view(), shape_of(layout, true), bytes));
  };
  return elsewhere(placement.standard) &&
         std::ranges::all_of(placement.classes | std::views::values, elsewhere);
}

Result<HeartbeatAnswer> MasterService::answer_to(NodeNumber number, const Heartbeat& beat) {
  const MonoTime now = context_.seams.clock.mono();
  const ObservedNode* const before = context_.topology.find(number);
  const bool was_slow = before != nullptr && before->slow_until.has_value();
  KELP_TRY(HeartbeatAnswer answer, context_.topology.take(number, beat, now));
  answer.now = context_.lease_clock();
  const bool slow = context_.topology.find(number)->slow_until.has_value();
  answer.refuse_needles = slow && can_do_without(beat.identity);
  if (slow != was_slow) {
    logger("master").warn("{} node={} address={} write_ms={}", slow ? "disk_slow" : "disk_quick",
                          beat.identity.node_id, beat.identity.address,
                          beat.status.write_micros / 1000);
  }
  return answer;
}

/// A block's keys were leased until the next block was begun, which is at most an hour and a turn
/// later (LeaseDesk::refresh_keys); so what is older than the grace ends where the first block
/// begins that is younger.
Task<Result<NeedleKey>> MasterService::find_key_floor() {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  constexpr std::chrono::hours kBlockAge{2};
  const auto age = context_.options.key_grace + kBlockAge;
  const WallTime cut = context_.seams.clock.wall() - age;
  NeedleKey floor = context_.state().key_mark;
  const auto young = std::ranges::find_if(
      context_.state().key_blocks, [cut](const KeyBlock& block) { return block.reserved >= cut; });
  if (young != context_.state().key_blocks.end()) floor = young->first;
  // The wall clock may have jumped; what this leader reserved it knows better.
  co_return std::min(floor, desk_.first_younger_than(age).value_or(floor));
}

Task<Result<std::uint32_t>> MasterService::hear_gateway(std::uint64_t gateway) {
  KELP_CO_CHECK(context_.check_serving());
  co_return gateways_.hear(gateway, context_.seams.clock.mono());
}

Task<Result<ClusterView>> MasterService::describe() {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  const PlacementView now = context_.view();
  ClusterView view;
  view.cluster_id = now.state.cluster_id;
  view.jobs_paused = now.state.jobs_paused;
  const raft::NodeStatus raft = context_.node->status();
  view.term = raft.term.value;
  for (const auto& member : raft.members) {
    const auto address = now.state.masters.find(member.node.value);
    view.masters.push_back({.id = member.node.value,
                            .address = address == now.state.masters.end() ? "" : address->second,
                            .leader = member.node == raft.self,
                            .learner = member.learner,
                            .alive = member.active || member.node == raft.self,
                            .match = member.match.value});
  }
  std::map<NodeNumber, std::uint32_t> volumes_at;
  for (const auto& [id, volume] : now.state.volumes) {
    VolumeView out;
    out.location = context_.location(id, volume);
    out.collection = volume.collection;
    out.spread = volume.spread;
    out.phase = phase_of(volume);
    out.copies_asked = wanted_members(volume);
    out.copies_healthy = healthy_copies(now, id, volume);
    for (const NodeNumber member : volume.members) {
      ++volumes_at[member];
      const ObservedCopy* copy = now.topology.trusted(member, id, volume, now.now);
      if (copy != nullptr) out.bytes = std::max(out.bytes, copy->file_bytes);
    }
    view.volumes.push_back(std::move(out));
  }
  for (const auto& [number, node] : now.state.nodes) {
    const ObservedNode* seen = now.topology.find(number);
    view.nodes.push_back(
        {.identity = node.identity,
         .intent = node.intent,
         .alive = now.topology.alive(number, now.now),
         .total_bytes = seen == nullptr ? 0 : seen->total_bytes,
         .free_bytes = seen == nullptr ? 0 : seen->free_bytes,
         .volumes = volumes_at[number],
         .slow = now.topology.slow(number, now.now),
         .write_micros =
             seen == nullptr ? 0 : static_cast<std::uint64_t>(seen->write_time.count())});
  }
  const auto id_of = [&now](NodeNumber number) {
    const auto node = now.state.nodes.find(number);
    return node == now.state.nodes.end() ? std::string() : node->second.identity.node_id;
  };
  for (const auto& [id, job] : now.state.jobs) {
    std::string to = id_of(job.to);
    for (std::size_t i = 1; i < job.targets.size(); ++i) to += "," + id_of(job.targets[i]);
    view.jobs.push_back({.id = id.value,
                         .kind = std::string(name_of(job.kind)),
                         .step = std::string(name_of(job.step)),
                         .volume = job.volume,
                         .from = job.from.has_value() ? id_of(*job.from) : "",
                         .to = std::move(to),
                         .error = jobs_.error_of(id)});
  }
  co_return view;
}

Result<NodeNumber> MasterService::number_of(const std::string& node_id) const {
  const auto number = context_.state().find_node(node_id);
  if (number.has_value()) return *number;
  return Error(Errc::kNotFound, fmt::format("no node {} in this cluster", node_id));
}

Task<Result<void>> MasterService::intend(std::string node_id, NodeIntent intent) {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  KELP_CO_TRY(const NodeNumber number, number_of(node_id));
  co_return co_await context_.commit(SetIntent{number, intent});
}

Task<Result<void>> MasterService::forget_node(std::string node_id) {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  KELP_CO_TRY(const NodeNumber number, number_of(node_id));
  KELP_CO_CHECK(co_await context_.commit(RemoveNode{number}));
  context_.topology.forget(number);
  co_return Result<void>();
}

Task<Result<std::uint64_t>> MasterService::start_move(VolumeId volume, std::string from,
                                                      std::string to) {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  KELP_CO_TRY(const NodeNumber source, number_of(from));
  KELP_CO_TRY(const NodeNumber target, number_of(to));
  const auto found = context_.state().volumes.find(volume);
  if (found == context_.state().volumes.end()) {
    co_return Error(Errc::kNotFound, fmt::format("volume {} was never made", volume.value));
  }
  if (!context_.topology.alive(target, context_.seams.clock.mono())) {
    co_return Error(Errc::kUnavailable, fmt::format("node {} is not alive", to));
  }
  if (!may_replace(context_.view(), found->second, source, target)) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("volume {} on node {} instead of {} would not keep its copies as "
                                "far apart as they must be",
                                volume.value, to, from));
  }
  const JobRecord job{JobKind::kMove, JobStep::kFreeze, volume, source, target};
  const JobId id = context_.state().next_job;
  KELP_CO_CHECK(co_await context_.commit(StartJob{job, found->second.generation, {}}));
  co_return context_.state().job_of(volume).value_or(id).value;
}

// --- the masters' own group

/// As a learner first, so that an empty log never counts for a majority; then as a voter.
Task<Result<void>> MasterService::join_master(std::uint64_t id, std::string address) {
  KELP_CO_CHECK(co_await context_.confirm_serving());
  if (id == 0 || address.empty()) {
    co_return Error(Errc::kInvalidArgument, "a master has an id from 1 and an address");
  }
  constexpr std::chrono::seconds kCatchUp{60};
  const MonoTime deadline = context_.seams.clock.mono() + kCatchUp;
  const raft::NodeId node{id};
  KELP_CO_CHECK(co_await let_learn(node, std::move(address), deadline));
  raft::Membership members = context_.node->status().membership;
  if (std::ranges::find(members.voters, node) != members.voters.end()) co_return Result<void>();
  KELP_CO_CHECK(co_await await_caught_up(node, deadline));
  members = context_.node->status().membership;
  std::erase(members.learners, node);
  members.voters.push_back(node);
  std::ranges::sort(members.voters);
  co_return co_await context_.node->change_members(members.voters, members.learners, deadline);
}

/// A change of the members, and of their addresses with it, while no other is made here: else the
/// address of one that is removed would go after it was added again.
class MasterService::Turn {
 public:
  Turn(bool& taken, Event& changed) : taken_(taken), changed_(changed) {}
  ~Turn() {
    taken_ = false;
    changed_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  bool& taken_;
  Event& changed_;  ///< Told when it ends: others await theirs.
};

Task<Result<void>> MasterService::await_turn() {
  while (std::exchange(changing_masters_, true)) {
    KELP_CO_CHECK(co_await context_.changed.wait());
  }
  co_return Result<void>();
}

/// Makes it a learner that can be reached, unless it is one or a voter.
Task<Result<void>> MasterService::let_learn(raft::NodeId node, std::string address,
                                            MonoTime deadline) {
  KELP_CO_CHECK(co_await await_turn());
  const Turn turn(changing_masters_, context_.changed);
  KELP_CO_CHECK(co_await context_.commit(SetMaster{node.value, std::move(address)}));
  raft::Membership members = context_.node->status().membership;
  if (std::ranges::find(members.voters, node) != members.voters.end() ||
      std::ranges::find(members.learners, node) != members.learners.end()) {
    co_return Result<void>();
  }
  members.learners.push_back(node);
  co_return co_await context_.node->change_members(members.voters, members.learners, deadline);
}

Task<Result<void>> MasterService::await_caught_up(raft::NodeId node, MonoTime deadline) {
  while (true) {
    KELP_CO_CHECK(context_.check_serving());
    const raft::NodeStatus status = context_.node->status();
    for (const auto& member : status.members) {
      if (member.node == node && member.active && member.match >= status.commit) {
        co_return Result<void>();
      }
    }
    if (context_.seams.clock.mono() >= deadline) {
      co_return Error(Errc::kDeadlineExceeded,
                      fmt::format("master {} is a learner and has not caught up yet: is it "
                                  "running and reachable? Add it again to go on",
                                  node.value));
    }
    KELP_CO_CHECK(co_await context_.changed.wait());
  }
}

Task<Result<void>> MasterService::leave_master(std::uint64_t id) {
  KELP_CO_CHECK(context_.check_serving());
  const MonoTime deadline = context_.seams.clock.mono() + std::chrono::seconds(30);
  KELP_CO_CHECK(co_await await_turn());
  const Turn turn(changing_masters_, context_.changed);
  raft::Membership members = context_.node->status().membership;
  std::erase(members.voters, raft::NodeId{id});
  std::erase(members.learners, raft::NodeId{id});
  if (members.voters.empty()) {
    co_return Error(Errc::kInvalidArgument, "the last master cannot be removed");
  }
  // Whoever is a member must be reached. A leader that removes itself steps down at once, so that
  // its own address goes first, and comes back when it stays.
  const bool self = id == context_.options.id;
  if (self) {
    KELP_CO_CHECK(co_await context_.commit(SetMaster{id, ""}));
  }
  auto removed = co_await context_.node->change_members(members.voters, members.learners, deadline);
  if (!self) {
    KELP_CO_CHECK(removed);
    co_return co_await context_.commit(SetMaster{id, ""});
  }
  if (!removed.has_value() && context_.check_serving().has_value()) {
    KELP_CO_CHECK(co_await context_.commit(SetMaster{id, context_.options.address}));
  }
  co_return removed;
}

Task<Result<void>> MasterService::transfer(std::optional<std::uint64_t> id) {
  KELP_CO_CHECK(context_.check_serving());
  const MonoTime deadline = context_.seams.clock.mono() + std::chrono::seconds(10);
  std::optional<raft::NodeId> to;
  if (id.has_value()) to = raft::NodeId{*id};
  co_return co_await context_.node->transfer_leadership(to, deadline);
}

}  // namespace kelp::master
