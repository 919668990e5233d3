#include "client/rpc/rpc_caller.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "base/assert.h"

namespace kelp {

RpcCaller::RpcCaller(RpcChannels& channels, std::vector<std::string> addresses,
                     RpcCallerOptions options)
    : channels_(channels), addresses_(std::move(addresses)), options_(options) {
  KELP_ASSERT(!addresses_.empty(), "a service has an address");
}

namespace {

/// One of several may be silent (cut off, stopped): then the next one is asked after so long.
constexpr std::chrono::seconds kTurnTime{2};
/// A leader is looked for at all addresses in a row, and again after at most so long: a second of
/// an election is little to wait for, and a thousand servers that look are no load.
constexpr std::chrono::milliseconds kLongestPause{300};
/// Whoever waits for a leader, or for the one server there is, is told after so long.
constexpr std::chrono::seconds kPatience{10};
/// So long calls stay away from an address that was gone.
constexpr std::chrono::seconds kStayAway{30};
/// What the look whether it is back may cost the one call that takes it.
constexpr std::chrono::milliseconds kLookTime{100};

}  // namespace

Task<Result<RpcMessage>> RpcCaller::call(RpcMethod method, RpcMessage request,
                                         std::optional<MonoTime> deadline) {
  const Executor here = co_await asio::this_coro::executor;
  const RpcMethodInfo& info = info_of(method);
  const MonoTime begin = channels_.clock().mono();
  const MonoTime end = deadline ? *deadline : begin + time_of(info.time);
  // What cannot be repeated anyway is not worth a copy of up to 512 KiB.
  const bool may_repeat = info.repeatable || request.attachment.empty();
  co_await look_back(here);
  const bool by_turns = !deadline && info.repeatable && addresses_.size() > 1;
  bool electing = false;  // Who led may be gone, and who is there says that it does not lead.
  Backoff backoff({.most = kLongestPause});
  std::optional<Error> refused;  // Why the attempts before failed.
  for (unsigned attempts = 1;; ++attempts) {
    const std::string& to = address();
    KELP_CO_TRY(const auto client, channels_.client(here, to));
    RpcMessage sent = may_repeat ? request : std::exchange(request, {});
    RpcCallTrace trace;
    const MonoTime until = by_turns ? std::min(end, channels_.clock().mono() + kTurnTime) : end;
    auto answer = co_await client->call(std::to_underlying(method), std::move(sent), until, &trace);
    if (answer) {
      channels_.succeeded(here);
      co_return answer;
    }
    const Error& error = answer.error();
    avoid_if_gone(to, error.code());
    electing = electing || error.reason() == Reason::kNotLeader;
    const bool turn_over = error.code() == Errc::kDeadlineExceeded && until < end;
    const FailedCall failed{.code = turn_over ? Errc::kUnavailable : error.code(),
                            .reason = error.reason(),
                            .repeatable = info.repeatable,
                            .sent = trace.sent,
                            .leaving = trace.leaving,
                            .awaited = electing || (options_.waits && addresses_.size() == 1),
                            .attempts = attempts};
    auto wait = may_repeat ? channels_.repeat_after(here, failed, backoff) : std::nullopt;
    if (wait && is_free(failed) && attempts % addresses_.size() != 0) {
      wait = std::chrono::nanoseconds(0);
    }
    // An attempt that found no connection knows less than the ones before.
    if (!wait && !trace.sent && refused && error.code() == Errc::kDeadlineExceeded) {
      co_return *std::move(refused);
    }
    if (!wait) co_return answer;
    refused = error;
    const MonoTime next = channels_.clock().mono() + *wait;
    if (next >= end || (waits_for_server(failed) && next >= begin + kPatience)) co_return answer;
    KELP_CO_CHECK(co_await channels_.timers().sleep_until(next));
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
  look_back_at_.store(channels_.clock().mono() + kStayAway, std::memory_order_relaxed);
  current_.compare_exchange_strong(current, (current + 1) % addresses_.size(),
                                   std::memory_order_relaxed);
}

/// Goes back to the first address that answers, when it is time to look.
Task<void> RpcCaller::look_back(Executor here) {
  const std::size_t current = current_.load(std::memory_order_relaxed);
  if (!options_.probe || current == 0) co_return;
  const MonoTime now = channels_.clock().mono();
  MonoTime due = look_back_at_.load(std::memory_order_relaxed);
  // One call looks, the others go on.
  if (now < due || !look_back_at_.compare_exchange_strong(due, now + kStayAway)) co_return;
  const std::uint32_t method = std::to_underlying(*options_.probe);
  for (std::size_t index = 0; index < current; ++index) {
    const auto client = channels_.client(here, addresses_[index]);
    if (!client) continue;
    RpcMessage nothing{.message = encode_message(Done{})};
    const auto answer = co_await (*client)->call(method, std::move(nothing), now + kLookTime);
    if (!answer) continue;
    std::size_t from = current;
    current_.compare_exchange_strong(from, index, std::memory_order_relaxed);
    co_return;
  }
}

}  // namespace kelp
