#include "server/rpc_link.h"

#include <utility>

#include "crypto/random.h"

namespace kelp::server {
namespace {

RpcChannelsOptions options_of(RpcIdentity identity) {
  RpcChannelsOptions options;
  options.identity = std::move(identity);
  return options;
}

}  // namespace

RpcLink::RpcLink(RpcIdentity identity)
    : network_(make_tcp_network()),
      timers_(make_asio_timers()),
      channels_(RpcWorld{executor(), *network_, clock_, *timers_, random_bytes},
                std::vector{executor()}, options_of(std::move(identity))) {}

RpcLink::~RpcLink() {
  runtime_.run(channels_.stop());
}

}  // namespace kelp::server
