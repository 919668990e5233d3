#include "server/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "async/background_budget.h"
#include "async/measured_pool.h"
#include "async/runtime.h"
#include "async/task_group.h"
#include "async/timers.h"
#include "base/log.h"
#include "base/metrics.h"
#include "catalog/catalog.h"
#include "client/cluster_clock.h"
#include "client/key_leases.h"
#include "client/rpc/rpc_dumps.h"
#include "client/rpc/rpc_filer.h"
#include "client/rpc/rpc_identities.h"
#include "client/rpc/rpc_limits.h"
#include "client/rpc/rpc_master.h"
#include "client/rpc/rpc_volume_node.h"
#include "client/rpc/volume_handlers.h"
#include "crypto/random.h"
#include "filer/collector.h"
#include "filer/core/keys.h"
#include "filer/filer_dumps.h"
#include "filer/filer_identities.h"
#include "filer/filer_service.h"
#include "filer/lifecycle_runner.h"
#include "filer/usage_watch.h"
#include "iam/query_api.h"
#include "master/master_service.h"
#include "net/http_server.h"
#include "net/network.h"
#include "rpc/rpc_servers.h"
#include "s3gw/gateway.h"
#include "server/accounts.h"
#include "server/admin_http.h"
#include "server/assembly.h"
#include "server/certificate_watch.h"
#include "server/engines.h"
#include "server/fids/fid_http.h"
#include "server/front.h"
#include "server/in_process.h"
#include "server/internal_network.h"
#include "server/inventory_link.h"
#include "server/key_file.h"
#include "server/notify_targets.h"
#include "server/process.h"
#include "server/readiness.h"
#include "server/remote_tier.h"
#include "volume/heartbeats.h"
#include "volume/volume_service.h"
#include "wire/lease_token.h"

namespace kelp::server {

/// What lives in the process, in the order it is made; it dies the other way round.
struct Server::Rooms {
  Rooms(const Config& given, const ClusterIdentity& cluster, FileIo& files, Clock& time)
      : config(given),
        identity(cluster),
        io(files),
        clock(time),
        runtime(io_threads(given)),
        background(runtime.executor(0)) {}

  Result<void> open_stores();
  Result<void> listen();
  Result<void> listen_volume();
  Task<void> open_services(Result<void>& outcome);
  Task<Result<void>> open_master();
  Task<Result<void>> open_identities();
  Task<void> listen_rpc(Result<void>& outcome);
  Task<void> watch_certificate();
  Task<void> watch_keys();
  Task<Readiness> look();
  Task<bool> is_ready();
  Task<void> end_services();
  void stop();

  const Config config;
  const ClusterIdentity identity;
  FileIo& io;
  Clock& clock;
  ClusterClock cluster_clock{clock};
  Addresses addresses;
  std::atomic<bool> ready = false;
  bool stopped = false;

