#pragma once

#include <memory>
#include <string>
#include <vector>

#include "async/event.h"
#include "async/task_group.h"
#include "client/admin_lock.h"
#include "client/rpc/rpc_filer.h"
#include "client/rpc/rpc_master.h"
#include "client/rpc/rpc_volume_node.h"
#include "server/config.h"
#include "server/data_dir.h"
#include "server/rpc_link.h"

namespace kelp::server {

/// A command's way into a running cluster: to its masters, volume servers and filers, over rpc,
/// from a thread of its own.
class ClusterLink {
 public:
  /// Reads the cluster's identity and asks all masters at once which one leads, so that a silent
  /// one costs no time. Nobody leading is no error here. Errors: kInvalidArgument when the
  /// configuration does not say where the masters are, those of read_cluster_file().
  [[nodiscard]] static Result<std::unique_ptr<ClusterLink>> open(const Config& config);

  /// Runs `task` on the link's thread and waits for it; never from that thread. Control-C cancels
  /// it, and gives a lock back that it took; a second one ends the process.
  void run(Task<void> task) { rpc_->run(run_until_interrupted(std::move(task))); }
  [[nodiscard]] Executor executor() const { return rpc_->executor(); }

  [[nodiscard]] RpcMasterClient& masters() { return *masters_; }
  [[nodiscard]] VolumeNodes& volumes() { return *volumes_; }
  /// Null when the configuration names no filer.
  [[nodiscard]] FilerClient* filer() { return filer_.get(); }
  [[nodiscard]] AdminLockHolder& lock() { return *lock_; }
  [[nodiscard]] Clock& clock() { return rpc_->clock(); }
  [[nodiscard]] Timers& timers() { return rpc_->timers(); }
  [[nodiscard]] const std::string& cluster_id() const { return cluster_id_; }

 private:
  ClusterLink(std::unique_ptr<RpcLink> rpc, std::string cluster_id,
              std::vector<std::string> addresses, std::vector<std::string> filers);
  Task<void> run_until_interrupted(Task<void> task);
  Task<void> find_leader();
  Task<void> ask(std::size_t at);
  Task<void> give_up();

  const std::string cluster_id_;
  std::vector<std::string> addresses_;  ///< Of masters.
  const std::unique_ptr<RpcLink> rpc_;
  std::unique_ptr<RpcMasterClient> masters_;
  std::unique_ptr<RpcVolumeNodes> volumes_;
  std::unique_ptr<RpcFilerClient> filer_;
  std::unique_ptr<AdminLockHolder> lock_;
  // While it looks for the leader:
  std::optional<std::size_t> leader_;
  std::size_t silent_ = 0;
  bool late_ = false;
  Event answered_;
};

}  // namespace kelp::server
