#pragma once

#include <cstddef>

namespace kelp::server {

/// Fits the process to a server's work: as many open files as allowed, few malloc arenas that give
/// memory back, files that only their owner
/// reads, no core dumps or debuggers that could read secrets, no SIGPIPE. Call it before
/// the first thread.
void prepare_process();

/// Cores that this process may use; at least 1.
[[nodiscard]] std::size_t core_count();

/// SIGTERM and SIGINT, as something to wait for. Make it before the first thread, so that every
/// thread leaves them to it.
class StopSignal {
 public:
  StopSignal();
  /// Blocks until the first signal. From then on a second one ends the process at once, with exit
  /// code 1.
  void wait();
};

}  // namespace kelp::server
