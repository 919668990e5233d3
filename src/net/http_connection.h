#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "net/http_head.h"
#include "net/http_worker.h"
#include "net/input_buffer.h"
#include "net/request_body.h"
#include "net/response_stream.h"
#include "net/transport.h"

namespace kelp {

/// One connection: reads heads, calls the handler, keeps the framing of both directions. Lives on
/// its worker's thread.
class HttpConnection {
 public:
  /// `worker` must outlive the connection; `tls` may be null.
  HttpConnection(HttpWorker& worker, TcpSocket socket, std::unique_ptr<TlsSession> tls,
                 std::string remote_address);

  /// Serves request after request; returns when the connection is closed.
  Task<void> run();

  void tick(MonoTime now) { transport_.tick(now); }
  /// Closes it when it waits for a request. One that has just arrived is still answered.
  void close_if_idle() {
    if (idle_) transport_.interrupt();
  }
  void abort() { transport_.abort(); }

  std::size_t index = 0;  ///< The worker's: its place in the list of connections.

 private:
  enum class Next { kRequest, kRefuse, kClose };
  Task<Next> await_head();
  Task<bool> answer();
  Task<void> call_handler();
  Task<void> refuse();
  Task<void> linger();
  [[nodiscard]] Next take_head(std::size_t head_bytes);

  HttpWorker& worker_;
  Transport transport_;
  const std::string remote_address_;
  InputBuffer input_;
  HeadScanner scanner_;
  ParsedHead head_;
  RequestBody body_;
  ResponseStream response_;
  std::optional<HeadRefusal> refusal_;
  bool idle_ = false;  ///< Waiting for the first byte of a head.
};

}  // namespace kelp
