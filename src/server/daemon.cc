#include "server/daemon.h"

#include <fmt/format.h>

#include "crypto/random.h"
#include "server/daemon_parts.h"

namespace kelp::server {
namespace {

/// The master `self` is asked first: it may lead, and it answers for sure.
std::vector<std::string> addresses_of(const std::map<std::uint64_t, std::string>& masters,
                                      std::uint64_t self) {
  std::vector<std::string> out;
  for (const auto& [id, address] : masters) {
    out.insert(id == self ? out.begin() : out.end(), address);
  }
  return out;
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

std::vector<Executor> Daemon::Parts::executors() const {
  std::vector<Executor> all;
  for (std::size_t i = 0; i < runtime.size(); ++i) all.push_back(runtime.executor(i));
  return all;
}

Result<void> Daemon::Parts::start() {
  disk_pool = measured_pool("disk", config.threads.disk_threads);
  hash_pool = measured_pool("hash", hash_threads());
  KELP_TRY(const auto group, parse_masters(config.cluster.masters));
  if (group.empty()) {
    return Error(Errc::kInvalidArgument,
                 "cluster.masters is empty: say where the masters are, as 1=host:port,…");
  }
  KELP_TRY(network, InternalNetwork::open(config, io, clock, metrics));
  RpcChannelsOptions options;
  options.identity = rpc_identity();
  channels = std::make_unique<RpcChannels>(world(), executors(), std::move(options));
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
    HttpHandler* first = gateway.get();
    if (iceberg != nullptr) first = iceberg.get();
    KELP_CHECK(front->listen_s3(*first, addresses));
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
  if (role == Role::kS3) {
    trace_http =
        std::make_unique<TraceHttp>(TraceHttpParts{trace, identity.cluster_secret, clock, *timers});
  }
  admin = std::make_unique<AdminHttp>(
      metrics, clock, name_of(role), [this] { return look(); }, trace_http.get());
  return front->listen_admin(*admin, addresses);
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
  trace.close();
  if (front != nullptr) front->drain();
  runtime.run(close());
  if (audit != nullptr) audit->close();
}

Task<void> Daemon::Parts::close() {
  for (const auto& pump : notify_pumps) pump->stop();
  if (tier != nullptr) tier->stop();
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
  parts_->network->reload();
  if (parts_->key_file != nullptr) parts_->key_file->reload();
  if (parts_->audit != nullptr) parts_->audit->reopen();
  if (parts_->disks == nullptr) return;
  parts_->runtime.run(parts_->disks->reload(disk_places(config, machine_name())));
}

void Daemon::stop() {
  parts_->stop();
}

}  // namespace kelp::server
