#pragma once

#include <chrono>
#include <deque>
#include <optional>

#include "base/clock.h"
#include "raft/core/raft_core.h"

namespace kelp::raft {

/// How long a leader may be sure that nobody else leads: for less than an election timeout from
/// when the last round of heartbeats began that a majority has answered (thesis 6.4.1). Whoever
/// answered counts ticks of its own, so clocks may differ in pace, by an eighth, but not in what
/// they show. One owner, no waiting.
class LeadLease {
 public:
  LeadLease(std::chrono::nanoseconds tick, std::uint32_t election_ticks);

  /// `rounds` are the leader's after something that may have begun one; `before` is the time before
  /// that, hence before any message of the round left.
  void note(const std::optional<LeadRounds>& rounds, MonoTime before);
  /// Whether the lease runs at `now`.
  [[nodiscard]] bool holds(const std::optional<LeadRounds>& rounds, MonoTime now) const;

 private:
  struct Begun {
    std::uint64_t round;
    MonoTime at;
  };
  std::chrono::nanoseconds length_;
  Term term_;
  std::uint64_t seen_ = 0;   ///< Newest round that began.
  std::deque<Begun> begun_;  ///< In order; no two closer than a part of the length, none too old.
};

}  // namespace kelp::raft
