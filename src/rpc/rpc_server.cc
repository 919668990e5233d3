#include "rpc/rpc_server.h"

#include "base/assert.h"
#include "base/log.h"
#include "rpc/rpc_server_connection.h"

namespace kelp {

RpcServer::RpcServer(RpcWorld world, RpcServerOptions options)
    : world_(std::move(world)), options_(std::move(options)), tasks_(world_.executor) {}

RpcServer::~RpcServer() = default;

void RpcServer::handle(std::uint32_t method, RpcHandler handler) {
  KELP_ASSERT(!listener_, "register methods before start()");
  const bool fresh = handlers_.emplace(method, std::move(handler)).second;
  KELP_ASSERT(fresh, "a method has one handler");
}

Result<void> RpcServer::start(const std::string& address) {
  KELP_TRY(listener_, world_.network.listen(world_.executor, address));
  tasks_.spawn(accept_forever());
  return {};
}

std::uint16_t RpcServer::port() const {
  return listener_->port();
}

Task<void> RpcServer::stop(MonoTime grace) {
  constexpr auto kLook = std::chrono::milliseconds(5);
  stopping_ = true;
  if (listener_) listener_->close();
  while (in_flight_ > 0 && world_.clock.mono() < grace) {
    if (!co_await world_.timers.sleep_until(world_.clock.mono() + kLook)) break;
  }
  tasks_.cancel();
  co_await tasks_.join();
}

Task<void> RpcServer::accept_forever() {
  constexpr auto kPause = std::chrono::milliseconds(100);
  while (true) {
    auto stream = co_await listener_->accept();
    if (!stream && stream.error().code() == Errc::kCancelled) co_return;
    if (!stream) {
      logger("rpc").warn("accept_failed error={}", log_value(stream.error().message()));
      if (!co_await world_.timers.sleep_until(world_.clock.mono() + kPause)) co_return;
      continue;
    }
    if (connections_ >= options_.connection_limit) {
      logger("rpc").warn("connection_refused peer={} limit={}", (*stream)->peer(),
                         options_.connection_limit);
      continue;
    }
    tasks_.spawn(serve(*std::move(stream)));
  }
}

Task<void> RpcServer::serve(std::unique_ptr<Stream> stream) {
  ++connections_;
  RpcServerConnection connection(*this, std::move(stream));
  co_await connection.run();
  --connections_;
}

}  // namespace kelp
