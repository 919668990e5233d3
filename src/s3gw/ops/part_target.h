#pragma once

#include "s3gw/call.h"
#include "wire/needle_origin.h"

namespace kelp::s3 {

/// Where a part goes: its upload exists and is the caller's.
struct PartTarget {
  PutPart request;
  UploadInfo upload;
  BucketEntry bucket;
};
/// Looks it up. Errors: those of the part's number, AccessDenied, NoSuchUpload.
[[nodiscard]] Task<S3Result<PartTarget>> find_part_target(Call& call);

/// Of the needles of such a part.
[[nodiscard]] NeedleOrigin origin_of(const Call& call, const PartTarget& target);

/// See check_room(): whether the part may be of `size_bytes`.
[[nodiscard]] Task<S3Result<void>> check_room_for_part(Call& call, const PartTarget& target,
                                                       std::uint64_t size_bytes);

/// What is computed of a part that comes without a checksum: the upload's algorithm, or the one
/// that S3 adds to objects for which none was named (S3 user guide, "Checking object integrity").
[[nodiscard]] ChecksumAlgorithm default_checksum(const UploadInfo& upload);

/// The filer's answer to a part, as S3 says it.
[[nodiscard]] S3Result<void> part_result(const Call& call, const Result<void>& put);

}  // namespace kelp::s3
