#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "mount/core/answers.h"
#include "mount/core/outcome.h"
#include "mount/core/signing.h"

namespace kelp::mount {

/// Where a request's body comes from; asked again from the start when it is sent again.
struct Body {
  std::uint64_t size_bytes = 0;
  /// Fills the buffer with what stands at `offset`.
  std::function<bool(std::uint64_t offset, MutableByteSpan buffer)> read = {};
};

/// What came back, of any status.
struct HttpReply {
  int status = 0;
  HeaderMap headers;
  std::string body;
};

/// HTTP requests that block, over connections that are kept (libcurl). Thread-safe: as many at once
/// as there are threads.
class HttpCalls {
 public:
  /// `endpoint`  "http://host:port" or https. `silence`: a request has failed when no byte moves
  /// for so long, and one that has little to move when it has not ended by then. `ca_file`: PEM of
  /// whom to believe who that is; empty: the system's.
  HttpCalls(std::string endpoint, std::chrono::milliseconds silence, const Clock& clock,
            std::string ca_file = {});
  ~HttpCalls();
  HttpCalls(const HttpCalls&) = delete;
  HttpCalls& operator=(const HttpCalls&) = delete;

  /// The Host header that requests go with.
  [[nodiscard]] const std::string& host() const { return host_; }

  /// Sends a signed request, by `deadline`: a body, either way, may take longer while it moves.
  /// `reply_bytes` is how large an answer is expected; more than that and a megabyte is refused.
  /// Errors  kUnavailable: no connection, nothing was sent; kDeadlineExceeded and kIo: whether it
  ///         was done is unknown; kCancelled after stop(); kInvalidArgument: the body did not read.
  Result<HttpReply> send(const OutgoingRequest& request, const Body& body,
                         std::uint64_t reply_bytes, MonoTime deadline);

  /// Ends requests within a second, and refuses new ones. May be called in a signal handler.
  void stop() { stopped_ = true; }
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  struct Transfer;
  class Handle;
  /// What a request came to; `code` is curl's.
  Result<HttpReply> ended(int code, void* curl, Transfer& transfer) const;

  std::string endpoint_;
  std::string host_;
  const std::chrono::milliseconds silence_;
  const Clock& clock_;
  const std::string ca_file_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::vector<void*> idle_;  ///< CURL handles.
};

}  // namespace kelp::mount
