#pragma once

#include <array>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "kelp/error.h"

namespace kelp {

/// Counts the calls of one method at one RpcServer: requests by how they ended, how long they took,
/// and how many run now. A method that nobody calls has no series. One executor; what several
/// servers of a process count of one method comes together.
class RpcMethodProbe {
 public:
  /// Counts nothing without `metrics`. Both must outlive this.
  RpcMethodProbe(Metrics* metrics, const Clock& clock, std::string method);
  /// A call was turned away before its handler began.
  void refused(Errc code);
  /// A handler begins; finished() follows, and answered() before or after it.
  void began();
  void finished();
  /// A call that came at `arrived` has its answer, or nobody waits for one any more. `code`: Errc{}
  /// when it went well.
  void answered(Errc code, MonoTime arrived);

 private:
  static constexpr std::size_t kCodes = static_cast<std::size_t>(Errc::kInternal) + 1;

  void count(Errc code);

  Metrics* const metrics_;
  const Clock& clock_;
  const std::string method_;
  std::array<prometheus::Counter*, kCodes> requests_{};  ///< Null: none ended like that yet.
  prometheus::Histogram* seconds_ = nullptr;             ///< Null: none was answered yet.
  prometheus::Gauge* running_ = nullptr;
};

}  // namespace kelp
