#include "server/rpc_link.h"

#include <utility>

#include "crypto/random.h"
#include "os/posix_file_io.h"

namespace kelp::server {
namespace {

RpcChannelsOptions options_of(RpcIdentity identity) {
  RpcChannelsOptions options;
  options.identity = std::move(identity);
  return options;
}

}  // namespace

RpcLink::RpcLink() : io_(make_posix_file_io()), timers_(make_asio_timers()) {}

Result<std::unique_ptr<RpcLink>> RpcLink::open(const Config& config, RpcIdentity identity) {
  std::unique_ptr<RpcLink> link(new RpcLink());
  KELP_TRY(link->network_, InternalNetwork::open(config, *link->io_, link->clock_, link->metrics_));
  RpcWorld world{link->executor(), link->network_->get(), link->clock_, *link->timers_,
                 random_bytes};
  link->channels_ = std::make_unique<RpcChannels>(std::move(world), std::vector{link->executor()},
                                                  options_of(std::move(identity)));
  return link;
}

RpcLink::~RpcLink() {
  if (channels_ != nullptr) runtime_.run(channels_->stop());
}

}  // namespace kelp::server
