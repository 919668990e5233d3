#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "async/awaitable.h"
#include "base/bytes.h"
#include "base/clock.h"

namespace kelp {

/// One connection of the internal traffic: bytes in order, both ways. One reader and one writer at
/// a time, all on the executor it was made on. The destructor closes it; no call may then be under
/// way.
class Stream {
 public:
  virtual ~Stream() = default;
  /// Waits for at least one byte; 0 at the end of the stream (or for an empty buffer). Errors:
  /// kUnavailable (the connection broke), kCancelled (the coroutine was cancelled, or close()).
  virtual Task<Result<std::size_t>> read_some(MutableByteSpan buffer) = 0;
  /// Sends all of `pieces`, one after the other. Span and bytes must live until this returns.
  /// Errors as read_some; any part may have been sent.
  virtual Task<Result<void>> write(std::span<const ByteSpan> pieces) = 0;
  /// Ends both directions and, with kCancelled, what waits on them. May be repeated.
  virtual void close() = 0;
  /// The other end's address, for logs.
  [[nodiscard]] virtual const std::string& peer() const = 0;
};

/// A listening address. The destructor closes it; no accept() may then be under way.
class Listener {
 public:
  virtual ~Listener() = default;
  /// The next connection; it lives on the listener's executor. Errors: kCancelled (cancelled, or
  /// close()), kResourceExhausted (out of descriptors or memory; wait a little and go on).
  virtual Task<Result<std::unique_ptr<Stream>>> accept() = 0;
  /// The same, for a connection that will live on `executor`: hand it over before it is used.
  virtual Task<Result<std::unique_ptr<Stream>>> accept_for(Executor executor) = 0;
  /// The port in use.
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// Takes no more connections. May be repeated.
  virtual void close() = 0;
};

/// The one seam to the internal network; the process has TCP, tests the twin
/// (tests/support/sim_network.h). Addresses are "host:port", IPv6 as "[::1]:port". Thread-safe.
class Network {
 public:
  virtual ~Network() = default;
  /// Connects; the stream lives on the calling coroutine's executor. Errors: kInvalidArgument (bad
  /// address), kUnavailable (refused, no route, unknown name), kDeadlineExceeded, kCancelled.
  virtual Task<Result<std::unique_ptr<Stream>>> connect(std::string address, MonoTime deadline) = 0;
  /// Listens; port 0 takes a free one. Errors: kInvalidArgument (bad address, not an IP address),
  /// kUnavailable (taken).
  virtual Result<std::unique_ptr<Listener>> listen(Executor executor, std::string address) = 0;
};

/// TCP with TCP_NODELAY.
[[nodiscard]] std::unique_ptr<Network> make_tcp_network();

/// "[::1]:80" to "::1" and 80. kInvalidArgument when `address` is not host:port.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
/// The last colon divides; an IPv6 host needs its brackets, the port is 0 to 65535.
[[nodiscard]] Result<HostPort> parse_host_port(std::string_view address);

}  // namespace kelp
