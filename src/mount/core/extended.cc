#include "mount/core/extended.h"

#include <algorithm>

#include "s3gw/core/header_text.h"

namespace kelp::mount {
namespace {

constexpr std::string_view kUser = "user.";
constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";

}  // namespace

Outcome<std::string> metadata_name(std::string_view attribute) {
  if (!attribute.starts_with(kUser)) return Errno{ENOTSUP};
  const std::string_view name = attribute.substr(kUser.size());
  if (name.empty() || name == "mtime" || name.find_first_not_of(kNameCharacters) != name.npos) {
    return Errno{EINVAL};
  }
  return std::string(name);
}

Outcome<void> check_metadata_value(std::string_view value) {
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (!std::ranges::all_of(value, printable) || s3::trimmed(value) != value) return Errno{EINVAL};
  return {};
}

}  // namespace kelp::mount
