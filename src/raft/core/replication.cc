// The leader's side of replication: thesis 3.5, 3.6, 10.2.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "raft/core/state.h"

namespace kelp::raft {

void RaftCore::State::lead_tick() {
  for (Progress& peer : lead->peers) ++peer.silent_ticks;
  const bool heard = is_quorum(membership(), [&](const NodeId node) {
    const Progress* const peer = lead->find(node);
    return node == self() || (peer != nullptr && peer->silent_ticks < options.election_ticks);
  });
  if (!heard) return become_follower(term, std::nullopt);  // check-quorum: thesis 6.2
  if (lead->successor && ++lead->successor_elapsed >= options.election_ticks) {
    lead->successor.reset();
  }
  if (++lead->heartbeat_elapsed >= options.heartbeat_ticks) {
    lead->heartbeat_elapsed = 0;
    send_heartbeats();
  }
}

LogIndex RaftCore::State::append(EntryKind kind, std::string data) {
  const LogIndex index = after(log.last());
  lead->waiting_bytes += data.size();
  if (kind == EntryKind::kMembership) {
    memberships.push(index, decode_membership(data).value());
    sync_peers(index);
  }
  log.append({.term = term, .index = index, .kind = kind, .data = std::move(data)});
  lead->append_due = true;
  return index;
}

/// The members changed: whoever is new is sent `next` first.
void RaftCore::State::sync_peers(LogIndex next) {
  std::vector<Progress> peers;
  for (const NodeId node : members_of(membership())) {
    if (node == self()) continue;
    Progress* const known = lead->find(node);
    peers.push_back(known != nullptr ? std::move(*known) : Progress(node, next));
  }
  lead->peers = std::move(peers);
}

/// A heartbeat also asks whether everything sent so far arrived: a refusal is how loss is noticed.
void RaftCore::State::send_heartbeats() {
  ++lead->round;
  for (const Progress& peer : lead->peers) {
    const LogIndex previous = before(peer.next());
    const auto previous_term = log.term_at(previous);
    const bool known = previous_term.has_value() && peer.state() != Progress::State::kSnapshot;
    now.push_back(message(peer.node(), AppendRequest{
                                           .previous_index = known ? previous : LogIndex{},
                                           .previous_term = known ? *previous_term : Term{},
                                           .commit = commit,
                                           .read_sequence = lead->round,
                                       }));
  }
}

void RaftCore::State::send_appends() {
  if (!std::exchange(lead->append_due, false)) return;
  for (Progress& peer : lead->peers) send_appends_to(peer);
}

void RaftCore::State::send_appends_to(Progress& peer) {
  while (peer.next() <= log.last()) {
    const LogIndex previous = before(peer.next());
    const auto previous_term = log.term_at(previous);
    if (!previous_term) return offer_snapshot(peer);
    if (!peer.may_send(options.append_window)) return;
    std::vector<Entry> entries = log.copy_bytes(peer.next(), options.append_bytes);
    peer.sent(entries.back().index);
    now.push_back(message(peer.node(), AppendRequest{
                                           .previous_index = previous,
                                           .previous_term = *previous_term,
                                           .commit = commit,
                                           .read_sequence = lead->round,
                                           .entries = std::move(entries),
                                       }));
  }
}

/// What the peer needs next is compacted away. A full window is no reason to wait: heartbeats can
/// no longer ask whether what fills it arrived. Who is silent is offered it when heard of again.
void RaftCore::State::offer_snapshot(Progress& peer) {
  const bool waits = peer.state() != Progress::State::kReplicate && !peer.may_send(1);
  if (waits || peer.silent_ticks >= options.election_ticks) return;
  peer.offered_snapshot(snapshot.index);
  now.push_back(message(peer.node(), InstallSnapshot{.mark = snapshot}));
}

void RaftCore::State::on_append_answer(NodeId from, const AppendAnswer& given) {
  Progress* const peer = lead ? lead->find(from) : nullptr;
  if (peer == nullptr || given.match > log.last() || given.read_sequence > lead->round) return;
  peer->silent_ticks = 0;
  peer->round_confirmed = std::max(peer->round_confirmed, given.read_sequence);
  bool grew = false;
  if (given.accepted) {
    grew = peer->accepted(given.match);
  } else if (peer->is_news(given.hint_index)) {
    // Everything after the newest entry of a term that the follower may have differs.
    const bool here = given.hint_index >= log.base();
    peer->refused(here ? log.newest_of_term(given.hint_index, given.hint_term) : given.hint_index);
  }
  if (peer->next() <= log.last()) lead->append_due = true;
  confirm_reads();
  if (lead->successor == from) hand_over_when_ready();
  if (grew) advance_commit();
}

/// Only entries of the own term are committed by counting; those before come along (figure 3.7).
/// The leader's own disk counts like anybody's.
void RaftCore::State::advance_commit() {
  const LogIndex reached{quorum_reached(membership(), [&](const NodeId node) {
    if (node == self()) return log.stored_to().value;
    const Progress* const peer = lead->find(node);
    return peer == nullptr ? 0 : peer->match().value;
  })};
  if (reached <= commit || log.term_at(reached) != term) return;
  commit_to(reached);
  after_commit();
}

}  // namespace kelp::raft
