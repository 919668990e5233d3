#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "async/awaitable.h"

namespace kelp {

/// What http_get() received.
struct HttpClientResponse {
  int status = 0;
  std::string head;  ///< Status line and header lines, without the empty line.
  std::string body;
};

/// One GET over a connection of its own, for probes: no TLS, no redirects, bodies up to 1 MiB.
/// `address` is an IP address, `target` a path. kInvalidArgument for a bad address, kUnavailable
/// when nobody listens or the connection breaks, kDeadlineExceeded after `timeout`, kCorruption
/// when the answer is not HTTP.
[[nodiscard]] Task<Result<HttpClientResponse>> http_get(std::string address, std::uint16_t port,
                                                        std::string target,
                                                        std::chrono::milliseconds timeout);

}  // namespace kelp
