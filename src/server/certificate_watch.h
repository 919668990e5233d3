#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "async/timers.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "os/file_io.h"

namespace kelp::server {

/// What the watch works with; all must outlive it.
struct CertificateWatchSeams {
  FileIo& io;
  WorkPool& pool;
  const Clock& clock;
  Timers& timers;
};

/// Looks at the TLS files from time to time and says when their content is another one, so that a
/// renewed certificate is taken without anybody's help.
class CertificateWatch {
 public:
  /// `changed` runs on the pool, once for each change that a look finds; also when a file can no
  /// longer be read. What the files hold at the first look counts as known. An empty name stands
  /// for none. `folder`: its files too, as they come and go; empty: none.
  CertificateWatch(CertificateWatchSeams seams, std::vector<std::string> files,
                   std::function<void()> changed, std::string folder = {});

  /// Looks until cancelled; owned by the caller's TaskGroup.
  Task<void> run();

  static constexpr std::chrono::seconds kInterval{30};

 private:
  std::vector<std::string> files_now() const;
  std::string read_all() const;

  const CertificateWatchSeams seams_;
  const std::vector<std::string> files_;
  const std::function<void()> changed_;
  const std::string folder_;
};

}  // namespace kelp::server
