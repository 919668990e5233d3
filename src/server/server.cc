#include "server/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "async/runtime.h"
#include "async/task_group.h"
#include "async/timers.h"
#include "async/work_pool.h"
#include "base/log.h"
#include "base/metrics.h"
#include "client/key_leases.h"
#include "filer/collector.h"
#include "filer/core/keys.h"
#include "filer/filer_service.h"
#include "kv/rocks_kv.h"
#include "master/master_service.h"
#include "net/http_server.h"
#include "net/network.h"
#include "s3gw/gateway.h"
#include "server/accounts.h"
#include "server/admin_http.h"
#include "server/certificate_watch.h"
#include "server/process.h"
#include "server/readiness.h"
#include "volume/volume_service.h"
#include "wire/lease_token.h"

namespace kelp::server {
namespace {

constexpr std::uint64_t kLeaseBytes = 256ULL << 20;
constexpr std::uint64_t kKvReserveBytes = 64ULL << 20;

std::size_t io_threads(const Config& config) {
  if (config.threads.io_threads > 0) return config.threads.io_threads;
  return std::min<std::size_t>(core_count(), 4);
}

std::size_t hash_threads() {
  return std::min<std::size_t>(core_count(), 16);
}

std::chrono::milliseconds milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time);
}

RocksKvOptions kv_options(const Config& config, const DiskSpace& disk) {
  RocksKvOptions options;
  options.path = filer_dir(config.dir);
  options.sync = config.durability == "synced";
  options.cache_bytes = config.kv.cache;
  options.write_buffer_bytes = config.kv.write_buffer;
  options.bulk_prefix = kBulkPrefix;
  // Below the volumes' reserve (which is at most 1/20 of the disk), so that what deletes still
  // commits when data no longer fits, and data is refused before its commit would be.
  options.reserve_bytes =
      std::min({kKvReserveBytes, config.volume.reserve / 2, disk.total_bytes / 40});
  return options;
}

VolumeServiceOptions volume_options(const Config& config, const ClusterIdentity& identity) {
  VolumeServiceOptions options;
  options.directory = volume_dir(config.dir);
  options.cluster_id = identity.cluster_id;
  options.sync = config.durability == "synced";
  // The master seals at size_limit; leases that are out by then may still fill.
  options.volume_limit_bytes = 2 * config.volume.size_limit + 2 * kLeaseBytes;
  options.reserve_bytes = config.volume.reserve;
  return options;
}

master::MasterOptions master_options(const Config& config, const ClusterIdentity& identity) {
  master::MasterOptions options;
  options.dir = master_dir(config.dir);
  options.cluster_id = identity.cluster_id;
  options.cluster_secret = identity.cluster_secret;
  options.placement.volume_size_limit = config.volume.size_limit;
  options.placement.writable_volumes = static_cast<std::uint32_t>(config.volume.writable);
  options.placement.free_reserve_bytes = 0;  // the volume server keeps its reserve back itself
  return options;
}

KeyLeaseOptions lease_options(const Config& config) {
  KeyLeaseOptions options;
  options.bytes = std::min(kLeaseBytes, config.volume.size_limit / 8);
  return options;
}

s3::GatewayOptions gateway_options(const Config& config, std::function<Task<bool>()> ready) {
  s3::GatewayOptions options;
  options.region = config.s3.region;
  options.domains = config.s3.domains;
  options.body_memory_bytes = config.limits.body_memory;
  options.ready = std::move(ready);
  return options;
}

CollectorOptions collector_options(const Config& config) {
  CollectorOptions options;
  options.interval = config.collector.interval;
  options.quarantine = config.collector.quarantine;
  options.orphan_interval = config.collector.orphan_interval;
  return options;
}

Result<HttpServerOptions> listener_options(const Config& config, const std::string& address) {
  KELP_TRY(const HostPort at, parse_host_port(address));
  HttpServerOptions options;
  options.address = at.host;
  options.port = at.port;
  options.connection_limit = config.limits.connections;
  options.head_timeout = milliseconds(config.limits.head_timeout);
  options.idle_timeout = milliseconds(config.limits.idle_timeout);
  options.progress_timeout = milliseconds(config.limits.progress_timeout);
  options.minimum_body_rate = config.limits.minimum_body_rate;
  return options;
}

