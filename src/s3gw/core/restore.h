#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "s3gw/s3_error.h"
#include "wire/restore.h"

namespace kelp::s3 {

/// How soon a restored object is wanted. All come to the same here.
enum class RestoreTier : std::uint8_t { kStandard, kBulk, kExpedited };

/// A RestoreRequest.
struct RestoreOrder {
  std::uint32_t days = 0;  ///< From 1 on.
  RestoreTier tier = RestoreTier::kStandard;
};

/// Reads it. Errors: MalformedXML, also without Days; InvalidArgument for Days below 1;
/// NotImplemented for one that wants a query's result (Type, SelectParameters, OutputLocation).
///
/// Source   RestoreObject in AWS's API reference.
[[nodiscard]] S3Result<RestoreOrder> parse_restore(std::string body);

/// InvalidArgument for a tier that objects of the archive class `storage_class` cannot have.
[[nodiscard]] S3Result<void> check_tier(RestoreTier tier, std::string_view storage_class);

/// The value of x-amz-restore at `now`; empty: there is none, as never or not any more restored.
[[nodiscard]] std::string restore_line(const RestoredCopy& copy, WallTime now);
/// The same as the element RestoreStatus of listings.
[[nodiscard]] std::string restore_status_xml(const RestoredCopy& copy, WallTime now);

}  // namespace kelp::s3
