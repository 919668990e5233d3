// How each role is opened: its rooms, in the order in which they need one another.

#include <fmt/format.h>

#include "base/log.h"
#include "client/rpc/volume_handlers.h"
#include "crypto/random.h"
#include "server/daemon_parts.h"

namespace kelp::server {
namespace {

/// An election begins after 10 to 20 of these without a leader.
constexpr std::chrono::milliseconds kTick{50};

std::uint64_t random_number() {
  std::uint64_t number = 0;
  random_bytes(std::as_writable_bytes(std::span(&number, 1)));
  return number | 1;
}

}  // namespace

/// A renewed certificate is taken without anybody's help.
void Daemon::Parts::watch_network() {
  if (network->files().empty()) return;
  const CertificateWatchSeams seams{io, *disk_pool, clock, *timers};
  auto changed = [this] { network->reload(); };
  network_watch = std::make_unique<CertificateWatch>(seams, network->files(), std::move(changed));
  background.spawn(network_watch->run());
}

Task<void> Daemon::Parts::open(Result<void>& outcome) {
  watch_network();
  switch (role) {
    case Role::kMaster:
      outcome = co_await open_master();
      break;
    case Role::kVolume:
      outcome = co_await open_volume();
      break;
    case Role::kFiler:
      outcome = co_await open_filer();
      break;
    case Role::kS3:
      outcome = co_await open_s3();
      break;
  }
}

Task<Result<void>> Daemon::Parts::serve(const std::string& address, std::vector<Executor> executors,
                                        std::function<void(RpcServer&)> prepare) {
  const bool leads = role == Role::kMaster;
  RpcServerOptions options =
      leads ? master_server_options(rpc_identity()) : daemon_server_options(rpc_identity());
  options.metrics = &metrics;
  if (role == Role::kFiler) options.memory = &call_memory;
  rpc = std::make_unique<RpcServers>(world(), executors, options);
  rpc->each(prepare);
  KELP_CO_CHECK(co_await rpc->start(address));
  addresses.rpc = bound_address(address, rpc->port());
  co_return Result<void>();
}

Task<Result<void>> Daemon::Parts::open_master() {
  KELP_CO_TRY(const auto group, parse_masters(config.cluster.masters));
  master::MasterOptions options = master_options(config, identity);
  options.tick = kTick;
  options.id = config.master.id;
  options.bootstrap = group;
  options.join = config.master.join;
  const auto self = group.find(options.id);
  if (self == group.end()) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("cluster.masters does not name master {}", options.id));
  }
  options.address = self->second;
  options.seed = random_number();
  raft::RpcTransportOptions transport_options;
  transport_options.cluster_id = identity.cluster_id;
  transport_options.self = raft::NodeId{options.id};
  transport_options.address = options.address;
  transport_options.identity = rpc_identity();
  transport = std::make_unique<raft::RpcTransport>(world(), std::move(transport_options));
  auto peers_changed = [this](const std::map<std::uint64_t, std::string>& all) {
    std::map<raft::NodeId, std::string> peers;
    for (const auto& [id, address] : all) peers[raft::NodeId{id}] = address;
    transport->set_peers(peers);
  };
  master::MasterSeams seams{runtime.executor(0),
                            io,
                            *disk_pool,
                            clock,
                            *timers,
                            *volume_nodes,
                            *transport,
                            metrics,
                            std::move(peers_changed),
                            &boot_clock};
  KELP_CO_TRY(master, co_await master::MasterService::open(std::move(seams), std::move(options)));
  auto prepare = [this](RpcServer& server) {
    transport->serve(server);
    serve_master(server, *master);
    serve_master_control(server, *master);
  };
  co_return co_await serve(config.master.listen, {runtime.executor(0)}, std::move(prepare));
}

/// Blocks. One that does not work is no error: it says so, and nothing is cached.
Result<void> Daemon::Parts::open_cache(const std::vector<VolumeDiskPlace>& places) {
  const auto cached = [this](const VolumeDiskPlace& place) { return is_cached(place, config); };
  if (config.volume.cache.empty()) return {};
  if (std::ranges::none_of(places, cached)) {
    logger("volume").warn("cache_unused why=\"no directory has one of volume.cache_tags\"");
  }
  cache_pool = measured_pool("cache", config.threads.disk_threads);
  BlockCacheOptions options{config.volume.cache, config.volume.cache_size};
  cache =
      std::make_unique<BlockCache>(std::move(options), BlockCacheParts{io, *cache_pool, metrics});
  return {};
}

