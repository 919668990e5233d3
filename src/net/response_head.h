#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "net/http.h"

namespace kelp {

/// How the peer will know where an answer ends, and what becomes of the connection.
struct ResponseFraming {
  std::optional<std::uint64_t> content_length;  ///< The line is left out when absent.
  bool chunked = false;
  bool close = false;            ///< Says `Connection: close`.
  bool says_keep_alive = false;  ///< Says `Connection: keep-alive`; an HTTP/1.0 peer needs it.
};

/// Appends status line, date, `head`'s lines, the framing lines and the empty line. `date_line` is
/// date_line()'s. Pure.
void append_response_head(std::string& out, const HttpResponse& head,
                          const ResponseFraming& framing, std::string_view date_line);

/// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" (RFC 9110 section 5.6.7).
[[nodiscard]] std::string date_line(WallTime now);

/// "OK" for 200; "Unknown" for a status that has no phrase here.
[[nodiscard]] std::string_view reason_phrase(int status);

/// True for answers that never have a body: 1xx, 204, 304 (RFC 9110 section 6.4.1).
[[nodiscard]] constexpr bool is_bodiless(int status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace kelp
