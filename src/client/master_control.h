#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "async/awaitable.h"
#include "wire/cluster.h"

namespace kelp {

/// What volume servers and operators ask of the masters; MasterClient is what writers ask. Only the
/// leader answers: others give kUnavailable with Reason::kNotLeader and name the leader's address
/// in the detail when they know it. Safe from any io thread.
class MasterControl {
 public:
  virtual ~MasterControl() = default;
  /// kPermissionDenied for another cluster's node, kConflict for a node id that another living
  /// process uses.
  virtual Task<Result<HeartbeatAnswer>> heartbeat(Heartbeat beat) = 0;
  /// Waits until the locations differ from what they were at `after` (a LocationChange::sequence; 0
  /// gives all at once), or `deadline`, which gives an empty change.
  virtual Task<Result<LocationChange>> watch_locations(std::uint64_t after, MonoTime deadline) = 0;
  /// Every key below was leased so long ago that nobody may name it in new metadata: what the
  /// metadata does not name there is garbage.
  virtual Task<Result<NeedleKey>> key_floor() = 0;
  /// How many gateways called this in the last ten seconds, `gateway` among them: a number that it
  /// drew at random. 0: a new leader has not listened long enough. kUnimplemented by a master of
  /// before.
  virtual Task<Result<std::uint32_t>> count_gateway(std::uint64_t gateway);

  virtual Task<Result<ClusterView>> view() = 0;
  virtual Task<Result<void>> set_node_intent(std::string node_id, NodeIntent intent) = 0;
  /// Forgets a node that is dead or empty; kConflict while a volume's only healthy copy is there.
  virtual Task<Result<void>> remove_node(std::string node_id) = 0;
  /// Makes a job that moves `volume` from one node to another.
  virtual Task<Result<std::uint64_t>> move_volume(VolumeId volume, std::string from,
                                                  std::string to) = 0;
  virtual Task<Result<void>> pause_jobs(bool paused) = 0;
  /// Takes, renews or gives back the lock that keeps operators out of each other's way, or looks at
  /// it; who holds it then. The master refuses nobody for it: who changes the cluster by hand takes
  /// it first (AdminLockHolder). kConflict, naming the owner, while another token holds it.
  virtual Task<Result<AdminLockView>> admin_lock(AdminLockRequest request) = 0;
  /// The jobs that would be started just now, also while jobs are paused; with `start`, which are.
  virtual Task<Result<std::vector<JobView>>> plan_jobs(PlanKind kind, bool start) = 0;
  /// The volume takes no more needles, for good. Done when it is sealed already.
  virtual Task<Result<void>> seal_volume(VolumeId volume) = 0;
  /// From now on a sealed volume lies on nodes with `tag`, and not with that of its storage class;
  /// empty: with its class's again. Its members are moved by jobs, as draining ones are.
  /// kInvalidArgument when no node has the tag; kConflict: it is not sealed.
  virtual Task<Result<void>> set_volume_tier(VolumeId volume, std::string tag) = 0;
  /// Makes a job that turns the copies of a full volume, or its shards of another scheme, into
  /// shards of `scheme`; its number. With the scheme {} shards become copies, as far apart as
  /// `spread` asks, or the volume's storage class when it says nothing.
  /// Errors: kConflict for a volume that is not full or not whole, lies like that already, or
  /// would be made shards again at once; kUnavailable or kNoSpace when there are too few servers.
  virtual Task<Result<std::uint64_t>> pack_volume(VolumeId volume, EcScheme scheme,
                                                  std::optional<Spread> spread);
  /// Makes 1 to 64 volumes for a collection now; fewer when it fails on the way. Errors: as a lease
  /// for which no volume can be made.
  virtual Task<Result<std::vector<VolumeId>>> grow_volumes(std::string collection,
                                                           std::uint32_t count) = 0;
  /// Members of the masters' own group. `address` is host:port of its rpc.
  virtual Task<Result<void>> add_master(std::uint64_t id, std::string address) = 0;
  virtual Task<Result<void>> remove_master(std::uint64_t id) = 0;
  /// To `id`, or to whoever is furthest when nothing.
  virtual Task<Result<void>> transfer_leadership(std::optional<std::uint64_t> id) = 0;
};

}  // namespace kelp
