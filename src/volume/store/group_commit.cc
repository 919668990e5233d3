#include "volume/store/group_commit.h"

#include <algorithm>

namespace kelp {

GroupCommit::GroupCommit(std::shared_ptr<File> file, WorkPool& pool, VolumeProbe& probe,
                         Options options)
    : file_(std::move(file)), pool_(pool), probe_(probe), options_(std::move(options)) {}

Task<Result<void>> GroupCommit::commit(LogWrite write) {
  auto start = [self = shared_from_this(), write](std::function<void(Result<void>)> done) {
    self->enqueue({write, std::move(done)});
  };
  co_return co_await await_callback<Result<void>>(std::move(start));
}

void GroupCommit::fail(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_.has_value()) return;
    failure_ = Error(Errc::kUnavailable, "the volume is read-only after: " + error.message());
  }
  options_.failed(error);
}

void GroupCommit::enqueue(Waiting waiting) {
  {
    const std::lock_guard lock(mutex_);
    gathered_.push_back(std::move(waiting));
    if (leading_) return;
    leading_ = true;
  }
  if (pool_.try_post([self = shared_from_this()] { self->lead(); })) return;
  std::vector<Waiting> refused;
  {
    const std::lock_guard lock(mutex_);
    refused.swap(gathered_);
    leading_ = false;
  }
  for (const Waiting& each : refused) {
    each.done(Error(Errc::kResourceExhausted, "the disk pool's queue is full"));
  }
}

/// Runs on a pool thread until nobody waits.
void GroupCommit::lead() {
  std::vector<Waiting> group;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      group.clear();
      group.swap(gathered_);
      if (group.empty()) {
        leading_ = false;
        return;
      }
    }
    const Result<void> outcome = store(group);
    for (const Waiting& each : group) each.done(outcome);
  }
}

Result<void> GroupCommit::store(std::vector<Waiting>& group) {
  if (auto failed = failure()) return *std::move(failed);
  std::optional<DiskPulse::Write> timed;
  if (options_.pulse != nullptr) timed.emplace(*options_.pulse);
  auto outcome = write_all(group);
  if (outcome.has_value() && options_.sync) {
    probe_.syncs.Increment();
    outcome = file_->sync();
    if (!outcome.has_value()) fail(outcome.error());
  } else if (!outcome.has_value() && outcome.error().code() != Errc::kNoSpace) {
    fail(outcome.error());
  }
  return outcome;
}

Result<void> GroupCommit::write_all(std::vector<Waiting>& group) {
  std::ranges::sort(group, {}, [](const Waiting& each) { return each.write.offset; });
  std::vector<ByteSpan> pieces;
  for (std::size_t i = 0; i < group.size();) {
    const std::uint64_t begin = group[i].write.offset;
    std::uint64_t end = begin;
    pieces.clear();
    for (; i < group.size() && group[i].write.offset == end; ++i) {
      pieces.push_back(group[i].write.bytes);
      end += group[i].write.bytes.size();
    }
    KELP_CHECK(file_->write_at(begin, pieces));
    probe_.written_bytes.Increment(static_cast<double>(end - begin));
  }
  return {};
}

std::optional<Error> GroupCommit::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

}  // namespace kelp