/// `listen` with the port that was taken.
std::string bound_address(const std::string& listen, std::uint16_t port) {
  return fmt::format("{}:{}", listen.substr(0, listen.rfind(':')), port);
}

}  // namespace

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
  Result<std::unique_ptr<HttpServer>> listen_at(const std::string& address, HttpHandler& handler,
                                                bool tls, std::string metrics_name,
                                                std::string& bound);
  Task<void> open_services(Result<void>& outcome);
  void reload_tls();
  Task<void> watch_certificate();
  Task<Readiness> look();
  Task<bool> is_ready();
  Task<void> drain();
  Task<void> drain_one(HttpServer& server);
  Task<void> end_services();
  void stop();

  const Config config;
  const ClusterIdentity identity;
  FileIo& io;
  Clock& clock;
  Addresses addresses;
  std::atomic<bool> ready = false;
  bool stopped = false;

  Metrics metrics;
  Runtime runtime;
  std::unique_ptr<Timers> timers = make_asio_timers();
  std::unique_ptr<WorkPool> disk_pool;
  std::unique_ptr<WorkPool> hash_pool;
  std::unique_ptr<KvStore> kv;
  std::unique_ptr<VolumeService> volumes;
  std::unique_ptr<master::MasterService> master;
  std::unique_ptr<KeyLeases> leases;
  std::unique_ptr<FilerService> filer;
  std::unique_ptr<Collector> collector;
  std::unique_ptr<ReadinessCheck> readiness;
  std::unique_ptr<s3::CredentialStore> accounts;
  std::unique_ptr<s3::Gateway> gateway;
  std::unique_ptr<AdminHttp> admin;
  std::unique_ptr<CertificateWatch> certificate_watch;
  TaskGroup background;  ///< On io thread 0.
  std::unique_ptr<HttpServer> s3_server;
  std::unique_ptr<HttpServer> s3_tls_server;
  std::unique_ptr<HttpServer> admin_server;
};

Result<void> Server::Rooms::open_stores() {
  disk_pool = make_thread_pool({.threads = config.threads.disk_threads});
  hash_pool = make_thread_pool({.threads = hash_threads()});
  KELP_TRY(accounts, make_accounts(identity, config.s3.identities));
  KELP_TRY(const DiskSpace disk, io.space(config.dir));
  KELP_TRY(kv, open_rocks_kv(kv_options(config, disk)));
  auto verify = [secret = identity.cluster_secret, &time = clock](const OpenNeedle& needle) {
    const auto claims =
        verify_lease(secret, needle.token, needle.fid, needle.generation, time.wall());
    return claims.has_value() ? Result<void>() : Result<void>(claims.error());
  };
  VolumeServiceParts parts{io, *disk_pool, clock, metrics, std::move(verify)};
  KELP_TRY(volumes, VolumeService::start(volume_options(config, identity), std::move(parts)));
  filer = std::make_unique<FilerService>(*kv, *disk_pool, clock);
  Result<void> outcome;
  runtime.run(open_services(outcome));
  return outcome;
}

Task<void> Server::Rooms::open_services(Result<void>& outcome) {
  const master::MasterSeams seams{io, *disk_pool, clock, *volumes, metrics};
  auto opened = co_await master::open_master(seams, master_options(config, identity));
  if (!opened.has_value()) {
    outcome = std::move(opened).error();
    co_return;
  }
  master = *std::move(opened);
  leases = std::make_unique<KeyLeases>(*master, clock, runtime.executor(0), lease_options(config));
  // A full disk must not keep the server from starting: reads and deletes go on.
  if (const auto first = co_await leases->prepare(); !first.has_value()) {
    logger("server").warn("no_lease error={}", log_value(first.error().message()));
  }
  auto oldest = [this] { return leases->oldest_provisional(); };
  CollectorSeams parts{*kv,      *disk_pool,        clock,  *timers, *volumes,
                       *volumes, std::move(oldest), metrics};
  collector = std::make_unique<Collector>(std::move(parts), collector_options(config));
  background.spawn(collector->run());
}

