#include "server/volume_disk.h"

#include <fmt/format.h>

#include <algorithm>

#include "async/measured_pool.h"
#include "client/rpc/rpc_limits.h"
#include "client/rpc/rpc_volume_node.h"
#include "client/rpc/volume_handlers.h"
#include "crypto/random.h"
#include "server/assembly.h"
#include "volume/copying.h"
#include "volume/shard_rebuild.h"

namespace kelp::server {

prometheus::Gauge& failed_gauge(Metrics& metrics, const VolumeDiskPlace& place) {
  prometheus::Labels labels;
  if (place.listed) labels.emplace("directory", place.path);
  return metrics.gauge("kelp_volume_disk_failed",
                       "1: the directory is to be served and is not, or has failed", labels);
}

VolumeDisk::VolumeDisk(const VolumeDiskWorld& world, VolumeDiskPlace place)
    : world_(world), place_(std::move(place)), background_(world.rpc.executor) {}

VolumeDisk::~VolumeDisk() {
  release();
}

Task<Result<void>> VolumeDisk::open(Addresses at) {
  auto begin = [this] { return open_files(); };
  KELP_CO_CHECK(co_await offload<void>(world_.pool, std::move(begin)));
  co_return co_await serve(std::move(at));
}

Result<void> VolumeDisk::open_files() {
  if (place_.listed) {
    KELP_TRY(const bool there, world_.io.exists(place_.path));
    if (!there) {
      return Error(Errc::kNotFound, fmt::format("{} is not there: is its disk mounted? A directory "
                                                "of volume.disk is made by its operator",
                                                place_.path));
    }
  }
  KELP_TRY(data_, join_data_dir(world_.io, place_.path, world_.identity));
  const Config& config = world_.config;
  pool_ = make_measured_pool(
      {.threads = config.threads.disk_threads},
      {world_.metrics, world_.clock, "disk", place_.listed ? place_.path : std::string()});
  budget_ = std::make_unique<BackgroundBudget>(config.volume.background_rate, world_.clock,
                                               world_.timers);
  VolumeServiceParts parts{world_.io,
                           *pool_,
                           world_.clock,
                           world_.metrics,
                           token_check(world_.identity, world_.cluster_clock),
                           &world_.nodes};
  parts.background = budget_.get();
  parts.timers = &world_.timers;
  if (is_cached(place_, config)) parts.cache = world_.cache;
  VolumeServiceOptions options = volume_options(config, world_.identity);
  options.directory = volume_dir(place_.path);
  options.reserve_bytes = place_.reserve;
  if (place_.listed) options.metrics_directory = place_.path;
  KELP_TRY(service_, VolumeService::start(std::move(options), std::move(parts)));
  return {};
}

Task<Result<void>> VolumeDisk::serve(Addresses at) {
  RpcServerOptions options =
      daemon_server_options({world_.identity.cluster_id, world_.identity.cluster_secret});
  options.metrics = &world_.metrics;
  rpc_ = std::make_unique<RpcServers>(world_.rpc, world_.executors, options);
  auto prepare = [this](RpcServer& server) {
    serve_volume(server, *service_, *service_);
    serve_volume_replicas(server, *service_);
  };
  rpc_->each(prepare);
  KELP_CO_CHECK(co_await rpc_->start(at.listen));
  address_ = bound_address(at.listen, rpc_->port());
  if (!at.http_listen.empty()) {
    KELP_CO_CHECK(listen_http(at.http_listen));
  }
  const VolumeConfig& volume = world_.config.volume;
  const std::string& http = at.http_reach.empty() ? http_address_ : at.http_reach;
  NodeIdentity node{service_->node_id(), at.reach.empty() ? address_ : at.reach, volume.data_centre,
                    volume.rack, node_tags(place_.tags, http)};
  auto heard = [this](const HeartbeatAnswer& answer) { heard_master(answer); };
  heartbeats_ =
      std::make_unique<Heartbeats>(std::move(node), random_u64() | 1, *service_, world_.masters,
                                   world_.clock, world_.timers, std::move(heard));
  background_.spawn(heartbeats_->run());
  UpkeepOptions upkeep = upkeep_options(world_.config);
  upkeep.fetch = [this](VolumeId of, NeedleKey key) { return fetch(of, key); };
  upkeep_ = std::make_unique<VolumeUpkeep>(*service_, std::move(upkeep));
  upkeep_tasks_ = {background_.spawn(upkeep_->run_vacuum()),
                   background_.spawn(upkeep_->run_scrub())};
  background_.spawn(keep_pulse());
  co_return Result<void>();
}

/// Needles by file id. The masters tell clients where: it listens before they hear of this node.
Result<void> VolumeDisk::listen_http(const std::string& listen) {
  auto locate = [this](VolumeId volume, bool again) {
    if (again) world_.locations.forget(volume);
    return world_.locations.locate(volume);
  };
  fids_ = std::make_unique<FidHttp>(FidHttpParts{
      *service_, world_.everywhere, &world_.nodes, std::move(locate), world_.cluster_clock,
      world_.identity.cluster_secret, world_.config.limits.body_memory});
  KELP_TRY(http_, world_.front.listen_volume(listen, *fids_, http_address_));
  return {};
}

Task<void> VolumeDisk::close(MonoTime grace) {
  background_.cancel();
  co_await background_.join();
  if (http_ != nullptr) {
    const auto left = std::max(grace - world_.clock.mono(), std::chrono::nanoseconds(0));
    co_await http_->drain(std::chrono::duration_cast<std::chrono::milliseconds>(left));
    http_.reset();
  }
  if (rpc_ != nullptr) co_await rpc_->stop(grace);
  auto end = [this]() -> Result<void> {
    release();
    return {};
  };
  // A full pool leaves it to the destructor.
  [[maybe_unused]] const auto released = co_await offload<void>(world_.pool, std::move(end));
}

void VolumeDisk::release() {
  rpc_.reset();
  fids_.reset();
  heartbeats_.reset();
  upkeep_.reset();
  if (service_ != nullptr) {
    // Without snapshots the next start reads more; nothing is lost. The room logs it.
    [[maybe_unused]] const auto closed = service_->close();
  }
  pool_.reset();
  service_.reset();
  budget_.reset();
  data_.lock.reset();
}

std::optional<Error> VolumeDisk::trouble() const {
  if (auto failed = service_->failure()) return failed;
  return heartbeats_->refusal();
}

/// Until it has failed; nothing is vacuumed or scrubbed then.
Task<void> VolumeDisk::keep_pulse() {
  constexpr std::chrono::seconds kPause{1};
  do {
    co_await service_->feel_pulse();
    if (!failure().has_value()) continue;
    failed_gauge(world_.metrics, place_).Set(1);
    for (const std::uint64_t task : upkeep_tasks_) background_.cancel(task);
    co_return;
  } while ((co_await world_.timers.sleep_until(world_.clock.mono() + kPause)).has_value());
}

void VolumeDisk::heard_master(const HeartbeatAnswer& answer) {
  if (answer.now != WallTime{}) world_.cluster_clock.follow(answer.now);
  // Without a word of the master it takes needles again: slowly is better than not at all.
  constexpr std::chrono::seconds kRefusal{5};
  if (answer.refuse_needles) service_->refuse_needles_until(world_.clock.mono() + kRefusal);
}

/// A needle as another member of its volume has it.
Task<Result<std::string>> VolumeDisk::fetch(VolumeId volume, NeedleKey key) {
  KELP_CO_TRY(const VolumeLocation location, co_await world_.masters.locate(volume));
  if (location.scheme) {
    // Shards differ: ours is computed from those of others.
    StripeSources from{.scheme = location.scheme, .shard = 0, .members = location.members};
    const auto own = std::ranges::find(from.members, service_->node_id(), &VolumeMember::node_id);
    if (own == from.members.end()) {
      co_return Error(Errc::kConflict, fmt::format("volume {} has no shard here", volume.value));
    }
    from.shard = own->shard;
    std::vector<VolumeMember> others = location.members;
    std::erase_if(others, [&](const VolumeMember& m) { return m.node_id == service_->node_id(); });
    auto stub =
        co_await fetch_stub(world_.nodes, volume, location.generation, std::move(others), key);
    if (stub.has_value()) co_return stub;
    co_return co_await rebuild_shard(world_.nodes, volume, location.generation, std::move(from),
                                     key);
  }
  Error last(Errc::kNotFound, fmt::format("volume {} has no other member", volume.value));
  for (const VolumeMember& member : location.members) {
    if (member.node_id == service_->node_id()) continue;
    const auto node = world_.nodes.at(member.address);
    auto image = co_await node->read_needle(volume, location.generation, key);
    if (image.has_value()) co_return image;
    last = image.error();
  }
  co_return last;
}

}  // namespace kelp::server
