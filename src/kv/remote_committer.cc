#include "kv/remote_committer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace kelp {
namespace {

constexpr std::size_t kGroupBytes = 1 << 20;  // Of one round trip, unless one batch has more.
constexpr std::size_t kGroupBatches = 256;
constexpr std::chrono::milliseconds kShortPause(20);  // Between attempts; doubles up to the next.
constexpr std::chrono::milliseconds kLongPause(500);

/// In memory, of which small batches have more than their payload.
std::size_t bytes_of(const KvBatch& batch) {
  return sizeof batch + batch.conditions.size() * sizeof(KvCondition) +
         batch.writes.size() * sizeof(KvWrite) + payload_bytes(batch);
}

Error finished() {
  return {Errc::kUnavailable, "kv: the engine lost acknowledged commits; see the log"};
}

/// Of the engine's answer to a group: whether it is about what was sent, and so about one batch.
bool is_about_the_batch(Errc code) {
  return code != Errc::kIo && code != Errc::kUnavailable && code != Errc::kConflict;
}

}  // namespace

RemoteCommitter::RemoteCommitter(std::unique_ptr<RemoteLink> link, const RemoteKvOptions& options,
                                 const Clock& clock)
    : link_(std::move(link)),
      patience_(options.patience),
      queue_limit_(options.queue_limit),
      queue_bytes_(options.queue_bytes),
      clock_(clock),
      thread_([this] { run(); }) {}

RemoteCommitter::~RemoteCommitter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

KvStore::Stats RemoteCommitter::stats() const {
  return {.commits = commits_.load(std::memory_order_relaxed),
          .syncs = groups_.load(std::memory_order_relaxed)};
}

Result<void> RemoteCommitter::writable() const {
  if (finished_.load(std::memory_order_relaxed)) return finished();
  return {};
}

void RemoteCommitter::commit(KvBatch batch, KvStore::CommitDone done) {
  if (auto checked = check_limits(batch); !checked) return done(std::move(checked));
  if (finished_.load(std::memory_order_relaxed)) return done(finished());
  const std::size_t bytes = bytes_of(batch);
  std::unique_lock lock(mutex_);
  if (queue_.size() >= queue_limit_ || (!queue_.empty() && queued_bytes_ + bytes > queue_bytes_)) {
    lock.unlock();
    return done(Error(Errc::kResourceExhausted, "kv: too many commits wait"));
  }
  queue_.push_back({std::move(batch), std::move(done), bytes, clock_.mono() + patience_});
  queued_bytes_ += bytes;
  lock.unlock();
  wake_.notify_one();
}

void RemoteCommitter::run() {
  for (Group group; gather(group);) run_group(group);
}

/// Adds what waits to `group`, which holds what is to be sent again; false when all is done.
bool RemoteCommitter::gather(Group& group) {
  std::unique_lock lock(mutex_);
  if (group.empty()) wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
  std::size_t bytes = 0;
  for (const Pending& pending : group) bytes += pending.bytes;
  while (!queue_.empty() && group.size() < kGroupBatches &&
         (group.empty() || bytes + queue_.front().bytes <= kGroupBytes)) {
    bytes += queue_.front().bytes;
    queued_bytes_ -= queue_.front().bytes;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return !group.empty();
}

/// Leaves in `group` what is to be sent again.
void RemoteCommitter::run_group(Group& group) {
  for (Pending& pending : group) number_rows(pending.batch, last_number_);
  const Result<GroupOutcomes> outcomes = settle(group);
  if (outcomes) {
    tell(group, *outcomes);
  } else if (group.size() > 1 && is_about_the_batch(outcomes.error().code())) {
    run_singly(group);
  } else {
    fail(group, outcomes.error());
  }
}

/// One of them made the engine refuse all: whoever it is, the others go on.
void RemoteCommitter::run_singly(Group& group) {
  Group all = std::exchange(group, {});
  for (Pending& pending : all) {
    Group one;
    one.push_back(std::move(pending));
    while (!one.empty()) run_group(one);
  }
}

/// The outcomes of `group`, one for each, whatever happens to the connection meanwhile. kIo:
/// unknown; others: nothing was written.
Result<GroupOutcomes> RemoteCommitter::settle(const Group& group) {
  std::vector<const KvBatch*> batches;
  for (const Pending& pending : group) batches.push_back(&pending.batch);
  bool sent = false;
  Result<GroupOutcomes> answer = Error(Errc::kUnavailable, "kv: not sent");
  std::chrono::nanoseconds wait = kShortPause;
  while (true) {
    if (finished_.load(std::memory_order_relaxed)) {
      return Error(sent ? Errc::kIo : Errc::kUnavailable, finished().detail());
    }
    Result<std::optional<GroupOutcomes>> applied = std::nullopt;
    if (!open_) applied = reopen();
    if (!applied) {
      answer = applied.error();
    } else {
      if (sent && *applied) {
        if ((*applied)->size() == group.size()) return **std::move(applied);
        return Error(Errc::kIo, "kv: the engine holds the outcomes of another group");
      }
      answer = link_->send(batches);
      sent = true;
      if (answer) groups_.fetch_add(1, std::memory_order_relaxed);
      if (answer || is_about_the_batch(answer.error().code())) return answer;
      if (answer.error().code() == Errc::kIo) open_ = false;
    }
    if (clock_.mono() >= group.front().until) break;
    if (pause(wait)) break;  // It is time to stop.
    wait = std::min<std::chrono::nanoseconds>(2 * wait, kLongPause);
  }
  const bool unknown = sent && !open_;
  return Error(unknown ? Errc::kIo : Errc::kUnavailable,
               fmt::format("kv: the metadata engine does not answer{}: {}",
                           unknown ? ", whether the commit took effect is unknown" : "",
                           answer.error().detail()));
}

Result<std::optional<GroupOutcomes>> RemoteCommitter::reopen() {
  auto applied = link_->open();
  if (applied) {
    open_ = true;
    if (std::exchange(warned_, false)) logger("kv").info("engine_back");
    return applied;
  }
  if (applied.error().code() == Errc::kCorruption) {
    finished_.store(true, std::memory_order_relaxed);
    logger("kv").error("engine_lost_commits error={}", log_value(applied.error().message()));
  } else if (!std::exchange(warned_, true)) {
    logger("kv").warn("engine_gone error={}", log_value(applied.error().message()));
  }
  return applied;
}

void RemoteCommitter::tell(Group& group, const GroupOutcomes& outcomes) {
  Group again;
  for (std::size_t i = 0; i < group.size(); ++i) {
    Pending& pending = group[i];
    if (outcomes[i] == kBatchAgain) {
      again.push_back(std::move(pending));
    } else if (outcomes[i] == kBatchDone) {
      commits_.fetch_add(1, std::memory_order_relaxed);
      pending.done({});
    } else {
      const auto index = static_cast<std::size_t>(outcomes[i]);
      pending.done(index < pending.batch.conditions.size()
                       ? condition_failed(pending.batch.conditions[index], index)
                       : Error(Errc::kInternal, "kv: a condition failed that there is not"));
    }
  }
  group = std::move(again);
}

void RemoteCommitter::fail(Group& group, const Error& error) {
  for (Pending& pending : group) pending.done(error);
  group.clear();
}

/// True, and early, when it is time to stop.
bool RemoteCommitter::pause(std::chrono::nanoseconds time) {
  std::unique_lock lock(mutex_);
  return wake_.wait_for(lock, time, [this] { return stopping_; });
}

}  // namespace kelp
