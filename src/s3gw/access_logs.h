#pragma once

#include <chrono>
#include <compare>
#include <map>
#include <mutex>
#include <string>

#include "async/awaitable.h"
#include "base/metrics.h"
#include "s3gw/core/access_line.h"

namespace kelp::s3 {

struct Services;

/// The access logs of buckets that have logging: lines gather here and are put into the target
/// bucket as objects. Best effort, as on AWS: what a gateway that dies had gathered is lost, and so
/// is what cannot be put for long. Thread-safe.
class AccessLogs {
 public:
  /// Of all lines that wait; past it they are dropped and counted.
  static constexpr std::size_t kMaxWaitingBytes = 32 << 20;
  /// A log of so many bytes is put before its time.
  static constexpr std::size_t kFullBytes = 4 << 20;

  /// `period`: how long lines gather.
  AccessLogs(Metrics& metrics, std::chrono::nanoseconds period);

  /// Adds a line about a request of `source`'s bucket, which its owner `owner_id` logs to `target`.
  void add(const LogTarget& target, const LogSource& source, std::string_view owner_id,
           WallTime when, MonoTime now, std::string_view line);

  /// Puts the logs that are full or old enough; with `all` every one. On an io thread, one call at
  /// a time. What cannot be put now stays for the next call, unless its target refuses it.
  Task<void> deliver(Services& services, bool all);

 private:
  /// What goes into one object.
  struct Name {
    LogTarget target;
    std::string source;
    std::string owner_id;
    std::chrono::sys_days day{};  ///< Of the requests, where that counts.
    friend auto operator<=>(const Name&, const Name&) = default;
  };
  struct Gathered {
    LogSource source;
    MonoTime since;
    WallTime last;  ///< The youngest request.
    std::string lines;
  };

  std::map<Name, Gathered> take(MonoTime now, bool all);
  void give_back(const Name& name, Gathered gathered);
  void drop(const std::string& lines);

  const std::chrono::nanoseconds period_;
  prometheus::Counter& objects_;
  prometheus::Counter& dropped_;
  std::mutex mutex_;
  std::map<Name, Gathered> gathered_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace kelp::s3
