#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/background_budget.h"
#include "async/task_group.h"
#include "client/cluster_clock.h"
#include "client/location_cache.h"
#include "client/rpc/rpc_master.h"
#include "client/volume_nodes.h"
#include "rpc/rpc_servers.h"
#include "server/config.h"
#include "server/data_dir.h"
#include "server/fids/fid_http.h"
#include "server/front.h"
#include "volume/heartbeats.h"
#include "volume/volume_upkeep.h"

namespace kelp::server {

/// What the disks of a process share; all of it outlives them.
struct VolumeDiskWorld {
  const Config& config;
  const ClusterIdentity& identity;
  FileIo& io;
  Clock& clock;
  ClusterClock& cluster_clock;
  Timers& timers;
  Metrics& metrics;
  WorkPool& pool;  ///< Opens and closes disks; whatever else blocks has threads of the disk's own.
  RpcWorld rpc;    ///< Its executor is where disks are opened, closed, and do what nobody asks for.
  std::vector<Executor> executors;  ///< That serve.
  RpcMasterClient& masters;
  VolumeNodes& nodes;
  LocationCache& locations;
  VolumeClient& everywhere;  ///< All volume servers.
  HttpFront& front;
  BlockCache* cache = nullptr;  ///< Of the places that is_cached() says; null: none.
};

/// 1 while the place is to be served and is not, or has failed.
[[nodiscard]] prometheus::Gauge& failed_gauge(Metrics& metrics, const VolumeDiskPlace& place);

/// One directory of a volume server: a node of the cluster, with an id, an address, heartbeats,
/// threads for blocking work and a background rate of its own, so that a sick disk keeps nobody
/// else waiting.
class VolumeDisk {
 public:
  /// Nothing is opened yet.
  VolumeDisk(const VolumeDiskWorld& world, VolumeDiskPlace place);
  /// What close() left open. Blocks.
  ~VolumeDisk();
  VolumeDisk(const VolumeDisk&) = delete;
  VolumeDisk& operator=(const VolumeDisk&) = delete;

  /// Where it listens, and where others reach it; empty: there too.
  struct Addresses {
    std::string listen;
    std::string reach;
    std::string http_listen;  ///< Of needles by file id; empty: none.
    std::string http_reach;
  };
  /// Locks the directory, opens its volumes and serves them. After an error close() is due. Once.
  /// kNotFound: a listed directory is not there; else as join_data_dir(), VolumeService::start()
  /// and Network::listen.
  Task<Result<void>> open(Addresses at);
  /// Ends what it does; requests have until `grace`. Then the directory is anybody's. On the
  /// world's executor, like open().
  Task<void> close(MonoTime grace);

  [[nodiscard]] const VolumeDiskPlace& place() const { return place_; }
  /// Where it listens, with the port that was taken; after open().
  [[nodiscard]] const std::string& address() const { return address_; }
  /// The same of its HTTP; empty: none.
  [[nodiscard]] const std::string& http_address() const { return http_address_; }
  [[nodiscard]] const std::string& node_id() const { return service_->node_id(); }
  /// VolumeService::failure(). Thread-safe.
  [[nodiscard]] std::optional<Error> failure() const { return service_->failure(); }
  /// Why it takes no part in the cluster: failure(), or what the masters say. Thread-safe.
  [[nodiscard]] std::optional<Error> trouble() const;

 private:
  Result<void> open_files();
  Task<Result<void>> serve(Addresses at);
  Result<void> listen_http(const std::string& listen);
  Task<void> keep_pulse();
  void heard_master(const HeartbeatAnswer& answer);
  Task<Result<std::string>> fetch(VolumeId volume, NeedleKey key);
  void release();

  const VolumeDiskWorld& world_;
  const VolumeDiskPlace place_;
  std::string address_;
  std::string http_address_;
  DataDir data_;
  std::unique_ptr<BackgroundBudget> budget_;
  std::unique_ptr<VolumeService> service_;
  std::unique_ptr<WorkPool> pool_;  ///< Dies before the service: its jobs need it.
  std::unique_ptr<VolumeUpkeep> upkeep_;
  std::unique_ptr<Heartbeats> heartbeats_;
  std::unique_ptr<RpcServers> rpc_;
  std::unique_ptr<FidHttp> fids_;
  std::unique_ptr<HttpServer> http_;
  TaskGroup background_;
  std::vector<std::uint64_t> upkeep_tasks_;  ///< Of background_.
};

}  // namespace kelp::server
