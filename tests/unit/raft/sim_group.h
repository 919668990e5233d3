#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "raft/core/raft_core.h"
#include "tests/unit/raft/safety.h"

namespace kelp::raft {

/// A bug that the world around the cores plays for them: a shell that stores or speaks wrongly, or
/// messages changed so that a core behaves as one without some rule would.
enum class Sabotage : std::uint8_t {
  kNone,
  kVoteForgotten,       ///< The vote is not on disk after a crash.
  kTermForgotten,       ///< Nor is the term.
  kSpeaksBeforeStored,  ///< Promises leave before the disk has what they promise.
  kStoredTooEarly,      ///< The core is told of a sync that did not happen.
  kLosesSynced,         ///< The disk drops its newest entry in a crash.
  kCommitByCounting,    ///< Entries of older terms are committed by counting (figure 3.7).
  kCommitsOnArrival,    ///< A follower commits whatever it receives.
  kSingleStep,          ///< Members change without the joint set.
  kReadWithoutQuorum,   ///< A leader takes a read for confirmed by itself.
  kReadBeforeApplied,   ///< A confirmed read does not wait for the state machine.
  kDoubleCounted,       ///< The copy of an answer counts as another member's.
  kOldVotes,            ///< Votes of older terms count.
  kVotesForAnyLog,      ///< A voter does not compare logs.
  kPreviousIgnored,     ///< A follower does not compare the entry before.
  kCutsOnAppend,        ///< An append cuts off whatever follows it.
  kStaleSnapshot,       ///< A snapshot older than the log is installed.
  kLeaseIgnored,        ///< Everybody may have an election at any time.
};
inline constexpr int kSabotages = 18;

/// What happened in runs, so that they can be shown not to be empty.
struct Counts {
  std::uint64_t leaderships = 0, decided = 0, reads = 0, crashes = 0, snapshots = 0, changes = 0,
                transfers = 0, cut_entries = 0, steps = 0;
};

/// A group of cores in one seeded world: messages are dropped, doubled, delayed and overtake each
/// other, links are cut, disks are slow, nodes crash and keep a random first part of what was not
/// stored. Safety watches every step.
class SimGroup {
 public:
  SimGroup(std::uint64_t seed, Sabotage sabotage);
  /// Faults for a while, then none: then the group must come to rest and work. Returns the broken
  /// promise, or nothing.
  std::string run(std::uint32_t steps);
  Counts counts;

 private:
  struct Envelope {
    Message message;
    std::uint64_t snapshot_state = 0;
    bool copy = false;
  };
  struct WaitingRead {
    std::uint64_t request;
    LogIndex index;
  };
  struct Node {
    NodeId id;
    std::unique_ptr<RaftCore> core;  ///< Nothing: it is down.
    DiskImage disk;
    DiskImage view;             ///< The disk when everything handed out is stored.
    std::deque<Ready> writing;  ///< In order.
    std::deque<Entry> committed;
    LogIndex applied;
    Membership applied_members;
    std::uint64_t state = 0;
    std::map<LogIndex, std::uint64_t> received;  ///< Snapshots, whole and on disk.
    std::vector<WaitingRead> reads;
    Term leading;  ///< As leader of this term it was seen last.
    std::map<NodeId, LogIndex> acknowledged;
  };

  // sim_group.cc
  void step();
  Node& any_node() { return nodes_[rng_.below(nodes_.size())]; }
  bool chance(std::uint32_t per_thousand) { return rng_.below(1000) < per_thousand; }
  void start(Node& node);
  void crash(Node& node);
  void pump(Node& node);
  void take(Node& node, Ready ready);
  void write(Node& node, const Ready& ready, std::size_t parts);
  void finish_write(Node& node, std::size_t count);
  void apply(Node& node, std::size_t count);
  void serve_reads(Node& node);
  void send(Node& node, std::vector<Message>& messages);
  void deliver(Envelope envelope);
  void lose(const Message& message);
  void snapshot_arrives(Node& to, const Envelope& envelope);
  void compact(Node& node);
  void propose(Node& node);
  void change_members(Node& node);
  void cut_links();
  void watch(Node& node);

  // sim_peace.cc: without faults
  void heal();
  void round();
  [[nodiscard]] Node* settled_leader();
  void must_settle();
  [[nodiscard]] std::string describe() const;
  void must_not_disturb();

  // sim_sabotage.cc
  void tamper_ready(Node& node, Ready& ready);
  void tamper_sent(Node& node, Message& message);
  /// False: it was dealt with.
  bool tamper_received(Node& to, Envelope& envelope);
  void restart_with(Node& node, DiskImage disk);

  Rng rng_;
  Sabotage sabotage_;
  CoreOptions options_;
  std::vector<Node> nodes_;
  std::deque<Envelope> bag_;
  std::set<std::pair<NodeId, NodeId>> cut_;
  Safety safety_;
  std::uint64_t next_request_ = 0;
  std::uint64_t next_command_ = 0;
  std::uint32_t drop_ = 0, copy_ = 0, crash_ = 0, lazy_ = 0, change_ = 0;  ///< Per thousand.
};

}  // namespace kelp::raft
