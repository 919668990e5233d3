#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "ec/scheme.h"
#include "kelp/result.h"
#include "wire/cluster.h"

namespace kelp::master {

/// Stands for a node's UUID in the state, so that a copy costs 4 bytes; given once, never again.
using NodeNumber = StrongId<struct NodeNumberTag, std::uint32_t>;
using JobId = StrongId<struct JobIdTag, std::uint64_t>;

/// Values are stored: never renumber.
enum class VolumePhase : std::uint8_t {
  kCreating = 1,  ///< Decided; its servers may or may not have it yet. Holds no needle.
  kWritable = 2,  ///< Made; takes needles.
  kSealed = 3,    ///< Full; takes no new needles.
};

/// What was decided about a volume. What disks hold is reported, and never trusted when its
/// generation differs.
struct VolumeRecord {
  Generation generation;  ///< Rises with every change of the members.
  Spread spread;          ///< The copies it should have.
  VolumePhase phase = VolumePhase::kCreating;
  bool frozen = false;  ///< A job copies it: no needle and no tombstone is written.
  std::string collection;
  std::vector<NodeNumber> members;  ///< Who has a copy; the first one is the primary.
  /// Each needle is cut into shards, one for each member, and `spread` says nothing; {}: every
  /// member has whole needles.
  EcScheme scheme;
  std::vector<std::uint8_t> shards;  ///< Which one each member has, in their order; with a scheme.
  /// Sealed only: the tag of the nodes that it lies on, in place of that of its storage class.
  /// Empty: of its class.
  std::string tier;
  friend bool operator==(const VolumeRecord&, const VolumeRecord&) = default;
};

/// A volume server that belongs to the cluster.
struct NodeRecord {
  NodeIdentity identity;
  NodeIntent intent = NodeIntent::kActive;
  friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

/// Keys from `first` on were put into leases from `reserved` on.
struct KeyBlock {
  NeedleKey first;
  WallTime reserved;
  friend bool operator==(const KeyBlock&, const KeyBlock&) = default;
};

/// Why a job runs. Values are stored: never renumber.
enum class JobKind : std::uint8_t {
  kRepair = 1,  ///< Copies are lost: `to` gets one, or each of `targets`. `from` is nobody.
  kMove = 2,    ///< `from` gives its copy to `to`: balance, draining, an operator.
  kSeal = 3,    ///< The copies of a full volume become shards at `targets` (docs/adr/0011).
  // What is stored as 4 is a kRepair of several shards.
  kRepack = 5,  ///< The members of a packed volume, `targets`, pack it anew (docs/adr/0015).
  kRecode = 6,  ///< A full volume in shards gets others at `targets`, or copies (docs/adr/0018).
};
/// Whether servers make shards beside what they have: then the job has kPack and kVerify.
[[nodiscard]] constexpr bool packs(JobKind kind) {
  return kind == JobKind::kSeal || kind == JobKind::kRepack || kind == JobKind::kRecode;
}
/// Whether `targets` become the members, in the place of those who were.
[[nodiscard]] constexpr bool replaces_members(JobKind kind) {
  return kind == JobKind::kSeal || kind == JobKind::kRecode;
}

/// How far a job is; each step was committed before the next one's work begins, so that any leader
/// can go on. Values are stored: never renumber.
enum class JobStep : std::uint8_t {
  kFreeze = 1,   ///< Generation raised and frozen: tell the members, wait until they are.
  kCopy = 2,     ///< Let `to` pull from a member; compare digests.
  kSwitch = 3,   ///< `to` is a member in a new generation: tell all members.
  kRetire = 4,   ///< Remove the copy at `from`; if replaces_members(): of all who were members.
  kRelease = 5,  ///< Given up before the switch: thaw the members as they are.
  kPack = 6,    ///< If packs(), after kFreeze: let each target make its shard of what members have.
  kVerify = 7,  ///< Then: let each read back what it made; compare. kSwitch follows.
};

/// The members are those that the job was for: it cannot be given up any more, or was.
[[nodiscard]] constexpr bool is_decided(JobStep step) {
  return step == JobStep::kSwitch || step == JobStep::kRetire || step == JobStep::kRelease;
}

/// A recorded change of where a volume lives. At most one a volume.
struct JobRecord {
  JobKind kind = JobKind::kRepair;
  JobStep step = JobStep::kFreeze;
  VolumeId volume;
  std::optional<NodeNumber> from;  ///< kMove only.
  NodeNumber to;                   ///< The first of the targets, if there are any.
  EcScheme scheme = {};            ///< If it packs: what the volume is to have; {}: copies.
  Spread spread = {};              ///< kRecode to copies: how far apart.
  /// If it packs: who gets which shard, or a copy, in their order. kRepair of several shards in one
  /// pass: who gets one; empty: `to` alone gets the first that is missing.
  std::vector<NodeNumber> targets = {};
  std::vector<std::uint8_t> shards = {};  ///< kRepair with targets: which one each gets.
  friend bool operator==(const JobRecord&, const JobRecord&) = default;
};

/// Who may change the cluster by hand just now.
struct AdminLock {
  std::string owner;
  std::uint64_t token = 0;
  WallTime expires;
  friend bool operator==(const AdminLock&, const AdminLock&) = default;
};

/// Everything that the masters must not forget: the result of applying the commands in order.
struct MasterState {
  std::string cluster_id;           ///< UUID text.
  NeedleKey key_mark{1};            ///< Keys below may have been leased and never are again.
  std::deque<KeyBlock> key_blocks;  ///< Of the last 48 hours, oldest first.
  VolumeId next_volume{1};          ///< Never used before.
  NodeNumber next_node{1};
  JobId next_job{1};
  std::map<VolumeId, VolumeRecord> volumes;
  std::map<NodeNumber, NodeRecord> nodes;
  std::map<JobId, JobRecord> jobs;
  std::map<std::uint64_t, std::string> masters;  ///< Raft id and rpc address of each.
  bool jobs_paused = false;
  std::optional<AdminLock> lock;
  /// Volumes in phase kCreating or kWritable, so that a lease looks at few. Follows from `volumes`.
  std::set<VolumeId> open_volumes;
  friend bool operator==(const MasterState&, const MasterState&) = default;