  Metrics metrics;
  Runtime runtime;
  std::unique_ptr<Timers> timers = make_asio_timers();
  std::unique_ptr<WorkPool> disk_pool;
  std::unique_ptr<WorkPool> hash_pool;
  std::unique_ptr<KvStore> kv;
  std::unique_ptr<BackgroundBudget> background_budget;
  std::unique_ptr<VolumeService> volumes;
  std::unique_ptr<VolumeUpkeep> upkeep;
  NoTransport no_transport;
  std::unique_ptr<OneVolumeNode> volume_nodes;
  std::unique_ptr<master::MasterService> master;
  std::unique_ptr<Heartbeats> heartbeats;
  std::unique_ptr<RemoteTier> tier;
  std::unique_ptr<KeyLeases> leases;
  MemoryBudget call_memory{filer_memory(config).calls};
  std::unique_ptr<FilerService> filer;
  std::unique_ptr<Collector> collector;
  std::unique_ptr<UsageWatch> usage_watch;
  std::unique_ptr<BodyMover> mover;
  std::unique_ptr<LifecycleRunner> lifecycle;
  std::vector<std::unique_ptr<NotifyPump>> notify_pumps;
  std::unique_ptr<FilerDumps> dumps;
  std::unique_ptr<ReadinessCheck> readiness;
  std::unique_ptr<s3::CredentialStore> accounts;
  std::unique_ptr<KeyFile> key_file;
  std::unique_ptr<CertificateWatch> key_watch;
  std::unique_ptr<FilerIdentities> identities;
  std::unique_ptr<iam::FileKeys> file_keys;
  std::unique_ptr<iam::KeyRing> keys;
  std::unique_ptr<WorkPool> web_pool;  ///< Waits for identity providers.
  std::unique_ptr<iam::WebKeys> web_keys;
  std::unique_ptr<s3::AuditLog> audit;
  s3::RequestTrace trace;
  std::unique_ptr<TraceHttp> trace_http;
  std::unique_ptr<iam::QueryApi> queries;
  std::unique_ptr<s3::Gateway> gateway;
  std::unique_ptr<catalog::Catalog> iceberg;
  std::unique_ptr<InventoryLink> inventory_link;
  std::unique_ptr<InventoryRunner> inventory;
  std::unique_ptr<webdav::WebDav> file_http;
  std::unique_ptr<master::MasterHttp> master_http;
  std::unique_ptr<FidHttp> volume_http;
  std::unique_ptr<HttpServer> volume_listener;
  std::unique_ptr<AdminHttp> admin;
  std::unique_ptr<CertificateWatch> certificate_watch;
  std::unique_ptr<CertificateWatch> network_watch;
  TaskGroup background;  ///< On io thread 0.
  std::unique_ptr<InternalNetwork> network;
  std::unique_ptr<RpcServers> rpc;
  std::unique_ptr<HttpFront> front;
};

Result<void> Server::Rooms::open_stores() {
  disk_pool =
      make_measured_pool({.threads = config.threads.disk_threads}, {metrics, clock, "disk", ""});
  hash_pool = make_measured_pool({.threads = hash_threads()}, {metrics, clock, "hash", ""});
  KELP_TRY(accounts, make_accounts(identity, config.s3));
  KELP_TRY(file_keys, make_file_keys(identity, config.s3.identities_file, *accounts, io));
  KELP_TRY(kv, open_engine(config, identity, io, clock, EngineUse::kServe));
  background_budget =
      std::make_unique<BackgroundBudget>(config.volume.background_rate, clock, *timers);
  VolumeServiceParts parts{io, *disk_pool, clock, metrics, token_check(identity, cluster_clock)};
  parts.background = background_budget.get();
  parts.timers = timers.get();
  KELP_TRY(volumes, VolumeService::start(volume_options(config, identity), std::move(parts)));
  FilerOptions how = filer_options(config, call_memory);
  filer = std::make_unique<FilerService>(*kv, *disk_pool, clock, std::move(how));
  front = std::make_unique<HttpFront>(runtime, config, metrics);
  Result<void> outcome;
  runtime.run(open_services(outcome));
  return outcome;
}

Task<void> Server::Rooms::open_services(Result<void>& outcome) {
  outcome = co_await open_master();
  if (!outcome.has_value()) co_return;
  const RemoteTierSeams ours{*volumes, *volumes, *master};
  auto opened = RemoteTier::open(config, identity, io, clock, metrics, ours);
  if (!opened) {
    outcome = opened.error();
    co_return;
  }
  tier = *std::move(opened);
  leases = std::make_unique<KeyLeases>(tier->master(), clock, runtime.executor(0),
                                       lease_options(config));
  // A full disk must not keep the server from starting: reads and deletes go on.
  if (const auto first = co_await leases->prepare(); !first.has_value()) {
    logger("server").warn("no_lease error={}", log_value(first.error().message()));
  }
  auto oldest = [this] { return leases->oldest_provisional(); };
  CollectorSeams parts{
      *kv,    *disk_pool, clock, *timers, tier->volumes(), tier->volume_admin(), std::move(oldest),
      metrics};
  collector = std::make_unique<Collector>(std::move(parts), collector_options(config, 0));
  background.spawn(collector->run());
  usage_watch = std::make_unique<UsageWatch>(*kv, *disk_pool, clock, *timers, metrics);
  background.spawn(usage_watch->run());
  if (config.filer.lifecycle_interval.count() > 0) {
    mover = std::make_unique<BodyMover>(tier->volumes(), *leases);
    LifecycleSeams rules{*filer, *kv, *disk_pool, clock, *timers, metrics, mover.get()};
    lifecycle = std::make_unique<LifecycleRunner>(rules, lifecycle_options(config, 0));
    background.spawn(lifecycle->run());
  }
  const NotifySeams notify{*kv, *disk_pool, clock, *timers, metrics};
  auto pumps = make_pumps(config.s3.notify, notify, 0);
  if (!pumps) {
    outcome = pumps.error();
    co_return;
  }
  notify_pumps = *std::move(pumps);
  for (const auto& pump : notify_pumps) background.spawn(pump->run());
  DumpHeader header{identity.cluster_id, config.filer.engine, {}};
  dumps = std::make_unique<FilerDumps>(*kv, *disk_pool, clock, *timers, std::move(header));
  background.spawn(dumps->run());
  upkeep = std::make_unique<VolumeUpkeep>(*volumes, upkeep_options(config));
  background.spawn(upkeep->run_vacuum());
  background.spawn(upkeep->run_scrub());
  outcome = co_await open_identities();
}

/// Users and their keys, read before the first request.
Task<Result<void>> Server::Rooms::open_identities() {
  identities = std::make_unique<FilerIdentities>(*kv, *disk_pool);
  keys = std::make_unique<iam::KeyRing>(iam::KeyRingParts{*identities, *file_keys, clock, *timers},
                                        all_accounts(identity, config.s3.identities),
                                        identity.cluster_secret);
  KELP_CO_CHECK(co_await keys->refresh());
  background.spawn(keys->run());
  if (!config.s3.identities_file.empty()) {
    background.spawn(file_keys->run(*disk_pool, clock, *timers));
  }
  web_pool = make_thread_pool({.threads = 2, .queue_limit = 64});
  web_keys = make_web_keys(config, clock, *web_pool);
  KELP_CO_TRY(audit, open_audit_log(config, io, *disk_pool, metrics));
  queries = std::make_unique<iam::QueryApi>(
      iam::QueryApiParts{*keys, *web_keys, clock, metrics, audit.get(), &trace});
  co_return Result<void>();
}

/// The master, leading, with the volume server known to it.
Task<Result<void>> Server::Rooms::open_master() {
  constexpr std::chrono::seconds kPatience{10};
  volume_nodes = std::make_unique<OneVolumeNode>(*volumes);
  master::MasterSeams seams{runtime.executor(0), io,           *disk_pool, clock, *timers,
                            *volume_nodes,       no_transport, metrics,    {}};
  KELP_CO_TRY(master, co_await master::MasterService::open(std::move(seams),
                                                           master_options(config, identity)));
  KELP_CO_CHECK(co_await master->wait_until_leading(clock.mono() + kPatience));
  KELP_CO_CHECK(listen_volume());
  const std::string& reach = config.volume.http_address;
  NodeIdentity node{volumes->node_id(), config.rpc_listen, "default", "default",
                    node_tags(config.volume.tags, reach.empty() ? addresses.volume_http : reach)};
  std::uint64_t process = 0;
  random_bytes(std::as_writable_bytes(std::span(&process, 1)));
  auto heard = [this](const HeartbeatAnswer& heard_now) { cluster_clock.follow(heard_now.now); };
  heartbeats = std::make_unique<Heartbeats>(std::move(node), process | 1, *volumes, *master, clock,
                                            *timers, std::move(heard));
  KELP_CO_TRY([[maybe_unused]] const auto answer, co_await heartbeats->beat());
  background.spawn(heartbeats->run());
  co_return Result<void>();
}

/// Needles by file id; the masters tell clients where that is.
Result<void> Server::Rooms::listen_volume() {
  if (config.volume.http_listen.empty()) return {};
  FidHttpParts parts{*volumes,
                     *volumes,
                     nullptr,
                     [this](VolumeId volume, bool) { return master->locate(volume); },
                     cluster_clock,
                     identity.cluster_secret,
                     config.limits.body_memory};
  volume_http = std::make_unique<FidHttp>(std::move(parts));
  KELP_TRY(volume_listener,
           front->listen_volume(config.volume.http_listen, *volume_http, addresses.volume_http));
  return {};
}

Result<void> Server::Rooms::listen() {
  readiness.reset(new ReadinessCheck({*kv, *disk_pool, *volumes, *master, clock}));
  KELP_TRY(key_file, KeyFile::open(io, clock, config, true));
  const s3::GatewayDeps deps{*filer,  tier->volumes(), *leases,          *keys,     clock,
                             metrics, *hash_pool,      key_file->keys(), keys.get()};
  s3::GatewayOptions options = gateway_options(config, [this] { return is_ready(); });
  options.queries = queries.get();
  options.audit = audit.get();
  options.trace = &trace;
  gateway = std::make_unique<s3::Gateway>(deps, std::move(options));
  trace_http =
      std::make_unique<TraceHttp>(TraceHttpParts{trace, identity.cluster_secret, clock, *timers});
  admin = std::make_unique<AdminHttp>(
      metrics, clock, "server", [this] { return look(); }, trace_http.get());
  HttpHandler* first = gateway.get();
  if (config.s3.iceberg) {
    iceberg = std::make_unique<catalog::Catalog>(*gateway, identity.cluster_secret);
    first = iceberg.get();
  }
  KELP_CHECK(front->listen_s3(*first, addresses));
  file_http = std::make_unique<webdav::WebDav>(gateway->services(), webdav_options(config));
  KELP_CHECK(front->listen_files(*file_http, addresses));
  if (uses_tls(config)) runtime.run(watch_certificate());
  runtime.run(watch_keys());
  master::MasterHttpParts parts{*master,
                                *master,
                                [this] { return master->group(); },
                                [] { return static_cast<std::uint32_t>(random_u64()); },
                                removal_signer(identity, clock),
                                clock};
  master_http = std::make_unique<master::MasterHttp>(std::move(parts), master_http_options(config));
  KELP_CHECK(front->listen_master(*master_http, addresses));
  KELP_CHECK(front->listen_admin(*admin, addresses));
  Result<void> outcome;
  if (config.rpc_listen.empty()) return outcome;
  KELP_TRY(network, InternalNetwork::open(config, io, clock, metrics));
  runtime.run(listen_rpc(outcome));
  return outcome;
}

/// For operators: the whole of it at one address, on the master's thread.
Task<void> Server::Rooms::listen_rpc(Result<void>& outcome) {
  const RpcWorld world{runtime.executor(0), network->get(), clock, *timers, random_bytes};
  RpcServerOptions options = daemon_server_options({identity.cluster_id, identity.cluster_secret});
  options.memory = &call_memory;
  options.metrics = &metrics;
  rpc = std::make_unique<RpcServers>(world, std::vector{runtime.executor(0)}, options);
  auto prepare = [this](RpcServer& server) {
    serve_master(server, *master);
    serve_master_control(server, *master);
    serve_volume(server, *volumes, *volumes);
    serve_volume_replicas(server, *volumes);
    serve_filer(server, *filer);
    serve_dumps(server, *dumps);
    serve_identities(server, *identities);
  };
  rpc->each(prepare);
  if (!network->files().empty()) {
    const CertificateWatchSeams seams{io, *disk_pool, clock, *timers};
    auto changed = [this] { network->reload(); };
    network_watch = std::make_unique<CertificateWatch>(seams, network->files(), std::move(changed));
    background.spawn(network_watch->run());
  }
  outcome = co_await rpc->start(config.rpc_listen);
  if (outcome) addresses.rpc = bound_address(config.rpc_listen, rpc->port());
}

Task<void> Server::Rooms::watch_certificate() {
  certificate_watch = front->watch_tls({io, *disk_pool, clock, *timers});
  background.spawn(certificate_watch->run());
  co_return;
}

Task<void> Server::Rooms::watch_keys() {
  const CertificateWatchSeams seams{io, *disk_pool, clock, *timers};
  auto changed = [this] { key_file->reload(); };
  key_watch =
      std::make_unique<CertificateWatch>(seams, std::vector{key_file->path()}, std::move(changed));
  background.spawn(key_watch->run());
  background.spawn(gateway->run_logs(*timers));
  if (config.filer.inventory_interval.count() > 0) {
    inventory_link = std::make_unique<InventoryLink>(*gateway);
    InventorySeams lists{*filer, *kv, *disk_pool, clock, *timers, metrics, *inventory_link};
    inventory = std::make_unique<InventoryRunner>(lists, inventory_options(config, 0));
    background.spawn(inventory->run());
  }
  if (audit != nullptr) background.spawn(audit->run(clock, *timers));
  co_return;
}

Task<Readiness> Server::Rooms::look() {
  if (!ready) co_return Readiness{.ready = false, .text = "not ready: it starts or stops\n"};
  Readiness found = co_await readiness->look();
  for (const DamagedVolume& damaged : volumes->damaged()) {
    found.text +=
        fmt::format("volume {} has {} damaged needles{}\n", damaged.volume.value,
                    damaged.needles.size(), damaged.superblock ? " and a damaged superblock" : "");
  }
  co_return found;
}

Task<bool> Server::Rooms::is_ready() {
  const Readiness found = co_await look();
  co_return found.ready;
}

void Server::Rooms::stop() {
  if (std::exchange(stopped, true)) return;
  ready = false;
  trace.close();
  if (front != nullptr) front->drain();
  runtime.run(end_services());
  if (audit != nullptr) audit->close();
  if (volumes != nullptr) {
    // Without snapshots the next start reads more; nothing is lost. The room logs it.
    [[maybe_unused]] const auto closed = volumes->close();
  }
}

Task<void> Server::Rooms::end_services() {
  if (volume_listener != nullptr) {
    co_await volume_listener->drain(milliseconds(config.threads.drain_grace));
  }
  for (const auto& pump : notify_pumps) pump->stop();
  if (tier != nullptr) tier->stop();
  background.cancel();
  co_await background.join();
  if (gateway != nullptr) co_await gateway->end_logs();
  if (leases != nullptr) co_await leases->close();
  if (master != nullptr) master->end_waits();
  if (rpc != nullptr) co_await rpc->stop(clock.mono() + config.threads.drain_grace);
  if (master != nullptr) co_await master->stop();
}

Server::Server(std::unique_ptr<Rooms> rooms) : rooms_(std::move(rooms)) {}

Server::~Server() {
  stop();
}

Result<std::unique_ptr<Server>> Server::start(const Config& config, const ClusterIdentity& identity,
                                              FileIo& io, Clock& clock) {
  if (!config.master.standard.large.empty() || !config.master.standard.seal.empty() ||
      !config.master.classes.empty()) {
    return Error(Errc::kInvalidArgument,
                 "master.large, master.seal and [[master.class]]: each shard needs a volume server "
                 "of its own, "
                 "and `kelp server` has one; see docs/operations/erasure-coding.md. Classes in "
                 "another S3 it may have: docs/operations/remote-tier.md");
  }
  if (!config.volume.disks.empty()) {
    return Error(Errc::kInvalidArgument,
                 "[[volume.disk]]: `kelp server` keeps all in one directory; see "
                 "docs/operations/disks.md");
  }
  if (!config.volume.cache.empty()) {
    return Error(Errc::kInvalidArgument,
                 "volume.cache: `kelp server` has none, `kelp volume` has; see "
                 "docs/operations/disks.md");
  }
  std::unique_ptr<Server> server(new Server(std::make_unique<Rooms>(config, identity, io, clock)));
  KELP_CHECK(server->rooms_->open_stores());
  KELP_CHECK(server->rooms_->listen());
  server->rooms_->ready = true;
  return server;
}

const Addresses& Server::addresses() const {
  return rooms_->addresses;
}

void Server::reload_tls() {
  rooms_->front->reload_tls();
  rooms_->key_file->reload();
  if (rooms_->network != nullptr) rooms_->network->reload();
  if (rooms_->audit != nullptr) rooms_->audit->reopen();
}

void Server::stop() {
  rooms_->stop();
}

}  // namespace kelp::server
