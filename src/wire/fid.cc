#include "wire/fid.h"

#include <fmt/format.h>

#include <charconv>

#include "base/log.h"

namespace kelp {
namespace {

constexpr std::size_t kCookieDigits = 8;
constexpr std::size_t kMaxKeyDigits = 16;

Error not_a_fid(std::string_view text) {
  return Error(Errc::kInvalidArgument, fmt::format("not a file id: {}", log_value(text)));
}

/// All of `digits` as a number, or false.
template <typename Int>
bool parse_all(std::string_view digits, int base, Int& value) {
  const char* end = digits.data() + digits.size();
  const auto [at, code] = std::from_chars(digits.data(), end, value, base);
  return code == std::errc() && at == end && digits.front() != '-';
}

}  // namespace

std::string to_string(const FileId& fid) {
  if (fid.key.value == 0) return fmt::format("{},{:08x}", fid.volume.value, fid.cookie.value);
  std::string key = fmt::format("{:x}", fid.key.value);
  if (key.size() % 2 != 0) key.insert(key.begin(), '0');
  return fmt::format("{},{}{:08x}", fid.volume.value, key, fid.cookie.value);
}

Result<FileId> parse_fid(std::string_view text) {
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos || comma == 0) return not_a_fid(text);
  const std::string_view volume = text.substr(0, comma);
  const std::string_view digits = text.substr(comma + 1);
  if (digits.size() < kCookieDigits || digits.size() > kCookieDigits + kMaxKeyDigits ||
      digits.size() % 2 != 0 || (volume.size() > 1 && volume.front() == '0')) {
    return not_a_fid(text);
  }
  const std::string_view key = digits.substr(0, digits.size() - kCookieDigits);
  if (key.starts_with("00")) return not_a_fid(text);

  FileId fid;
  if (!parse_all(volume, 10, fid.volume.value) ||
      !parse_all(digits.substr(key.size()), 16, fid.cookie.value) ||
      (!key.empty() && !parse_all(key, 16, fid.key.value))) {
    return not_a_fid(text);
  }
  return fid;
}

}  // namespace kelp
