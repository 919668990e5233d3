#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "net/http_probe.h"
#include "net/http_server.h"
#include "net/transport.h"

namespace kelp {

class HttpConnection;

/// The connections of one io thread and what they share: a coarse clock, the Date line, scratch
/// memory. Everything but the constructor and executor() belongs to that thread.
class HttpWorker {
 public:
  /// `limits`, `handler` and `probe` must outlive the worker.
  HttpWorker(Executor executor, const HttpServerOptions& limits, HttpHandler& handler,
             HttpProbe& probe);
  ~HttpWorker();
  HttpWorker(const HttpWorker&) = delete;
  HttpWorker& operator=(const HttpWorker&) = delete;

  [[nodiscard]] const Executor& executor() const { return executor_; }
  /// Begins to tick.
  void start();
  /// Serves a connection that was just accepted until it closes; `tls` may be null.
  void adopt(TcpSocket socket, TlsContext tls);
  /// Every answer from now on ends its connection.
  void retire() { retiring_ = true; }
  /// Closes idle connections; busy ones will close after their answer.
  void begin_drain();
  /// begin_drain(), waits for busy connections until `give_up`, then cancels them. Returns when
  /// none is left and the ticking has stopped.
  Task<void> drain(MonoTime give_up);

  /// The monotonic time of the last tick: late by one tick at most, and free.
  [[nodiscard]] MonoTime now() const { return now_; }
  [[nodiscard]] bool draining() const { return draining_; }
  /// Whether a connection may take another request after this one.
  [[nodiscard]] bool keeps_connections() const { return !draining_ && !retiring_; }
  [[nodiscard]] const std::string& date_line() const { return date_line_; }
  /// Memory to drop unwanted bytes into; what is in it means nothing.
  [[nodiscard]] MutableByteSpan scratch() { return scratch_; }
  [[nodiscard]] const HttpServerOptions& limits() const { return limits_; }
  [[nodiscard]] HttpHandler& handler() { return handler_; }
  [[nodiscard]] HttpProbe& probe() { return probe_; }

 private:
  Task<void> tick_forever();
  Task<void> wait_for_connections(MonoTime until);
  Task<void> serve(TcpSocket socket, TlsContext tls);
  void refresh_clock();

  Executor executor_;
  const HttpServerOptions& limits_;
  HttpHandler& handler_;
  HttpProbe& probe_;
  std::chrono::milliseconds tick_;
  MonoTime now_;
  std::int64_t date_second_ = -1;
  std::string date_line_;
  std::vector<std::byte> scratch_;
  std::vector<HttpConnection*> connections_;
  asio::steady_timer drain_timer_;
  bool retiring_ = false;
  bool draining_ = false;
  bool stopped_ = false;  ///< The ticker is to end.
  TaskGroup ticker_;
  TaskGroup serving_;
};

}  // namespace kelp
