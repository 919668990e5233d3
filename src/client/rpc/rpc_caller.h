#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/rpc/rpc_channels.h"
#include "wire/node_messages.h"

namespace kelp {

/// How a service is called.
struct RpcCallerOptions {
  /// A call whose request could not leave waits for the one server, some seconds; else it fails
  /// soon, since there is another way.
  bool waits = false;
  /// A method without contents. Who left an address that was gone asks by it, after half a minute
  /// and again, whether that one is back, and goes back then: else all callers would stay with the
  /// server that restarted last. Nothing: they stay where they are.
  std::optional<RpcMethod> probe;
};

/// Calls a service that answers at any of some addresses: its default deadlines, which address, and
/// when to ask again. Safe from any io thread of its RpcChannels.
class RpcCaller {
 public:
  /// At least one address, the one to prefer first; some may have nobody behind them. `channels`
  /// must outlive this.
  RpcCaller(RpcChannels& channels, std::vector<std::string> addresses,
            RpcCallerOptions options = {});

  /// Calls and, when the method may be repeated or was certainly not done, calls again: with
  /// growing waits, at the next address, until `deadline` (nothing: that of the method's class).
  /// Errors: as RpcClient::call.
  Task<Result<RpcMessage>> call(RpcMethod method, RpcMessage request,
                                std::optional<MonoTime> deadline = {});

  /// call() with structs: sends `request`, reads an Answer, checks it whole.
  template <typename Answer, typename Request>
  Task<Result<Answer>> ask(RpcMethod method, Request request,
                           std::optional<MonoTime> deadline = {}) {
    RpcMessage message{.message = encode_message(request)};
    KELP_CO_TRY(const RpcMessage answer, co_await call(method, std::move(message), deadline));
    co_return decode_message<Answer>(answer.message, info_of(method).name);
  }
  /// The same, for one member of the answer.
  template <typename Answer, typename Value, typename Request>
  Task<Result<Value>> ask(RpcMethod method, Request request, Value Answer::* member,
                          std::optional<MonoTime> deadline = {}) {
    KELP_CO_TRY(Answer answer, co_await ask<Answer>(method, std::move(request), deadline));
    co_return std::move(answer.*member);
  }
  /// The same, for an answer that says nothing.
  template <typename Request>
  Task<Result<void>> tell(RpcMethod method, Request request) {
    KELP_CO_CHECK(co_await ask<Done>(method, std::move(request)));
    co_return Result<void>();
  }

  [[nodiscard]] RpcChannels& channels() const { return channels_; }
  /// Where the next call goes first.
  [[nodiscard]] const std::string& address() const;

 private:
  void avoid_if_gone(const std::string& address, Errc code);
  Task<void> look_back(Executor here);

  RpcChannels& channels_;
  const std::vector<std::string> addresses_;
  const RpcCallerOptions options_;
  std::atomic<std::size_t> current_ = 0;
  std::atomic<MonoTime> look_back_at_{};
};

}  // namespace kelp
