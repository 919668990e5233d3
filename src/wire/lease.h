#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace kelp {

/// Asks for room: `key_count` needles of `bytes` in all.
struct LeaseRequest {
  std::uint32_t key_count = 1;
  std::uint64_t bytes = 0;
  std::string
      collection;  ///< Volumes are shared by all buckets of a collection; empty is the common one.
  std::vector<VolumeId> exclude;  ///< Volumes that just failed for the caller.
  std::string rack;               ///< Where the caller stands; a volume near by is preferred.
};

/// Where a copy of a volume lives.
struct VolumeMember {
  std::string node_id;  ///< UUID of the volume server.
  std::string address;  ///< host:port of its internal rpc; empty in process.
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
};

/// Where a volume's copies are.
struct VolumeLocation {
  VolumeId volume;
  Generation generation;
  std::vector<VolumeMember> members;
  bool writable = false;
};

}  // namespace kelp
