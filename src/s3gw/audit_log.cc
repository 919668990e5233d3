#include "s3gw/audit_log.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "s3gw/core/audit_line.h"

namespace kelp::s3 {
namespace {

std::uint64_t lines_in(const std::string& text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

}  // namespace

Result<std::unique_ptr<AuditLog>> AuditLog::open(FileIo& io, WorkPool& pool, Metrics& metrics,
                                                 std::string path) {
  std::unique_ptr<AuditLog> log(new AuditLog(io, pool, metrics, std::move(path)));
  KELP_CHECK(log->open_file());
  return log;
}

AuditLog::AuditLog(FileIo& io, WorkPool& pool, Metrics& metrics, std::string path)
    : io_(io),
      pool_(pool),
      path_(std::move(path)),
      written_(metrics.counter("kelp_s3_audit_lines_total", "Lines written to the audit log.")),
      dropped_(metrics.counter("kelp_s3_audit_dropped_total",
                               "Lines of the audit log that were lost: too many waited, or the "
                               "file could not be written.")) {}

Result<void> AuditLog::open_file() {
  KELP_TRY(file_, io_.open(path_, OpenMode::kCreate));
  KELP_TRY(end_, file_->size());
  return {};
}

void AuditLog::take(const RequestRecord& record) {
  thread_local std::string line;
  line.clear();
  append_audit_line(record, line);
  const std::lock_guard lock(mutex_);
  if (waiting_.size() + line.size() > kMaxWaitingBytes) {
    drop(1);
  } else {
    waiting_ += line;
  }
  // A thread woken for each line would cost more than most requests.
  if (waiting_.size() >= kBatchBytes) post();
}

void AuditLog::flush() {
  const std::lock_guard lock(mutex_);
  if (!waiting_.empty()) post();
}

Task<void> AuditLog::run(const Clock& clock, Timers& timers) {
  constexpr std::chrono::milliseconds kTurn{200};
  while (co_await timers.sleep_until(clock.mono() + kTurn)) flush();
}

/// Under the lock. A pool that is full takes it the next time, or at the end.
void AuditLog::post() {
  if (!draining_) draining_ = pool_.try_post([this] { drain(); });
}

void AuditLog::reopen() {
  const std::lock_guard lock(mutex_);
  reopen_ = true;
  post();
}

void AuditLog::drain() {
  for (;;) {
    std::string lines;
    bool anew = false;
    {
      const std::lock_guard lock(mutex_);
      anew = std::exchange(reopen_, false);
      lines.swap(waiting_);
      if (lines.empty() && !anew) {
        draining_ = false;
        idle_.notify_all();
        return;
      }
    }
    write(lines, anew);
  }
}

void AuditLog::write(const std::string& lines, bool anew) {
  Result<void> done;
  if (anew || file_ == nullptr) {
    file_.reset();
    done = open_file();
  }
  if (done && !lines.empty()) {
    const std::array<ByteSpan, 1> piece{std::as_bytes(std::span(lines))};
    done = file_->write_at(end_, piece);
  }
  if (!done) {
    drop(lines_in(lines));
    // Half a line would spoil the next one, which is written there anyway.
    if (file_ != nullptr) (void)file_->truncate(end_);
    if (!std::exchange(failed_, true)) {
      logger("s3gw").error("audit_log_failed path={} error={}", log_value(path_),
                           log_value(done.error().message()));
    }
    return;
  }
  failed_ = false;
  end_ += lines.size();
  written_.Increment(static_cast<double>(lines_in(lines)));
}

void AuditLog::drop(std::uint64_t lines) {
  dropped_.Increment(static_cast<double>(lines));
}

void AuditLog::close() {
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return !draining_; });
    draining_ = true;
  }
  drain();
  if (file_ == nullptr) return;
  if (const auto synced = file_->sync(); !synced) {
    logger("s3gw").error("audit_log_failed path={} error={}", log_value(path_),
                         log_value(synced.error().message()));
  }
}

}  // namespace kelp::s3
