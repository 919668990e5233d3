#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/cluster.h"
#include "wire/lease.h"
#include "wire/message_codec.h"
#include "wire/node_messages.h"

namespace kelp {

// What the calls of client/master_client.h and client/master_control.h carry.

/// Of MasterClient::release.
struct ReleaseLease {
  VolumeId volume;
  std::uint64_t bytes = 0;
};
/// Of MasterClient::locate.
struct LocateVolume {
  VolumeId volume;
};
/// Of MasterControl::watch_locations; its deadline is that of the call.
struct WatchLocations {
  std::uint64_t after = 0;
};
/// Answer of MasterControl::key_floor.
struct KeyFloor {
  NeedleKey key;
};
/// Of MasterControl::count_gateway.
struct CountGateway {
  std::uint64_t gateway = 0;
};
/// Answer of MasterControl::count_gateway.
struct GatewayCount {
  std::uint32_t count = 0;
};
/// Of MasterControl::set_node_intent.
struct SetNodeIntent {
  std::string node_id;
  NodeIntent intent = NodeIntent::kActive;
};
/// Of MasterControl::remove_node.
struct RemoveNode {
  std::string node_id;
};
/// Of MasterControl::move_volume.
struct MoveVolume {
  VolumeId volume;
  std::string from;
  std::string to;
};
/// Answer of MasterControl::move_volume.
struct JobId {
  std::uint64_t id = 0;
};
/// Of MasterControl::pause_jobs.
struct PauseJobs {
  bool paused = false;
};
/// Of MasterControl::add_master.
struct AddMaster {
  std::uint64_t id = 0;
  std::string address;
};
/// Of MasterControl::remove_master.
struct RemoveMaster {
  std::uint64_t id = 0;
};
/// Of MasterControl::transfer_leadership.
struct TransferLeadership {
  std::optional<std::uint64_t> id;
};

/// Of MasterControl::plan_jobs.
struct PlanJobs {
  PlanKind kind = PlanKind::kRepair;
  bool start = false;
};
/// Answer of MasterControl::plan_jobs.
struct PlannedJobs {
  std::vector<JobView> jobs;
};
/// Of MasterControl::seal_volume.
struct SealVolume {
  VolumeId volume;
};
/// Of MasterControl::set_volume_tier.
struct SetVolumeTier {
  VolumeId volume;
  std::string tag;
};
/// Of MasterControl::pack_volume; answered with a JobId.
struct PackVolumeJob {
  VolumeId volume;
  EcScheme scheme;
  std::optional<Spread> spread = {};
};
/// Of MasterControl::grow_volumes.
struct GrowVolumes {
  std::string collection;
  std::uint32_t count = 0;
};
/// Answer of MasterControl::grow_volumes.
struct GrownVolumes {
  std::vector<VolumeId> volumes;
};

/// What travels of each, in order.
template <>
inline constexpr std::pair kEnumerators<PlanKind> = {PlanKind::kRepair, PlanKind::kMove};
template <>
inline constexpr std::pair kEnumerators<NodeIntent> = {NodeIntent::kActive,
                                                       NodeIntent::kMaintenance};
template <>
inline constexpr auto kFields<LeaseRequest> =
    std::tuple(&LeaseRequest::key_count, &LeaseRequest::bytes, &LeaseRequest::collection,
               &LeaseRequest::exclude, &LeaseRequest::rack, since(2, &LeaseRequest::large));
template <>
inline constexpr auto kFields<WriteLease> = std::tuple(
    &WriteLease::first_key, &WriteLease::key_count, &WriteLease::volume, &WriteLease::generation,
    &WriteLease::members, &WriteLease::bytes, &WriteLease::token, &WriteLease::expires,
    since(1, &WriteLease::lifetime), since(2, &WriteLease::scheme),
    since(2, &WriteLease::large_from), since(2, &WriteLease::classes));
template <>
inline constexpr auto kFields<VolumeLocation> =
    std::tuple(&VolumeLocation::volume, &VolumeLocation::generation, &VolumeLocation::members,
               &VolumeLocation::writable, since(2, &VolumeLocation::scheme));
template <>
inline constexpr auto kFields<ReleaseLease> =
    std::tuple(&ReleaseLease::volume, &ReleaseLease::bytes);
template <>
inline constexpr auto kFields<LocateVolume> = std::tuple(&LocateVolume::volume);
template <>
inline constexpr auto kFields<NodeIdentity> =
    std::tuple(&NodeIdentity::node_id, &NodeIdentity::address, &NodeIdentity::data_centre,
               &NodeIdentity::rack, &NodeIdentity::tags);
template <>
inline constexpr auto kFields<Heartbeat> =
    std::tuple(&Heartbeat::identity, &Heartbeat::process, &Heartbeat::sequence, &Heartbeat::full,
               &Heartbeat::status, &Heartbeat::gone, &Heartbeat::volumes_hash);
template <>
inline constexpr auto kFields<HeartbeatAnswer> =
    std::tuple(&HeartbeatAnswer::send_full, &HeartbeatAnswer::interval,
               since(1, &HeartbeatAnswer::now), since(1, &HeartbeatAnswer::refuse_needles));
template <>
inline constexpr auto kFields<WatchLocations> = std::tuple(&WatchLocations::after);
template <>
inline constexpr auto kFields<LocationChange> =
    std::tuple(&LocationChange::sequence, &LocationChange::volumes);
template <>
inline constexpr auto kFields<KeyFloor> = std::tuple(&KeyFloor::key);
template <>
inline constexpr auto kFields<CountGateway> = std::tuple(&CountGateway::gateway);
template <>
inline constexpr auto kFields<GatewayCount> = std::tuple(&GatewayCount::count);
template <>
inline constexpr auto kFields<Spread> =
    std::tuple(&Spread::other_data_centres, &Spread::other_racks, &Spread::other_nodes);
template <>
inline constexpr auto kFields<MasterView> =
    std::tuple(&MasterView::id, &MasterView::address, &MasterView::leader, &MasterView::learner,
               &MasterView::alive, &MasterView::match);
template <>
inline constexpr auto kFields<NodeView> =
    std::tuple(&NodeView::identity, &NodeView::intent, &NodeView::alive, &NodeView::total_bytes,
               &NodeView::free_bytes, &NodeView::volumes, since(1, &NodeView::slow),
               since(1, &NodeView::write_micros));
template <>
inline constexpr auto kFields<VolumeView> = std::tuple(
    &VolumeView::location, &VolumeView::collection, &VolumeView::spread, &VolumeView::phase,
    &VolumeView::copies_asked, &VolumeView::copies_healthy, &VolumeView::bytes);
template <>
inline constexpr auto kFields<JobView> =
    std::tuple(&JobView::id, &JobView::kind, &JobView::step, &JobView::volume, &JobView::from,
               &JobView::to, &JobView::error);
template <>
inline constexpr auto kFields<ClusterView> = std::tuple(
    &ClusterView::cluster_id, &ClusterView::term, &ClusterView::masters, &ClusterView::nodes,
    &ClusterView::volumes, &ClusterView::jobs, &ClusterView::jobs_paused);
template <>
inline constexpr auto kFields<SetNodeIntent> =
    std::tuple(&SetNodeIntent::node_id, &SetNodeIntent::intent);
template <>
inline constexpr auto kFields<RemoveNode> = std::tuple(&RemoveNode::node_id);
template <>
inline constexpr auto kFields<MoveVolume> =
    std::tuple(&MoveVolume::volume, &MoveVolume::from, &MoveVolume::to);
template <>
inline constexpr auto kFields<JobId> = std::tuple(&JobId::id);
template <>
inline constexpr auto kFields<PauseJobs> = std::tuple(&PauseJobs::paused);
template <>
inline constexpr auto kFields<AddMaster> = std::tuple(&AddMaster::id, &AddMaster::address);
template <>
inline constexpr auto kFields<RemoveMaster> = std::tuple(&RemoveMaster::id);
template <>
inline constexpr auto kFields<TransferLeadership> = std::tuple(&TransferLeadership::id);
template <>
inline constexpr auto kFields<AdminLockRequest> =
    std::tuple(&AdminLockRequest::owner, &AdminLockRequest::token, &AdminLockRequest::lease);
template <>
inline constexpr auto kFields<AdminLockView> =
    std::tuple(&AdminLockView::owner, &AdminLockView::expires);
template <>
inline constexpr auto kFields<PlanJobs> = std::tuple(&PlanJobs::kind, &PlanJobs::start);
template <>
inline constexpr auto kFields<PlannedJobs> = std::tuple(&PlannedJobs::jobs);
template <>
inline constexpr auto kFields<SealVolume> = std::tuple(&SealVolume::volume);
template <>
inline constexpr auto kFields<SetVolumeTier> =
    std::tuple(&SetVolumeTier::volume, &SetVolumeTier::tag);
template <>
inline constexpr auto kFields<PackVolumeJob> =
    std::tuple(&PackVolumeJob::volume, &PackVolumeJob::scheme, since(3, &PackVolumeJob::spread));
template <>
inline constexpr auto kFields<GrowVolumes> =
    std::tuple(&GrowVolumes::collection, &GrowVolumes::count);
template <>
inline constexpr auto kFields<GrownVolumes> = std::tuple(&GrownVolumes::volumes);

}  // namespace kelp