Result<void> Server::Rooms::listen() {
  readiness.reset(new ReadinessCheck({*kv, *disk_pool, *volumes, *master, clock}));
  const s3::GatewayDeps deps{*filer, *volumes, *leases, *accounts, clock, metrics, *hash_pool};
  gateway =
      std::make_unique<s3::Gateway>(deps, gateway_options(config, [this] { return is_ready(); }));
  admin = std::make_unique<AdminHttp>(metrics, [this] { return look(); });
  KELP_TRY(s3_server, listen_at(config.s3.listen, *gateway, false, "kelp_s3_http", addresses.s3));
  if (!config.s3.tls_listen.empty()) {
    KELP_TRY(s3_tls_server,
             listen_at(config.s3.tls_listen, *gateway, true, "kelp_s3_https", addresses.s3_tls));
    runtime.run(watch_certificate());
  }
  if (!config.admin_listen.empty()) {
    KELP_TRY(admin_server,
             listen_at(config.admin_listen, *admin, false, "kelp_admin_http", addresses.admin));
  }
  return {};
}

Result<std::unique_ptr<HttpServer>> Server::Rooms::listen_at(const std::string& address,
                                                             HttpHandler& handler, bool tls,
                                                             std::string metrics_name,
                                                             std::string& bound) {
  KELP_TRY(HttpServerOptions options, listener_options(config, address));
  if (tls) {
    options.certificate_file = config.s3.tls_cert;
    options.key_file = config.s3.tls_key;
  }
  KELP_TRY(auto server,
           serve_http(runtime, handler, metrics, std::move(options), std::move(metrics_name)));
  bound = bound_address(address, server->port());
  return server;
}

Task<void> Server::Rooms::watch_certificate() {
  const CertificateWatchSeams seams{io, *disk_pool, clock, *timers};
  std::vector<std::string> files{config.s3.tls_cert, config.s3.tls_key};
  auto changed = [this] { reload_tls(); };
  certificate_watch =
      std::make_unique<CertificateWatch>(seams, std::move(files), std::move(changed));
  background.spawn(certificate_watch->run());
  co_return;
}

void Server::Rooms::reload_tls() {
  if (s3_tls_server == nullptr) return;
  if (const auto loaded = s3_tls_server->reload_tls(); !loaded) {
    logger("server").error("tls_reload_failed error={}", log_value(loaded.error().message()));
    return;
  }
  logger("server").info("tls_reloaded certificate={}", log_value(config.s3.tls_cert));
}

Task<Readiness> Server::Rooms::look() {
  if (!ready) co_return Readiness{.ready = false, .text = "not ready: it starts or stops\n"};
  co_return co_await readiness->look();
}

Task<bool> Server::Rooms::is_ready() {
  const Readiness found = co_await look();
  co_return found.ready;
}

void Server::Rooms::stop() {
  if (std::exchange(stopped, true)) return;
  ready = false;
  runtime.run(drain());
  runtime.run(end_services());
  if (volumes != nullptr) {
    // Without snapshots the next start reads more; nothing is lost. The room logs it.
    [[maybe_unused]] const auto closed = volumes->close();
  }
}

Task<void> Server::Rooms::drain() {
  TaskGroup drains(runtime.executor(0));
  for (HttpServer* server : {s3_server.get(), s3_tls_server.get(), admin_server.get()}) {
    if (server != nullptr) drains.spawn(drain_one(*server));
  }
  co_await drains.join();
}

Task<void> Server::Rooms::drain_one(HttpServer& server) {
  co_await server.drain(milliseconds(config.threads.drain_grace));
}

Task<void> Server::Rooms::end_services() {
  background.cancel();
  co_await background.join();
  if (leases != nullptr) co_await leases->close();
}

Server::Server(std::unique_ptr<Rooms> rooms) : rooms_(std::move(rooms)) {}

Server::~Server() {
  stop();
}

Result<std::unique_ptr<Server>> Server::start(const Config& config, const ClusterIdentity& identity,
                                              FileIo& io, Clock& clock) {
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
  rooms_->reload_tls();
}

void Server::stop() {
  rooms_->stop();
}

}  // namespace kelp::server
