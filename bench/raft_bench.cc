// The Raft core alone: CPU time per step (one call of step(), a message handled) in a group of
// three that hand each other messages in memory and store at once.
#include <benchmark/benchmark.h>

#include <chrono>
#include <deque>
#include <string>

#include "raft/core/raft_core.h"

namespace kelp::raft {
namespace {

constexpr double kBarSteps = 300'000;  // a second, at least

/// Three cores of which the first leads.
class Three {
 public:
  Three() {
    StoredState stored;
    stored.snapshot.membership.voters = {NodeId{1}, NodeId{2}, NodeId{3}};
    for (std::uint64_t i = 1; i <= 3; ++i) {
      cores_.push_back(RaftCore::start({.self = NodeId{i}, .seed = i}, stored).value());
    }
    while (cores_[0].role() != Role::kLeader) {
      cores_[0].tick();
      settle();
    }
  }

  void propose(const std::string& command) {
    if (!cores_[0].propose(command)) failed_ = true;
  }
  /// Delivers and stores until nothing moves.
  void settle() {
    for (bool moved = true; moved;) {
      moved = false;
      for (RaftCore& core : cores_) moved |= drain(core);
      while (!messages_.empty()) {
        Message message = std::move(messages_.front());
        messages_.pop_front();
        ++steps_;
        cores_[message.to.value - 1].step(std::move(message));
        moved = true;
      }
    }
  }
  /// What a shell does now and then.
  void compact() {
    for (RaftCore& core : cores_) core.compacted(core.commit_index(), 1000);
  }
  void heartbeat() {
    cores_[0].tick();
    settle();
  }
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  bool drain(RaftCore& core) {
    bool moved = false;
    while (core.has_ready()) {
      moved = true;
      Ready ready = core.take_ready();
      for (auto* list : {&ready.send_now, &ready.send_when_stored}) {
        for (Message& message : *list) messages_.push_back(std::move(message));
      }
      core.stored(ready.sequence);
      if (!ready.committed.empty()) core.applied(ready.committed.back().index);
    }
    return moved;
  }

  std::vector<RaftCore> cores_;
  std::deque<Message> messages_;
  std::uint64_t steps_ = 0;
  bool failed_ = false;
};

/// Commands of range(1) bytes, range(0) at a time: proposed, replicated to both, committed,
/// applied.
void propose_batches(benchmark::State& state) {
  Three group;
  const auto batch = static_cast<std::uint64_t>(state.range(0));
  const std::string command(static_cast<std::size_t>(state.range(1)), 'c');
  std::uint64_t rounds = 0;
  const std::uint64_t before = group.steps();
  const auto began = std::chrono::steady_clock::now();
  for (auto _ : state) {
    for (std::uint64_t i = 0; i < batch; ++i) group.propose(command);
    group.settle();
    if (++rounds % 16 == 0) group.heartbeat();
    if (rounds % 64 == 0) group.compact();
  }
  if (batch == 16 && command.size() == 100) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const bool met = static_cast<double>(group.steps() - before) >= kBarSteps * took.count();
    state.SetLabel(met ? "bar 300k steps/s: ok" : "bar 300k steps/s: short");
  }
  if (group.failed()) state.SkipWithError("a proposal was refused");
  state.counters["steps/s"] =
      benchmark::Counter(static_cast<double>(group.steps() - before), benchmark::Counter::kIsRate);
  state.counters["commands/s"] =
      benchmark::Counter(static_cast<double>(rounds * batch), benchmark::Counter::kIsRate);
}
BENCHMARK(propose_batches)
    ->ArgNames({"batch", "bytes"})
    ->Args({1, 100})
    ->Args({16, 100})
    ->Args({64, 100})
    ->Args({16, 4096});

/// A tick of the leader: a heartbeat to each follower and its answer.
void heartbeats(benchmark::State& state) {
  Three group;
  const std::uint64_t before = group.steps();
  for (auto _ : state) group.heartbeat();
  state.counters["steps/s"] =
      benchmark::Counter(static_cast<double>(group.steps() - before), benchmark::Counter::kIsRate);
}
BENCHMARK(heartbeats);

}  // namespace
}  // namespace kelp::raft
