#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "async/work_pool.h"
#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/metrics.h"
#include "client/remote_bucket.h"
#include "wire/fid.h"

namespace kelp {

/// A remote as it is configured.
struct RemoteParts {
  VolumeId volume;                   ///< What its needles' file ids say (remote_volume()).
  std::string name;                  ///< For logs and metrics.
  std::vector<std::string> classes;  ///< Storage classes that lie in it, by their S3 names.
  std::unique_ptr<RemoteBucket> bucket;
  const Clock& clock;
  std::chrono::nanoseconds patience{};  ///< Who waited so long for a thread does not ask any more.
  std::unique_ptr<WorkPool> pool;       ///< Its alone: a remote that hangs holds up nobody else.
  std::size_t upload_bytes = 64 << 20;  ///< Bodies on their way there may take so much memory.
};

/// A bucket of another S3 that needles lie in, without blocking the caller. Says in the log when it
/// begins to fail and when it works again, and counts. Thread-safe; from any io thread.
class Remote {
 public:
  /// `metrics` must outlive it.
  Remote(RemoteParts parts, Metrics& metrics);

  [[nodiscard]] VolumeId volume() const { return parts_.volume; }
  [[nodiscard]] const std::string& name() const { return parts_.name; }
  [[nodiscard]] const std::vector<std::string>& classes() const { return parts_.classes; }

  /// Memory for what a body takes there until it is put. kResourceExhausted when others have it.
  [[nodiscard]] Result<MemoryBudget::Share> memory_for(std::uint64_t bytes);

  // As RemoteBucket's; kResourceExhausted when too many wait for it.
  Task<Result<void>> put(std::string name, std::string bytes);
  Task<Result<std::string>> get(std::string name, std::uint64_t offset, std::uint64_t bytes);
  Task<Result<void>> remove(std::string name);
  Task<Result<std::vector<RemoteObject>>> list(std::string after);

  /// Bytes came that are not what was written.
  void note_damage(const Error& error);
  void stop() { parts_.bucket->stop(); }

 private:
  struct Operation {
    prometheus::Counter* asked = nullptr;
    prometheus::Counter* failed = nullptr;
  };
  [[nodiscard]] Operation operation(Metrics& metrics, std::string_view what) const;
  template <typename T>
  Task<Result<T>> ask(Operation operation, std::move_only_function<Result<T>()> work);
  void failed(const Error& error);
  void worked();

  RemoteParts parts_;
  MemoryBudget uploads_;
  const Operation put_;
  const Operation get_;
  const Operation remove_;
  const Operation list_;
  prometheus::Counter& read_bytes_;
  prometheus::Counter& written_bytes_;
  prometheus::Counter& damaged_;
  prometheus::Gauge& failing_;
  std::atomic<bool> fails_ = false;
};

/// All remotes that are configured here.
class Remotes {
 public:
  Remotes() = default;
  explicit Remotes(std::vector<std::unique_ptr<Remote>> all) : all_(std::move(all)) {}

  [[nodiscard]] const std::vector<std::unique_ptr<Remote>>& all() const { return all_; }
  /// kUnavailable when none is configured here for that volume (is_remote()): what lies there is
  /// not gone.
  [[nodiscard]] Result<Remote*> of(VolumeId volume) const;
  /// Which one a storage class lies in; null: in none.
  [[nodiscard]] Remote* of_class(std::string_view storage_class) const;
  void stop() const;

 private:
  std::vector<std::unique_ptr<Remote>> all_;
};

}  // namespace kelp
