#pragma once

#include <string>
#include <vector>

#include "async/awaitable.h"
#include "base/ids.h"
#include "client/key_leases.h"
#include "client/volume_client.h"
#include "wire/entry.h"

namespace kelp {

/// An object's bytes that are to lie as another storage class does.
struct BodyToMove {
  BucketId bucket;
  std::string bucket_name;
  std::string key;
  std::vector<Chunk> chunks;  ///< Needles, no manifests.
  std::string to;             ///< The storage class.
};

/// The same bytes in other needles.
struct MovedBody {
  std::vector<Chunk> chunks;          ///< One for each, of the same size.
  std::vector<ProvisionalKey> holds;  ///< Until the metadata names them.
};

/// Copies the bytes of objects into the volumes of other storage classes.
class BodyMover {
 public:
  /// Both must outlive this.
  BodyMover(VolumeClient& volumes, KeyLeases& leases) : volumes_(volumes), leases_(leases) {}

  /// Whether bytes of the one lie as those of the other: then they need not be copied. Asks the
  /// master for a lease when nothing is known yet.
  Task<Result<bool>> lie_alike(std::string from, std::string to);

  /// Copies them. What it answers is durable, was read back, and is the same byte for byte. Errors:
  /// of leases and volumes; kCorruption when it is not the same. What a failure leaves nothing
  /// names.
  Task<Result<MovedBody>> copy(BodyToMove body);

  /// The metadata took no keys as old as those at hand: others are used from here on.
  void forget_keys() { leases_.forget(); }

 private:
  Task<Result<Chunk>> copy_needle(const BodyToMove& body, std::uint64_t offset, NeedleKey first,
                                  Chunk from, MovedBody& moved);

  VolumeClient& volumes_;
  KeyLeases& leases_;
  bool prepared_ = false;
};

}  // namespace kelp
