#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "async/measured_pool.h"
#include "async/runtime.h"
#include "async/task_group.h"
#include "catalog/catalog.h"
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
#include "server/daemon.h"
#include "server/engines.h"
#include "server/front.h"
#include "server/internal_network.h"
#include "server/inventory_link.h"
#include "server/key_file.h"
#include "server/notify_targets.h"
#include "server/process.h"
#include "server/remote_tier.h"
#include "server/volume_disks.h"
#include "volume/store/block_cache.h"

// Internal of the daemon: what it is made of. daemon.cc starts and stops it, daemon_roles.cc opens
// what a role keeps.

namespace kelp::server {

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
  void watch_network();
  Task<Result<void>> open_master();
  Task<Result<void>> open_volume();
  Result<void> open_cache(const std::vector<VolumeDiskPlace>& places);
  Task<Result<void>> open_filer();
  Result<void> open_inventory();
  Task<Result<void>> open_s3();
  Result<void> open_tier();
  Task<void> keep_key_floor();
  Task<void> share_limits();
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
  std::unique_ptr<InternalNetwork> network;
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
  std::unique_ptr<RemoteTier> tier;
  std::unique_ptr<KeyLeases> leases;
  std::unique_ptr<s3::CredentialStore> accounts;
  std::unique_ptr<KeyFile> key_file;
  std::unique_ptr<CertificateWatch> key_watch;
  std::unique_ptr<CertificateWatch> certificate_watch;
  std::unique_ptr<CertificateWatch> network_watch;
  std::unique_ptr<iam::FileKeys> file_keys;
  std::unique_ptr<iam::KeyRing> keys;
  std::unique_ptr<WorkPool> web_pool;  ///< Waits for identity providers.
  std::unique_ptr<iam::WebKeys> web_keys;
  std::unique_ptr<s3::AuditLog> audit;
  s3::RequestTrace trace;
  std::unique_ptr<TraceHttp> trace_http;
  std::unique_ptr<iam::QueryApi> queries;
  std::unique_ptr<s3::Gateway> gateway;
  std::unique_ptr<catalog::Catalog> iceberg;  ///< Null unless s3.iceberg.
  std::unique_ptr<InventoryLink> inventory_link;
  std::unique_ptr<InventoryRunner> inventory;
  std::unique_ptr<webdav::WebDav> file_http;
  std::unique_ptr<master::MasterHttp> master_http;
  std::unique_ptr<AdminHttp> admin;
  TaskGroup background;  ///< On io thread 0.
  std::unique_ptr<RpcServers> rpc;
  std::unique_ptr<HttpFront> front;

 private:
  [[nodiscard]] std::vector<Executor> executors() const;
  [[nodiscard]] std::unique_ptr<WorkPool> measured_pool(std::string name, std::size_t threads) {
    return make_measured_pool({.threads = threads}, {metrics, clock, std::move(name), ""});
  }
  [[nodiscard]] RpcWorld world() {
    return {runtime.executor(0), network->get(), clock, *timers, random_bytes};
  }
  [[nodiscard]] RpcIdentity rpc_identity() const {
    return {identity.cluster_id, identity.cluster_secret};
  }
};

}  // namespace kelp::server
