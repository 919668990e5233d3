#pragma once

#include <string>
#include <string_view>

#include "iam/core/query_error.h"
#include "s3gw/s3_error.h"

namespace kelp::iam {

/// The services of the query protocol.
enum class Service : std::uint8_t { kIam, kSts };

/// "iam" or "sts", as signatures name it.
[[nodiscard]] std::string_view name_of(Service service);
/// "2010-05-08" or "2011-06-15".
[[nodiscard]] std::string_view version_of(Service service);

/// `result` in the answer to `action`.
[[nodiscard]] std::string answer_xml(Service service, std::string_view action,
                                     std::string_view result, std::string_view request_id);
/// The error as an answer.
[[nodiscard]] std::string error_xml(Service service, const QueryError& error,
                                    std::string_view request_id);
/// What a request whose signature does not prove who sent it is answered.
[[nodiscard]] QueryError auth_error(const s3::S3Error& error);

}  // namespace kelp::iam
