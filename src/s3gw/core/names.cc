#include "s3gw/core/names.h"

#include <algorithm>
#include <array>
#include <string>

namespace kelp::s3 {
namespace {

bool lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool looks_like_ipv4(std::string_view name) {
  return std::ranges::count(name, '.') == 3 &&
         std::ranges::all_of(name, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

/// The number of continuation bytes that follow `lead` and the range of the first of them; count 0
/// for a byte that cannot lead.
struct Sequence {
  int continuation;
  unsigned char low;
  unsigned char high;
};
constexpr Sequence sequence_of(unsigned char lead) {
  if (lead >= 0xc2 && lead <= 0xdf) return {1, 0x80, 0xbf};
  if (lead == 0xe0) return {2, 0xa0, 0xbf};
  if (lead == 0xed) return {2, 0x80, 0x9f};
  if (lead >= 0xe1 && lead <= 0xef) return {2, 0x80, 0xbf};
  if (lead == 0xf0) return {3, 0x90, 0xbf};
  if (lead >= 0xf1 && lead <= 0xf3) return {3, 0x80, 0xbf};
  if (lead == 0xf4) return {3, 0x80, 0x8f};
  return {0, 0, 0};
}

}  // namespace

bool valid_utf8(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    const auto lead = static_cast<unsigned char>(bytes[i++]);
    if (lead < 0x80) continue;
    const Sequence expected = sequence_of(lead);
    if (expected.continuation == 0) return false;
    if (bytes.size() - i < static_cast<std::size_t>(expected.continuation)) return false;
    for (int n = 0; n < expected.continuation; ++n) {
      const auto c = static_cast<unsigned char>(bytes[i++]);
      const unsigned char low = n == 0 ? expected.low : 0x80;
      const unsigned char high = n == 0 ? expected.high : 0xbf;
      if (c < low || c > high) return false;
    }
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
