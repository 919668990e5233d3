#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "async/timers.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "s3gw/core/credentials.h"

namespace kelp::iam {

/// The keys of the configuration, and those of a file that is read again when it changes.
/// Thread-safe but run(), which belongs to one executor.
class FileKeys final : public s3::CredentialStore {
 public:
  /// Reads the file; blocks. What it holds, or why it cannot be read.
  using Read = std::function<Result<std::string>()>;
  /// How often run() looks.
  static constexpr std::chrono::seconds kInterval{2};

  /// `roots` must outlive this; its keys stand above the file's. Users of the file are `owner`'s.
  FileKeys(const s3::CredentialStore& roots, s3::Account owner, Read read_file);

  /// Of the configuration.
  [[nodiscard]] const s3::Credential* find(std::string_view access_key) const override;
  [[nodiscard]] std::shared_ptr<const s3::Credential> hold(std::string_view access_key,
                                                           std::string_view token) const override;

  /// Takes what the file says now, and nothing when that does not read. Blocks. Errors of the file,
  /// kInvalidArgument.
  Result<void> load();
  /// load() from time to time, until cancelled: a file that does not read is logged, and what it
  /// said before stays.
  Task<void> run(WorkPool& pool, Clock& clock, Timers& timers);

 private:
  using Keys = std::unordered_map<std::string, std::shared_ptr<const s3::Credential>>;

  const s3::CredentialStore& roots_;
  const s3::Account owner_;
  const Read read_;
  std::string text_;  ///< What counts; of load() alone.
  mutable std::mutex mutex_;
  std::shared_ptr<const Keys> keys_;
};

}  // namespace kelp::iam
