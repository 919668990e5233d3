#include "select/event_stream.h"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

#include "base/bytes.h"
#include "base/crc.h"

namespace kelp::select {
namespace {

using Header = std::pair<std::string_view, std::string_view>;

constexpr char kText = 7;  ///< The only type of header values that there is here.
constexpr std::size_t kPreludeBytes = 12;
constexpr std::size_t kSumBytes = 4;

void append_big(std::uint32_t value, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

/// Lengths and their sum, headers, payload, and the sum of all before.
void append_message(std::initializer_list<Header> headers, std::string_view payload,
                    std::string& out) {
  std::string lines;
  for (const auto& [name, value] : headers) {
    lines += static_cast<char>(name.size());
    lines += name;
    lines += kText;
    lines += static_cast<char>(value.size() >> 8);
    lines += static_cast<char>(value.size() & 0xff);
    lines += value;
  }
  const std::size_t begin = out.size();
  const std::size_t bytes = kPreludeBytes + lines.size() + payload.size() + kSumBytes;
  append_big(static_cast<std::uint32_t>(bytes), out);
  append_big(static_cast<std::uint32_t>(lines.size()), out);
  append_big(crc32(as_bytes(std::string_view(out).substr(begin))), out);
  out += lines;
  out += payload;
  append_big(crc32(as_bytes(std::string_view(out).substr(begin))), out);
}

void append_event(std::string_view type, std::string_view content_type, std::string_view payload,
                  std::string& out) {
  append_message(
      {{":message-type", "event"}, {":event-type", type}, {":content-type", content_type}}, payload,
      out);
}

std::string progress_xml(std::string_view root, const Progress& progress) {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?><{0}><BytesScanned>{1}</BytesScanned>"
      "<BytesProcessed>{2}</BytesProcessed><BytesReturned>{3}</BytesReturned></{0}>",
      root, progress.scanned_bytes, progress.processed_bytes, progress.returned_bytes);
}

}  // namespace

void append_records(std::string_view records, std::string& out) {
  append_event("Records", "application/octet-stream", records, out);
}

void append_continuation(std::string& out) {
  append_message({{":message-type", "event"}, {":event-type", "Cont"}}, {}, out);
}

void append_progress(const Progress& progress, std::string& out) {
  append_event("Progress", "text/xml", progress_xml("Progress", progress), out);
}

void append_stats(const Progress& progress, std::string& out) {
  append_event("Stats", "text/xml", progress_xml("Stats", progress), out);
}

void append_end(std::string& out) {
  append_message({{":message-type", "event"}, {":event-type", "End"}}, {}, out);
}

void append_error(std::string_view code, std::string_view message, std::string& out) {
  append_message({{":message-type", "error"}, {":error-code", code}, {":error-message", message}},
                 {}, out);
}

}  // namespace kelp::select
