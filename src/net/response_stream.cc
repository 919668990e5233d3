#include "net/response_stream.h"

#include <fmt/format.h>

namespace kelp {

void ResponseStream::begin(const HttpRequest& request, bool keep_alive) {
  is_head_ = request.method == "HEAD";
  is_1_0_ = request.minor_version == 0;
  keep_alive_ = keep_alive;
  begun_ = started_ = complete_ = failed_ = close_ = chunked_ = drops_body_ = false;
  status_ = 0;
  left_.reset();
  head_.clear();
  pieces_.clear();
}

Task<Result<void>> ResponseStream::send(HttpResponse head, std::string body) {
  if (begun_ || failed_) co_return misuse("a second answer to one request");
  build_head(head, body.size(), true);
  pieces_.push_back(as_bytes(head_));
  if (!drops_body_ && !body.empty()) pieces_.push_back(as_bytes(body));
  complete_ = true;
  co_return co_await flush();
}

Task<Result<void>> ResponseStream::send_head(HttpResponse head,
                                             std::optional<std::uint64_t> body_bytes) {
  if (begun_ || failed_) co_return misuse("a second answer to one request");
  if (!is_head_ && !is_bodiless(head.status())) {
    if (body_bytes.value_or(0) > 0) co_return misuse("a head without the body that it announces");
    body_bytes = 0;
  }
  build_head(head, body_bytes, false);
  pieces_.push_back(as_bytes(head_));
  complete_ = true;
  co_return co_await flush();
}

void ResponseStream::start(HttpResponse head, std::optional<std::uint64_t> body_bytes) {
  if (begun_ || failed_) {
    misuse("a second answer to one request");
    return;
  }
  build_head(head, body_bytes, true);
  left_ = body_bytes;
}

Task<Result<void>> ResponseStream::write(ByteSpan bytes) {
  if (!begun_ || complete_ || failed_) co_return misuse("a piece of a body outside an answer");
  if (bytes.empty()) co_return Result<void>();
  if (left_ && bytes.size() > *left_) co_return misuse("more body than was announced");
  if (left_) *left_ -= bytes.size();
  if (!started_) pieces_.push_back(as_bytes(head_));
  char size_line[24];
  if (!drops_body_) {
    if (chunked_) {
      const auto end = fmt::format_to_n(size_line, sizeof size_line, "{:x}\r\n", bytes.size());
      pieces_.push_back(as_bytes({size_line, end.size}));
    }
    pieces_.push_back(bytes);
    if (chunked_) pieces_.push_back(as_bytes("\r\n"));
  }
  co_return co_await flush();
}

Task<Result<void>> ResponseStream::write_pages(PinnedPages pages) {
  if (!begun_ || complete_ || failed_) co_return misuse("a piece of a body outside an answer");
  if (!takes_pages() || !left_ || drops_body_) co_return misuse("pages where they cannot be sent");
  if (pages.size() > *left_) co_return misuse("more body than was announced");
  *left_ -= pages.size();
  const bool more = *left_ > 0;
  if (!started_) {
    pieces_.push_back(as_bytes(head_));
    KELP_CO_CHECK(co_await flush(true));
  }
  IoStatus status = transport_.try_write_pages(pages, more);
  while (status == IoStatus::kWouldBlock) {
    status = co_await transport_.wait_writable(worker_.now() + worker_.limits().progress_timeout);
    if (status == IoStatus::kOk) status = transport_.try_write_pages(pages, more);
  }
  co_return outcome_of(status);
}

Task<Result<void>> ResponseStream::finish() {
  if (!begun_ || complete_ || failed_) co_return misuse("the end of an answer that is not open");
  if (left_.value_or(0) > 0 && !drops_body_) {
    close_ = failed_ =
        true;  // and not complete_: the connection is cut, so that the peer sees the loss
    co_return Error(Errc::kInternal, fmt::format("{} bytes of the body are missing", *left_));
  }
  complete_ = true;
  if (!started_) pieces_.push_back(as_bytes(head_));
  if (chunked_ && !drops_body_) pieces_.push_back(as_bytes("0\r\n\r\n"));
  if (pieces_.empty()) co_return Result<void>();
  co_return co_await flush();
}

Task<void> ResponseStream::give_up(HttpResponse head, std::string body) {
  head_.clear();
  pieces_.clear();
  begun_ = complete_ = failed_ = chunked_ = drops_body_ = false;
  left_.reset();
  keep_alive_ = false;
  static_cast<void>(co_await send(std::move(head), std::move(body)));
}

/// Decides how the answer is framed and whether the connection goes on after it. `length` is that
/// of the body, or what to announce when `has_body` is false.
void ResponseStream::build_head(const HttpResponse& head, std::optional<std::uint64_t> length,
                                bool has_body) {
  begun_ = true;
  status_ = head.status();
  drops_body_ = is_head_ || is_bodiless(status_);
  ResponseFraming framing;
  framing.content_length = length;
  // A bodiless answer announces a length only when asked to: 304 by send_head (RFC 9110, 8.6).
  if (is_bodiless(status_) && (has_body || status_ != 304)) framing.content_length.reset();
  const bool unknown_length = has_body && !length && !is_bodiless(status_);
  chunked_ = unknown_length && !is_1_0_;
  framing.chunked = chunked_;
  const bool ends_by_closing = unknown_length && is_1_0_ && !is_head_;
  close_ = head.closes() || !keep_alive_ || ends_by_closing || !worker_.keeps_connections() ||
           !(body_.finished() || body_.worth_draining());
  framing.close = close_;
  framing.says_keep_alive = is_1_0_;
  append_response_head(head_, head, framing, worker_.date_line());
}

/// Sends pieces_, which live in our caller. `more`: what follows will be sent at once.
Task<Result<void>> ResponseStream::flush(bool more) {
  started_ = true;
  IoStatus status = transport_.try_write(pieces_, more);
  while (status == IoStatus::kWouldBlock) {
    const MonoTime deadline = worker_.now() + worker_.limits().progress_timeout;
    status = co_await transport_.write_some(pieces_, deadline);
  }
  co_return outcome_of(status);
}

/// How a send ended; after a bad end nothing more goes out.
Result<void> ResponseStream::outcome_of(IoStatus status) {
  if (status == IoStatus::kOk) return {};
  pieces_.clear();
  close_ = failed_ = true;
  complete_ = false;
  if (status == IoStatus::kTimedOut) {
    return Error(Errc::kDeadlineExceeded, "the peer does not read the answer");
  }
  if (status == IoStatus::kCancelled) return Error(Errc::kCancelled, "shutting down");
  return Error(Errc::kUnavailable, "the peer is gone");
}

Error ResponseStream::misuse(const char* what) {
  close_ = failed_ = true;
  complete_ = false;
  return {Errc::kInternal, what};
}

}  // namespace kelp
