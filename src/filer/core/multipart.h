#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "filer/core/rows.h"
#include "kelp/result.h"
#include "wire/namespace.h"

namespace kelp {

/// S3's least size of every part but the last.
inline constexpr std::uint64_t kMinPartBytes = 5ULL << 20;

/// A part that was uploaded; `part_number` is 1 to 10,000.
struct StoredPart {
  std::uint32_t part_number = 0;
  PartRow part;
};

/// What a CompleteMultipartUpload makes.
struct CompletePlan {
  /// Everything but version, modified and owner's default.
  ObjectEntry entry;
  /// Needles of parts that were uploaded and not named: they die.
  std::vector<Chunk> unused;
};

/// Decides a CompleteMultipartUpload. `stored`: every part of the upload, ascending by number.
/// `min_part_bytes`: kMinPartBytes, less in tests.
///
/// Errors: kInvalidArgument with kInvalidPartOrder (numbers not ascending), kInvalidPart (not
/// uploaded, another ETag or checksum), kPartTooSmall (all but the last part), or without a reason
/// (no part named; the size or the full checksum differs from what the client said).
/// Source: S3 API, CompleteMultipartUpload; S3 user guide, "Checking object integrity": ETag
/// md5(md5s)-N; COMPOSITE checksums are checksums of the parts' raw checksums, FULL_OBJECT ones
/// (CRCs only) are combined from them. Without an algorithm of its own an upload gets CRC64NVME,
/// FULL_OBJECT, when every part has one.
[[nodiscard]] Result<CompletePlan> plan_complete(const UploadRow& upload,
                                                 std::vector<StoredPart> stored,
                                                 const CompleteUpload& request,
                                                 std::uint64_t min_part_bytes);

}  // namespace kelp
