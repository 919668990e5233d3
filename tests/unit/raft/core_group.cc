#include "tests/unit/raft/core_group.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "raft/core/invariants.h"

namespace kelp::raft {
namespace {

CoreOptions named(CoreOptions options, NodeId self) {
  options.self = self;
  options.seed += self.value;
  return options;
}

template <typename T>
void move_to(std::vector<T>& to, std::vector<T>& from) {
  std::ranges::move(from, std::back_inserter(to));
}

/// What both kinds of taking a Ready collect.
void collect(Ready& all, Ready ready) {
  if (ready.hard) all.hard = ready.hard;
  if (ready.snapshot) all.snapshot = ready.snapshot;
  all.must_sync |= ready.must_sync;
  all.sequence = ready.sequence;
  move_to(all.entries, ready.entries);
  move_to(all.send_now, ready.send_now);
  move_to(all.send_when_stored, ready.send_when_stored);
  move_to(all.committed, ready.committed);
  move_to(all.reads, ready.reads);
}

}  // namespace

std::vector<Entry> entries_of(const std::vector<std::uint64_t>& terms) {
  std::vector<Entry> entries;
  for (const std::uint64_t term : terms) {
    entries.push_back(command(entries.size() + 1, term, {}));
  }
  return entries;
}

Entry command(std::uint64_t index, std::uint64_t term, std::string data) {
  return {.term = Term{term}, .index = LogIndex{index}, .data = std::move(data)};
}

StoredState fresh(std::vector<NodeId> voters) {
  StoredState stored;
  stored.snapshot.membership.voters = std::move(voters);
  return stored;
}

StoredState with_log(std::vector<NodeId> voters, const std::vector<std::uint64_t>& terms,
                     std::uint64_t term) {
  StoredState stored = fresh(std::move(voters));
  stored.entries = entries_of(terms);
  stored.hard.term = Term{term};
  return stored;
}

Solo::Solo(NodeId node, StoredState stored, CoreOptions options)
    : self(node), core(RaftCore::start(named(options, node), std::move(stored)).value()) {}

void Solo::tick(std::uint32_t times) {
  for (std::uint32_t i = 0; i < times; ++i) core.tick();
}

Ready Solo::settle() {
  Ready all;
  while (core.has_ready()) {
    Ready ready = core.take_ready();
    move_to(ready.send_now, ready.send_when_stored);
    ready.send_when_stored.clear();
    core.stored(ready.sequence);
    if (!ready.committed.empty()) core.applied(ready.committed.back().index);
    collect(all, std::move(ready));
    EXPECT_TRUE(check_invariants(core));
  }
  return all;
}

Ready Solo::hold() {
  Ready all;
  while (core.has_ready()) collect(all, core.take_ready());
  unstored = std::max(unstored, all.sequence);
  EXPECT_TRUE(check_invariants(core));
  return all;
}

void elect(Solo& solo, const std::vector<NodeId>& voters) {
  while (solo->role() != Role::kLeader) {
    solo->tick();
    for (const bool pre : {true, false}) {
      solo.settle();
      for (const NodeId voter : voters) {
        solo.receive(voter, solo->term().value, VoteAnswer{.pre = pre, .granted = true});
      }
    }
  }
}

Group::Group(std::vector<NodeId> voters, CoreOptions options) : options_(options) {
  for (const NodeId node : voters) add(node, fresh(voters));
}

void Group::add(NodeId node, StoredState stored) {
  cores_.erase(node);
  cores_.emplace(node, RaftCore::start(named(options_, node), std::move(stored)).value());
}

void Group::settle() {
  for (bool moved = true; moved;) {
    moved = false;
    for (auto& [node, core] : cores_) {
      moved |= core.has_ready();
      pump(node);
    }
    moved |= !messages_.empty();
    while (!messages_.empty()) {
      Message message = std::move(messages_.front());
      messages_.pop_front();
      deliver(std::move(message));
    }
  }
}

void Group::pump(NodeId node) {
  RaftCore& core = cores_.at(node);
  while (core.has_ready()) {
    Ready ready = core.take_ready();
    if (ready.snapshot) {
      applied_[node].clear();  // the state comes with the snapshot: see deliver()
      ++snapshots;
      for (auto& [other, states] : history_) {
        const auto state = states.find(ready.snapshot->index);
        if (other != node && state != states.end()) applied_[node] = state->second;
      }
      core.applied(ready.snapshot->index);
    }
    core.stored(ready.sequence);
    for (auto* messages : {&ready.send_now, &ready.send_when_stored}) {
      std::ranges::move(*messages, std::back_inserter(messages_));
    }
    for (Entry& entry : ready.committed) {
      if (entry.kind == EntryKind::kCommand) applied_[node].push_back(std::move(entry.data));
      history_[node][entry.index] = applied_[node];
      core.applied(entry.index);
    }
    move_to(reads, ready.reads);
    const auto sound = check_invariants(core);
    EXPECT_TRUE(sound) << sound.error().detail();
  }
}

void Group::deliver(Message message) {
  if (cut_.contains({message.from, message.to}) || (filter && !filter(message))) return;
  const auto to = cores_.find(message.to);
  if (to == cores_.end()) return;
  if (const auto* offer = std::get_if<InstallSnapshot>(&message.body)) {
    to->second.snapshot_received(message.from, message.term, offer->mark);
    cores_.at(message.from).snapshot_sent(message.to, true);
    return;
  }
  to->second.step(std::move(message));
}

void Group::tick(NodeId node, std::uint32_t times) {
  for (std::uint32_t i = 0; i < times; ++i) {
    cores_.at(node).tick();
    settle();
  }
}

void Group::tick_all(std::uint32_t times) {
  for (std::uint32_t i = 0; i < times; ++i) {
    for (auto& [node, core] : cores_) core.tick();
    settle();
  }
}

void Group::elect(NodeId node) {
  for (int i = 0; i < 100 && cores_.at(node).role() != Role::kLeader; ++i) tick(node);
  ASSERT_EQ(cores_.at(node).role(), Role::kLeader);
}

void Group::cut(NodeId node) {
  for (const auto& [other, core] : cores_) {
    cut_.insert({node, other});
    cut_.insert({other, node});
  }
}

std::vector<NodeId> Group::leaders() const {
  std::vector<NodeId> found;
  for (const auto& [node, core] : cores_) {
    if (core.role() == Role::kLeader) found.push_back(node);
  }
  return found;
}

}  // namespace kelp::raft