Task<Result<void>> Daemon::Parts::open_volume() {
  const std::vector<VolumeDiskPlace> places = disk_places(config, machine_name());
  auto open_it = [this, &places] { return open_cache(places); };
  KELP_CO_CHECK(co_await offload<void>(*disk_pool, std::move(open_it)));
  disks = std::make_unique<VolumeDisks>(VolumeDiskWorld{
      config, identity, io, clock, cluster_clock, *timers, metrics, *disk_pool, world(),
      executors(), *masters, *volume_nodes, *locations, *cluster_volumes, *front, cache.get()});
  KELP_CO_CHECK(co_await disks->open(places));
  addresses.rpc = disks->addresses();
  addresses.volume_http = disks->http_addresses();
  co_return Result<void>();
}

Task<Result<void>> Daemon::Parts::open_filer() {
  auto begin = [this] { return open_engine(config, identity, io, clock, EngineUse::kServe); };
  KELP_CO_TRY(kv, co_await offload<std::unique_ptr<KvStore>>(*disk_pool, std::move(begin)));
  FilerOptions how = filer_options(config, call_memory);
  filer = std::make_unique<FilerService>(*kv, *disk_pool, clock, std::move(how));
  KELP_CO_CHECK(open_tier());
  CollectorSeams seams{*kv,
                       *disk_pool,
                       clock,
                       *timers,
                       tier->volumes(),
                       tier->volume_admin(),
                       [this] { return NeedleKey{key_floor.load()}; },
                       metrics};
  collector =
      std::make_unique<Collector>(std::move(seams), collector_options(config, random_number()));
  background.spawn(collector->run());
  usage_watch = std::make_unique<UsageWatch>(*kv, *disk_pool, clock, *timers, metrics);
  background.spawn(usage_watch->run());
  const bool lists = config.filer.inventory_interval.count() > 0;
  if (lists || config.filer.lifecycle_interval.count() > 0) {
    leases = std::make_unique<KeyLeases>(tier->master(), clock, runtime.executor(0),
                                         lease_options(config));
  }
  if (lists) {
    KELP_CO_CHECK(open_inventory());
  }
  if (config.filer.lifecycle_interval.count() > 0) {
    mover = std::make_unique<BodyMover>(tier->volumes(), *leases);
    LifecycleSeams rules{*filer, *kv, *disk_pool, clock, *timers, metrics, mover.get()};
    lifecycle =
        std::make_unique<LifecycleRunner>(rules, lifecycle_options(config, random_number()));
    background.spawn(lifecycle->run());
  }
  const NotifySeams notify{*kv, *disk_pool, clock, *timers, metrics};
  const std::uint64_t holder = config.filer.engine == "rocksdb" ? 0 : random_number();
  KELP_CO_TRY(notify_pumps, make_pumps(config.s3.notify, notify, holder));
  for (const auto& pump : notify_pumps) background.spawn(pump->run());
  DumpHeader header{identity.cluster_id, config.filer.engine, {}};
  dumps = std::make_unique<FilerDumps>(*kv, *disk_pool, clock, *timers, std::move(header));
  background.spawn(dumps->run());
  background.spawn(locations->follow());
  background.spawn(keep_key_floor());
  identities = std::make_unique<FilerIdentities>(*kv, *disk_pool);
  auto prepare = [this](RpcServer& server) {
    serve_filer(server, *filer);
    serve_dumps(server, *dumps);
    serve_identities(server, *identities);
  };
  co_return co_await serve(config.filer.listen, executors(), std::move(prepare));
}

/// What filers and gateways have beside the volume servers.
Result<void> Daemon::Parts::open_tier() {
  const RemoteTierSeams ours{*cluster_volumes, *volume_admin, *masters};
  KELP_TRY(tier, RemoteTier::open(config, identity, io, clock, metrics, ours));
  return {};
}

/// A filer puts inventories itself, as a gateway would that nobody reaches.
Result<void> Daemon::Parts::open_inventory() {
  KELP_TRY(accounts, make_accounts(identity, config.s3));
  KELP_TRY(key_file, KeyFile::open(io, clock, config, false));
  const s3::GatewayDeps deps{*filer, tier->volumes(), *leases,    *accounts,
                             clock,  metrics,         *hash_pool, key_file->keys()};
  gateway = std::make_unique<s3::Gateway>(deps, gateway_options(config, {}));
  inventory_link = std::make_unique<InventoryLink>(*gateway);
  InventorySeams seams{*filer, *kv, *disk_pool, clock, *timers, metrics, *inventory_link};
  inventory = std::make_unique<InventoryRunner>(seams, inventory_options(config, random_number()));
  background.spawn(inventory->run());
  return {};
}

