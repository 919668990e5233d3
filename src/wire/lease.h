#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "ec/scheme.h"

namespace kelp {

/// Asks for room: `key_count` needles of `bytes` in all.
struct LeaseRequest {
  std::uint32_t key_count = 1;
  std::uint64_t bytes = 0;
  std::string
      collection;  ///< Volumes are shared by all buckets of a collection; empty is the common one.
  std::vector<VolumeId> exclude;  ///< Volumes that just failed for the caller.
  std::string rack;               ///< Where the caller stands; a volume near by is preferred.
  bool large = false;             ///< For needles of WriteLease::large_from or more bytes each.
};

/// Where a copy of a volume lives, or a shard of each of its needles.
struct VolumeMember {
  std::string node_id;     ///< UUID of the volume server.
  std::string address;     ///< host:port of its internal rpc; empty in process.
  std::uint8_t shard = 0;  ///< Which shard, in a volume with a scheme.
};

/// A write set: fresh keys and the volumes that take them, with bytes reserved there.
struct WriteLease {
  NeedleKey first_key;
  std::uint32_t key_count = 0;
  VolumeId volume;
  Generation generation;
  std::vector<VolumeMember> members;
  std::uint64_t bytes = 0;
  std::string token;  ///< Proof for the volume server: signed over volume, generation, key range
                      ///< and expiry.
  WallTime expires;   ///< By the master's clock, which may be wrong.
  std::chrono::milliseconds lifetime{};  ///< From the answer on; 0: an older master.
  /// Needles are cut into so many shards, one for each member; {}: every member has all of them.
  EcScheme scheme;
  /// Needles of so many bytes or more want a lease for large ones; 0: there are none.
  std::uint64_t large_from = 0;
  /// Storage classes that lie otherwise than STANDARD: their needles want leases of a collection
  /// of that name.
  std::vector<std::string> classes;
};

/// Where a volume's copies are.
struct VolumeLocation {
  VolumeId volume;
  Generation generation;
  std::vector<VolumeMember> members;
  bool writable = false;
  EcScheme scheme;  ///< As WriteLease::scheme.
};

}  // namespace kelp
