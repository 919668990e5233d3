#include "mount/core/names.h"

#include <fmt/format.h>

#include "s3gw/core/header_text.h"
#include "s3gw/core/names.h"

namespace kelp::mount {
namespace {

constexpr std::size_t kMaxNameBytes = 255;

}  // namespace

bool can_be_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name != "." && name != ".." &&
         name.find_first_of(std::string_view("\0/", 2)) == name.npos;
}

Result<Source> parse_source(std::string_view text) {
  std::string_view rest = text;
  Source source{.bucket = std::string(s3::cut(rest, '/')), .prefix = {}};
  if (!s3::plausible_bucket_name(source.bucket)) {
    return Error(Errc::kInvalidArgument, fmt::format("'{}' names no bucket", text));
  }
  if (rest.empty()) return source;
  if (rest.ends_with('/')) rest.remove_suffix(1);
  source.prefix = below(rest);
  do {
    if (!can_be_name(s3::cut(rest, '/'))) {
      return Error(Errc::kInvalidArgument, fmt::format("'{}': no path leads to this prefix", text));
    }
  } while (!rest.empty());
  return source;
}

Outcome<std::string> key_of(std::string_view prefix, std::string_view path) {
  path.remove_prefix(1);
  std::string key(prefix);
  key.append(path);
  if (key.size() > s3::kMaxKeyBytes) return Errno{ENAMETOOLONG};
  if (!s3::valid_utf8(key)) return Errno{EILSEQ};
  return key;
}

std::string below(std::string_view key) {
  std::string prefix(key);
  if (!prefix.empty() && !prefix.ends_with('/')) prefix += '/';
  return prefix;
}

}  // namespace kelp::mount
