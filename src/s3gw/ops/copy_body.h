#pragma once

#include "s3gw/call.h"
#include "s3gw/ops/copy_source.h"

namespace kelp::s3 {

/// Makes `request` visible with the body of `source`, whose needles both objects then name: one
/// commit, whatever the size. Into a storage class that lies otherwise, or with a filer that cannot
/// share, the bytes are written anew. `bucket` is
/// the id of `request.bucket`; of `request` all but the body is the caller's to fill.
/// Returns  the outer Result is ours, the inner one the filer's: see source_changed().
[[nodiscard]] Task<S3Result<Result<WriteOutcome>>> write_copy(Call& call, const FoundSource& source,
                                                              BucketId bucket, PutObject request);

}  // namespace kelp::s3
