#include "server/daemon.h"

#include <fmt/format.h>

#include <atomic>

#include "async/runtime.h"
#include "async/task_group.h"
#include "base/log.h"
#include "client/cluster_clock.h"
#include "client/cluster_volume_admin.h"
#include "client/cluster_volumes.h"
#include "client/rpc/rpc_channels.h"
#include "client/rpc/rpc_dumps.h"
#include "client/rpc/rpc_filer.h"
#include "client/rpc/rpc_identities.h"
#include "client/rpc/rpc_limits.h"
#include "client/rpc/rpc_master.h"
#include "client/rpc/rpc_volume_node.h"
#include "client/rpc/volume_handlers.h"
#include "crypto/random.h"
#include "filer/filer_dumps.h"
#include "filer/filer_identities.h"
#include "filer/filer_service.h"
#include "filer/lifecycle_runner.h"
#include "filer/usage_watch.h"
#include "iam/query_api.h"
#include "master/master_service.h"
#include "os/boot_clock.h"
#include "raft/node/rpc_transport.h"
#include "rpc/rpc_servers.h"
#include "server/accounts.h"
#include "server/admin_http.h"
#include "server/assembly.h"
#include "server/certificate_watch.h"
#include "server/engines.h"
#include "server/front.h"
#include "server/key_file.h"
#include "server/notify_targets.h"
#include "server/process.h"
#include "server/volume_disks.h"
#include "volume/store/block_cache.h"

namespace kelp::server {
namespace {

/// An election begins after 10 to 20 of these without a leader.
constexpr std::chrono::milliseconds kTick{50};

std::vector<Executor> executors_of(const Runtime& runtime) {
  std::vector<Executor> executors;
  for (std::size_t i = 0; i < runtime.size(); ++i) executors.push_back(runtime.executor(i));
  return executors;
}

/// The master `self` is asked first: it may lead, and it answers for sure.
std::vector<std::string> addresses_of(const std::map<std::uint64_t, std::string>& masters,
                                      std::uint64_t self) {
  std::vector<std::string> out;
  for (const auto& [id, address] : masters) {
    out.insert(id == self ? out.begin() : out.end(), address);
  }
  return out;
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  random_bytes(std::as_writable_bytes(std::span(&number, 1)));
  return number | 1;
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::kMaster:
      return "master";
    case Role::kVolume:
      return "volume";
    case Role::kFiler:
      return "filer";
    case Role::kS3:
      return "s3";
  }
  return "";
}

/// What lives in the process, in the order it is made; it dies the other way round. What a role
/// does not have stays empty.
struct Daemon::Parts {
  Parts(Role what, const Config& given, const ClusterIdentity& cluster, FileIo& files, Clock& time)
      : role(what),
        config(given),
        identity(cluster),
        io(files),
        clock(time),
        runtime(io_threads(given)),
        background(runtime.executor(0)) {}

  Result<void> start();
  Task<void> open(Result<void>& outcome);
  Task<Result<void>> open_master();
  Task<Result<void>> open_volume();
  Result<void> open_cache(const std::vector<VolumeDiskPlace>& places);
  Task<Result<void>> open_filer();
  Task<Result<void>> open_s3();
  Task<void> keep_key_floor();
  Task<Result<void>> serve(const std::string& address, std::vector<Executor> executors,
                           std::function<void(RpcServer&)> prepare);
  Task<Readiness> look();
  Task<Result<void>> try_role();
  Task<bool> is_ready();
  Task<void> close();
  void stop();

  const Role role;
  const Config config;
  const ClusterIdentity identity;
  FileIo& io;
  Clock& clock;
  const BootClock boot_clock;
  ClusterClock cluster_clock{clock};
  Addresses addresses;
  std::atomic<bool> ready = false;
  bool stopped = false;

  Metrics metrics;
  Runtime runtime;
  std::unique_ptr<Timers> timers = make_asio_timers();
  std::unique_ptr<WorkPool> disk_pool;
  std::unique_ptr<WorkPool> hash_pool;
  std::unique_ptr<Network> network = make_tcp_network();
  std::unique_ptr<RpcChannels> channels;
  std::unique_ptr<RpcMasterClient> masters;
  std::unique_ptr<RpcVolumeNodes> volume_nodes;
  std::unique_ptr<LocationCache> locations;
  std::unique_ptr<ClusterVolumes> cluster_volumes;
  std::unique_ptr<ClusterVolumeAdmin> volume_admin;

