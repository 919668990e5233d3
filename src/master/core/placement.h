#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "master/core/reservations.h"
#include "master/core/state.h"
#include "master/core/topology.h"
#include "wire/lease.h"

namespace kelp::master {

/// How the needles of a storage class lie.
struct StorageLayout {
  Spread spread;  ///< Of new volumes.
  /// Of new volumes for large needles; {}: those lie in copies as all others.
  EcScheme large;
  std::uint64_t large_from = 1ULL << 20;  ///< Bytes of a needle from which on it is a large one.
  EcScheme seal;    ///< What full volumes of copies become shards of; {}: they stay copies.
  std::string tag;  ///< On nodes that carry it (NodeIdentity::tags); empty: on any.
};

/// What the members of a volume must be.
struct VolumeShape {
  Spread spread;    ///< Without a scheme.
  EcScheme scheme;  ///< One node for each shard.
  std::string tag;  ///< As StorageLayout::tag.
};

/// What bounds placement.
struct PlacementOptions {
  StorageLayout standard;
  /// Of storage classes that lie otherwise, by name; their volumes are a collection of that name.
  std::map<std::string, StorageLayout, std::less<>> classes;
  std::uint64_t volume_size_limit = 8ULL << 30;  ///< A volume at or past it is sealed.
  /// Volumes of a collection that take needles at once. Few, so that one sync serves many writers;
  /// 0: one for each node that takes data.
  std::uint32_t writable_volumes = 1;
  /// Volumes that may be made beyond those when the others fail; a bound against making volumes
  /// without end on a broken disk.
  std::uint32_t spare_volumes = 4;
  /// Free bytes of a disk that no lease may take: the smaller of this and a twentieth of the disk.
  /// Deletions and vacuum live from it.
  std::uint64_t free_reserve_bytes = 1ULL << 30;
  /// A machine may have more members of a volume than the volume can lose, where there are not
  /// enough machines.
  bool share_hosts = false;

  /// Of the volumes of a collection: that of the storage class with its name, else the standard.
  [[nodiscard]] const StorageLayout& layout_of(std::string_view collection) const {
    const auto found = classes.find(collection);
    return found == classes.end() ? standard : found->second;
  }
};

/// Of a new volume of `layout`.
[[nodiscard]] VolumeShape shape_of(const StorageLayout& layout, bool large);
/// Whether a node may have volumes of such a tag.
[[nodiscard]] bool carries(const NodeIdentity& node, std::string_view tag);

/// The tag of the nodes that `volume` may lie on: of its tier, else of its storage class.
[[nodiscard]] const std::string& tag_of(const PlacementOptions& options,
                                        const VolumeRecord& volume);

/// Begins the tag in which a node says its machine: "host=NAME".
inline constexpr std::string_view kHostTag = "host=";
/// The machine that a node stands in, by that tag, or its own id: then it shares one with nobody.
/// A machine fails as a whole, so that it has one copy of a volume at most, and no more shards than
/// the scheme can lose, unless PlacementOptions::share_hosts.
[[nodiscard]] std::string_view host_of(const NodeIdentity& node);

/// What placement looks at: what was decided, what nodes say, what is promised.
struct PlacementView {
  const MasterState& state;
  const Topology& topology;
  const Reservations& reservations;
  const PlacementOptions& options;
  MonoTime now;
};

/// Where a lease goes.
struct Placement {
  std::optional<VolumeId> use;     ///< Takes it; nothing: make or finish a volume first.
  std::vector<VolumeId> full;      ///< Writable volumes to seal.
  std::optional<VolumeId> finish;  ///< In phase kCreating, by members that are there.
  bool grow = false;               ///< One more volume should be made (before `use` if nothing).
};

/// Decides where `request` goes. A volume is used only when every member is alive, may be trusted,
/// takes data and has room: a write needs them all. Errors: kNoSpace, kUnavailable, saying what is
/// missing.
[[nodiscard]] Result<Placement> place(const PlacementView& view, const LeaseRequest& request);

/// Whether a volume of `shape` can be made, with room for `bytes`, without the nodes whose disks
/// are slow: as long as it can, they take no new data. True when none is slow.
[[nodiscard]] bool can_avoid_slow(const PlacementView& view, const VolumeShape& shape,
                                  std::uint64_t bytes);

/// What needles of `bytes` in all take on each member of a volume: about, and not less.
[[nodiscard]] std::uint64_t bytes_on_member(EcScheme scheme, std::uint64_t bytes);

/// The members of a new volume, the primary first: exactly as far apart as the spread asks, chosen
/// among the nodes that take data (those with a slow disk only when the others are too few) with a
/// probability that rises with their free bytes. With a scheme: one node for each shard, evenly
/// over racks and machines. On a machine as host_of() says. `bytes` on each. `salt` (the volume's
/// id) is the only chance in it. kUnavailable, naming what each candidate lacks.
[[nodiscard]] Result<std::vector<NodeNumber>> choose_members(const PlacementView& view,
                                                             const VolumeShape& shape,
                                                             std::uint64_t bytes,
                                                             std::uint64_t salt);

/// A node for one more copy of `volume`, so that with the members that stay they fit its spread,
/// with its tag, on a machine that may have one more; those `leaving` do not
/// count and are not chosen. Errors as choose_members.
[[nodiscard]] Result<NodeNumber> choose_replacement(const PlacementView& view,
                                                    const VolumeRecord& volume,
                                                    const std::vector<NodeNumber>& leaving,
                                                    std::uint64_t bytes, std::uint64_t salt);

/// Whether `members` are a part of a set that stands as far apart as `spread` asks, or all of it.
[[nodiscard]] bool fits_spread(const MasterState& state, const std::vector<NodeNumber>& members,
                               const Spread& spread);

/// Whether the members of `volume` stand as far apart as they must with `to` in the place of
/// `from`; of a volume with a scheme: on other nodes, and no more of them in a rack than there
/// were in that of `from`. No more of them on a machine than may be, or than were on that of
/// `from`. `to` must carry the volume's tag.
[[nodiscard]] bool may_replace(const PlacementView& view, const VolumeRecord& volume,
                               NodeNumber from, NodeNumber to);

/// What the disks have room for. Made once for a decision, since it looks at every promise; valid
/// while nothing of its view changes. Pure.
class Rooms {
 public:
  explicit Rooms(const PlacementView& view);
  /// Bytes that new needles may take on a node's disk: free, less the reserve and what is promised.
  [[nodiscard]] std::uint64_t of(NodeNumber node) const;

 private:
  const PlacementView& view_;
  std::vector<std::uint64_t> promised_;  ///< By node number.
};

}  // namespace kelp::master
