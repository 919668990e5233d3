#include "s3gw/core/redaction.h"

#include <algorithm>

#include "base/encoding.h"
#include "s3gw/core/header_text.h"

namespace kelp::s3 {

bool is_secret(std::string_view name) {
  constexpr std::string_view kSecret[] = {"cookie",
                                          "proxy-authorization",
                                          "signature",
                                          "webidentitytoken",
                                          "x-amz-copy-source-server-side-encryption-customer-key",
                                          "x-amz-security-token",
                                          "x-amz-server-side-encryption-customer-key",
                                          "x-amz-signature"};
  return std::ranges::any_of(kSecret, [&](auto lower) { return equals_lower(name, lower); });
}

std::string without_secrets(std::string_view target) {
  const std::size_t question = std::min(target.find('?'), target.size());
  std::string out(target.substr(0, question));
  std::string_view rest = target.substr(question);
  char separator = '?';
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(pair.size());
    const std::string_view name = pair.substr(0, pair.find('='));
    // Escapes in a name would hide it from us and not from S3.
    const auto decoded = url_decode(name, true);
    out += separator;
    separator = '&';
    if (decoded && !is_secret(*decoded)) {
      out += pair;
    } else {
      out += name;
      out += "=-";
    }
  }
  return out;
}

std::string without_secrets(std::string_view name, std::string_view value) {
  if (is_secret(name)) return "-";
  if (!equals_lower(name, "authorization")) return std::string(value);
  constexpr std::string_view kMark = "Signature=";
  const std::size_t mark = value.find(kMark);
  if (!value.starts_with("AWS4-") || mark == std::string_view::npos) return "-";
  return std::string(value.substr(0, mark + kMark.size())).append("-");
}

}  // namespace kelp::s3