  std::unique_ptr<raft::RpcTransport> transport;
  std::unique_ptr<master::MasterService> master;
  std::unique_ptr<BlockCache> cache;
  std::unique_ptr<WorkPool> cache_pool;  ///< Dies before the cache: its jobs need it.
  std::unique_ptr<VolumeDisks> disks;
  std::unique_ptr<KvStore> kv;
  MemoryBudget call_memory{filer_memory(config).calls};
  std::unique_ptr<FilerService> filer;
  std::atomic<std::uint64_t> key_floor = 0;
  std::unique_ptr<Collector> collector;
  std::unique_ptr<UsageWatch> usage_watch;
  std::unique_ptr<BodyMover> mover;
  std::unique_ptr<LifecycleRunner> lifecycle;
  std::vector<std::unique_ptr<NotifyPump>> notify_pumps;
  std::unique_ptr<FilerDumps> dumps;
  std::unique_ptr<IdentityStore> identities;
  std::unique_ptr<RpcFilerClient> filers;
  std::unique_ptr<KeyLeases> leases;
  std::unique_ptr<s3::CredentialStore> accounts;
  std::unique_ptr<KeyFile> key_file;
  std::unique_ptr<CertificateWatch> key_watch;
  std::unique_ptr<iam::FileKeys> file_keys;
  std::unique_ptr<iam::KeyRing> keys;
  std::unique_ptr<WorkPool> web_pool;  ///< Waits for identity providers.
  std::unique_ptr<iam::WebKeys> web_keys;
  std::unique_ptr<s3::AuditLog> audit;
  std::unique_ptr<iam::QueryApi> queries;
  std::unique_ptr<s3::Gateway> gateway;
  std::unique_ptr<webdav::WebDav> file_http;
  std::unique_ptr<master::MasterHttp> master_http;
  std::unique_ptr<AdminHttp> admin;
  TaskGroup background;  ///< On io thread 0.
  std::unique_ptr<RpcServers> rpc;
  std::unique_ptr<HttpFront> front;

