#include "s3gw/core/names.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/json_text.h"

namespace kelp::s3 {
namespace {

bool lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool looks_like_ipv4(std::string_view name) {
  return std::ranges::count(name, '.') == 3 &&
         std::ranges::all_of(name, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

}  // namespace

bool valid_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const bool ascii = static_cast<unsigned char>(bytes.front()) < 0x80;
    const std::size_t character = ascii ? 1 : utf8_character_bytes(bytes);
    if (character == 0) return false;
    bytes.remove_prefix(character);
  }
  return true;
}

bool plausible_bucket_name(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  if (!lower_or_digit(name.front()) || !lower_or_digit(name.back())) return false;
  return std::ranges::all_of(name,
                             [](char c) { return lower_or_digit(c) || c == '-' || c == '.'; });
}

bool bucket_name_to_look_up(std::string_view name) {
  if (name.size() < 3 || name.size() > 255) return false;
  const auto usual = [](char c) { return lower_or_digit(c) || (c >= 'A' && c <= 'Z'); };
  if (!usual(name.front()) || !usual(name.back())) return false;
  return std::ranges::all_of(name,
                             [&](char c) { return usual(c) || c == '-' || c == '.' || c == '_'; });
}

S3Result<void> check_new_bucket_name(std::string_view name) {
  constexpr std::array<std::string_view, 3> kPrefixes{"xn--", "sthree-", "amzn-s3-demo-"};
  constexpr std::array<std::string_view, 5> kSuffixes{"-s3alias", "--ol-s3", ".mrap", "--x-s3",
                                                      "--table-s3"};
  constexpr std::array<std::string_view, 3> kInside{"..", ".-", "-."};
  const bool bad =
      !plausible_bucket_name(name) || looks_like_ipv4(name) ||
      std::ranges::any_of(kPrefixes, [&](auto part) { return name.starts_with(part); }) ||
      std::ranges::any_of(kSuffixes, [&](auto part) { return name.ends_with(part); }) ||
      std::ranges::any_of(kInside, [&](auto part) { return name.contains(part); });
  if (bad) return s3_error(S3Code::kInvalidBucketName);
  return {};
}

S3Result<void> check_key(std::string_view key) {
  if (key.size() > kMaxKeyBytes) {
    return std::unexpected(S3Error{
        S3Code::kKeyTooLongError,
        {},
        {{"Size", std::to_string(key.size())}, {"MaxSizeAllowed", std::to_string(kMaxKeyBytes)}}});
  }
  if (!valid_utf8(key)) return s3_error(S3Code::kInvalidURI);
  return {};
}

}  // namespace kelp::s3
