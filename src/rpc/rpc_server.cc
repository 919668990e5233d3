#include "rpc/rpc_server.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "base/assert.h"
#include "base/log.h"
#include "rpc/rpc_probe.h"
#include "rpc/rpc_server_connection.h"

namespace kelp {

RpcServer::RpcServer(RpcWorld world, RpcServerOptions options)
    : world_(std::move(world)),
      options_(std::move(options)),
      unknown_(std::make_unique<RpcMethodProbe>(options_.metrics, world_.clock, "unknown")),
      tasks_(world_.executor) {}

RpcServer::~RpcServer() = default;

void RpcServer::handle(std::uint32_t method, std::string_view name, RpcHandler handler) {
  KELP_ASSERT(!listener_, "register methods before start()");
  auto probe = std::make_unique<RpcMethodProbe>(options_.metrics, world_.clock, std::string(name));
  const bool fresh = methods_.emplace(method, Method{std::move(handler), std::move(probe)}).second;
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
  for (RpcServerConnection* connection : open_) connection->say_farewell();
  for (MonoTime now = world_.clock.mono(); now < grace && !is_drained(now);
       now = world_.clock.mono()) {
    if (!co_await world_.timers.sleep_until(now + kLook)) break;
  }
  tasks_.cancel();
  co_await tasks_.join();
}

bool RpcServer::is_drained(MonoTime now) const {
  // Each is asked, also behind one that is not done: it notes since when it is.
  return std::ranges::count_if(open_, [now](auto* each) { return !each->is_drained(now); }) == 0;
}

void RpcServer::on_connection_end(std::function<void(std::uint64_t)> ended) {
  KELP_ASSERT(!listener_, "register before start()");
  connection_ended_.push_back(std::move(ended));
}

Task<void> RpcServer::accept_forever() {
  constexpr auto kPause = std::chrono::milliseconds(100);
  for (std::size_t turn = 0;; ++turn) {
    RpcServer& server = *dealt_to_[turn % dealt_to_.size()];
    auto stream = co_await listener_->accept_for(server.world_.executor);
    if (!stream && stream.error().code() == Errc::kCancelled) co_return;
    if (!stream) {
      logger("rpc").warn("accept_failed error={}", log_value(stream.error().message()));
      if (!co_await world_.timers.sleep_until(world_.clock.mono() + kPause)) co_return;
      continue;
    }
    if (&server == this) {
      adopt(*std::move(stream));
      continue;
    }
    auto hand_over = [&server, s = *std::move(stream)]() mutable { server.adopt(std::move(s)); };
    asio::post(server.world_.executor, std::move(hand_over));
  }
}

void RpcServer::adopt(std::unique_ptr<Stream> stream) {
  if (stopping_) return;
  if (open_.size() >= options_.connection_limit) {
    logger("rpc").warn("connection_refused peer={} limit={}", stream->peer(),
                       options_.connection_limit);
    return;
  }
  tasks_.spawn(serve(std::move(stream)));
}

Task<void> RpcServer::serve(std::unique_ptr<Stream> stream) {
  const std::uint64_t number = next_connection_++;
  RpcServerConnection connection(*this, std::move(stream), number);
  open_.push_back(&connection);
  co_await connection.run();
  for (const auto& ended : connection_ended_) ended(number);
  std::erase(open_, &connection);
}

}  // namespace kelp
