#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "wire/lease.h"
#include "wire/node_status.h"

namespace kelp {

/// How many copies a volume has and how far apart they are: beside the first copy, so many in other
/// data centres, in other racks of the same data centre, and on other nodes of the same rack (the
/// three digits that operators know as "xyz"). Copies = 1 + the sum, at most 8.
struct Spread {
  std::uint8_t other_data_centres = 0;
  std::uint8_t other_racks = 0;
  std::uint8_t other_nodes = 0;
  friend bool operator==(const Spread&, const Spread&) = default;
};

/// What operators decide about a node. Values are stored and travel: never renumber.
enum class NodeIntent : std::uint8_t {
  kActive = 1,       ///< Takes new data.
  kDraining = 2,     ///< Its volumes move away; takes none.
  kMaintenance = 3,  ///< Will be back: takes no new data, is not repaired around.
};

/// Who a volume server is and where it stands. The id is on its disk; the address may change.
struct NodeIdentity {
  std::string node_id;      ///< UUID text.
  std::string address;      ///< host:port of its internal rpc.
  std::string data_centre;  ///< Never empty; "default" when nothing was said.
  std::string rack;         ///< As data_centre.
  std::vector<std::string> tags;
  friend bool operator==(const NodeIdentity&, const NodeIdentity&) = default;
};

/// What a volume server tells the leading master about twice a second. The first one to a leader,
/// and any that the leader asks for, is full; the others say only what changed.
struct Heartbeat {
  NodeIdentity identity;
  std::uint64_t process = 0;   ///< Random, drawn at start: two processes with one id show.
  std::uint64_t sequence = 0;  ///< Rises by one each time; a gap makes the leader ask for all.
  bool full = false;
  NodeStatus status;               ///< Free bytes; in `volumes` all of them or those that changed.
  std::vector<VolumeId> gone;      ///< Volumes that are not there any more.
  std::uint64_t volumes_hash = 0;  ///< Sum over all volumes of hash_of(), so that "identical?" is
                                   ///< one compare.
};

/// What Heartbeat::volumes_hash adds up, one a volume.
[[nodiscard]] std::uint64_t hash_of(const VolumeStatus& volume);

/// What the leader answers.
struct HeartbeatAnswer {
  bool send_full = false;
  std::chrono::milliseconds interval{500};
  WallTime now;                 ///< Of the leader, who dates the leases; 0: an older one.
  bool refuse_needles = false;  ///< The server's disk is slow and others are not.
};

/// A change of who holds a volume.
struct LocationChange {
  std::uint64_t sequence = 0;  ///< Rises with every change; 0: none yet.
  std::vector<VolumeLocation> volumes;
};

/// A node as operators see it.
struct NodeView {
  NodeIdentity identity;
  NodeIntent intent = NodeIntent::kActive;
  bool alive = false;
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint32_t volumes = 0;
  bool slow = false;               ///< Its disk is much slower than the others': no new data.
  std::uint64_t write_micros = 0;  ///< NodeStatus::write_micros.
};

/// A volume as operators see it.
struct VolumeView {
  VolumeLocation location;
  std::string collection;
  Spread spread;
  std::string phase;  ///< "creating", "writable", "sealed", "frozen".
  std::uint32_t copies_asked = 0;
  std::uint32_t copies_healthy = 0;  ///< Alive, of the right generation, without I/O errors.
  std::uint64_t bytes = 0;
};

/// A job as operators see it.
struct JobView {
  std::uint64_t id = 0;
  std::string kind;  ///< "repair", "move".
  std::string step;
  VolumeId volume;
  std::string from;  ///< Node ids; may be empty.
  std::string to;
  std::string error;  ///< What the last attempt came to.
};

/// Which jobs an operator asks for. Values travel: never renumber.
enum class PlanKind : std::uint8_t {
  kRepair = 1,  ///< Copies that are missing.
  kMove = 2,    ///< Off draining nodes, else evening out the bytes of the nodes.
};

/// Of MasterControl::admin_lock.
struct AdminLockRequest {
  std::string owner;                   ///< For people: who and where. 1 to 200 bytes.
  std::uint64_t token = 0;             ///< Drawn at random by the owner; 0 only looks.
  std::chrono::milliseconds lease{0};  ///< From now on; 0 gives the lock back. At most 10 minutes.
};

/// Who may change the cluster by hand just now.
struct AdminLockView {
  std::string owner;  ///< Empty: nobody holds it.
  WallTime expires;
};

/// A member of the masters' group as operators see it.
struct MasterView {
  std::uint64_t id = 0;
  std::string address;
  bool leader = false;
  bool learner = false;
  bool alive = false;
  std::uint64_t match = 0;  ///< Log index on its disk.
};

/// The cluster as the leading master sees it.
struct ClusterView {
  std::string cluster_id;
  std::uint64_t term = 0;
  std::vector<MasterView> masters;
  std::vector<NodeView> nodes;
  std::vector<VolumeView> volumes;
  std::vector<JobView> jobs;
  bool jobs_paused = false;
};

}  // namespace kelp
