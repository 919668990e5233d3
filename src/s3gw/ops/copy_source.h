#pragma once

#include <optional>
#include <string>
#include <vector>

#include "s3gw/call.h"
#include "s3gw/core/range.h"
#include "s3gw/core/s3_request.h"
#include "s3gw/encryption.h"
#include "s3gw/ops/byte_sink.h"

namespace kelp::s3 {

/// The object that a copy reads.
struct FoundSource {
  CopySource name;
  FoundObject object;
};
/// Looks it up: it is the caller's and its conditions hold. One metadata read. Errors: those of the
/// header, NoSuchKey, NoSuchVersion, AccessDenied, PreconditionFailed, and of
/// what is archived ObjectNotInActiveTierError to CopyObject, InvalidObjectState to UploadPartCopy.
[[nodiscard]] Task<S3Result<FoundSource>> find_copy_source(Call& call);

/// Adds `x-amz-copy-source-version-id` where the source's bucket has versions.
void add_source_version(const FoundSource& source, HttpResponse& head);

/// What is to be computed of the bytes on their way.
struct CopyHashes {
  bool md5 = false;
  std::optional<ChecksumAlgorithm> checksum;
};
/// The values.
struct CopiedBytes {
  std::string md5;  ///< Raw; empty when not asked for.
  std::vector<Checksum> checksums;
};

/// Reads a stretch of `source`, verified by its volumes, hashes it and appends it to `sink`; opened
/// with `key`, or without one as it lies.
[[nodiscard]] Task<S3Result<CopiedBytes>> copy_bytes(Call& call, const FoundObject& source,
                                                     ByteRange range, CopyHashes hashes,
                                                     ByteSink& sink, BodyKey key = {});

/// Whether a filer's refusal to share needles means that the source changed under us.
[[nodiscard]] bool source_changed(const Error& refusal);

}  // namespace kelp::s3