 private:
  [[nodiscard]] RpcWorld world() {
    return {runtime.executor(0), *network, clock, *timers, random_bytes};
  }
  [[nodiscard]] RpcIdentity rpc_identity() const {
    return {identity.cluster_id, identity.cluster_secret};
  }
};

Result<void> Daemon::Parts::start() {
  disk_pool = make_thread_pool({.threads = config.threads.disk_threads});
  hash_pool = make_thread_pool({.threads = hash_threads()});
  KELP_TRY(const auto group, parse_masters(config.cluster.masters));
  if (group.empty()) {
    return Error(Errc::kInvalidArgument,
                 "cluster.masters is empty: say where the masters are, as 1=host:port,…");
  }
  RpcChannelsOptions options;
  options.identity = rpc_identity();
  channels = std::make_unique<RpcChannels>(world(), executors_of(runtime), std::move(options));
  masters = std::make_unique<RpcMasterClient>(
      *channels, addresses_of(group, role == Role::kMaster ? config.master.id : 0));
  volume_nodes = std::make_unique<RpcVolumeNodes>(*channels);
  locations = std::make_unique<LocationCache>(*masters, *masters, clock, *timers);
  cluster_volumes =
      std::make_unique<ClusterVolumes>(*volume_nodes, *locations, clock, *timers, metrics);
  volume_admin = std::make_unique<ClusterVolumeAdmin>(*volume_nodes, *masters, *locations);
  front = std::make_unique<HttpFront>(runtime, config, metrics);
  Result<void> outcome;
  runtime.run(open(outcome));
  KELP_CHECK(outcome);
  if (role == Role::kS3) {
    KELP_CHECK(front->listen_s3(*gateway, addresses));
    file_http = std::make_unique<webdav::WebDav>(gateway->services(), webdav_options(config));
    KELP_CHECK(front->listen_files(*file_http, addresses));
  }
  if (role == Role::kMaster) {
    master::MasterHttpParts parts{*masters,
                                  *masters,
                                  [this] { return master->group(); },
                                  [] { return static_cast<std::uint32_t>(random_u64()); },
                                  removal_signer(identity, clock),
                                  clock};
    master_http =
        std::make_unique<master::MasterHttp>(std::move(parts), master_http_options(config));
    KELP_CHECK(front->listen_master(*master_http, addresses));
  }
  admin = std::make_unique<AdminHttp>(metrics, [this] { return look(); });
  return front->listen_admin(*admin, addresses);
}

Task<void> Daemon::Parts::open(Result<void>& outcome) {
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
  cache_pool = make_thread_pool({.threads = config.threads.disk_threads});
  BlockCacheOptions options{config.volume.cache, config.volume.cache_size};
  cache =
      std::make_unique<BlockCache>(std::move(options), BlockCacheParts{io, *cache_pool, metrics});
  return {};
}

Task<Result<void>> Daemon::Parts::open_volume() {
  const std::vector<VolumeDiskPlace> places = disk_places(config, machine_name());
  auto open_it = [this, &places] { return open_cache(places); };
  KELP_CO_CHECK(co_await offload<void>(*disk_pool, std::move(open_it)));
  disks = std::make_unique<VolumeDisks>(
      VolumeDiskWorld{config, identity, io, clock, cluster_clock, *timers, metrics, *disk_pool,
                      world(), executors_of(runtime), *masters, *volume_nodes, *locations,
                      *cluster_volumes, *front, cache.get()});
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
  CollectorSeams seams{*kv,
                       *disk_pool,
                       clock,
                       *timers,
                       *cluster_volumes,
                       *volume_admin,
                       [this] { return NeedleKey{key_floor.load()}; },
                       metrics};
  collector =
      std::make_unique<Collector>(std::move(seams), collector_options(config, random_number()));
  background.spawn(collector->run());
  usage_watch = std::make_unique<UsageWatch>(*kv, *disk_pool, clock, *timers, metrics);
  background.spawn(usage_watch->run());
  if (config.filer.lifecycle_interval.count() > 0) {
    leases =
        std::make_unique<KeyLeases>(*masters, clock, runtime.executor(0), lease_options(config));
    mover = std::make_unique<BodyMover>(*cluster_volumes, *leases);
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
  co_return co_await serve(config.filer.listen, executors_of(runtime), std::move(prepare));
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
  leases = std::make_unique<KeyLeases>(*masters, clock, runtime.executor(0), lease_options(config));
  background.spawn(locations->follow());
  KELP_CO_TRY(key_file, KeyFile::open(io, config, false));
  if (key_file->keys() != nullptr) {
    const CertificateWatchSeams seams{io, *disk_pool, clock, *timers};
    auto changed = [this] { key_file->reload(); };
    key_watch = std::make_unique<CertificateWatch>(seams, std::vector{key_file->path()},
                                                   std::move(changed));
    background.spawn(key_watch->run());
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
  web_keys = std::make_unique<iam::WebKeys>(clock, *web_pool);
  KELP_CO_TRY(audit, open_audit_log(config, io, *disk_pool, metrics));
  queries = std::make_unique<iam::QueryApi>(
      iam::QueryApiParts{*keys, *web_keys, clock, metrics, audit.get()});
  const s3::GatewayDeps deps{*filers, *cluster_volumes, *leases,    *keys,
                             clock,   metrics,          *hash_pool, key_file->keys()};
  s3::GatewayOptions options = gateway_options(config, [this] { return is_ready(); });
  options.queries = queries.get();
  options.audit = audit.get();
  gateway = std::make_unique<s3::Gateway>(deps, std::move(options));
  background.spawn(gateway->run_logs(*timers));
  if (audit != nullptr) background.spawn(audit->run(clock, *timers));
  co_return Result<void>();
}

Task<Readiness> Daemon::Parts::look() {
  if (!ready) co_return Readiness{.ready = false, .text = "not ready: it starts or stops\n"};
  if (disks != nullptr) co_return disks->look();
  const auto tried = co_await try_role();
  if (tried.has_value()) co_return Readiness{.ready = true, .text = "ready\n"};
  co_return Readiness{.ready = false,
                      .text = fmt::format("not ready: {}\n", tried.error().message())};
}

/// A filer serves without a master; a gateway needs a filer and, for what is not small, room.
Task<Result<void>> Daemon::Parts::try_role() {
  if (role == Role::kMaster) {
    KELP_CO_TRY([[maybe_unused]] const ClusterView view, co_await masters->view());
  } else if (role == Role::kS3) {
    KELP_CO_CHECK(co_await filers->prepare());
    if (!keys->loaded()) co_return Error(Errc::kUnavailable, "the identities were not read yet");
  } else if (role == Role::kFiler) {
    KELP_CO_CHECK(kv->writable());
  }
  co_return Result<void>();
}

Task<bool> Daemon::Parts::is_ready() {
  const Readiness found = co_await look();
  co_return found.ready;
}

void Daemon::Parts::stop() {
  if (std::exchange(stopped, true)) return;
  ready = false;
  if (front != nullptr) front->drain();
  runtime.run(close());
  if (audit != nullptr) audit->close();
}

Task<void> Daemon::Parts::close() {
  for (const auto& pump : notify_pumps) pump->stop();
  background.cancel();
  co_await background.join();
  if (gateway != nullptr) co_await gateway->end_logs();
  if (leases != nullptr) co_await leases->close();
  if (master != nullptr) master->end_waits();
  const MonoTime grace = clock.mono() + config.threads.drain_grace;
  if (rpc != nullptr) co_await rpc->stop(grace);
  if (disks != nullptr) co_await disks->close(grace);
  if (master != nullptr) co_await master->stop();
  if (transport != nullptr) co_await transport->stop();
  if (channels != nullptr) co_await channels->stop();
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Daemon::~Daemon() {
  stop();
}

Result<std::unique_ptr<Daemon>> Daemon::start(Role role, const Config& config,
                                              const ClusterIdentity& identity, FileIo& io,
                                              Clock& clock) {
  std::unique_ptr<Daemon> daemon(
      new Daemon(std::make_unique<Parts>(role, config, identity, io, clock)));
  KELP_CHECK(daemon->parts_->start());
  daemon->parts_->ready = true;
  return daemon;
}

const Addresses& Daemon::addresses() const {
  return parts_->addresses;
}

void Daemon::reload(const Config& config) {
  parts_->front->reload_tls();
  if (parts_->key_file != nullptr) parts_->key_file->reload();
  if (parts_->audit != nullptr) parts_->audit->reopen();
  if (parts_->disks == nullptr) return;
  parts_->runtime.run(parts_->disks->reload(disk_places(config, machine_name())));
}

void Daemon::stop() {
  parts_->stop();
}

}  // namespace kelp::server
