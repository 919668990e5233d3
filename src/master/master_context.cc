#include "master/master_context.h"

#include <fmt/format.h>

#include <algorithm>

namespace kelp::master {
namespace {

constexpr std::chrono::seconds kCommitTime{10};

}  // namespace

Task<Result<CommandOutcome>> MasterContext::propose(Command command) {
  const MonoTime deadline = seams.clock.mono() + kCommitTime;
  KELP_CO_TRY(const raft::Applied applied,
              co_await node->propose(encode_command(command), deadline));
  co_return decode_outcome(applied.answer);
}

Task<Result<void>> MasterContext::commit(Command command) {
  KELP_CO_TRY(const CommandOutcome outcome, co_await propose(std::move(command)));
  co_return outcome.result;
}

Result<void> MasterContext::check_serving() const {
  if (serving && machine.is_leading()) return {};
  const auto leader = node == nullptr ? std::nullopt : node->status().leader;
  if (!leader.has_value() || leader->value == options.id) {
    return Error(Errc::kUnavailable, "no master leads just now", Reason::kNotLeader);
  }
  const auto address = state().masters.find(leader->value);
  return Error(Errc::kUnavailable,
               fmt::format("leader={} address={}", leader->value,
                           address == state().masters.end() ? "" : address->second),
               Reason::kNotLeader);
}

Task<Result<void>> MasterContext::confirm_serving() {
  KELP_CO_CHECK(check_serving());
  if (node->holds_lease()) co_return Result<void>();
  KELP_CO_CHECK(co_await node->read_barrier(seams.clock.mono() + kCommitTime));
  co_return check_serving();
}

bool MasterContext::still_listening() const {
  if (!topology.young(seams.clock.mono())) return false;
  return std::ranges::any_of(state().nodes, [this](const auto& known) {
    const ObservedNode* heard = topology.find(known.first);
    const bool wanted = known.second.intent == NodeIntent::kActive;
    return wanted && (heard == nullptr || !heard->complete);
  });
}

std::shared_ptr<VolumeNode> MasterContext::reach(NodeNumber node_number) const {
  return seams.volumes.at(state().nodes.at(node_number).identity.address);
}

Task<Result<void>> MasterContext::confirm_node(NodeNumber node_number) const {
  const NodeIdentity expected = state().nodes.at(node_number).identity;
  KELP_CO_TRY(const NodeStatus status, co_await reach(node_number)->status());
  if (status.node_id == expected.node_id) co_return Result<void>();
  co_return Error(Errc::kConflict, fmt::format("at {} is node {} now, not {}", expected.address,
                                               status.node_id, expected.node_id));
}

VolumeLocation MasterContext::location(VolumeId id, const VolumeRecord& volume) const {
  VolumeLocation location;
  location.volume = id;
  location.generation = volume.generation;
  location.writable = volume.phase == VolumePhase::kWritable && !volume.frozen;
  for (const NodeNumber member : volume.members) {
    const NodeIdentity& identity = state().nodes.at(member).identity;
    location.members.push_back({identity.node_id, identity.address, shard_of(volume, member)});
  }
  location.scheme = volume.scheme;
  return location;
}

}  // namespace kelp::master
