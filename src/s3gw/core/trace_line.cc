#include "s3gw/core/trace_line.h"

#include <fmt/format.h>

#include <charconv>

#include "base/encoding.h"
#include "s3gw/core/audit_line.h"
#include "s3gw/core/redaction.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kMostValueBytes = 1024;

void append_headers(std::span<const HttpHeader> headers, std::string& out) {
  out += ",\"headers\":[";
  bool first = true;
  for (const HttpHeader& header : headers) {
    if (!std::exchange(first, false)) out += ',';
    out += '[';
    append_json_string(out, header.name);
    out += ',';
    append_json_string(out, without_secrets(header.name, header.value).substr(0, kMostValueBytes));
    out += ']';
  }
  out += ']';
}

template <typename Number>
Result<Number> number(std::string_view name, std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= 0) return value;
  return Error(Errc::kInvalidArgument, fmt::format("{} is not a number: {}", name, text));
}

Result<void> set(TraceFilter& filter, std::string_view name, std::string value) {
  for (const auto& [known, member] :
       {std::pair("bucket", &filter.bucket), std::pair("prefix", &filter.prefix),
        std::pair("operation", &filter.operation), std::pair("access_key", &filter.access_key)}) {
    if (name != known) continue;
    *member = std::move(value);
    return {};
  }
  if (name == "status_from") {
    KELP_TRY(filter.status_from, number<int>(name, value));
  } else if (name == "slower_us") {
    constexpr std::int64_t kMost = 86'400'000'000;
    KELP_TRY(const auto micros, number<std::int64_t>(name, value));
    filter.slower = std::chrono::microseconds(std::min(micros, kMost));
  } else if (name == "headers") {
    filter.headers = value == "true";
  } else {
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} is none of bucket, prefix, operation, access_key, status_from, "
                             "slower_us and headers",
                             name));
  }
  return {};
}

}  // namespace

bool TraceFilter::matches(const RequestRecord& record) const {
  return (bucket.empty() || record.bucket == bucket) && record.key.starts_with(prefix) &&
         (operation.empty() || record.operation == operation) &&
         (access_key.empty() || record.access_key == access_key) && record.status >= status_from &&
         record.took >= slower;
}

std::string trace_query(const TraceFilter& filter) {
  std::string out;
  const auto add = [&out](std::string_view name, const std::string& value) {
    out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, url_encode(value, false));
  };
  if (!filter.bucket.empty()) add("bucket", filter.bucket);
  if (!filter.prefix.empty()) add("prefix", filter.prefix);
  if (!filter.operation.empty()) add("operation", filter.operation);
  if (!filter.access_key.empty()) add("access_key", filter.access_key);
  if (filter.status_from > 0) add("status_from", fmt::to_string(filter.status_from));
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(filter.slower).count();
  if (micros > 0) add("slower_us", fmt::to_string(micros));
  if (filter.headers) add("headers", "true");
  return out;
}

Result<TraceFilter> parse_trace_query(std::string_view query) {
  TraceFilter filter;
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(parameter.size() + 1, query.size()));
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    KELP_TRY(std::string value,
             url_decode(parameter.substr(std::min(equals + 1, parameter.size())), true));
    KELP_CHECK(set(filter, parameter.substr(0, equals), std::move(value)));
  }
  return filter;
}

void append_trace_line(const RequestRecord& record, const TracedHead& head, bool headers,
                       std::string& out) {
  append_audit_fields(record, out);
  out += ",\"target\":";
  append_json_string(out, without_secrets(head.target));
  if (head.first_byte) {
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(*head.first_byte).count();
    out += fmt::format(",\"first_byte_us\":{}", micros);
  }
  if (headers) append_headers(head.headers, out);
  out += "}\n";
}

}  // namespace kelp::s3
