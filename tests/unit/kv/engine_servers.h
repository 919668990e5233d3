#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temp_dir.h"

namespace kelp::test {

/// A process of our own, killed with us.
class ChildProcess {
 public:
  /// `user`: who it runs as when we are root; empty: as we do. Its output goes to `log`.
  ChildProcess(const std::vector<std::string>& command, const std::string& user,
               const std::string& log);
  ~ChildProcess() { end(9); }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  /// Sends `signal` and waits until it is gone. Returns its exit status.
  int end(int signal);
  /// Waits until it ends by itself.
  int wait();
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

/// A metadata engine as a real server, in a folder of its own in memory, on no fixed port.
class EngineServer {
 public:
  virtual ~EngineServer() = default;
  /// For RemoteKvOptions.
  [[nodiscard]] virtual std::string url() const = 0;
  /// The same through a proxy at a port of 127.0.0.1.
  [[nodiscard]] virtual std::string url_at(std::uint16_t port) const = 0;
  /// Where a proxy connects: address:port, or the path of a socket.
  [[nodiscard]] virtual std::string endpoint() const = 0;
  virtual void start() = 0;
  /// As a crash ends it.
  virtual void kill() = 0;
  /// CPU that its processes have used so far.
  [[nodiscard]] virtual double cpu_seconds() const = 0;
};

/// Null, and said aloud, when Debian's package is not installed. `settings`: e.g. "fsync=off".
std::unique_ptr<EngineServer> start_postgres(const std::vector<std::string>& settings = {});
/// `settings`: flags.
std::unique_ptr<EngineServer> start_etcd(const std::vector<std::string>& settings = {});
/// `settings`: flags with their values, "--appendfsync always".
std::unique_ptr<EngineServer> start_redis(const std::vector<std::string>& settings = {});

/// Stands between a store and its engine, and breaks connections. Its threads end with it.
class CuttingProxy {
 public:
  explicit CuttingProxy(std::string endpoint);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Breaks every connection.
  void cut();
  /// The next answer that comes is lost, and its connection with it.
  void swallow_an_answer() { swallow_ = true; }
  /// How many answers were.
  [[nodiscard]] int swallowed() const { return swallowed_; }

 private:
  struct Pair {
    int client = -1;
    int server = -1;
    std::thread thread;
  };
  void accept_all();
  void forward(int client, int server);
  [[nodiscard]] int connect_to_server() const;

  const std::string endpoint_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> swallow_ = false;
  std::atomic<int> swallowed_ = 0;
  std::mutex mutex_;
  bool stopping_ = false;  // Guarded by mutex_, like the next.
  std::vector<Pair> pairs_;
  std::thread thread_;
};

}  // namespace kelp::test
