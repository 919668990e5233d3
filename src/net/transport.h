#pragma once

#include <sys/uio.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <span>
#include <vector>

#include "async/awaitable.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "net/send_pieces.h"
#include "net/tls.h"
#include "os/pinned_pages.h"

namespace kelp {

/// A TCP socket with its io thread's executor known at compile time: cheaper than the type-erased.
using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;

/// How reading, sending or waiting ended.
enum class IoStatus {
  kOk,
  kWouldBlock,  ///< Nothing can be done at once: wait.
  kEnded,       ///< The peer sends no more.
  kTimedOut,    ///< The deadline passed.
  kCancelled,   ///< abort() was called.
  kFailed,      ///< The connection is broken.
};

/// How it ended and how many bytes moved.
struct IoOutcome {
  IoStatus status = IoStatus::kOk;
  std::size_t bytes = 0;
};

/// Bytes to and from one peer, over TCP or over TLS on it, with deadlines that cost no timer: the
/// owner calls tick() now and then. One thread; one wait at a time, for reading or for writing.
class Transport {
 public:
  /// `tls` may be null: then bytes travel in the clear.
  Transport(TcpSocket socket, std::unique_ptr<TlsSession> tls);

  [[nodiscard]] bool secure() const { return tls_ != nullptr; }
  /// The TLS handshake; nothing to do without TLS.
  Task<IoStatus> handshake(MonoTime deadline);
  /// Reads what is there, without waiting.
  [[nodiscard]] IoOutcome try_read(MutableByteSpan into);
  /// Waits for at least one byte.
  Task<IoOutcome> read_some(MutableByteSpan into, MonoTime deadline);
  /// Sends what fits, without waiting; kOk when nothing is left.
  /// `more`: other bytes follow at once.
  [[nodiscard]] IoStatus try_write(SendPieces& pieces, bool more = false);
  /// Waits until more can be sent, and sends what fits.
  Task<IoStatus> write_some(SendPieces& pieces, MonoTime deadline);
  /// try_write() of pages, in the clear only.
  [[nodiscard]] IoStatus try_write_pages(PinnedPages& pages, bool more);
  /// Waits until more can be sent.
  Task<IoStatus> wait_writable(MonoTime deadline);
  /// Says that we send no more; the peer may go on.
  void shutdown_send();
  void close();

  /// Ends a wait whose deadline is before `now` with kTimedOut.
  void tick(MonoTime now);
  /// Ends the running wait with kCancelled, unless its bytes are already here.
  void interrupt();
  /// Ends the running and every later wait with kCancelled.
  void abort();
  [[nodiscard]] bool aborted() const { return aborted_; }

 private:
  [[nodiscard]] IoOutcome receive_now(MutableByteSpan into);
  [[nodiscard]] IoStatus send_now(SendPieces& pieces, bool more);
  [[nodiscard]] IoStatus flush_tls();
  [[nodiscard]] IoOutcome read_tls(MutableByteSpan into);
  Task<IoOutcome> receive(MutableByteSpan into, MonoTime deadline);
  Task<IoStatus> feed_tls(MonoTime deadline);
  void begin_wait(MonoTime deadline);
  [[nodiscard]] IoStatus end_wait(const boost::system::error_code& code);

  TcpSocket socket_;
  std::unique_ptr<TlsSession> tls_;
  std::vector<std::byte> cipher_;  ///< Where TLS bytes arrive; empty without TLS.
  MonoTime deadline_ = MonoTime::max();
  bool expired_ = false;
  bool aborted_ = false;
};

}  // namespace kelp
