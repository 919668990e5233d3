// The follower's side of replication, and snapshots: thesis 3.5, 5.1.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "raft/core/state.h"

namespace kelp::raft {

bool RaftCore::State::hear_leader(NodeId from) {
  if (lead || (leader && leader != from)) return false;  // two in one term: not by Raft's rules
  if (role != Role::kFollower) become_follower(term, from);
  leader = from;
  elapsed = 0;
  silent = 0;
  return true;
}

bool RaftCore::State::well_formed(const AppendRequest& request) const {
  LogIndex index = request.previous_index;
  Term newest = request.previous_term;
  for (const Entry& entry : request.entries) {
    if (entry.index != after(index) || entry.term < newest || entry.term > term) return false;
    if (entry.kind == EntryKind::kMembership) {
      const auto membership = decode_membership(entry.data);
      if (!membership || membership->voters.empty()) return false;
    }
    index = entry.index;
    newest = entry.term;
  }
  return newest <= term;
}

void RaftCore::State::on_append(NodeId from, AppendRequest request) {
  if (!well_formed(request)) return;
  const LogIndex previous = request.previous_index;
  const LogIndex agreed{previous.value + request.entries.size()};
  const auto our_term = log.term_at(previous);
  // What is committed is the same everywhere, so only places behind it can differ.
  if (previous > commit && our_term != request.previous_term) {
    const LogIndex hint =
        our_term ? log.newest_of_term(before(previous), request.previous_term) : log.last();
    return answer(from, AppendAnswer{.hint_index = hint,
                                     .hint_term = log.term_at(hint).value(),
                                     .read_sequence = request.read_sequence});
  }
  const std::uint64_t read_sequence = request.read_sequence;
  const LogIndex leader_commit = request.commit;
  take_entries(request);
  if (agreed > log.last()) return;  // against the rules: it would change what is committed
  commit_to(std::min(leader_commit, agreed));
  AppendAnswer accepted{.accepted = true, .match = agreed, .read_sequence = read_sequence};
  if (agreed <= log.stored_to()) return answer(from, accepted);
  if (previous == agreed) {  // a heartbeat need not wait for the disk
    accepted.match = log.stored_to();
    return answer(from, accepted);
  }
  promises.push_back(message(from, accepted));
}

/// Appends what is new. An entry that is there already stays, and what follows it: the message may
/// be an old one (figure 3.1, AppendEntries 3).
void RaftCore::State::take_entries(AppendRequest& request) {
  for (Entry& entry : request.entries) {
    if (entry.index <= commit) continue;
    if (entry.index <= log.last()) {
      if (log.term_at(entry.index) == entry.term) continue;
      log.truncate_from(entry.index);
      memberships.truncate_from(entry.index);
    }
    if (entry.term < log.last_term()) return;
    if (entry.kind == EntryKind::kMembership) {
      memberships.push(entry.index, decode_membership(entry.data).value());
    }
    log.append(std::move(entry));
  }
}

void RaftCore::State::on_snapshot(NodeId from, const SnapshotMark& mark) {
  if (!validate(mark.membership) || mark.membership.voters.empty()) return;
  if (mark.index == LogIndex{} || mark.term == Term{} || mark.term > term) return;
  if (mark.index > commit) {
    if (log.term_at(mark.index) == mark.term) {
      commit_to(mark.index);  // nothing is missing, it was only not known to be committed
    } else {
      log.reset(mark.index, mark.term);
      memberships = MembershipHistory(mark.index, mark.membership);
      snapshot = mark;
      install = mark;
      commit = mark.index;
      commit_handed = mark.index;
    }
  }
  promises.push_back(message(from, AppendAnswer{.accepted = true, .match = commit}));
}

void RaftCore::State::compacted(LogIndex index, std::uint64_t keep) {
  if (index <= snapshot.index) return;  // another one was installed meanwhile
  KELP_ASSERT(index <= applied, "a snapshot is of what was applied");
  snapshot = {.index = index, .term = log.at(index).term, .membership = memberships.at(index)};
  memberships.forget_before(index);
  log.covered(index);
  if (index.value > keep) log.compact(LogIndex{index.value - keep});
  if (lead) advance_commit();
}

}  // namespace kelp::raft
