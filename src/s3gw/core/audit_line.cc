#include "s3gw/core/audit_line.h"

#include <charconv>

#include "s3gw/core/names.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kMaxAgentBytes = 256;

void append_escape(std::string& out, unsigned code) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\u00";
  out += kDigits[code >> 4 & 0xf];
  out += kDigits[code & 0xf];
}

void append_number(std::string& out, std::string_view name, std::uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out += ",\"";
  out += name;
  out += "\":";
  out.append(digits, end);
}

void append_text(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += ",\"";
  out += name;
  out += "\":";
  append_json_string(out, value);
}

/// "2013-05-24T00:00:00.000000Z".
void append_time(std::string& out, WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto since = std::chrono::floor<std::chrono::microseconds>(time - day);
  const std::chrono::hh_mm_ss clock(since);
  const auto put = [&out](std::uint64_t number, int width) {
    std::uint64_t scale = 1;
    while (--width > 0) scale *= 10;
    for (; scale > 0; scale /= 10) out += static_cast<char>('0' + number / scale % 10);
  };
  put(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  out += '-';
  put(static_cast<unsigned>(date.month()), 2);
  out += '-';
  put(static_cast<unsigned>(date.day()), 2);
  out += 'T';
  put(static_cast<std::uint64_t>(clock.hours().count()), 2);
  out += ':';
  put(static_cast<std::uint64_t>(clock.minutes().count()), 2);
  out += ':';
  put(static_cast<std::uint64_t>(clock.seconds().count()), 2);
  out += '.';
  put(static_cast<std::uint64_t>(clock.subseconds().count()), 6);
  out += 'Z';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  const bool utf8 = valid_utf8(text);
  out += '"';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i];
    } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
      append_escape(out, c);
    } else if (c == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      append_escape(out, static_cast<unsigned char>(text[++i]));
    } else {
      out += text[i];
    }
  }
  out += '"';
}

void append_audit_fields(const RequestRecord& record, std::string& out) {
  out += "{\"time\":\"";
  append_time(out, record.began);
  out += '"';
  append_text(out, "request_id", record.request_id);
  append_text(out, "service", record.service);
  append_text(out, "operation", record.operation);
  append_text(out, "method", record.method);
  append_text(out, "bucket", record.bucket);
  append_text(out, "key", record.key);
  append_text(out, "version_id", record.version_id);
  append_number(out, "status", static_cast<std::uint64_t>(record.status));
  append_text(out, "error", record.error_code);
  append_text(out, "access_key", record.access_key);
  append_text(out, "caller", record.caller);
  append_text(out, "account", record.account);
  append_text(out, "source_identity", record.source_identity);
  append_text(out, "remote", record.remote_address);
  out += record.secure ? ",\"tls\":true" : ",\"tls\":false";
  append_text(out, "user_agent", record.user_agent.substr(0, kMaxAgentBytes));
  append_number(out, "bytes_in", record.bytes_in);
  append_number(out, "bytes_out", record.bytes_out);
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(record.took).count();
  append_number(out, "duration_us", took < 0 ? 0 : static_cast<std::uint64_t>(took));
}

void append_audit_line(const RequestRecord& record, std::string& out) {
  append_audit_fields(record, out);
  out += "}\n";
}

}  // namespace kelp::s3
