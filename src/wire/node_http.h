#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kelp {

/// Where clients reach a volume server's HTTP stands among NodeIdentity::tags, as "http=host:port".
inline constexpr std::string_view kHttpTag = "http=";

/// "host:port" out of a node's tags; empty: it has no HTTP.
[[nodiscard]] inline std::string http_address_of(const std::vector<std::string>& tags) {
  for (const std::string& tag : tags) {
    if (tag.starts_with(kHttpTag)) return tag.substr(kHttpTag.size());
  }
  return {};
}

}  // namespace kelp
