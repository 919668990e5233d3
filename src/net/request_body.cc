#include "net/request_body.h"

#include <fmt/format.h>

#include <algorithm>

namespace kelp {
namespace {

/// Chunks at least this large are received into the caller's buffer, smaller ones by way of ours.
constexpr std::size_t kDirectBytes = 4096;

}  // namespace

void RequestBody::begin(const HttpRequest& request, bool expects_continue) {
  chunked_ = request.chunked;
  left_ = request.content_length.value_or(0);
  chunks_ = ChunkedDecoder();
  start_offset_ = input_.offset();
  received_bytes_ = 0;
  waited_ = {};
  error_.reset();
  // A peer that has begun to send does not wait (RFC 9110 section 10.1.1).
  expects_continue_ = expects_continue && input_.empty();
  // Nothing could be refused of an empty body, so the word costs nothing; botocore, when it gets
  // the final answer in its place, misreads the next answer on the connection.
  if (expects_continue_ && at_end()) (void)send_continue();
}

Task<Result<std::size_t>> RequestBody::read_some(MutableByteSpan buffer) {
  if (error_) co_return *error_;
  if (at_end() || buffer.empty()) co_return std::size_t{0};
  if (expects_continue_) {
    KELP_CO_CHECK(send_continue());
  }
  if (chunked_) co_return co_await read_chunked(buffer);
  if (!input_.empty()) {
    const std::size_t bytes = input_.take(
        buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer.size()))));
    left_ -= bytes;
    co_return bytes;
  }
  co_return co_await read_plain(buffer);
}

bool RequestBody::worth_draining() const {
  if (error_ || expects_continue_) return false;
  return chunked_ || left_ <= worker_.limits().drain_limit_bytes;
}

Task<bool> RequestBody::drain() {
  std::uint64_t dropped_bytes = 0;
  while (!finished()) {
    if (!worth_draining() || dropped_bytes > worker_.limits().drain_limit_bytes) co_return false;
    const auto bytes = co_await read_some(worker_.scratch());
    if (!bytes) co_return false;
    dropped_bytes += *bytes;
  }
  co_return true;
}

Result<void> RequestBody::send_continue() {
  expects_continue_ = false;
  SendPieces pieces{as_bytes("HTTP/1.1 100 Continue\r\n\r\n")};
  const IoStatus status = transport_.try_write(pieces);
  // Nothing else is on its way to the peer, so that a full socket cannot be.
  if (status != IoStatus::kOk) return fail(failure_of(status));
  return {};
}

Task<Result<std::size_t>> RequestBody::read_plain(MutableByteSpan buffer) {
  const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer.size()));
  KELP_CO_TRY(const std::size_t bytes, co_await receive(buffer.first(want)));
  left_ -= bytes;
  co_return bytes;
}

Task<Result<std::size_t>> RequestBody::read_chunked(MutableByteSpan buffer) {
  while (true) {
    KELP_CO_TRY(const std::size_t taken, take_buffered_chunks(buffer));
    if (taken > 0 || chunks_.done()) co_return taken;
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(chunks_.data_left(), buffer.size()));
    if (want >= kDirectBytes) {
      KELP_CO_TRY(const std::size_t bytes, co_await receive(buffer.first(want)));
      chunks_.took(bytes);
      co_return bytes;
    }
    // Everything buffered was read; the head before it must stay where it is.
    input_.rewind(start_offset_);
    KELP_CO_TRY(const std::size_t bytes, co_await receive(input_.room()));
    input_.received(bytes);
  }
}

/// Decodes what has already arrived into `buffer`; stops when one of them is used up.
Result<std::size_t> RequestBody::take_buffered_chunks(MutableByteSpan buffer) {
  std::size_t taken = 0;
  while (!input_.empty() && taken < buffer.size() && !chunks_.done()) {
    auto framing = chunks_.skip_framing(input_.view());
    if (!framing) return fail(std::move(framing).error());
    input_.consume(*framing);
    const auto rest = buffer.subspan(taken);
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(chunks_.data_left(), rest.size()));
    if (want == 0) continue;
    const std::size_t bytes = input_.take(rest.first(want));
    chunks_.took(bytes);
    taken += bytes;
  }
  return taken;
}

/// Receives at least one byte. A peer may keep us waiting, in all, for the progress timeout and a
/// second more for each `minimum_body_rate` bytes it sent.
Task<Result<std::size_t>> RequestBody::receive(MutableByteSpan into) {
  IoOutcome outcome = transport_.try_read(into);
  if (outcome.status == IoStatus::kWouldBlock) {
    const HttpServerOptions& limits = worker_.limits();
    const std::uint64_t rate = std::max<std::uint64_t>(limits.minimum_body_rate, 1);
    const std::chrono::nanoseconds patience =
        limits.progress_timeout + std::chrono::seconds(received_bytes_ / rate) - waited_;
    const MonoTime began = worker_.now();
    const MonoTime deadline =
        began + std::min<std::chrono::nanoseconds>(patience, limits.progress_timeout);
    outcome = co_await transport_.read_some(into, deadline);
    waited_ += worker_.now() - began;
  }
  if (outcome.status != IoStatus::kOk) co_return fail(failure_of(outcome.status));
  received_bytes_ += outcome.bytes;
  co_return outcome.bytes;
}

Error RequestBody::fail(Error error) {
  error_ = error;
  return error;
}

Error RequestBody::failure_of(IoStatus status) {
  switch (status) {
    case IoStatus::kTimedOut:
      return {Errc::kDeadlineExceeded,
              fmt::format("the body stalled after {} bytes", received_bytes_),
              Reason::kBodyTooSlow};
    case IoStatus::kCancelled:
      return {Errc::kCancelled, "the server is shutting down"};
    default:
      return {Errc::kInvalidArgument,
              fmt::format("the connection ended inside the body, after {} bytes", received_bytes_),
              Reason::kBodyTruncated};
  }
}

}  // namespace kelp
