#include "net/http_connection.h"

#include <exception>
#include <utility>

#include "base/log.h"

namespace kelp {
namespace {

/// Room behind the largest head, for the framing of chunks.
constexpr std::size_t kRoomBehindHead = 4 * 1024;
/// How long a peer that was told that we close may take to stop sending.
constexpr std::chrono::seconds kLinger{2};

}  // namespace

HttpConnection::HttpConnection(HttpWorker& worker, TcpSocket socket,
                               std::unique_ptr<TlsSession> tls, std::string remote_address)
    : worker_(worker),
      transport_(std::move(socket), std::move(tls)),
      remote_address_(std::move(remote_address)),
      input_(worker.limits().head_limit_bytes + kRoomBehindHead),
      scanner_({.head_bytes = worker.limits().head_limit_bytes,
                .header_count = worker.limits().header_count_limit}),
      body_(transport_, input_, worker),
      response_(transport_, body_, worker) {}

Task<void> HttpConnection::run() {
  const MonoTime deadline = worker_.now() + worker_.limits().head_timeout;
  if (transport_.secure() && co_await transport_.handshake(deadline) != IoStatus::kOk) co_return;
  while (true) {
    const Next next = co_await await_head();
    if (next == Next::kRefuse) co_await refuse();
    if (next != Next::kRequest) break;
    if (!co_await answer()) break;
  }
  transport_.close();
}

/// Waits for a whole head. On return kRequest, head_ is filled and the input begins with the body.
Task<HttpConnection::Next> HttpConnection::await_head() {
  const HttpServerOptions& limits = worker_.limits();
  std::optional<MonoTime> head_deadline;
  scanner_.reset();
  while (true) {
    const auto found = scanner_.scan(input_.view());
    if (!found) {
      refusal_ = found.error();
      co_return Next::kRefuse;
    }
    if (*found > 0) co_return take_head(*found);
    if (!input_.empty() && !head_deadline) head_deadline = worker_.now() + limits.head_timeout;
    idle_ = input_.empty();
    if (idle_ && worker_.draining()) co_return Next::kClose;
    input_.compact();
    const MonoTime deadline = idle_ ? worker_.now() + limits.idle_timeout : *head_deadline;
    const IoOutcome outcome = co_await transport_.read_some(input_.room(), deadline);
    const bool was_idle = std::exchange(idle_, false);
    if (outcome.status == IoStatus::kTimedOut && !was_idle) {
      refusal_ = HeadRefusal{408, Error(Errc::kDeadlineExceeded, "the head came too slowly")};
      co_return Next::kRefuse;
    }
    if (outcome.status != IoStatus::kOk) co_return Next::kClose;
    input_.received(outcome.bytes);
  }
}

HttpConnection::Next HttpConnection::take_head(std::size_t head_bytes) {
  // A chunked body needs room behind the head, which must not move once it is taken apart.
  if (input_.offset() + head_bytes > worker_.limits().head_limit_bytes) input_.compact();
  if (auto parsed = parse_head(input_.view().substr(0, head_bytes), head_); !parsed) {
    refusal_ = std::move(parsed).error();
    return Next::kRefuse;
  }
  input_.consume(head_bytes);
  head_.request.secure = transport_.secure();
  head_.request.remote_address = remote_address_;
  return Next::kRequest;
}

/// Has the request answered; true when the connection can take the next one.
Task<bool> HttpConnection::answer() {
  body_.begin(head_.request, head_.expects_continue);
  response_.begin(head_.request, head_.keep_alive);
  co_await call_handler();
  if (!response_.started()) {
    worker_.probe().failed_handlers.Increment();
    const auto [type, text] =
        worker_.handler().refusal(500, Error(Errc::kInternal, "the request was not answered"));
    HttpResponse head(500);
    head.add("Content-Type", type);
    co_await response_.give_up(std::move(head), text);
  }
  worker_.probe().answered(response_.status());
  if (!response_.complete()) co_return false;  // cut: the peer must see that something is missing
  if (response_.keeps_connection()) {
    if (body_.finished()) co_return true;
    if (co_await body_.drain()) co_return true;
  }
  if (!body_.finished() || !input_.empty()) {
    co_await linger();
  } else {
    transport_.shutdown_send();
  }
  co_return false;
}

/// Contains what a handler throws: libraries below it may.
Task<void> HttpConnection::call_handler() {
  const HttpExchange exchange{head_.request, body_, response_};
  try {
    co_await worker_.handler().handle(exchange);
    co_return;
  } catch (const std::exception& failure) {
    logger("net").error("handler_threw what={}", log_value(failure.what()));
  } catch (...) {
    logger("net").error("handler_threw what=unknown");
  }
  if (response_.started()) worker_.probe().failed_handlers.Increment();
}

Task<void> HttpConnection::refuse() {
  const HeadRefusal refusal = *std::move(refusal_);
  worker_.probe().refused_heads.Increment();
  logger("net").debug("head_refused status={} peer={} why={}", refusal.status, remote_address_,
                      log_value(refusal.error.detail()));
  const auto [type, text] = worker_.handler().refusal(refusal.status, refusal.error);
  HttpResponse head(refusal.status);
  head.add("Content-Type", type);
  head_.request = HttpRequest{};
  body_.begin(head_.request, false);
  response_.begin(head_.request, false);
  co_await response_.give_up(std::move(head), text);
  worker_.probe().answered(refusal.status);
  co_await linger();
}

/// Closing with unread bytes resets the connection and may take our answer from the peer: say that
/// no more comes, then read on for a while. Most peers look at the answer when they have sent all.
Task<void> HttpConnection::linger() {
  transport_.shutdown_send();
  const MonoTime deadline = worker_.now() + kLinger;
  while (worker_.now() < deadline) {
    const IoOutcome outcome = co_await transport_.read_some(worker_.scratch(), deadline);
    if (outcome.status != IoStatus::kOk) break;
  }
}

}  // namespace kelp
