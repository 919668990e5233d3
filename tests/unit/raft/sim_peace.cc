// What must happen once the faults stop.
#include <fmt/format.h>

#include <algorithm>

#include "raft/core/membership.h"
#include "tests/unit/raft/sim_group.h"

namespace kelp::raft {

std::string SimGroup::describe() const {
  const auto ids = [](const std::vector<NodeId>& nodes) {
    std::string text;
    for (const NodeId node : nodes) text += fmt::format(" {}", node.value);
    return text;
  };
  std::string text;
  for (const Node& node : nodes_) {
    const RaftCore& core = *node.core;
    text += fmt::format(
        "\n  {}: role {} term {} leader {} log {}-{} commit {} applied {} reads {} voters{} old{} "
        "learners{};",
        node.id.value, static_cast<int>(core.role()), core.term().value,
        core.leader().value_or(NodeId{}).value, core.first_index().value, core.last_index().value,
        core.commit_index().value, node.applied.value, node.reads.size(),
        ids(core.membership().voters), ids(core.membership().old_voters),
        ids(core.membership().learners));
    for (const MemberProgress& member : core.progress()) {
      text += fmt::format(" {}@{}{}{}", member.node.value, member.match.value,
                          member.active ? "" : " silent", member.snapshot ? " snapshot" : "");
    }
  }
  return text;
}

void SimGroup::heal() {
  cut_.clear();
  drop_ = copy_ = lazy_ = 0;
  for (Node& node : nodes_) {
    if (!node.core) start(node);
  }
}

/// Everybody ticks once, and everything on its way arrives.
void SimGroup::round() {
  for (Node& node : nodes_) {
    node.core->tick();
    pump(node);
  }
  for (int hop = 0; hop < 100; ++hop) {
    bool moved = false;
    for (Node& node : nodes_) {
      moved |= !node.writing.empty() || !node.committed.empty();
      pump(node);
      if (!node.writing.empty()) finish_write(node, node.writing.size());
      apply(node, node.committed.size());
    }
    for (std::size_t count = bag_.size(); count > 0; --count) {
      moved = true;
      Envelope envelope = std::move(bag_.front());
      bag_.pop_front();
      deliver(std::move(envelope));
    }
    if (!moved) return;
  }
}

/// The leader when everybody in its settled set has applied all that it has.
SimGroup::Node* SimGroup::settled_leader() {
  Node* leader = nullptr;
  for (Node& node : nodes_) {
    if (node.core->role() != Role::kLeader) continue;
    if (leader == nullptr || node.core->term() > leader->core->term()) leader = &node;
  }
  if (leader == nullptr || !leader->reads.empty()) return nullptr;
  const Membership& members = leader->core->membership();
  if (!members.old_voters.empty()) return nullptr;
  for (const NodeId id : members_of(members)) {
    const Node& node = nodes_[id.value - 1];
    if (node.applied != leader->core->last_index() || node.core->leader() != leader->id) {
      return nullptr;
    }
  }
  return leader;
}

void SimGroup::must_settle() {
  heal();
  const std::uint32_t patience = 60 * options_.election_ticks;
  std::uint32_t rounds = 0;
  while (settled_leader() == nullptr && rounds < patience && safety_.violation().empty()) {
    round();
    ++rounds;
  }
  if (!safety_.violation().empty()) return;
  Node* const leader = settled_leader();
  if (leader == nullptr) {
    return safety_.fail("liveness: the group does not come to rest" + describe());
  }
  // A transfer may still be under way: it is given up within an election timeout.
  Result<LogIndex> index = leader->core->propose("last");
  for (std::uint32_t i = 0; !index && i <= options_.election_ticks; ++i) {
    round();
    if (Node* const now = settled_leader()) index = now->core->propose("last");
  }
  if (!index) return safety_.fail("liveness: nobody takes a command");
  for (std::uint32_t i = 0; i < 10; ++i) round();
  const Node* const last = settled_leader();
  if (last == nullptr || last->applied < *index) {
    safety_.fail("liveness: a command is not applied" + describe());
  }
}

/// A voter that does not hear the leader, but everybody else, brings no election about
/// (thesis 6.2).
void SimGroup::must_not_disturb() {
  const Node* const leader = settled_leader();
  const Membership members = leader->core->membership();
  if (members.voters.size() < 3) return;
  const Term term = leader->core->term();
  const NodeId deaf =
      members.voters.front() == leader->id ? members.voters.back() : members.voters.front();
  cut_.insert({leader->id, deaf});
  for (std::uint32_t i = 0; i < 6 * options_.election_ticks; ++i) round();
  if (leader->core->role() != Role::kLeader || leader->core->term() != term) {
    safety_.fail("a node that does not hear the leader ended its leadership");
  }
}

}  // namespace kelp::raft
