#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"
#include "s3gw/core/conditions.h"
#include "volume/core/needle_format.h"
#include "wire/fid.h"

namespace kelp::server {

// What the volume servers' HTTP reads out of requests (docs/operations/volume-http.md). Pure.

/// What a request's target names.
struct FidTarget {
  FileId fid;
  std::string token;  ///< Of `jwt`, decoded; empty: none.
};

/// "/3,01637037d6", "/3,01637037d6.jpg", "/3,01637037d6_2" (two keys further), "/3/01637037d6" and
/// "/3/01637037d6/any.jpg"; of the query `jwt`, and `fsync`, which is done anyway. kNotFound for
/// what is no file id, kInvalidArgument for another parameter: nothing is ignored.
[[nodiscard]] Result<FidTarget> parse_fid_target(std::string_view target);

/// The token of a request: `Authorization: Bearer …` (in any case), else that of its target.
/// kUnauthenticated when there is none, or it is not base64.
[[nodiscard]] Result<std::string> token_of(const HttpRequest& request, const FidTarget& target);

/// CRC-32C of the body, 8 hex digits: from the block checksums, which are verified.
[[nodiscard]] std::string etag_of(const NeedleFrame& frame);

/// Whether If-Range, when it is there, lets Range count: the same ETag, or the very date.
[[nodiscard]] bool range_counts(const HttpRequest& request, const s3::Validators& needle);

}  // namespace kelp::server
