#include "net/http.h"

#include <charconv>

namespace kelp {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::optional<std::string_view> HttpRequest::header(std::string_view name) const {
  for (const HttpHeader& line : headers) {
    if (iequals(line.name, name)) return line.value;
  }
  return std::nullopt;
}

Task<Result<std::size_t>> read_full(BodyReader& body, MutableByteSpan buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    KELP_CO_TRY(const std::size_t bytes, co_await body.read_some(buffer.subspan(filled)));
    if (bytes == 0) break;
    filled += bytes;
  }
  co_return filled;
}

void HttpResponse::add(std::string_view name, std::string_view value) {
  lines_.append(name).append(": ");
  const std::size_t start = lines_.size();
  lines_.append(value);
  for (std::size_t i = start; i < lines_.size(); ++i) {
    char& c = lines_[i];
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  lines_.append("\r\n");
}

void HttpResponse::add(std::string_view name, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
  lines_.append(name).append(": ").append(digits, end).append("\r\n");
}

}  // namespace kelp
