#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "raft/node/node_impl.h"

namespace kelp::raft {

// --- making

void RaftNode::Impl::maybe_snapshot() {
  if (snapshotting || restores > 0 || log_bytes < options.snapshot_log_bytes || halted()) return;
  snapshotting = true;
  log_bytes = 0;
  SnapshotMark mark{.index = applied, .term = applied_term, .membership = applied_membership};
  tasks.spawn(save_snapshot(std::move(mark), machine.snapshot()));
}

Task<void> RaftNode::Impl::save_snapshot(SnapshotMark mark, std::string state) {
  std::move_only_function<Result<void>()> work = [this, &mark, &state] {
    return snapshots->save(mark, state);
  };
  const auto saved = co_await offload<void>(seams.pool, std::move(work));
  snapshotting = false;
  if (halted()) co_return;
  if (!saved) {
    logger("raft").warn("snapshot_failed index={} error={}", mark.index.value,
                        log_value(saved.error().detail()));
    log_bytes = options.snapshot_log_bytes / 2;  // the log goes on growing: try again later
    co_return;
  }
  probe.snapshots_made.Increment();
  core.compacted(mark.index, options.keep_entries);
  compact_to = mark.index;
  to_store.notify_all();
}

// --- taking one over

Task<void> RaftNode::Impl::restore(SnapshotMark mark) {
  Result<std::string> state = Error(Errc::kResourceExhausted, "");
  while (!state && state.error().code() == Errc::kResourceExhausted) {
    std::move_only_function<Result<std::string>()> work = [this, &mark] {
      return snapshots->load(mark);
    };
    state = co_await offload<std::string>(seams.pool, std::move(work));
    if (halted()) co_return;
    if (state || state.error().code() != Errc::kResourceExhausted) break;
    if (!co_await seams.timers.sleep_until(seams.clock.mono() + options.tick)) co_return;
  }
  if (!state) co_return fail(state.error());
  if (const auto restored = machine.restore(*state); !restored) co_return fail(restored.error());
  probe.snapshots_installed.Increment();
  applied = mark.index;
  applied_term = mark.term;
  applied_membership = std::move(mark.membership);
  log_bytes = 0;
  compact_to = applied;
  to_store.notify_all();
  restoring = false;
  --restores;
  wake.notify_all();
}

Task<Result<void>> RaftNode::Impl::on_chunk(SnapshotChunk chunk) {
  if (halted()) co_return Error(Errc::kUnavailable, "raft is stopped here");
  if (chunk.term < core.term()) {
    co_return Error(Errc::kPrecondition, fmt::format("a snapshot from term {}; this is term {}",
                                                     chunk.term.value, core.term().value));
  }
  if (installing || restores > 0) {
    co_return Error(Errc::kUnavailable, "another snapshot is being installed");
  }
  const NodeId from = chunk.from;
  const Term term = chunk.term;
  const SnapshotMark mark = chunk.mark;
  ++calls;
  const auto complete = co_await take_chunk(std::move(chunk));
  --calls;
  call_ended.notify_all();
  if (!complete) co_return complete.error();
  if (halted()) co_return Error(Errc::kUnavailable, "raft is stopped here");
  if (*complete) {
    installing = true;  // until the loop has asked the core
    core.snapshot_received(from, term, mark);
    wake.notify_all();
  }
  co_return Result<void>();
}

Task<Result<bool>> RaftNode::Impl::take_chunk(SnapshotChunk chunk) {
  std::move_only_function<Result<bool>()> work = [this, &chunk] {
    return snapshots->receive(chunk);
  };
  co_return co_await offload<bool>(seams.pool, std::move(work));
}

// --- sending

void RaftNode::Impl::begin_sending(NodeId to) {
  if (!sending.insert(to).second) return;
  tasks.spawn(send_snapshot(to, core.term()));
}

Task<void> RaftNode::Impl::send_snapshot(NodeId to, Term term) {
  auto done = co_await send_pieces(to, term);
  if (!done && done.error().code() == Errc::kConflict && sent.erase(to) > 0) {
    done = co_await send_pieces(to, term);  // it forgot what it had: from the beginning
  }
  sending.erase(to);
  if (halted()) co_return;
  if (done) {
    sent.erase(to);
  } else {
    logger("raft").warn("snapshot_not_sent to={} error={}", to.value,
                        log_value(done.error().detail()));
  }
  core.snapshot_sent(to, done.has_value());
  wake.notify_all();
}

/// Goes on where an earlier attempt broke off, if it was the same snapshot.
Task<Result<void>> RaftNode::Impl::send_pieces(NodeId to, Term term) {
  std::move_only_function<Result<SnapshotSource>()> open = [this] { return snapshots->source(); };
  KELP_CO_TRY(const SnapshotSource source,
              co_await offload<SnapshotSource>(seams.pool, std::move(open)));
  Sent& progress = sent[to];
  if (progress.mark != source.mark) progress = {.mark = source.mark, .offset = 0};
  std::uint64_t offset = progress.offset;
  while (offset < source.total_bytes) {
    if (halted() || core.role() != Role::kLeader || core.term() != term) {
      co_return Error(Errc::kCancelled, "not the leader any more");
    }
    SnapshotChunk chunk{.from = options.self,
                        .term = term,
                        .mark = source.mark,
                        .total_bytes = source.total_bytes,
                        .offset = offset};
    chunk.bytes.resize(std::min<std::uint64_t>(kChunkBytes, source.total_bytes - offset));
    std::move_only_function<Result<std::size_t>()> read = [&source, &chunk] {
      return source.file->read_at(chunk.offset, std::as_writable_bytes(std::span(chunk.bytes)));
    };
    KELP_CO_TRY(const std::size_t got, co_await offload<std::size_t>(seams.pool, std::move(read)));
    if (got != chunk.bytes.size()) {
      co_return Error(Errc::kIo, fmt::format("snapshot: {} bytes at {}", got, offset));
    }
    KELP_CO_CHECK(co_await seams.transport.send_chunk(to, std::move(chunk)));
    offset += got;
    sent[to] = {.mark = source.mark, .offset = offset};
  }
  co_return Result<void>();
}

}  // namespace kelp::raft
