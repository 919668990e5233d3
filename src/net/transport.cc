#include "net/transport.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <utility>

namespace kelp {
namespace {

constexpr std::size_t kCipherBytes = 32 * 1024;
constexpr std::size_t kEncryptBytes = 64 * 1024;  // at most so much ciphertext waits to be sent
constexpr std::size_t kGatherLimit = 8;

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

Transport::Transport(TcpSocket socket, std::unique_ptr<TlsSession> tls)
    : socket_(std::move(socket)), tls_(std::move(tls)) {
  if (tls_) cipher_.resize(kCipherBytes);
  boost::system::error_code ignored;
  socket_.native_non_blocking(true, ignored);  // splice(2) has no flag for it
}

Task<IoStatus> Transport::handshake(MonoTime deadline) {
  while (tls_) {
    const TlsSession::Status status = tls_->handshake();
    IoStatus flushed = flush_tls();
    while (flushed == IoStatus::kWouldBlock) {
      const IoStatus waited = co_await wait_writable(deadline);
      if (waited != IoStatus::kOk) co_return waited;
      flushed = flush_tls();
    }
    if (flushed != IoStatus::kOk) co_return flushed;
    if (status == TlsSession::Status::kOk) break;
    if (status != TlsSession::Status::kWantInput) co_return IoStatus::kFailed;
    const IoStatus fed = co_await feed_tls(deadline);
    if (fed != IoStatus::kOk) co_return fed;
  }
  co_return IoStatus::kOk;
}

IoOutcome Transport::try_read(MutableByteSpan into) {
  if (aborted_) return {IoStatus::kCancelled};
  if (!tls_) return receive_now(into);
  IoOutcome outcome = read_tls(into);
  while (outcome.status == IoStatus::kWouldBlock) {
    const IoOutcome fed = receive_now(cipher_);
    if (fed.status != IoStatus::kOk) return {fed.status};
    tls_->feed(ByteSpan(cipher_).first(fed.bytes));
    outcome = read_tls(into);
  }
  return outcome;
}

Task<IoOutcome> Transport::read_some(MutableByteSpan into, MonoTime deadline) {
  if (!tls_) co_return co_await receive(into, deadline);
  while (true) {
    const IoOutcome outcome = read_tls(into);
    if (outcome.status != IoStatus::kWouldBlock) co_return outcome;
    const IoStatus fed = co_await feed_tls(deadline);
    if (fed != IoStatus::kOk) co_return IoOutcome{fed};
  }
}

IoStatus Transport::try_write(SendPieces& pieces, bool more) {
  if (aborted_) return IoStatus::kCancelled;
  if (!tls_) return send_now(pieces, more);
  while (true) {
    const IoStatus flushed = flush_tls();
    if (flushed != IoStatus::kOk || pieces.empty()) return flushed;
    if (tls_->encrypt_some(pieces, kEncryptBytes) != TlsSession::Status::kOk) {
      return IoStatus::kFailed;
    }
  }
}

Task<IoStatus> Transport::write_some(SendPieces& pieces, MonoTime deadline) {
  const IoStatus waited = co_await wait_writable(deadline);
  if (waited != IoStatus::kOk) co_return waited;
  co_return try_write(pieces);
}

IoStatus Transport::try_write_pages(PinnedPages& pages, bool more) {
  if (aborted_) return IoStatus::kCancelled;
  while (!pages.empty()) {
    const ssize_t sent = pages.send_to(socket_.native_handle(), more);
    if (sent > 0 || (sent < 0 && errno == EINTR)) continue;
    return sent < 0 && would_block(errno) ? IoStatus::kWouldBlock : IoStatus::kFailed;
  }
  return IoStatus::kOk;
}

void Transport::shutdown_send() {
  if (tls_) {
    tls_->shutdown();
    static_cast<void>(flush_tls());
  }
  boost::system::error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
}

void Transport::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Transport::tick(MonoTime now) {
  if (now < deadline_) return;
  deadline_ = MonoTime::max();
  expired_ = true;
  interrupt();
}

void Transport::interrupt() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Transport::abort() {
  aborted_ = true;
  interrupt();
}

IoOutcome Transport::receive_now(MutableByteSpan into) {
  while (true) {
    const ssize_t bytes = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
    if (bytes > 0) return {IoStatus::kOk, static_cast<std::size_t>(bytes)};
    if (bytes == 0) return {IoStatus::kEnded};
    if (errno == EINTR) continue;
    return {would_block(errno) ? IoStatus::kWouldBlock : IoStatus::kFailed};
  }
}

IoStatus Transport::send_now(SendPieces& pieces, bool more) {
  const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0);
  std::array<iovec, kGatherLimit> vectors;
  while (!pieces.empty()) {
    const std::size_t count = std::min(pieces.size(), vectors.size());
    for (std::size_t i = 0; i < count; ++i) {
      vectors[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    const ssize_t bytes = ::sendmsg(socket_.native_handle(), &message, flags);
    if (bytes >= 0) {
      take_front(pieces, static_cast<std::size_t>(bytes));
    } else if (would_block(errno)) {
      return IoStatus::kWouldBlock;
    } else if (errno != EINTR) {
      return IoStatus::kFailed;
    }
  }
  return IoStatus::kOk;
}

IoStatus Transport::flush_tls() {
  for (ByteSpan rest = tls_->pending(); !rest.empty(); rest = tls_->pending()) {
    const ssize_t bytes =
        ::send(socket_.native_handle(), rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (bytes >= 0) {
      tls_->sent(static_cast<std::size_t>(bytes));
    } else if (would_block(errno)) {
      return IoStatus::kWouldBlock;
    } else if (errno != EINTR) {
      return IoStatus::kFailed;
    }
  }
  return IoStatus::kOk;
}

IoOutcome Transport::read_tls(MutableByteSpan into) {
  std::size_t bytes = 0;
  switch (tls_->read(into, bytes)) {
    case TlsSession::Status::kOk:
      return {IoStatus::kOk, bytes};
    case TlsSession::Status::kWantInput:
      return {IoStatus::kWouldBlock};
    case TlsSession::Status::kClosed:
      return {IoStatus::kEnded};
    case TlsSession::Status::kFailed:
      break;
  }
  return {IoStatus::kFailed};
}

Task<IoOutcome> Transport::receive(MutableByteSpan into, MonoTime deadline) {
  if (aborted_) co_return IoOutcome{IoStatus::kCancelled};
  boost::system::error_code code;
  const auto buffer = asio::buffer(into.data(), into.size());
  begin_wait(deadline);
  const std::size_t bytes =
      co_await socket_.async_receive(buffer, asio::redirect_error(asio::use_awaitable, code));
  co_return IoOutcome{end_wait(code), bytes};
}

Task<IoStatus> Transport::wait_writable(MonoTime deadline) {
  if (aborted_) co_return IoStatus::kCancelled;
  boost::system::error_code code;
  begin_wait(deadline);
  co_await socket_.async_wait(TcpSocket::wait_write,
                              asio::redirect_error(asio::use_awaitable, code));
  co_return end_wait(code);
}

Task<IoStatus> Transport::feed_tls(MonoTime deadline) {
  static_cast<void>(flush_tls());  // an answer to a key update may be due
  const IoOutcome outcome = co_await receive(cipher_, deadline);
  if (outcome.status == IoStatus::kOk) tls_->feed(ByteSpan(cipher_).first(outcome.bytes));
  co_return outcome.status;
}

void Transport::begin_wait(MonoTime deadline) {
  expired_ = false;
  deadline_ = deadline;
}

IoStatus Transport::end_wait(const boost::system::error_code& code) {
  deadline_ = MonoTime::max();
  if (!code) return IoStatus::kOk;
  if (aborted_) return IoStatus::kCancelled;
  if (code == asio::error::eof) return IoStatus::kEnded;
  if (code == asio::error::operation_aborted) {
    return expired_ ? IoStatus::kTimedOut : IoStatus::kCancelled;
  }
  return IoStatus::kFailed;
}

}  // namespace kelp
