#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "ec/layout.h"
#include "wire/fid.h"
#include "wire/lease.h"

namespace kelp {

/// A needle about to be written. Its length is known before its first byte.
struct OpenNeedle {
  FileId fid;
  Generation generation;
  std::string token;             ///< WriteLease::token.
  std::uint64_t body_bytes = 0;  ///< Exact; 1 byte to 64 MiB.
  BucketId bucket;  ///< Kept beside the needle, with object_key and origin: a lost namespace is
                    ///< rebuilt from these.
  std::string object_key;
  /// Every copy's server, the receiver first: it writes its own copy and passes the needle on to
  /// the others. Empty or one: nothing is passed on.
  std::vector<VolumeMember> members;
  /// LeasedFid::scheme: whoever has all members in view cuts the needle (ClusterVolumes).
  EcScheme scheme;
  /// The needle is this shard of a body; then body_bytes is stored_bytes() of it.
  std::optional<StripePart> part;
  /// encode_origin(); empty: of a gateway that did not say.
  std::string origin;
};

/// Bytes of a shard to be read.
struct ShardRead {
  FileId fid;
  EcScheme scheme;
  std::uint8_t shard = 0;      ///< Refused by whoever has another one there.
  std::uint64_t offset = 0;    ///< In the shard; what lies past its end comes as zeros.
  std::uint64_t body_end = 0;  ///< Up to where the whole body is asked for: refused past its end.
};

}  // namespace kelp
