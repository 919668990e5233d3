#include "s3gw/core/external_url.h"

#include <algorithm>

namespace kelp::s3 {

std::optional<ExternalUrl> parse_external_url(std::string_view text) {
  constexpr std::size_t kMostBytes = 512;
  const bool tls = text.starts_with("https://");
  if (text.size() > kMostBytes || (!tls && !text.starts_with("http://"))) return std::nullopt;
  text.remove_prefix(tls ? 8 : 7);
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '?' || c == '#' || c == '@' || c == '%') return std::nullopt;
  }
  const std::size_t slash = std::min(text.find('/'), text.size());
  std::string_view host = text.substr(0, slash);
  std::string_view path = text.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::string_view usual = tls ? ":443" : ":80";
  if (host.ends_with(usual)) host.remove_suffix(usual.size());
  if (host.empty() || host.starts_with(':')) return std::nullopt;
  return ExternalUrl{.host = std::string(host), .path = std::string(path)};
}

}  // namespace kelp::s3
