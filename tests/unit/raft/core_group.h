#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "raft/core/raft_core.h"

namespace kelp::raft {

inline constexpr NodeId kOne{1};
inline constexpr NodeId kTwo{2};
inline constexpr NodeId kThree{3};
inline constexpr NodeId kFour{4};
inline constexpr NodeId kFive{5};

/// Terms of a log, from index 1: entries_of({1, 1, 2}) is as the thesis draws logs.
std::vector<Entry> entries_of(const std::vector<std::uint64_t>& terms);
Entry command(std::uint64_t index, std::uint64_t term, std::string data);
/// A first start in a group of `voters`.
StoredState fresh(std::vector<NodeId> voters);
/// A node whose disk has a log of these terms; `term` is its current one.
StoredState with_log(std::vector<NodeId> voters, const std::vector<std::uint64_t>& terms,
                     std::uint64_t term);

/// One core under a test's hand.
class Solo {
 public:
  Solo(NodeId self, StoredState stored, CoreOptions options = {});
  RaftCore* operator->() { return &core; }
  void tick(std::uint32_t times);
  template <typename Body>
  void receive(NodeId from, std::uint64_t term, Body body) {
    core.step({.from = from, .to = self, .term = Term{term}, .body = std::move(body)});
  }
  /// Takes every Ready, stores it at once; all together in the order they came. Messages of both
  /// kinds are in send_now.
  Ready settle();
  /// Takes every Ready and stores nothing: `unstored` is the last one's sequence.
  Ready hold();
  std::uint64_t unstored = 0;

  NodeId self;
  RaftCore core;
};

/// The messages in `messages` with this kind of body, to anybody.
template <typename Body>
std::vector<Body> bodies(const std::vector<Message>& messages) {
  std::vector<Body> found;
  for (const Message& message : messages) {
    if (const auto* body = std::get_if<Body>(&message.body)) found.push_back(*body);
  }
  return found;
}

/// A follower that makes itself leader of a group of `voters` whose other members all vote for it.
void elect(Solo& solo, const std::vector<NodeId>& voters);

/// Several cores that store at once and hear each other at once, but for links that are cut.
class Group {
 public:
  explicit Group(std::vector<NodeId> voters, CoreOptions options = {});
  void add(NodeId node, StoredState stored);
  RaftCore& operator[](NodeId node) { return cores_.at(node); }
  /// Delivers until nothing moves.
  void settle();
  void tick(NodeId node, std::uint32_t times = 1);
  /// Ticks all, round by round.
  void tick_all(std::uint32_t times);
  /// Ticks `node` until it leads.
  void elect(NodeId node);
  void cut(NodeId node);  ///< Both ways, from everybody.
  void cut_one_way(NodeId from, NodeId to) { cut_.insert({from, to}); }
  void heal() { cut_.clear(); }
  [[nodiscard]] std::vector<NodeId> leaders() const;
  /// Commands applied by `node`.
  const std::vector<std::string>& applied(NodeId node) { return applied_[node]; }
  std::vector<ReadState> reads;
  /// Sees each message before it is delivered; false drops it.
  std::function<bool(const Message&)> filter;
  std::uint64_t snapshots = 0;  ///< Installed.

 private:
  void pump(NodeId node);
  void deliver(Message message);
  CoreOptions options_;
  std::map<NodeId, RaftCore> cores_;
  std::map<NodeId, std::vector<std::string>> applied_;
  std::map<NodeId, std::map<LogIndex, std::vector<std::string>>> history_;
  std::deque<Message> messages_;
  std::set<std::pair<NodeId, NodeId>> cut_;
};

}  // namespace kelp::raft
