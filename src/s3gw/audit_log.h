#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "async/timers.h"
#include "async/work_pool.h"
#include "base/metrics.h"
#include "os/file_io.h"
#include "s3gw/request_record.h"

namespace kelp::s3 {

/// Writes every record as a line of JSON to the end of a file, off the io threads. What waits is
/// bounded: past kMaxWaitingBytes, and when the file cannot be written, lines are dropped and
/// counted (kelp_s3_audit_dropped_total): requests never wait for it. Thread-safe.
class AuditLog final : public RequestSink {
 public:
  static constexpr std::size_t kMaxWaitingBytes = 8 << 20;
  /// So many are written at once; fewer wait for flush().
  static constexpr std::size_t kBatchBytes = 64 << 10;

  /// `io` and `pool` must outlive this. Errors: those of FileIo::open() for writing.
  [[nodiscard]] static Result<std::unique_ptr<AuditLog>> open(FileIo& io, WorkPool& pool,
                                                              Metrics& metrics, std::string path);
  /// After close(), or when no line was ever taken.
  ~AuditLog() override = default;

  void take(const RequestRecord& record) override;
  /// What waits is written soon.
  void flush();
  /// flush() every 200 ms, until it is cancelled.
  Task<void> run(const Clock& clock, Timers& timers);
  /// What is written from now on goes to a file that is opened anew: the old one was renamed.
  void reopen();
  /// Writes what waits, and syncs it. Blocks; not from an io thread. No take() after it.
  void close();

 private:
  AuditLog(FileIo& io, WorkPool& pool, Metrics& metrics, std::string path);
  Result<void> open_file();
  void post();
  void drain();
  void write(const std::string& lines, bool anew);
  void drop(std::uint64_t lines);

  FileIo& io_;
  WorkPool& pool_;
  const std::string path_;
  prometheus::Counter& written_;
  prometheus::Counter& dropped_;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::string waiting_;  ///< Whole lines.
  bool reopen_ = false;
  bool draining_ = false;  ///< Somebody is in drain(), or will be.

  // Of drain() alone.
  std::unique_ptr<File> file_;
  std::uint64_t end_ = 0;
  bool failed_ = false;  ///< The last write: said once.
};

}  // namespace kelp::s3