  /// The number of the node with this UUID. Linear in the nodes.
  [[nodiscard]] std::optional<NodeNumber> find_node(std::string_view node_id) const;
  /// The job under way on `volume`. Linear in the jobs.
  [[nodiscard]] std::optional<JobId> job_of(VolumeId volume) const;
};

inline constexpr std::uint32_t kMostCopies = 8;
/// Copies that a spread asks for: 1 to kMostCopies.
[[nodiscard]] constexpr std::uint32_t copies_of(const Spread& spread) {
  return 1U + spread.other_data_centres + spread.other_racks + spread.other_nodes;
}

/// Members that a volume should have: 1 to 32.
[[nodiscard]] constexpr std::uint32_t wanted_members(const VolumeRecord& volume) {
  return volume.scheme ? volume.scheme.shards() : copies_of(volume.spread);
}
/// Targets that a job has which replaces_members().
[[nodiscard]] constexpr std::uint32_t wanted_members(const JobRecord& job) {
  return job.scheme ? job.scheme.shards() : copies_of(job.spread);
}
/// Members without fewer than which nothing of a volume is left.
[[nodiscard]] constexpr std::uint32_t least_members(const VolumeRecord& volume) {
  return volume.scheme ? volume.scheme.data : 1;
}
/// Takes `node` out of the members; nothing when it is none.
void erase_member(VolumeRecord& volume, NodeNumber node);
/// The smallest shard number that no member has. 0 without a scheme.
[[nodiscard]] std::uint8_t missing_shard(const VolumeRecord& volume);
/// Makes `node` a member that has shard `shard` (without a scheme: a copy).
void add_member(VolumeRecord& volume, NodeNumber node, std::uint8_t shard);
/// What `node` has of a volume that it is a member of: its shard number. 0 without a scheme.
[[nodiscard]] std::uint8_t shard_of(const VolumeRecord& volume, NodeNumber node);

/// The state as stored (docs/formats/master-state.md, version 6; 5 as long as no volume is getting
/// another scheme, 4 as long as none is being packed anew either, 3 as long as none has a tier, is
/// being sealed or gets several shards at once either, 2 as long as none has a scheme either, so
/// that masters of versions before read it), with its checksum.
[[nodiscard]] std::string encode_state(const MasterState& state);
/// Reads versions 1 to 6. kCorruption for anything that encode_state() would not make;
/// kUnimplemented for a newer version, naming both.
[[nodiscard]] Result<MasterState> decode_state(std::string_view bytes);

/// Parts of the state, as in it and in commands. Reading gives kCorruption for unknown values; a
/// short input shows in reader.failed().
void encode_volume(const VolumeRecord& volume, std::string& out);
[[nodiscard]] Result<VolumeRecord> decode_volume(ByteReader& reader);
void encode_node(const NodeRecord& node, std::string& out);
[[nodiscard]] Result<NodeRecord> decode_node(ByteReader& reader);
void encode_job(const JobRecord& job, std::string& out);
[[nodiscard]] Result<JobRecord> decode_job(ByteReader& reader);

/// Wall times travel as nanoseconds since 1970, UTC.
void encode_time(WallTime time, std::string& out);
[[nodiscard]] WallTime decode_time(ByteReader& reader);

}  // namespace kelp::master
