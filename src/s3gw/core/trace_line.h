#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/http_header.h"
#include "kelp/result.h"
#include "s3gw/request_record.h"

namespace kelp::s3 {

/// What of a request's head a trace tells beside its record. Views as those of the record.
struct TracedHead {
  std::string_view target;  ///< Path and query as received.
  std::span<const HttpHeader> headers;
  std::optional<std::chrono::nanoseconds> first_byte;  ///< From its head to the answer's begin.
};

/// Which requests somebody wants to see; what is empty lets all through.
struct TraceFilter {
  std::string bucket;
  std::string prefix;  ///< Of the key.
  std::string operation;
  std::string access_key;
  int status_from = 0;                ///< 400: only errors.
  std::chrono::nanoseconds slower{};  ///< Took at least so long.
  bool headers = false;               ///< The lines have the requests' headers.

  [[nodiscard]] bool matches(const RequestRecord& record) const;
  friend bool operator==(const TraceFilter&, const TraceFilter&) = default;
};

/// The filter as a query, percent-encoded: "bucket=lake&status_from=400". Empty for the default.
[[nodiscard]] std::string trace_query(const TraceFilter& filter);
/// The way back. kInvalidArgument names what is not understood.
[[nodiscard]] Result<TraceFilter> parse_trace_query(std::string_view query);

/// Appends a line of JSON with its line break: the fields of an audit line, `target`,
/// `first_byte_us` and, if asked for, `headers` (docs/operations/trace.md); without_secrets().
void append_trace_line(const RequestRecord& record, const TracedHead& head, bool headers,
                       std::string& out);

}  // namespace kelp::s3
