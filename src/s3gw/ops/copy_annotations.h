#pragma once

#include <cstdint>

#include "s3gw/call.h"
#include "s3gw/ops/copy_source.h"

namespace kelp::s3 {

/// Whether the request is to copy what annotations the source has:
/// x-amz-object-annotation-directive, as a header or in the query; COPY unless it says EXCLUDE.
/// InvalidArgument.
[[nodiscard]] S3Result<bool> copies_annotations(const Call& call);

/// That who asks may read the annotations of `source`, if it has some, and put them to its copy,
/// `key` of the request's bucket. AccessDenied.
[[nodiscard]] Task<S3Result<void>> authorize_annotations(Call& call, const FoundSource& source,
                                                         std::string key);

/// Copies the annotations of `source`, one by one and encrypted as `of_copy` is, into a set that
/// waits for the copy in `bucket` to name it: they are its ObjectEntry::layout.annotations, whose
/// count and bytes must be there for the entry to travel. Set 0: it has none.
/// Errors  ServiceUnavailable when they changed meanwhile; InvalidRequest for a copy with SSE-C;
///         those of bodies and of the filer.
[[nodiscard]] Task<S3Result<Annotations>> stage_annotations(Call& call, const FoundSource& source,
                                                            BucketEntry bucket, Encryption of_copy);

}  // namespace kelp::s3
