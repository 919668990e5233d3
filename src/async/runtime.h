#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "async/awaitable.h"

namespace kelp {

/// The io threads of a process: one io_context, and so one thread, each. Connections are pinned to
/// one for life.
class Runtime {
 public:
  /// Starts `threads` (at least 1) io threads at once.
  explicit Runtime(std::size_t threads);
  /// stop(), when it was not called.
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  [[nodiscard]] std::size_t size() const;
  /// The executor of thread `index`, in [0, size()).
  [[nodiscard]] Executor executor(std::size_t index) const;
  /// Runs `task` on thread 0 and blocks the calling thread (never an io thread) until it returns.
  void run(Task<void> task);
  /// Stops the contexts and joins the threads. Whatever still waits is destroyed: drain first.
  void stop();

 private:
  struct Thread;
  std::vector<std::unique_ptr<Thread>> threads_;
};

}  // namespace kelp
