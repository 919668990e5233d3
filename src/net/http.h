#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/awaitable.h"
#include "base/bytes.h"
#include "base/http_header.h"
#include "os/pinned_pages.h"

namespace kelp {

/// ASCII, case-insensitive.
[[nodiscard]] bool iequals(std::string_view a, std::string_view b);

/// A request's head after the strict checks of net/http_head.h. Views are valid until the handler
/// returns.
struct HttpRequest {
  std::string_view method;  ///< As received, e.g. "GET".
  std::string_view
      target;  ///< As received: path and query, never decoded; absolute-form is cut to its path.
  int minor_version = 1;                        ///< HTTP/1.0 or HTTP/1.1.
  std::span<const HttpHeader> headers;          ///< In the order received.
  std::optional<std::uint64_t> content_length;  ///< Nothing when absent or chunked.
  bool chunked = false;             ///< Transfer-Encoding: chunked (the reader decodes it).
  bool secure = false;              ///< Came over TLS.
  std::string_view remote_address;  ///< The peer's IP address, without port.

  /// The value of the first header `name` (any case), or nothing.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

/// The request's body, decoded from its framing. One reader an exchange; io thread of the
/// connection only.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  /// Waits for at least one byte and fills as much of `buffer` as has arrived; 0 at the end of the
  /// body. The first call answers `Expect: 100-continue`. Large buffers are filled straight from
  /// the socket. Errors: kInvalidArgument (broken framing; Reason::kBodyTruncated when the peer
  /// closed early), kDeadlineExceeded with Reason::kBodyTooSlow, kCancelled (shutdown). After an
  /// error the connection will be closed.
  virtual Task<Result<std::size_t>> read_some(MutableByteSpan buffer) = 0;
};

/// Reads until `buffer` is full or the body ends; returns the number of bytes read.
[[nodiscard]] Task<Result<std::size_t>> read_full(BodyReader& body, MutableByteSpan buffer);

/// The head of an answer: status and header lines, ready to send.
class HttpResponse {
 public:
  explicit HttpResponse(int status) : status_(status) {}
  /// Adds a line. `name` must be a token; bytes of `value` that would break the framing (CR, LF,
  /// NUL) become spaces. Content-Length, Transfer-Encoding, Connection and Date are the server's:
  /// do not add them.
  void add(std::string_view name, std::string_view value);
  void add(std::string_view name, std::uint64_t value);
  /// The connection is closed after this answer.
  void close_after() { close_ = true; }

  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& lines() const { return lines_; }
  [[nodiscard]] bool closes() const { return close_; }

 private:
  int status_;
  std::string lines_;
  bool close_ = false;
};

/// Sends the answer. Call send() once, or start(), write()…, finish(). io thread of the connection
/// only. Errors: kUnavailable (the peer is gone), kDeadlineExceeded (it reads too slowly),
/// kCancelled.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;
  /// Head and whole body at once. For HEAD and 304 pass the body_bytes that GET would have with
  /// send_head().
  virtual Task<Result<void>> send(HttpResponse head, std::string body) = 0;
  /// A head alone. `body_bytes` is announced as Content-Length when given (HEAD); no body follows.
  virtual Task<Result<void>> send_head(HttpResponse head,
                                       std::optional<std::uint64_t> body_bytes) = 0;
  /// Keeps the head back until the first write(). Without `body_bytes` the body is chunked (or ends
  /// by closing, for HTTP/1.0).
  virtual void start(HttpResponse head, std::optional<std::uint64_t> body_bytes) = 0;
  /// Sends a piece; together with the head when it is the first. `bytes` must live until this
  /// returns.
  virtual Task<Result<void>> write(ByteSpan bytes) = 0;
  /// Whether write_pages() saves the copies: not over TLS.
  [[nodiscard]] virtual bool takes_pages() const { return false; }
  /// As write(); only where takes_pages(), and after start() with a length.
  virtual Task<Result<void>> write_pages(PinnedPages pages) = 0;
  /// Ends the body. Closes the connection, so that the peer sees the loss, when fewer bytes than
  /// announced were written.
  virtual Task<Result<void>> finish() = 0;
  /// True once a byte of the answer may have left: it is too late for another status.
  [[nodiscard]] virtual bool started() const = 0;
};

/// One request and its answer. Wait for one of them at a time: reading the body or sending.
struct HttpExchange {
  const HttpRequest& request;
  BodyReader& body;
  ResponseWriter& response;
};

/// What a server does with requests. Called on the io thread of the connection, many at once. When
/// it returns without an answer the server sends 500. What is left of the request's body is read
/// and dropped up to a bound, else the connection is closed.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual Task<void> handle(HttpExchange exchange) = 0;
  /// The answer to a request that never became one (bad head, too large, too slow) or that handle()
  /// left without an answer. `status` is 400, 408, 411, 413, 414, 417, 431, 500, 501 or 505; the
  /// connection is closed after it. Gives content type and body.
  [[nodiscard]] virtual std::pair<std::string, std::string> refusal(int status,
                                                                    const Error& error) = 0;
};

}  // namespace kelp
