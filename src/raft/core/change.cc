// Members and leadership change hands: thesis 3.10, 4.2.2, 4.3.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "raft/core/state.h"

namespace kelp::raft {

Result<void> RaftCore::State::may_propose(std::uint64_t bytes) const {
  if (!lead) {
    return Error(Errc::kUnavailable,
                 leader ? fmt::format("not the leader; node {} is", leader->value)
                        : "not the leader; none is known",
                 Reason::kNotLeader);
  }
  if (lead->successor) {
    return Error(Errc::kUnavailable,
                 fmt::format("leadership is being given to node {}", lead->successor->value),
                 Reason::kNotLeader);
  }
  if (lead->waiting_bytes > 0 && lead->waiting_bytes + bytes > options.unstored_bytes) {
    return Error(Errc::kResourceExhausted,
                 fmt::format("{} bytes wait to be committed", lead->waiting_bytes));
  }
  return {};
}

Result<LogIndex> RaftCore::State::propose_change(std::vector<NodeId> voters,
                                                 std::vector<NodeId> learners) {
  const Membership next = enter_change(membership(), std::move(voters), std::move(learners));
  if (next.voters.empty()) return Error(Errc::kInvalidArgument, "membership: nobody to vote");
  KELP_CHECK(validate(next));
  std::string data = encode_membership(next);
  KELP_CHECK(may_propose(data.size()));
  if (!membership().old_voters.empty() || memberships.current_index() > commit) {
    return Error(Errc::kConflict, "a change of the members is under way");
  }
  return append(EntryKind::kMembership, std::move(data));
}

/// A committed set may call for the next step: out of the joint set, or out of the lead.
void RaftCore::State::after_commit() {
  if (memberships.current_index() > commit) return;
  if (!membership().old_voters.empty()) {
    append(EntryKind::kMembership, encode_membership(leave_change(membership())));
  } else if (!is_voter(membership(), self())) {
    resign();
  }
}

/// No member any more: the others learn that this is decided, and the best one takes over at once.
void RaftCore::State::resign() {
  send_heartbeats();
  if (const auto heir = most_advanced_voter()) ask_to_stand(*heir);
  become_follower(term, std::nullopt);
}

Result<void> RaftCore::State::transfer_leadership(std::optional<NodeId> to) {
  if (!lead) return Error(Errc::kUnavailable, "not the leader", Reason::kNotLeader);
  if (!to) to = most_advanced_voter();
  if (!to || !contains(membership().voters, *to)) {
    return Error(Errc::kInvalidArgument, "leadership goes to a voter");
  }
  if (to == self()) return {};
  lead->successor = to;
  lead->successor_elapsed = 0;
  hand_over_when_ready();
  return {};
}

void RaftCore::State::hand_over_when_ready() {
  if (!lead->successor) return;
  const Progress* const peer = lead->find(*lead->successor);
  if (peer == nullptr || peer->match() < log.last()) return;
  ask_to_stand(*lead->successor);
}

/// It may do so at any time from now on, and those who hear this leader will vote for it.
void RaftCore::State::ask_to_stand(NodeId heir) {
  lead->handed_over = true;
  now.push_back(message(heir, TimeoutNow{}));
}

std::optional<NodeId> RaftCore::State::most_advanced_voter() const {
  const Progress* best = nullptr;
  for (const Progress& peer : lead->peers) {
    if (!contains(membership().voters, peer.node())) continue;
    if (best == nullptr || peer.match() > best->match()) best = &peer;
  }
  return best == nullptr ? std::nullopt : std::optional(best->node());
}

}  // namespace kelp::raft
