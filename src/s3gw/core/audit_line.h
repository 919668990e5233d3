#pragma once

#include <string>
#include <string_view>

#include "s3gw/request_record.h"

namespace kelp::s3 {

/// Appends `text` as a JSON string, quotes included. Control bytes, also those of C1 that terminals
/// obey, and bytes that are not UTF-8 become escapes: a line stays a line and shows as it is.
void append_json_string(std::string& out, std::string_view text);

/// Appends the record as an object of JSON whose last brace is missing: more fields may follow.
void append_audit_fields(const RequestRecord& record, std::string& out);

/// Appends the record as a line of JSON with its line break (docs/operations/access-logs.md). What
/// is not known is left out. A user agent is cut at 256 bytes.
void append_audit_line(const RequestRecord& record, std::string& out);

}  // namespace kelp::s3
