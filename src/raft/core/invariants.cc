#include "raft/core/invariants.h"

#include <algorithm>

#include "raft/core/state.h"

namespace kelp::raft {
namespace {

Error broken(const char* what) {
  return Error(Errc::kInternal, what);
}

Result<void> check_log(const LogView& log, Term term) {
  Term newest{};
  for (LogIndex index = log.first(); index <= log.last(); index = after(index)) {
    const Entry& entry = log.at(index);
    if (entry.index != index) return broken("an entry stands at another's place");
    if (entry.term < newest) return broken("terms fall along the log");
    newest = entry.term;
  }
  if (log.last_term() > term) return broken("the log is ahead of the term");
  if (log.stored_to() > log.handed()) return broken("stored, but never handed out");
  if (log.handed() > log.last()) return broken("handed out, but not in the log");
  return {};
}

Result<void> check_peer(const Progress& peer, const LogView& log, std::uint32_t window) {
  if (peer.match() > log.last()) return broken("a follower has more than its leader");
  if (peer.next() <= peer.match()) return broken("what a follower has would be sent again");
  if (peer.next() > after(log.last())) return broken("more was sent than there is");
  if (peer.unanswered() > window) return broken("more messages than the window allows");
  if (peer.unanswered() > 0 && peer.state() != Progress::State::kReplicate) {
    return broken("only replicating has a window");
  }
  return {};
}

}  // namespace

Result<void> check_invariants(const RaftCore& core) {
  const RaftCore::State& state = *core.state_;
  KELP_CHECK(check_log(state.log, state.term));
  if (state.log.base() > state.snapshot.index) return broken("compacted without a snapshot");
  if (state.snapshot.index > state.commit) return broken("a snapshot of what is not decided");
  if (state.commit > state.log.last()) return broken("committed, but not in the log");
  if (state.commit_handed > state.commit) return broken("handed out before it was committed");
  if (state.applied > state.commit_handed) return broken("applied before it was handed out");
  if (state.term_stored > state.term) return broken("a term fell");
  if (!validate(state.membership())) return broken("the members are not a valid set");
  if (state.commit > LogIndex{} && state.memberships.at(state.commit).voters.empty()) {
    return broken("decided by members that are not known");
  }
  if (state.memberships.current_index() > std::max(state.log.last(), state.snapshot.index)) {
    return broken("members of an entry that is gone");
  }
  if (state.lead.has_value() != (state.role == Role::kLeader)) return broken("leads or not");
  if (!state.lead) return {};
  if (state.leader != state.self()) return broken("a leader follows another");
  if (state.term_stored != state.term || state.vote_stored != state.self()) {
    return broken("a leader whose own vote is not on disk");
  }
  std::uint64_t waiting = 0;
  for (LogIndex i = after(state.commit); i <= state.log.last(); i = after(i)) {
    waiting += state.log.at(i).data.size();
  }
  if (waiting != state.lead->waiting_bytes) return broken("waiting bytes are counted wrong");
  for (const Progress& peer : state.lead->peers) {
    KELP_CHECK(check_peer(peer, state.log, state.options.append_window));
  }
  return {};
}

}  // namespace kelp::raft
