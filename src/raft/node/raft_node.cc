#include "raft/node/raft_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "raft/node/node_impl.h"

namespace kelp::raft {
namespace {

constexpr std::size_t kMaxCommandBytes = 16 << 20;

/// A salt that no earlier start used: stale bytes of an older segment never check.
std::uint64_t salt_of(const NodeSeams& seams, const NodeOptions& options) {
  const auto wall = static_cast<std::uint64_t>(seams.clock.wall().time_since_epoch().count());
  return Rng(options.seed ^ (options.self.value << 32) ^ wall).next();
}

}  // namespace

RaftNode::RaftNode(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

RaftNode::~RaftNode() {
  KELP_ASSERT(impl_->stopping && impl_->calls == 0, "a raft node is stopped before it dies");
}

Task<Result<std::unique_ptr<RaftNode>>> RaftNode::open(NodeSeams seams, NodeOptions options,
                                                       StateMachine& machine) {
  const std::uint64_t salt = salt_of(seams, options);
  std::move_only_function<Result<NodeDisk>()> work = [&io = seams.io, options, salt] {
    return open_node_disk(io, options, salt);
  };
  KELP_CO_TRY(NodeDisk disk, co_await offload<NodeDisk>(seams.pool, std::move(work)));
  if (disk.stored.snapshot.index != LogIndex{}) {
    KELP_CO_CHECK(machine.restore(disk.state));
  }
  disk.state = {};
  const CoreOptions core_options{.self = options.self,
                                 .election_ticks = options.election_ticks,
                                 .seed = options.seed,
                                 .heard_before_start = disk.stored.hard.term != Term{}};
  const SnapshotMark mark = disk.stored.snapshot;
  KELP_CO_TRY(RaftCore core, RaftCore::start(core_options, std::move(disk.stored)));
  disk.stored.snapshot = mark;
  auto impl = std::make_unique<Impl>(std::move(seams), std::move(options), machine, std::move(disk),
                                     std::move(core));
  impl->start();
  co_return std::unique_ptr<RaftNode>(new RaftNode(std::move(impl)));
}

Task<void> RaftNode::stop() {
  return impl_->stop();
}

Task<Result<Applied>> RaftNode::propose(std::string command, MonoTime deadline) {
  Impl& node = *impl_;
  KELP_CO_CHECK(node.may_call(deadline));
  if (command.size() > kMaxCommandBytes) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("a command of {} bytes, at most {} are taken", command.size(),
                                kMaxCommandBytes));
  }
  KELP_CO_TRY(const LogIndex index, node.core.propose(std::move(command)));
  node.probe.proposals.Increment();
  auto waiter = std::make_shared<Impl::Waiter>();
  Impl::Proposal& place = node.proposals[index];
  if (place.waiter) {
    Impl::finish(place.waiter, Error(Errc::kUnavailable, "leadership was lost"));
  }
  place = {.term = node.core.term(), .waiter = waiter};
  node.wake.notify_all();
  co_return co_await node.wait(std::move(waiter), deadline);
}

Task<Result<void>> RaftNode::read_barrier(MonoTime deadline) {
  Impl& node = *impl_;
  KELP_CO_CHECK(node.may_call(deadline));
  auto waiter = std::make_shared<Impl::Waiter>();
  node.new_reads.push_back(waiter);
  node.wake.notify_all();
  const auto done = co_await node.wait(std::move(waiter), deadline);
  if (!done) co_return done.error();
  co_return Result<void>();
}

bool RaftNode::holds_lease() const {
  return !impl_->halted() && impl_->lease.holds(impl_->core.lead_rounds(), impl_->boot_time());
}

Task<Result<void>> RaftNode::change_members(std::vector<NodeId> voters,
                                            std::vector<NodeId> learners, MonoTime deadline) {
  Impl& node = *impl_;
  KELP_CO_CHECK(node.may_call(deadline));
  std::ranges::sort(voters);
  std::ranges::sort(learners);
  KELP_CO_TRY(const LogIndex index, node.core.propose_change(voters, learners));
  auto waiter = std::make_shared<Impl::Waiter>();
  node.change = Impl::Change{.index = index,
                             .voters = std::move(voters),
                             .learners = std::move(learners),
                             .waiter = waiter};
  node.wake.notify_all();
  const auto done = co_await node.wait(std::move(waiter), deadline);
  if (!done) co_return done.error();
  co_return Result<void>();
}

Task<Result<void>> RaftNode::transfer_leadership(std::optional<NodeId> to, MonoTime deadline) {
  Impl& node = *impl_;
  KELP_CO_CHECK(node.may_call(deadline));
  KELP_CO_CHECK(node.core.transfer_leadership(to));
  if (to == node.options.self) co_return Result<void>();
  auto waiter = std::make_shared<Impl::Waiter>();
  node.transfers.push_back(waiter);
  node.wake.notify_all();
  // The core gives it up after one election timeout; what it had sent may still work.
  const MonoTime given_up =
      node.seams.clock.mono() + 2 * node.options.election_ticks * node.options.tick;
  const auto done = co_await node.wait(std::move(waiter), std::min(deadline, given_up));
  if (!done) co_return done.error();
  co_return Result<void>();
}

NodeStatus RaftNode::status() const {
  const RaftCore& core = impl_->core;
  return {.self = impl_->options.self,
          .role = core.role(),
          .term = core.term(),
          .leader = core.leader(),
          .commit = core.commit_index(),
          .applied = impl_->applied,
          .first = core.first_index(),
          .last = core.last_index(),
          .membership = core.membership(),
          .members = core.progress()};
}

// --- calls that wait

Result<void> RaftNode::Impl::may_call(MonoTime deadline) const {
  if (stopping) return Error(Errc::kCancelled, "raft is stopping");
  if (failure) {
    return Error(Errc::kUnavailable, "raft stopped here: " + failure->detail(), Reason::kNotLeader);
  }
  if (deadline > seams.clock.mono()) return {};
  return Error(Errc::kDeadlineExceeded, "raft: no time was given");
}

Task<Result<Applied>> RaftNode::Impl::wait(WaiterPtr waiter, MonoTime deadline) {
  const std::uint64_t id = next_id++;
  ++calls;
  waiters.emplace(id, waiter);
  deadlines.add(deadline, id);
  while (!waiter->result) {
    const auto woken = co_await waiter->finished.wait();
    if (!woken && !waiter->result) waiter->result = woken.error();  // the caller was cancelled
  }
  deadlines.remove(deadline, id);
  waiters.erase(id);
  --calls;
  call_ended.notify_all();
  co_return *std::move(waiter->result);
}

void RaftNode::Impl::finish(const WaiterPtr& waiter, Result<Applied> result) {
  if (waiter->result) return;
  waiter->result = std::move(result);
  waiter->finished.notify_all();
}

void RaftNode::Impl::finish_all(const Error& error) {
  for (const auto& [id, waiter] : waiters) finish(waiter, error);
  proposals.clear();
  new_reads.clear();
  asked_reads.clear();
  confirmed_reads.clear();
  change.reset();
  transfers.clear();
}

}  // namespace kelp::raft
