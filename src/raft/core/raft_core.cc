#include "raft/core/raft_core.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "raft/core/state.h"

namespace kelp::raft {
namespace {

Error impossible(std::string what) {
  return Error(Errc::kCorruption, fmt::format("raft: {}", std::move(what)));
}

/// A set that a log may begin with or contain.
Result<void> check_membership(const Membership& membership) {
  if (const auto valid = validate(membership); !valid) return impossible(valid.error().detail());
  return {};
}

Result<void> check_entries(const StoredState& stored) {
  LogIndex index = stored.snapshot.index;
  Term term = stored.snapshot.term;
  for (const Entry& entry : stored.entries) {
    if (entry.index != after(index)) {
      return impossible(fmt::format("entry {} follows {}", entry.index.value, index.value));
    }
    if (entry.term < term || entry.term == Term{}) {
      return impossible(fmt::format("entry {} has term {} after term {}", entry.index.value,
                                    entry.term.value, term.value));
    }
    if (entry.kind == EntryKind::kMembership) {
      KELP_TRY(const Membership membership, decode_membership(entry.data));
      if (membership.voters.empty()) return impossible("an entry leaves nobody to vote");
    }
    index = entry.index;
    term = entry.term;
  }
  if (term > stored.hard.term) {
    return impossible(fmt::format("entries of term {}, but the term on disk is {}: votes are lost",
                                  term.value, stored.hard.term.value));
  }
  if (stored.hard.commit > index) {
    return impossible(fmt::format("{} is committed, but the log ends at {}",
                                  stored.hard.commit.value, index.value));
  }
  return {};
}

Result<void> check(const StoredState& stored) {
  KELP_CHECK(check_membership(stored.snapshot.membership));
  if ((stored.snapshot.index == LogIndex{}) != (stored.snapshot.term == Term{})) {
    return impossible("a snapshot has an index or a term, not both");
  }
  if (stored.hard.vote.has_value() && stored.hard.term == Term{}) {
    return impossible("a vote in no term");
  }
  return check_entries(stored);
}

}  // namespace

bool Ready::empty() const {
  return !hard && entries.empty() && !snapshot && send_now.empty() && send_when_stored.empty() &&
         committed.empty() && reads.empty();
}

Progress* Leadership::find(NodeId node) {
  const auto peer = std::ranges::find(peers, node, &Progress::node);
  return peer == peers.end() ? nullptr : &*peer;
}

const Progress* Leadership::find(NodeId node) const {
  const auto peer = std::ranges::find(peers, node, &Progress::node);
  return peer == peers.end() ? nullptr : &*peer;
}

RaftCore::State::State(CoreOptions core_options, StoredState stored)
    : options(core_options),
      rng(core_options.seed),
      term(stored.hard.term),
      vote(stored.hard.vote),
      log(stored.snapshot.index, stored.snapshot.term, std::move(stored.entries)),
      memberships(stored.snapshot.index, stored.snapshot.membership),
      snapshot(std::move(stored.snapshot)),
      commit(std::max(stored.hard.commit, snapshot.index)),
      commit_handed(snapshot.index),
      applied(snapshot.index),
      hard_handed(stored.hard),
      term_stored(term),
      vote_stored(vote),
      silent(options.heard_before_start ? 0 : options.election_ticks) {
  for (LogIndex index = log.first(); index <= log.last(); index = after(index)) {
    const Entry& entry = log.at(index);
    if (entry.kind != EntryKind::kMembership) continue;
    memberships.push(index, decode_membership(entry.data).value());
  }
  reset_election_timer();
}

Message RaftCore::State::message(NodeId to, decltype(Message::body) body) const {
  return {.from = self(), .to = to, .term = term, .body = std::move(body)};
}

void RaftCore::State::answer(NodeId to, decltype(Message::body) body) {
  (term_stored == term ? now : promises).push_back(message(to, std::move(body)));
}

bool RaftCore::State::has_ready() const {
  if (!now.empty() || !promises.empty() || !reads.empty() || install || log.has_unstored()) {
    return true;
  }
  if (term != hard_handed.term || vote != hard_handed.vote) return true;
  if (commit > commit_handed && term_stored == term) return true;
  return lead && (lead->append_due || read_round_due());
}

/// The commit index comes along only when something else is stored anyway, and never ahead of what
/// earlier Readys stored: a crash may keep the hard state and lose the entries.
std::optional<HardState> RaftCore::State::take_hard(const std::vector<Entry>& entries) {
  const bool changed = term != hard_handed.term || vote != hard_handed.vote;
  if (!changed && entries.empty()) return std::nullopt;
  const LogIndex sure = entries.empty() ? log.handed() : before(entries.front().index);
  const LogIndex known = install ? hard_handed.commit : std::min(commit, sure);
  if (!changed && known <= hard_handed.commit) return std::nullopt;
  hard_handed = {.term = term, .vote = vote, .commit = std::max(known, hard_handed.commit)};
  if (changed) hard_flights.push_back({sequence, term, vote});
  return hard_handed;
}

Ready RaftCore::State::take_ready() {
  if (lead) {
    begin_read_round();
    send_appends();
  }
  Ready ready;
  ready.sequence = ++sequence;
  const std::size_t hard_before = hard_flights.size();
  ready.entries = log.hand_out(sequence);
  ready.hard = take_hard(ready.entries);
  ready.snapshot = std::exchange(install, std::nullopt);
  ready.must_sync =
      hard_flights.size() > hard_before || !ready.entries.empty() || ready.snapshot.has_value();
  ready.send_now = std::exchange(now, {});
  const bool on_disk = hard_flights.empty() && !log.storing();
  auto& keep = on_disk ? ready.send_now : ready.send_when_stored;
  std::ranges::move(promises, std::back_inserter(keep));
  promises.clear();
  // Held back until the term is on disk: else a snapshot could be of a later term than the disk's.
  if (term_stored == term && commit > commit_handed) {
    ready.committed = log.copy(after(commit_handed), commit);
    commit_handed = commit;
  }
  ready.reads = std::exchange(reads, {});
  return ready;
}

void RaftCore::State::on_stored(std::uint64_t up_to) {
  KELP_ASSERT(up_to <= sequence, "stored is what was handed out");
  log.stored(up_to);
  while (!hard_flights.empty() && hard_flights.front().sequence <= up_to) {
    term_stored = hard_flights.front().term;
    vote_stored = hard_flights.front().vote;
    hard_flights.pop_front();
  }
  if (role == Role::kCandidate && term_stored == term && vote_stored == self()) {
    count_vote(self(), true);
  }
  if (lead) advance_commit();
}

void RaftCore::State::commit_to(LogIndex index) {
  if (index <= commit) return;
  KELP_ASSERT(index <= log.last(), "only what is in the log is committed");
  if (lead) {
    for (LogIndex i = after(commit); i <= index; i = after(i)) {
      lead->waiting_bytes -= log.at(i).data.size();
    }
  }
  commit = index;
}

RaftCore::RaftCore(std::unique_ptr<State> state) : state_(std::move(state)) {}
RaftCore::RaftCore(RaftCore&&) noexcept = default;
RaftCore& RaftCore::operator=(RaftCore&&) noexcept = default;
RaftCore::~RaftCore() = default;

Result<RaftCore> RaftCore::start(CoreOptions options, StoredState stored) {
  KELP_ASSERT(options.self != NodeId{}, "a node has an id");
  KELP_ASSERT(options.heartbeat_ticks > 0 && options.heartbeat_ticks < options.election_ticks,
              "a leader is heard of several times in an election timeout");
  KELP_ASSERT(options.append_window > 0, "something may be sent");
  KELP_CHECK(check(stored));
  return RaftCore(std::make_unique<State>(options, std::move(stored)));
}

void RaftCore::tick() {
  state_->tick();
}
void RaftCore::step(Message message) {
  state_->step(std::move(message));
}

Result<LogIndex> RaftCore::propose(std::string command) {
  KELP_CHECK(state_->may_propose(command.size()));
  return state_->append(EntryKind::kCommand, std::move(command));
}

Result<LogIndex> RaftCore::propose_change(std::vector<NodeId> voters,
                                          std::vector<NodeId> learners) {
  return state_->propose_change(std::move(voters), std::move(learners));
}

Result<void> RaftCore::transfer_leadership(std::optional<NodeId> to) {
  return state_->transfer_leadership(to);
}

bool RaftCore::has_ready() const {
  return state_->has_ready();
}
Ready RaftCore::take_ready() {
  return state_->take_ready();
}
void RaftCore::stored(std::uint64_t sequence) {
  state_->on_stored(sequence);
}

void RaftCore::applied(LogIndex index) {
  KELP_ASSERT(index <= state_->commit_handed, "applied is what was handed out");
  state_->applied = std::max(state_->applied, index);
}

void RaftCore::compacted(LogIndex index, std::uint64_t keep) {
  state_->compacted(index, keep);
}

void RaftCore::snapshot_received(NodeId from, Term term, SnapshotMark mark) {
  // It comes as the message that announced it would, with the bytes behind it.
  Message message{.from = from, .to = state_->self(), .term = term, .body = InstallSnapshot{}};
  if (from == state_->self() || !state_->enter_term(message)) return;
  if (term < state_->term) return state_->on_older_term(message);
  if (state_->hear_leader(from)) state_->on_snapshot(from, mark);
}

void RaftCore::snapshot_sent(NodeId to, bool succeeded) {
  if (!state_->lead) return;
  if (Progress* const peer = state_->lead->find(to)) peer->snapshot_ended(succeeded);
}

void RaftCore::unreachable(NodeId to) {
  if (!state_->lead) return;
  if (Progress* const peer = state_->lead->find(to)) peer->lost();
}

Role RaftCore::role() const {
  const bool waits = state_->role == Role::kFollower && !state_->promotable();
  return waits ? Role::kLearner : state_->role;
}
Term RaftCore::term() const {
  return state_->term;
}
std::optional<NodeId> RaftCore::leader() const {
  return state_->leader;
}
LogIndex RaftCore::commit_index() const {
  return state_->commit;
}
LogIndex RaftCore::last_index() const {
  return state_->log.last();
}
LogIndex RaftCore::first_index() const {
  return state_->log.first();
}
const Membership& RaftCore::membership() const {
  return state_->membership();
}

std::vector<MemberProgress> RaftCore::progress() const {
  std::vector<MemberProgress> members;
  if (!state_->lead) return members;
  for (const NodeId node : members_of(state_->membership())) {
    MemberProgress member{.node = node, .match = state_->log.stored_to(), .active = true};
    member.learner = !is_voter(state_->membership(), node);
    if (const Progress* const peer = state_->lead->find(node)) {
      member.match = peer->match();
      member.active = peer->silent_ticks < state_->options.election_ticks;
      member.snapshot = peer->state() == Progress::State::kSnapshot;
    }
    members.push_back(member);
  }
  return members;
}

}  // namespace kelp::raft
