#pragma once

#include <cstddef>
#include <expected>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace kelp {

/// How large a request's head may be. Past these: 431, for the request line 414.
struct HeadLimits {
  std::size_t head_bytes = 16 * 1024;
  std::size_t request_line_bytes = 8 * 1024;
  std::size_t header_count = 100;
};

/// Why a head was refused, and the status to answer with. The connection's framing is lost: close
/// it after the answer.
struct HeadRefusal {
  int status;
  Error error;
};

/// Finds the end of a head in bytes that arrive piece by piece, and checks their shape once each:
/// lines end in CRLF and nothing else, no control bytes but tabs in header lines, no folded lines
/// (RFC 9112 sections 2.2, 5.2), sizes within the limits. Pure.
class HeadScanner {
 public:
  explicit HeadScanner(HeadLimits limits) : limits_(limits) {}

  /// `bytes`  everything received so far, from the head's first byte on; may run past the head.
  /// Returns  the head's size with its empty line, or 0 while that line has not arrived.
  /// Errors   400, 414 or 431, as early as they can be told.
  [[nodiscard]] std::expected<std::size_t, HeadRefusal> scan(std::string_view bytes);
  /// Starts over with another head.
  void reset() {
    line_start_ = 0;
    lines_ = 0;
  }

 private:
  [[nodiscard]] std::expected<void, HeadRefusal> check_line(std::string_view line) const;
  [[nodiscard]] std::expected<void, HeadRefusal> check_unfinished(std::size_t head_bytes,
                                                                  std::size_t line_bytes) const;

  HeadLimits limits_;
  std::size_t line_start_ = 0;  ///< Where the first line that is not complete yet begins.
  std::size_t lines_ = 0;       ///< Complete lines before it.
};

/// A head taken apart. Views point into the bytes given to parse_head. Reuse one object: then
/// parsing allocates nothing.
struct ParsedHead {
  HttpRequest request;  ///< `secure` and `remote_address` are left to the caller.
  bool keep_alive = false;
  bool expects_continue = false;    ///< The peer waits for "100 Continue" before it sends the body.
  std::vector<HttpHeader> headers;  ///< What request.headers spans.
};

/// Takes apart a head that HeadScanner found (`head` is exactly its bytes) and refuses whatever two
/// HTTP implementations could frame differently: both Content-Length and Transfer-Encoding, either
/// of them twice, a Content-Length that is not 1 to 19 plain digits, a Transfer-Encoding other than
/// "chunked" or on HTTP/1.0, a missing, repeated or malformed Host, an absolute-form target whose
/// authority is not Host. Unknown methods and any path pass: method and target stay raw.
///
/// Errors: 400, 417 (an expectation other than 100-continue), 505. `out` is unspecified then.
/// Source: RFC 9112 sections 2 to 6; where it leaves a choice, the strictest.
[[nodiscard]] std::expected<void, HeadRefusal> parse_head(std::string_view head, ParsedHead& out);

}  // namespace kelp
