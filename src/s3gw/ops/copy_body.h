#pragma once

#include "s3gw/call.h"
#include "s3gw/core/sealing.h"
#include "s3gw/encryption.h"
#include "s3gw/ops/copy_source.h"

namespace kelp::s3 {

/// With what the bytes of a copy are opened and sealed anew; either may be no key.
struct Reseal {
  BodyKey from;
  BodyKey to;
};

/// copy_bytes(), opened and sealed anew on their way; `bodies` are what the bytes become.
[[nodiscard]] Task<S3Result<CopiedBytes>> copy_resealed(Call& call, const FoundObject& source,
                                                        ByteRange range, CopyHashes hashes,
                                                        ByteSink& sink, Reseal reseal,
                                                        std::vector<SealedBody> bodies);

/// Makes `request` visible with the body of `source`, whose needles both objects then name: one
/// commit, whatever the size. Into a storage class that lies otherwise, or with a filer that cannot
/// share, the bytes are written anew, and so they are with `reseal`. Without it the bytes stay as
/// they lie: an encrypted object has the key of its source then. `bucket` is
/// the id of `request.bucket`; of `request` all but the body is the caller's to fill.
/// Returns  the outer Result is ours, the inner one the filer's: see source_changed().
[[nodiscard]] Task<S3Result<Result<WriteOutcome>>> write_copy(Call& call, const FoundSource& source,
                                                              BucketId bucket, PutObject request,
                                                              std::optional<Reseal> reseal = {});

}  // namespace kelp::s3
