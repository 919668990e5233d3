#pragma once

#include <cstdint>
#include <deque>

#include "raft/core/types.h"

namespace kelp::raft {

/// What a leader knows of one other member, and how it sends to it.
class Progress {
 public:
  enum class State : std::uint8_t {
    kProbe,      ///< Where the logs part is not known: one message, then wait for its answer.
    kReplicate,  ///< Messages follow each other unanswered, up to a window.
    kSnapshot,   ///< What it needs is compacted away: a snapshot is on its way.
  };
  /// A new member: probed from the end of the leader's log (`next`), taken for alive at first.
  Progress(NodeId node, LogIndex next) : node_(node), next_(next) {}

  [[nodiscard]] NodeId node() const { return node_; }
  [[nodiscard]] State state() const { return state_; }
  /// Up to here its disk has the leader's log.
  [[nodiscard]] LogIndex match() const { return match_; }
  /// The next entry to send.
  [[nodiscard]] LogIndex next() const { return next_; }
  /// Whether an append with entries may be sent now; `window` is how many may be unanswered.
  [[nodiscard]] bool may_send(std::uint32_t window) const;
  [[nodiscard]] std::size_t unanswered() const { return window_.size(); }

  /// An append with entries up to `last` was sent.
  void sent(LogIndex last);
  /// A snapshot at `index` is offered.
  void offered_snapshot(LogIndex index);
  /// It has everything up to `match`, or at least agrees. True when match() grew.
  bool accepted(LogIndex match);
  /// Whether a refusal that names `hint` can be an answer to something that still stands.
  [[nodiscard]] bool is_news(LogIndex hint) const;
  /// The logs part after `agreed` at the latest: probe there.
  void refused(LogIndex agreed);
  /// What was sent may be lost.
  void lost();
  /// The snapshot's way ended; whether it arrived, a probe will show.
  void snapshot_ended(bool succeeded);

  std::uint32_t silent_ticks = 0;     ///< Since it was heard of.
  std::uint64_t round_confirmed = 0;  ///< Newest round of heartbeats that it answered.

 private:
  void probe(LogIndex next);

  NodeId node_;
  State state_ = State::kProbe;
  LogIndex match_;
  LogIndex next_;
  LogIndex snapshot_;            ///< In kSnapshot: what is on its way.
  bool probe_sent_ = false;      ///< In kProbe: wait; heartbeats repeat the question.
  std::deque<LogIndex> window_;  ///< In kReplicate: last entry of each unanswered message.
};

}  // namespace kelp::raft
