#include "client/rpc/rpc_master.h"

#include "client/rpc/rpc_serve.h"
#include "wire/master_messages.h"

namespace kelp {
namespace {

using enum RpcMethod;

/// What a waiting call leaves for its answer to travel.
constexpr std::chrono::milliseconds kTravelTime{500};

Task<Result<RpcMessage>> watch(MasterControl& master, RpcMessage message, RpcCallInfo info) {
  KELP_CO_TRY(const WatchLocations request,
              decode_message<WatchLocations>(message.message, info_of(kMasterWatchLocations).name));
  co_return co_await encode_answer(
      master.watch_locations(request.after, info.deadline - kTravelTime));
}

}  // namespace

Task<Result<WriteLease>> RpcMasterClient::lease(LeaseRequest request) {
  return caller_.ask<WriteLease>(kMasterLease, std::move(request));
}
Task<Result<void>> RpcMasterClient::release(VolumeId volume, std::uint64_t bytes) {
  return caller_.tell(kMasterRelease, ReleaseLease{volume, bytes});
}
Task<Result<VolumeLocation>> RpcMasterClient::locate(VolumeId volume) {
  return caller_.ask<VolumeLocation>(kMasterLocate, LocateVolume{volume});
}
Task<Result<HeartbeatAnswer>> RpcMasterClient::heartbeat(Heartbeat beat) {
  // The next one comes anyway, and goes to another master when this one is silent.
  constexpr std::chrono::seconds kPatience{2};
  const MonoTime until = caller_.channels().clock().mono() + kPatience;
  return caller_.ask<HeartbeatAnswer>(kMasterHeartbeat, std::move(beat), until);
}
Task<Result<LocationChange>> RpcMasterClient::watch_locations(std::uint64_t after,
                                                              MonoTime deadline) {
  return caller_.ask<LocationChange>(kMasterWatchLocations, WatchLocations{after},
                                     deadline + kTravelTime);
}
Task<Result<NeedleKey>> RpcMasterClient::key_floor() {
  return caller_.ask(kMasterKeyFloor, Done{}, &KeyFloor::key);
}
Task<Result<std::uint32_t>> RpcMasterClient::count_gateway(std::uint64_t gateway) {
  return caller_.ask(kMasterCountGateway, CountGateway{gateway}, &GatewayCount::count);
}
Task<Result<std::uint32_t>> MasterControl::count_gateway(std::uint64_t) {
  co_return Error(Errc::kUnimplemented, "gateways are counted by the masters of a cluster");
}
Task<Result<ClusterView>> RpcMasterClient::view() {
  return caller_.ask<ClusterView>(kMasterView, Done{});
}
Task<Result<void>> RpcMasterClient::set_node_intent(std::string node_id, NodeIntent intent) {
  return caller_.tell(kMasterSetNodeIntent, SetNodeIntent{std::move(node_id), intent});
}
Task<Result<void>> RpcMasterClient::remove_node(std::string node_id) {
  return caller_.tell(kMasterRemoveNode, RemoveNode{std::move(node_id)});
}
Task<Result<std::uint64_t>> RpcMasterClient::move_volume(VolumeId volume, std::string from,
                                                         std::string to) {
  return caller_.ask(kMasterMoveVolume, MoveVolume{volume, std::move(from), std::move(to)},
                     &JobId::id);
}
Task<Result<void>> RpcMasterClient::pause_jobs(bool paused) {
  return caller_.tell(kMasterPauseJobs, PauseJobs{paused});
}
Task<Result<AdminLockView>> RpcMasterClient::admin_lock(AdminLockRequest request) {
  return caller_.ask<AdminLockView>(kMasterAdminLock, std::move(request));
}
Task<Result<std::vector<JobView>>> RpcMasterClient::plan_jobs(PlanKind kind, bool start) {
  return caller_.ask(kMasterPlanJobs, PlanJobs{kind, start}, &PlannedJobs::jobs);
}
Task<Result<void>> RpcMasterClient::seal_volume(VolumeId volume) {
  return caller_.tell(kMasterSealVolume, SealVolume{volume});
}
Task<Result<void>> RpcMasterClient::set_volume_tier(VolumeId volume, std::string tag) {
  return caller_.tell(kMasterSetVolumeTier, SetVolumeTier{volume, std::move(tag)});
}
Task<Result<std::uint64_t>> RpcMasterClient::pack_volume(VolumeId volume, EcScheme scheme,
                                                         std::optional<Spread> spread) {
  return caller_.ask(kMasterPackVolume, PackVolumeJob{volume, scheme, spread}, &JobId::id);
}
Task<Result<std::uint64_t>> MasterControl::pack_volume(VolumeId, EcScheme, std::optional<Spread>) {
  co_return Error(Errc::kUnimplemented, "volumes are packed by the masters of a cluster");
}
Task<Result<std::vector<VolumeId>>> RpcMasterClient::grow_volumes(std::string collection,
                                                                  std::uint32_t count) {
  return caller_.ask(kMasterGrowVolumes, GrowVolumes{std::move(collection), count},
                     &GrownVolumes::volumes);
}
Task<Result<void>> RpcMasterClient::add_master(std::uint64_t id, std::string address) {
  return caller_.tell(kMasterAddMaster, AddMaster{id, std::move(address)});
}
Task<Result<void>> RpcMasterClient::remove_master(std::uint64_t id) {
  return caller_.tell(kMasterRemoveMaster, RemoveMaster{id});
}
Task<Result<void>> RpcMasterClient::transfer_leadership(std::optional<std::uint64_t> id) {
  return caller_.tell(kMasterTransferLeadership, TransferLeadership{id});
}

void serve_master(RpcServer& server, MasterClient& master) {
  auto* const m = &master;
  serve_method<LeaseRequest>(server, kMasterLease,
                             [m](LeaseRequest r) { return m->lease(std::move(r)); });
  serve_method<ReleaseLease>(server, kMasterRelease,
                             [m](ReleaseLease r) { return m->release(r.volume, r.bytes); });
  serve_method<LocateVolume>(server, kMasterLocate,
                             [m](LocateVolume r) { return m->locate(r.volume); });
}

void serve_master_control(RpcServer& server, MasterControl& master) {
  auto* const m = &master;
  serve_method<Heartbeat>(server, kMasterHeartbeat,
                          [m](Heartbeat r) { return m->heartbeat(std::move(r)); });
  handle_method(server, kMasterWatchLocations, [m](RpcMessage message, RpcCallInfo info) {
    return watch(*m, std::move(message), info);
  });
  serve_method<Done>(server, kMasterKeyFloor, [m](Done) { return wrap<KeyFloor>(m->key_floor()); });
  serve_method<CountGateway>(server, kMasterCountGateway, [m](CountGateway r) {
    return wrap<GatewayCount>(m->count_gateway(r.gateway));
  });
  serve_method<Done>(server, kMasterView, [m](Done) { return m->view(); });
  serve_method<SetNodeIntent>(server, kMasterSetNodeIntent, [m](SetNodeIntent r) {
    return m->set_node_intent(std::move(r.node_id), r.intent);
  });
  serve_method<RemoveNode>(server, kMasterRemoveNode,
                           [m](RemoveNode r) { return m->remove_node(std::move(r.node_id)); });
  serve_method<MoveVolume>(server, kMasterMoveVolume, [m](MoveVolume r) {
    return wrap<JobId>(m->move_volume(r.volume, std::move(r.from), std::move(r.to)));
  });
  serve_method<PauseJobs>(server, kMasterPauseJobs,
                          [m](PauseJobs r) { return m->pause_jobs(r.paused); });
  serve_method<AdminLockRequest>(server, kMasterAdminLock,
                                 [m](AdminLockRequest r) { return m->admin_lock(std::move(r)); });
  serve_method<PlanJobs>(server, kMasterPlanJobs, [m](PlanJobs r) {
    return wrap<PlannedJobs>(m->plan_jobs(r.kind, r.start));
  });
  serve_method<SealVolume>(server, kMasterSealVolume,
                           [m](SealVolume r) { return m->seal_volume(r.volume); });
  serve_method<SetVolumeTier>(server, kMasterSetVolumeTier, [m](SetVolumeTier r) {
    return m->set_volume_tier(r.volume, std::move(r.tag));
  });
  serve_method<PackVolumeJob>(server, kMasterPackVolume, [m](PackVolumeJob r) {
    return wrap<JobId>(m->pack_volume(r.volume, r.scheme, r.spread));
  });
  serve_method<GrowVolumes>(server, kMasterGrowVolumes, [m](GrowVolumes r) {
    return wrap<GrownVolumes>(m->grow_volumes(std::move(r.collection), r.count));
  });
  serve_method<AddMaster>(server, kMasterAddMaster,
                          [m](AddMaster r) { return m->add_master(r.id, std::move(r.address)); });
  serve_method<RemoveMaster>(server, kMasterRemoveMaster,
                             [m](RemoveMaster r) { return m->remove_master(r.id); });
  serve_method<TransferLeadership>(server, kMasterTransferLeadership, [m](TransferLeadership r) {
    return m->transfer_leadership(r.id);
  });
}

}  // namespace kelp
