#pragma once

#include <string>
#include <vector>

#include "client/master_client.h"
#include "client/master_control.h"
#include "client/rpc/rpc_caller.h"

namespace kelp {

/// The masters at some addresses: one of them leads, and is found. Safe from any io thread.
class RpcMasterClient final : public MasterClient, public MasterControl {
 public:
  /// `channels` must outlive this.
  RpcMasterClient(RpcChannels& channels, std::vector<std::string> addresses)
      : caller_(channels, std::move(addresses)) {}

  Task<Result<WriteLease>> lease(LeaseRequest request) override;
  Task<Result<void>> release(VolumeId volume, std::uint64_t bytes) override;
  Task<Result<VolumeLocation>> locate(VolumeId volume) override;

  Task<Result<HeartbeatAnswer>> heartbeat(Heartbeat beat) override;
  Task<Result<LocationChange>> watch_locations(std::uint64_t after, MonoTime deadline) override;
  Task<Result<NeedleKey>> key_floor() override;
  Task<Result<std::uint32_t>> count_gateway(std::uint64_t gateway) override;
  Task<Result<ClusterView>> view() override;
  Task<Result<void>> set_node_intent(std::string node_id, NodeIntent intent) override;
  Task<Result<void>> remove_node(std::string node_id) override;
  Task<Result<std::uint64_t>> move_volume(VolumeId volume, std::string from,
                                          std::string to) override;
  Task<Result<void>> pause_jobs(bool paused) override;
  Task<Result<AdminLockView>> admin_lock(AdminLockRequest request) override;
  Task<Result<std::vector<JobView>>> plan_jobs(PlanKind kind, bool start) override;
  Task<Result<void>> seal_volume(VolumeId volume) override;
  Task<Result<void>> set_volume_tier(VolumeId volume, std::string tag) override;
  Task<Result<std::uint64_t>> pack_volume(VolumeId volume, EcScheme scheme,
                                          std::optional<Spread> spread) override;
  Task<Result<std::vector<VolumeId>>> grow_volumes(std::string collection,
                                                   std::uint32_t count) override;
  Task<Result<void>> add_master(std::uint64_t id, std::string address) override;
  Task<Result<void>> remove_master(std::uint64_t id) override;
  Task<Result<void>> transfer_leadership(std::optional<std::uint64_t> id) override;

 private:
  RpcCaller caller_;
};

/// Answers RpcMasterClient's calls of MasterClient with `master`, which must outlive the server.
/// Before RpcServer::start(); of RpcServers, on each.
void serve_master(RpcServer& server, MasterClient& master);
/// The same for MasterControl.
void serve_master_control(RpcServer& server, MasterControl& master);

}  // namespace kelp
