#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kelp/result.h"

namespace kelp {

/// An object of a remote bucket.
struct RemoteObject {
  std::string name;  ///< Behind what is ours of the bucket.
  std::uint64_t size_bytes = 0;
};

/// The part of another S3's bucket that this cluster's needles of one remote have for themselves.
/// Calls block. Thread-safe. Errors of all: kUnavailable for whatever is no good answer, with what
/// came; kCancelled after stop().
class RemoteBucket {
 public:
  virtual ~RemoteBucket() = default;
  /// Durable there when this returns.
  virtual Result<void> put(const std::string& name, const std::string& bytes) = 0;
  /// Up to `bytes` (at least 1) from `offset` on; fewer only where the object ends. kNotFound
  /// without the object; kCorruption when it ends before `offset`.
  virtual Result<std::string> get(const std::string& name, std::uint64_t offset,
                                  std::uint64_t bytes) = 0;
  /// Good only when the remote said that it is not there (any more).
  virtual Result<void> remove(const std::string& name) = 0;
  /// Objects with names above `after`, ascending; none: there are no more.
  virtual Result<std::vector<RemoteObject>> list(const std::string& after) = 0;
  /// Ends calls within a second, and refuses new ones.
  virtual void stop() = 0;
};

}  // namespace kelp
