#include "webdav/core/guard.h"

#include "base/encoding.h"
#include "s3gw/core/header_text.h"

namespace kelp::webdav {

std::optional<BasicCredentials> parse_basic(std::string_view header) {
  std::string_view rest = s3::trimmed(header);
  if (!s3::equals_lower(s3::cut(rest, ' '), "basic")) return std::nullopt;
  const auto pair = base64_decode(s3::trimmed(rest));
  if (!pair) return std::nullopt;
  const std::size_t colon = pair->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return BasicCredentials{pair->substr(0, colon), pair->substr(colon + 1)};
}

bool from_foreign_page(std::string_view method, std::span<const HttpHeader> headers) {
  if (method == "GET" || method == "HEAD" || method == "OPTIONS") return false;
  const auto site = s3::find_header(headers, "sec-fetch-site");
  if (site && *site != "none" && *site != "same-origin") return true;
  // Browsers without Sec-Fetch-Site, and all of them over plain http, still say who asks.
  const auto origin = s3::find_header(headers, "origin");
  if (!origin) return false;
  const std::size_t scheme = origin->find("://");
  const std::string_view host = s3::find_header(headers, "host").value_or("");
  return scheme == origin->npos || origin->substr(scheme + 3) != host;
}

}  // namespace kelp::webdav
