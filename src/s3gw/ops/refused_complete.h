#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "s3gw/call.h"
#include "wire/namespace.h"

namespace kelp::s3 {

/// What a CompleteMultipartUpload said, kept for the words of its refusal.
struct SaidOfUpload {
  /// Numbers and ETags (without quotes), as named.
  std::vector<std::pair<std::uint32_t, std::string>> parts;
  std::optional<std::uint64_t> object_bytes;
  std::optional<ChecksumAlgorithm> full_checksum;
};

/// What must be remembered of a request before it is sent.
[[nodiscard]] SaidOfUpload said_of(const CompleteUpload& request);

/// The answer to a Complete that the filer refused, with the fields and texts AWS has: which part
/// is missing, too small or out of order, which size or checksum differs. Reads the upload's parts.
Task<S3Error> refused_complete(Call& call, Error refusal, SaidOfUpload said);

}  // namespace kelp::s3
