#pragma once

#include <type_traits>
#include <utility>

#include "rpc/rpc_server.h"
#include "wire/message_codec.h"
#include "wire/node_messages.h"
#include "wire/rpc_methods.h"

namespace kelp {

/// Waits for `answer` and encodes it.
template <typename T>
Task<Result<RpcMessage>> encode_answer(Task<Result<T>> answer) {
  if constexpr (std::is_void_v<T>) {
    KELP_CO_CHECK(co_await std::move(answer));
    co_return RpcMessage{.message = encode_message(Done{})};
  } else {
    KELP_CO_TRY(const T value, co_await std::move(answer));
    co_return RpcMessage{.message = encode_message(value)};
  }
}

/// The handler of one request, once it is read: an Error when it does not read.
template <typename Request, typename Serve>
Task<Result<RpcMessage>> answer_request(RpcMethod method, Serve serve, RpcMessage message) {
  KELP_CO_TRY(Request request, decode_message<Request>(message.message, info_of(method).name));
  co_return co_await encode_answer(serve(std::move(request)));
}

/// RpcServer::handle() of a method, with its name.
template <typename Handler>
void handle_method(RpcServer& server, RpcMethod method, Handler handler) {
  server.handle(std::to_underlying(method), info_of(method).name, std::move(handler));
}

/// Registers `method`: what `serve` (Request to Task<Result<Answer>>; Answer a message, or void)
/// returns is the answer. What `serve` refers to must outlive the server.
template <typename Request, typename Serve>
void serve_method(RpcServer& server, RpcMethod method, Serve serve) {
  handle_method(server, method, [method, serve](RpcMessage message, RpcCallInfo) {
    return answer_request<Request>(method, serve, std::move(message));
  });
}

/// Waits for `value` and puts it into the message that carries it.
template <typename Answer, typename T>
Task<Result<Answer>> wrap(Task<Result<T>> value) {
  KELP_CO_TRY(T plain, co_await std::move(value));
  co_return Answer{std::move(plain)};
}

}  // namespace kelp
