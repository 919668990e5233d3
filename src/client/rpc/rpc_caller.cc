#include "client/rpc/rpc_caller.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "base/assert.h"

namespace kelp {

RpcCaller::RpcCaller(RpcChannels& channels, std::vector<std::string> addresses)
    : channels_(channels), addresses_(std::move(addresses)) {
  KELP_ASSERT(!addresses_.empty(), "a service has an address");
}

namespace {

/// One of several may be silent (cut off, stopped): then the next one is asked after so long.
constexpr std::chrono::seconds kTurnTime{2};

}  // namespace

Task<Result<RpcMessage>> RpcCaller::call(RpcMethod method, RpcMessage request,
                                         std::optional<MonoTime> deadline) {
  const Executor here = co_await asio::this_coro::executor;
  const RpcMethodInfo& info = info_of(method);
  const MonoTime end = deadline ? *deadline : channels_.clock().mono() + time_of(info.time);
  // What cannot be repeated anyway is not worth a copy of up to 512 KiB.
  const bool may_repeat = info.repeatable || request.attachment.empty();
  const bool by_turns = !deadline && info.repeatable && addresses_.size() > 1;
  Backoff backoff({});
  for (unsigned attempts = 1;; ++attempts) {
    const std::string& to = address();
    KELP_CO_TRY(const auto client, channels_.client(here, to));
    RpcMessage sent = may_repeat ? request : std::move(request);
    bool left = false;
    const MonoTime until = by_turns ? std::min(end, channels_.clock().mono() + kTurnTime) : end;
    auto answer = co_await client->call(std::to_underlying(method), std::move(sent), until, &left);
    if (answer) {
      channels_.succeeded(here);
      co_return answer;
    }
    const Error& error = answer.error();
    avoid_if_gone(to, error.code());
    const bool turn_over = error.code() == Errc::kDeadlineExceeded && until < end;
    const FailedCall failed{.code = turn_over ? Errc::kUnavailable : error.code(),
                            .reason = error.reason(),
                            .repeatable = info.repeatable,
                            .sent = left,
                            .attempts = attempts};
    const auto wait = may_repeat ? channels_.repeat_after(here, failed, backoff) : std::nullopt;
    if (!wait || channels_.clock().mono() + *wait >= end) co_return answer;
    KELP_CO_CHECK(co_await channels_.timers().sleep_until(channels_.clock().mono() + *wait));
  }
}

const std::string& RpcCaller::address() const {
  return addresses_[current_.load(std::memory_order_relaxed) % addresses_.size()];
}

/// The next call starts at another address, unless somebody has moved on already.
void RpcCaller::avoid_if_gone(const std::string& address, Errc code) {
  if (code != Errc::kUnavailable && code != Errc::kDeadlineExceeded) return;
  auto current = current_.load(std::memory_order_relaxed);
  if (addresses_[current % addresses_.size()] != address) return;
  current_.compare_exchange_strong(current, (current + 1) % addresses_.size(),
                                   std::memory_order_relaxed);
}

}  // namespace kelp
