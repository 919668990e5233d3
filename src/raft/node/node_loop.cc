#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "raft/core/membership.h"
#include "raft/node/node_impl.h"

namespace kelp::raft {
namespace {

/// Then the loop looks around: messages must not wait for a long log to be applied.
constexpr std::size_t kAppliedInOneTurn = 256;

Error lost_leadership() {
  return {Errc::kUnavailable,
          "leadership was lost before the command was committed: it may or may "
          "not take effect"};
}

std::string_view name_of(Role role) {
  switch (role) {
    case Role::kFollower:
      return "follower";
    case Role::kPreCandidate:
      return "pre_candidate";
    case Role::kCandidate:
      return "candidate";
    case Role::kLeader:
      return "leader";
    case Role::kLearner:
      return "learner";
  }
  return "unknown";
}

}  // namespace

RaftNode::Impl::Impl(NodeSeams node_seams, NodeOptions node_options, StateMachine& state_machine,
                     NodeDisk disk, RaftCore raft_core)
    : seams(std::move(node_seams)),
      options(std::move(node_options)),
      machine(state_machine),
      probe(seams.metrics),
      core(std::move(raft_core)),
      lease(options.tick, options.election_ticks),
      wal(std::move(disk.wal)),
      snapshots(std::move(disk.snapshots)),
      tasks(seams.executor),
      deadlines(tasks, seams.clock, seams.timers,
                [this](std::uint64_t id) {
                  const auto found = waiters.find(id);
                  if (found == waiters.end()) return;
                  finish(found->second, Error(Errc::kDeadlineExceeded, "raft: no answer in time"));
                }),
      applied(disk.stored.snapshot.index),
      applied_term(disk.stored.snapshot.term),
      applied_membership(disk.stored.snapshot.membership),
      seen_term(core.term()) {}

void RaftNode::Impl::start() {
  Transport::Receiver receiver;
  receiver.message = [this](Message message) {
    if (halted()) return;
    core.step(std::move(message));
    wake.notify_all();
  };
  receiver.chunk = std::bind_front(&Impl::on_chunk, this);
  receiver.unreachable = [this](NodeId node) {
    if (halted()) return;
    core.unreachable(node);
    wake.notify_all();
  };
  seams.transport.receive(std::move(receiver));
  tasks.spawn(tick_forever());
  tasks.spawn(store_forever());
  tasks.spawn(run());
}

Task<void> RaftNode::Impl::stop() {
  if (std::exchange(stopping, true)) co_return;
  seams.transport.receive({});
  finish_all(Error(Errc::kCancelled, "raft is stopping"));
  tasks.cancel();
  co_await tasks.join();
  stop_leading();
  while (calls > 0) {
    if (!co_await call_ended.wait()) break;
  }
}

Task<void> RaftNode::Impl::tick_forever() {
  MonoTime next = seams.clock.mono();
  while (!halted()) {
    // After a pause of the process one tick is enough: time that nobody saw proves nothing.
    next = std::max(next + options.tick, seams.clock.mono());
    if (!co_await seams.timers.sleep_until(next)) co_return;
    const MonoTime before = boot_time();
    core.tick();
    lease.note(core.lead_rounds(), before);
    wake.notify_all();
  }
}

Task<void> RaftNode::Impl::run() {
  while (!halted()) {
    begin_reads();
    while (core.has_ready() && !halted()) {
      const MonoTime before = boot_time();
      Ready ready = core.take_ready();
      lease.note(core.lead_rounds(), before);
      handle(std::move(ready));
    }
    installing = false;
    apply_some();
    answer_reads();
    maybe_snapshot();
    observe();
    if (core.has_ready()) continue;
    if (!to_apply.empty() && !restoring) {
      co_await asio::post(seams.executor, asio::use_awaitable);  // let the others have a turn
    } else if (!co_await wake.wait()) {
      co_return;
    }
  }
}

void RaftNode::Impl::handle(Ready ready) {
  for (Message& message : ready.send_now) send(std::move(message));
  WalChange change_to_store;
  if (ready.snapshot) {
    change_to_store.reset = {.index = ready.snapshot->index, .term = ready.snapshot->term};
    to_apply.emplace_back(*std::move(ready.snapshot));
    ++restores;
  }
  const bool stores = change_to_store.reset || ready.hard || !ready.entries.empty() ||
                      !ready.send_when_stored.empty();
  change_to_store.entries = std::move(ready.entries);
  change_to_store.hard = ready.hard;
  if (stores) {
    unstored.push_back({.change = std::move(change_to_store),
                        .promises = std::move(ready.send_when_stored),
                        .sequence = ready.sequence});
    to_store.notify_all();
  }
  for (Entry& entry : ready.committed) to_apply.emplace_back(std::move(entry));
  for (const ReadState& read : ready.reads) {
    auto asked = asked_reads.extract(read.request);
    if (asked.empty()) continue;
    for (const WaiterPtr& waiter : asked.mapped()) {
      if (read.index) {
        confirmed_reads.emplace(*read.index, waiter);
      } else {
        finish(waiter, Error(Errc::kUnavailable, "not the leader any more", Reason::kNotLeader));
      }
    }
  }
}

void RaftNode::Impl::send(Message message) {
  if (std::holds_alternative<InstallSnapshot>(message.body)) begin_sending(message.to);
  seams.transport.send(std::move(message));
}

// --- the disk

/// Everything that gathers while a sync is under way shares the next one.
Task<void> RaftNode::Impl::store_forever() {
  while (!halted()) {
    if (unstored.empty() && !compact_to) {
      if (!co_await to_store.wait()) co_return;
      continue;
    }
    auto batch = std::exchange(unstored, {});
    std::vector<WalChange> changes;
    for (Unstored& one : batch) {
      const bool writes = one.change.reset || one.change.hard || !one.change.entries.empty();
      if (writes) changes.push_back(std::move(one.change));
    }
    const auto stored = co_await store(std::move(changes), std::exchange(compact_to, std::nullopt));
    if (stopping) co_return;
    if (!stored) co_return fail(stored.error());
    for (Unstored& one : batch) {
      for (Message& promise : one.promises) send(std::move(promise));
    }
    if (!batch.empty()) core.stored(batch.back().sequence);
    wake.notify_all();
  }
}

/// A full pool or disk may have room later; meanwhile nothing is promised. Any other error is the
/// end.
Task<Result<void>> RaftNode::Impl::store(std::vector<WalChange> changes,
                                         std::optional<LogIndex> compact) {
  const MonoTime begin = seams.clock.mono();
  while (true) {
    std::move_only_function<Result<void>()> work = [this, &changes, compact]() -> Result<void> {
      if (!changes.empty()) {
        KELP_CHECK(wal->append(changes));
      }
      return compact ? wal->compact(*compact) : Result<void>();
    };
    const auto done = co_await offload<void>(seams.pool, std::move(work));
    const bool full = !done && (done.error().code() == Errc::kNoSpace ||
                                done.error().code() == Errc::kResourceExhausted);
    if (!full) {
      const std::chrono::duration<double> took = seams.clock.mono() - begin;
      probe.append_seconds.Observe(took.count());
      co_return done;
    }
    logger("raft").warn("append_waits dir={} error={}", options.dir,
                        log_value(done.error().detail()));
    KELP_CO_CHECK(co_await seams.timers.sleep_until(seams.clock.mono() + 10 * options.tick));
  }
}

// --- the state machine

void RaftNode::Impl::apply_some() {
  std::size_t count = 0;
  while (!to_apply.empty() && !restoring && count++ < kAppliedInOneTurn) {
    if (auto* mark = std::get_if<SnapshotMark>(&to_apply.front())) {
      restoring = true;
      tasks.spawn(restore(std::move(*mark)));
    } else {
      apply(std::get<Entry>(to_apply.front()));
    }
    to_apply.pop_front();
  }
  if (!restoring) core.applied(applied);
}

void RaftNode::Impl::apply(const Entry& entry) {
  std::string answer;
  if (entry.kind == EntryKind::kCommand) answer = machine.apply(entry.index, entry.data);
  applied = entry.index;
  applied_term = entry.term;
  log_bytes += entry.data.size() + sizeof(Entry);
  if (entry.kind == EntryKind::kMembership) apply_membership(entry);
  if (auto waiting = proposals.extract(entry.index); !waiting.empty()) {
    const Proposal& proposal = waiting.mapped();
    finish(proposal.waiter, proposal.term == entry.term
                                ? Result<Applied>(Applied{entry.index, std::move(answer)})
                                : lost_leadership());
  }
  // The first entry of the own term that is committed: everything before is applied now.
  if (core.role() == Role::kLeader && entry.term == core.term() && leading != core.term()) {
    stop_leading();
    leading = core.term();
    machine.leading(core.term());
  }
}

void RaftNode::Impl::apply_membership(const Entry& entry) {
  applied_membership = decode_membership(entry.data).value();
  if (!change || entry.index < change->index || !applied_membership.old_voters.empty()) return;
  const bool wanted = applied_membership.voters == change->voters &&
                      applied_membership.learners == change->learners;
  finish(change->waiter, wanted ? Result<Applied>(Applied{.index = entry.index})
                                : Error(Errc::kConflict, "another change of the members was made"));
  change.reset();
}

void RaftNode::Impl::begin_reads() {
  if (new_reads.empty()) return;
  const std::uint64_t id = next_id++;
  if (const auto asked = core.read_index(id); !asked) {
    for (const WaiterPtr& waiter : std::exchange(new_reads, {})) finish(waiter, asked.error());
  } else {
    asked_reads.emplace(id, std::exchange(new_reads, {}));
  }
}

void RaftNode::Impl::answer_reads() {
  const auto end = confirmed_reads.upper_bound(applied);
  for (auto at = confirmed_reads.begin(); at != end; ++at) {
    finish(at->second, Applied{.index = applied});
  }
  confirmed_reads.erase(confirmed_reads.begin(), end);
}

// --- what changed

/// Tells callers, the machine, the log and the metrics how the member stands now.
void RaftNode::Impl::observe() {
  const Role role = core.role();
  const bool leads = role == Role::kLeader;
  if (leading && (!leads || *leading != core.term())) stop_leading();
  if (to_apply.empty() && (!leads || seen_term != core.term())) {
    for (auto at = proposals.begin(); at != proposals.end();) {
      const bool over = !leads || at->second.term != core.term();
      if (over) finish(at->second.waiter, lost_leadership());
      at = over ? proposals.erase(at) : std::next(at);
    }
    if (change && !leads) {
      finish(change->waiter, lost_leadership());
      change.reset();
    }
  }
  if (!leads && core.leader()) {
    for (const WaiterPtr& waiter : std::exchange(transfers, {})) finish(waiter, Applied{});
  }
  if (role != seen_role || core.term() != seen_term) {
    if (role == Role::kCandidate && seen_role != role) probe.elections.Increment();
    logger("raft").info("role node={} role={} term={} leader={}", options.self.value, name_of(role),
                        core.term().value, core.leader().value_or(NodeId{}).value);
    seen_role = role;
    seen_term = core.term();
  }
  probe.term.Set(static_cast<double>(core.term().value));
  probe.role.Set(static_cast<double>(role));
  probe.commit_index.Set(static_cast<double>(core.commit_index().value));
  probe.applied_index.Set(static_cast<double>(applied.value));
}

void RaftNode::Impl::stop_leading() {
  if (!leading) return;
  leading.reset();
  machine.following();
}

/// The member falls silent: what it may have promised is not on its disk.
void RaftNode::Impl::fail(const Error& error) {
  if (halted()) return;
  failure = error;
  probe.failed.Set(1);
  logger("raft").error("stopped node={} dir={} error={}", options.self.value, options.dir,
                       log_value(error.message()));
  finish_all(Error(Errc::kUnavailable, "raft stopped here: " + error.detail()));
  stop_leading();
  wake.notify_all();
  to_store.notify_all();
}

}  // namespace kelp::raft
