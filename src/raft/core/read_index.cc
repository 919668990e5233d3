// Reads that see everything acknowledged before them, without a log entry: thesis 6.4.
#include <utility>

#include "raft/core/state.h"

namespace kelp::raft {

/// A new leader knows what is committed only after an entry of its own term is.
bool RaftCore::State::read_round_due() const {
  return !lead->new_reads.empty() && commit >= lead->term_start;
}

/// One round of heartbeats for all reads that came since the last one.
void RaftCore::State::begin_read_round() {
  if (!read_round_due()) return;
  send_heartbeats();
  lead->read_rounds.push_back(
      {.round = lead->round, .index = commit, .requests = std::exchange(lead->new_reads, {})});
  confirm_reads();
}

/// The newest round that a majority has answered; 0: none.
std::uint64_t RaftCore::State::confirmed_round() const {
  return quorum_reached(membership(), [&](const NodeId node) {
    if (node == self()) return lead->round;
    const Progress* const peer = lead->find(node);
    return peer == nullptr ? 0 : peer->round_confirmed;
  });
}

void RaftCore::State::confirm_reads() {
  if (lead->read_rounds.empty()) return;
  const std::uint64_t confirmed = confirmed_round();
  while (!lead->read_rounds.empty() && lead->read_rounds.front().round <= confirmed) {
    const ReadRound& round = lead->read_rounds.front();
    for (const std::uint64_t request : round.requests) reads.push_back({request, round.index});
    lead->read_rounds.pop_front();
  }
}

void RaftCore::State::fail_reads() {
  for (const ReadRound& round : lead->read_rounds) {
    for (const std::uint64_t request : round.requests) reads.push_back({request, std::nullopt});
  }
  for (const std::uint64_t request : lead->new_reads) reads.push_back({request, std::nullopt});
}

std::optional<LeadRounds> RaftCore::lead_rounds() const {
  if (!state_->lead || state_->lead->handed_over) return std::nullopt;
  return LeadRounds{
      .term = state_->term, .begun = state_->lead->round, .confirmed = state_->confirmed_round()};
}

Result<void> RaftCore::read_index(std::uint64_t request) {
  if (!state_->lead) return Error(Errc::kUnavailable, "not the leader", Reason::kNotLeader);
  state_->lead->new_reads.push_back(request);
  return {};
}

}  // namespace kelp::raft
