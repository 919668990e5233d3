#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "s3gw/auth.h"
#include "s3gw/core/config/shape.h"
#include "s3gw/core/operations.h"
#include "s3gw/request_record.h"

namespace kelp::s3 {

// Server access logs, as AWS writes them. Source: the S3 user guide, "Amazon S3 server access log
// format" and "Amazon S3 log object key format".

/// What a line says beside the record. Empty and zero: a dash.
struct AccessLineFacts {
  std::string_view bucket_owner;  ///< The canonical id.
  std::optional<Operation> operation = {};
  std::string_view target;  ///< Of the request, as received.
  int http_minor = 1;
  std::uint64_t object_bytes = 0;
  std::chrono::nanoseconds turn_around{};  ///< To the head of the answer.
  std::string_view referer;
  std::string_view host_id;
  AuthKind auth = AuthKind::kAnonymous;
  std::string_view host;      ///< The Host header.
  bool acl_required = false;  ///< Only an access control list allowed it.
};

/// "REST.GET.OBJECT": how access logs name an operation. `website`: of a website's visitor.
[[nodiscard]] std::string logged_operation(std::string_view method,
                                           std::optional<Operation> operation, bool website);

/// Appends a line of 26 fields with its line break. Bytes that could end a field or a line are
/// escaped: keys and quoted fields as in a URL.
void append_access_line(const RequestRecord& record, const AccessLineFacts& facts,
                        std::string& out);

/// Where a bucket's access logs go: what BucketLoggingStatus says.
struct LogTarget {
  std::string bucket;
  std::string prefix;
  bool partitioned = false;    ///< Below account, region, bucket and date.
  bool by_event_time = false;  ///< Partitioned: by the day of the requests, not of the delivery.
  friend auto operator<=>(const LogTarget&, const LogTarget&) = default;
};
/// Of a checked document of logging_config(); nothing: logging is off.
[[nodiscard]] std::optional<LogTarget> log_target(const Element& document);

/// Whose log it is.
struct LogSource {
  std::string bucket;
  std::string account;  ///< Twelve digits.
  std::string region;   ///< Empty: us-east-1.
};
/// The key of a log object. `unique`: 16 characters that no other one has.
[[nodiscard]] std::string log_object_key(const LogTarget& target, const LogSource& source,
                                         WallTime time, std::string_view unique);

}  // namespace kelp::s3
