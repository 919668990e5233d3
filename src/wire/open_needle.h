#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "wire/fid.h"
#include "wire/lease.h"

namespace kelp {

/// A needle about to be written. Its length is known before its first byte.
struct OpenNeedle {
  FileId fid;
  Generation generation;
  std::string token;             ///< WriteLease::token.
  std::uint64_t body_bytes = 0;  ///< Exact; 1 byte to 64 MiB.
  BucketId bucket;  ///< Back-pointer, with object_key: a lost namespace is rebuilt from these.
  std::string object_key;
  /// Every copy's server, the receiver first: it writes its own copy and passes the needle on to
  /// the others. Empty or one: nothing is passed on.
  std::vector<VolumeMember> members;
};

}  // namespace kelp