/// Asks the masters now and then which keys are too old to be named by new metadata.
Task<void> Daemon::Parts::keep_key_floor() {
  constexpr std::chrono::seconds kPause{30};
  while (true) {
    const auto floor = co_await masters->key_floor();
    if (floor.has_value()) key_floor = floor->value;
    if (!(co_await timers->sleep_until(clock.mono() + kPause)).has_value()) co_return;
  }
}

/// Tells the masters that this gateway lives, and learns with how many it shares the limits. While
/// nobody can say, they stay as they are.
Task<void> Daemon::Parts::share_limits() {
  constexpr std::chrono::seconds kPause{3};
  const std::uint64_t self = random_number();
  while (true) {
    const std::uint32_t gateways = (co_await masters->count_gateway(self)).value_or(0);
    if (gateways > 0) gateway->share_limits(gateways);
    if (!(co_await timers->sleep_until(clock.mono() + kPause)).has_value()) co_return;
  }
}

Task<Result<void>> Daemon::Parts::open_s3() {
  if (config.cluster.filers.empty()) {
    co_return Error(Errc::kInvalidArgument,
                    "cluster.filers is empty: say where the filers are, as host:port,…");
  }
  KELP_CO_TRY(accounts, make_accounts(identity, config.s3));
  auto read_keys = [this] {
    return make_file_keys(identity, config.s3.identities_file, *accounts, io);
  };
  KELP_CO_TRY(file_keys,
              co_await offload<std::unique_ptr<iam::FileKeys>>(*disk_pool, std::move(read_keys)));
  filers = std::make_unique<RpcFilerClient>(*channels, config.cluster.filers);
  KELP_CO_CHECK(open_tier());
  leases = std::make_unique<KeyLeases>(tier->master(), clock, runtime.executor(0),
                                       lease_options(config));
  background.spawn(locations->follow());
  KELP_CO_TRY(key_file, KeyFile::open(io, clock, config, false));
  if (key_file->keys() != nullptr) {
    const CertificateWatchSeams seams{io, *disk_pool, clock, *timers};
    auto changed = [this] { key_file->reload(); };
    key_watch = std::make_unique<CertificateWatch>(seams, std::vector{key_file->path()},
                                                   std::move(changed));
    background.spawn(key_watch->run());
  }
  if (uses_tls(config)) {
    certificate_watch = front->watch_tls({io, *disk_pool, clock, *timers});
    background.spawn(certificate_watch->run());
  }
  identities = std::make_unique<RpcIdentityStore>(*channels, config.cluster.filers);
  keys = std::make_unique<iam::KeyRing>(iam::KeyRingParts{*identities, *file_keys, clock, *timers},
                                        all_accounts(identity, config.s3.identities),
                                        identity.cluster_secret);
  background.spawn(keys->run());
  if (!config.s3.identities_file.empty()) {
    background.spawn(file_keys->run(*disk_pool, clock, *timers));
  }
  web_pool = make_thread_pool({.threads = 2, .queue_limit = 64});
  web_keys = make_web_keys(config, clock, *web_pool);
  KELP_CO_TRY(audit, open_audit_log(config, io, *disk_pool, metrics));
  queries = std::make_unique<iam::QueryApi>(
      iam::QueryApiParts{*keys, *web_keys, clock, metrics, audit.get(), &trace});
  const s3::GatewayDeps deps{*filers, tier->volumes(), *leases,          *keys,     clock,
                             metrics, *hash_pool,      key_file->keys(), keys.get()};
  s3::GatewayOptions options = gateway_options(config, [this] { return is_ready(); });
  options.queries = queries.get();
  options.audit = audit.get();
  options.trace = &trace;
  gateway = std::make_unique<s3::Gateway>(deps, std::move(options));
  if (config.s3.iceberg) {
    iceberg = std::make_unique<catalog::Catalog>(*gateway, identity.cluster_secret);
  }
  background.spawn(gateway->run_logs(*timers));
  if (config.s3.limits_shared) background.spawn(share_limits());
  if (audit != nullptr) background.spawn(audit->run(clock, *timers));
  co_return Result<void>();
}

}  // namespace kelp::server
