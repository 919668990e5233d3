// Terms, elections and who may ask for them: thesis 3.4, 3.6, 3.10, 6.2 and 9.6.
#include <algorithm>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "raft/core/state.h"

namespace kelp::raft {
namespace {

template <typename Body>
const Body* body_of(const Message& message) {
  return std::get_if<Body>(&message.body);
}

bool is_from_leader(const Message& message) {
  return body_of<AppendRequest>(message) != nullptr || body_of<InstallSnapshot>(message) != nullptr;
}

}  // namespace

void RaftCore::State::tick() {
  if (lead) return lead_tick();
  if (silent < options.election_ticks) ++silent;
  const auto alone = [this](const Membership& set) {
    return contains(set.voters, self()) && set.voters.size() == 1 && set.old_voters.empty();
  };
  // Nobody to wait for; but until that is decided, whoever leads counts on being heard.
  const bool at_once =
      role == Role::kFollower && alone(membership()) && alone(memberships.at(commit));
  if (++elapsed < timeout && !at_once) return;
  if (promotable()) return pre_campaign();
  leader.reset();
  reset_election_timer();
}

void RaftCore::State::step(Message received) {
  if (received.to != self() || received.from == self()) return;
  // Before anything else: questions about an election that is not held yet change no term.
  if (const auto* request = body_of<VoteRequest>(received); request != nullptr && request->pre) {
    return on_pre_vote_request(received, *request);
  }
  const auto* vote_answer = body_of<VoteAnswer>(received);
  if (vote_answer != nullptr && vote_answer->pre && vote_answer->granted) {
    return on_vote_answer(received.from, *vote_answer, received.term);
  }
  if (!enter_term(received)) return;
  if (received.term < term) return on_older_term(received);

  const NodeId from = received.from;
  if (auto* append_request = std::get_if<AppendRequest>(&received.body)) {
    if (hear_leader(from)) on_append(from, std::move(*append_request));
  } else if (const auto* append_answer = body_of<AppendAnswer>(received)) {
    on_append_answer(from, *append_answer);
  } else if (const auto* request = body_of<VoteRequest>(received)) {
    on_vote_request(received, *request);
  } else if (vote_answer != nullptr) {
    on_vote_answer(from, *vote_answer, received.term);
  } else if (body_of<InstallSnapshot>(received) != nullptr) {
    static_cast<void>(hear_leader(from));  // the bytes come through snapshot_received()
  } else if (body_of<TimeoutNow>(received) != nullptr) {
    on_timeout_now(from);
  }
}

bool RaftCore::State::enter_term(const Message& received) {
  if (received.term <= term) return true;
  const auto* request = body_of<VoteRequest>(received);
  if (request != nullptr && !request->transfer && in_lease()) return false;
  become_follower(received.term, std::nullopt);
  return true;
}

/// Whoever is behind learns the term; a leader of the past steps down by it.
void RaftCore::State::on_older_term(const Message& received) {
  if (is_from_leader(received)) {
    answer(received.from, AppendAnswer{.hint_index = log.last(), .hint_term = log.last_term()});
  } else if (body_of<VoteRequest>(received) != nullptr) {
    answer(received.from, VoteAnswer{});
  }
}

/// Whether a leader was heard of so recently that nobody needs an election. What others say of
/// newer terms does not shorten it: that leader counts on it.
bool RaftCore::State::in_lease() const {
  return lead.has_value() || silent < options.election_ticks;
}

void RaftCore::State::reset_election_timer() {
  elapsed = 0;
  postponed = false;
  timeout = options.election_ticks + static_cast<std::uint32_t>(rng.below(options.election_ticks));
}

void RaftCore::State::become_follower(Term new_term, std::optional<NodeId> new_leader) {
  KELP_ASSERT(new_term >= term, "a term never falls");
  if (new_term > term) {
    term = new_term;
    vote.reset();
    promises.clear();  // of a term that is over
  }
  if (lead) fail_reads();
  lead.reset();
  if (role != Role::kFollower) reset_election_timer();
  role = Role::kFollower;
  leader = new_leader;
  votes.clear();
}

void RaftCore::State::pre_campaign() {
  role = Role::kPreCandidate;
  leader.reset();
  votes.clear();
  reset_election_timer();
  request_votes({.last_index = log.last(), .last_term = log.last_term(), .pre = true});
  count_vote(self(), true);
}

void RaftCore::State::campaign(bool transfer) {
  term = Term{term.value + 1};
  vote = self();
  promises.clear();
  role = Role::kCandidate;
  leader.reset();
  votes.clear();  // its own counts once it is on disk: on_stored()
  reset_election_timer();
  request_votes({.last_index = log.last(), .last_term = log.last_term(), .transfer = transfer});
}

/// A question binds nobody; a candidacy claims a vote and a log, which must be on disk.
void RaftCore::State::request_votes(const VoteRequest& request) {
  for (const NodeId node : members_of(membership())) {
    if (node == self() || !is_voter(membership(), node)) continue;
    if (request.pre) {
      answer(node, request);
    } else {
      promises.push_back(message(node, request));
    }
  }
}

void RaftCore::State::on_pre_vote_request(const Message& received, const VoteRequest& request) {
  const bool complete =
      std::pair(request.last_term, request.last_index) >= std::pair(log.last_term(), log.last());
  const bool newer =
      std::pair(request.last_term, request.last_index) > std::pair(log.last_term(), log.last());
  const bool first = newer || received.from < self();
  const bool asks_too = role == Role::kPreCandidate && !first;
  const bool granted = received.term >= term && complete && !in_lease() && !asks_too;
  answer(received.from, VoteAnswer{.pre = true, .granted = granted});
  if (granted) give_way();
}

/// Two that stand at once split the votes, and an election timeout is lost. Of those who ask at the
/// same time one goes on; who would ask soon waits a little, once, for what becomes of the other.
void RaftCore::State::give_way() {
  if (role == Role::kPreCandidate) return become_follower(term, std::nullopt);
  const std::uint32_t moment = options.election_ticks / 3;
  if (role != Role::kFollower || std::exchange(postponed, true)) return;
  elapsed = std::min(elapsed, timeout - moment);
}

void RaftCore::State::on_vote_request(const Message& received, const VoteRequest& request) {
  const NodeId from = received.from;
  const bool free = vote == from || (!vote && !leader && (request.transfer || !in_lease()));
  const bool complete =
      std::pair(request.last_term, request.last_index) >= std::pair(log.last_term(), log.last());
  if (!free || !complete) return answer(from, VoteAnswer{});
  become_follower(term, std::nullopt);
  vote = from;
  reset_election_timer();
  promises.push_back(message(from, VoteAnswer{.granted = true}));
}

void RaftCore::State::on_vote_answer(NodeId from, const VoteAnswer& given, Term their_term) {
  const Role asked = given.pre ? Role::kPreCandidate : Role::kCandidate;
  if (role != asked || their_term > term) return;
  count_vote(from, given.granted);
}

void RaftCore::State::count_vote(NodeId from, bool granted) {
  if (std::ranges::find(votes, from, &std::pair<NodeId, bool>::first) == votes.end()) {
    votes.emplace_back(from, granted);
  }
  const auto vote_of = [&](const NodeId node) -> std::optional<bool> {
    const auto given = std::ranges::find(votes, node, &std::pair<NodeId, bool>::first);
    return given == votes.end() ? std::nullopt : std::optional(given->second);
  };
  switch (count_votes(membership(), vote_of)) {
    case VoteResult::kPending:
      return;
    case VoteResult::kLost:
      return become_follower(term, std::nullopt);
    case VoteResult::kWon:
      if (role == Role::kPreCandidate) return campaign(/*transfer=*/false);
      if (term_stored == term && vote_stored == self()) become_leader();  // else in on_stored()
      return;
  }
}

void RaftCore::State::become_leader() {
  KELP_ASSERT(role == Role::kCandidate && vote_stored == self() && term_stored == term,
              "a leader was elected in this term, and remembers it");
  role = Role::kLeader;
  leader = self();
  silent = options.election_ticks;  // once it leads no more, it is bound to nobody
  votes.clear();
  lead.emplace();
  for (LogIndex i = after(commit); i <= log.last(); i = after(i)) {
    lead->waiting_bytes += log.at(i).data.size();
  }
  sync_peers(after(log.last()));
  // A log begins with the group's first members, so that who joins learns them from it.
  const bool first = log.last() == LogIndex{};
  lead->term_start = first ? append(EntryKind::kMembership, encode_membership(membership()))
                           : append(EntryKind::kNothing, {});
}

/// The leader gives its place away: no question first, and no lease in the way.
void RaftCore::State::on_timeout_now(NodeId from) {
  if (role == Role::kFollower && leader == from && promotable()) campaign(/*transfer=*/true);
}

}  // namespace kelp::raft
