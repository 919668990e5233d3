#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace kelp::server {

/// Fits the process to a server's work: as many open files as allowed, few malloc arenas that give
/// memory back, files that only their owner
/// reads, no core dumps or debuggers that could read secrets, no SIGPIPE. Call it before
/// the first thread.
void prepare_process();
/// Keeps some MiB of what is freed, in place of giving it back and having it made anew page by page
/// for the next piece: for volume servers, which repair and pack. After prepare_process().
void keep_pieces();

/// Cores that this process may use; at least 1.
[[nodiscard]] std::size_t core_count();

/// Memory of this process that lies in RAM; 0 when the kernel does not say.
[[nodiscard]] std::uint64_t resident_bytes();

/// CPU time that all threads of this process took so far.
[[nodiscard]] std::chrono::nanoseconds cpu_time();

/// What this machine calls itself.
[[nodiscard]] std::string machine_name();

/// What a signal asks for.
enum class Signal { kStop, kReload };

/// SIGTERM and SIGINT, and SIGHUP when there is something to read again, as something to wait for.
/// Make it before the first thread, so that every thread leaves them to it.
class Signals {
 public:
  /// `with_reload`: take SIGHUP; else it ends the process, as ever.
  explicit Signals(bool with_reload);
  /// Blocks until the next signal. Behind kStop a further SIGTERM or SIGINT ends the process at
  /// once, with exit code 1.
  Signal wait();

 private:
  const bool with_reload_;
};

}  // namespace kelp::server
