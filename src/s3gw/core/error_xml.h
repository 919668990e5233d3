#pragma once

#include <string>
#include <string_view>

#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// What an error answer says beside the error itself. Empty views are left out.
struct ErrorContext {
  std::string_view bucket;
  std::string_view key;
  std::string_view resource;  ///< The path as received.
  std::string_view request_id;
  std::string_view host_id;
};

/// The body of an error answer (S3 API reference, "REST error responses"): no namespace; Code,
/// Message, the error's own fields, then what of BucketName, Key and Resource belongs to the code,
/// then RequestId and HostId.
[[nodiscard]] std::string error_xml(const S3Error& error, const ErrorContext& context);

/// The error's message: its own, else the table's.
[[nodiscard]] std::string_view message_of(const S3Error& error);

}  // namespace kelp::s3
