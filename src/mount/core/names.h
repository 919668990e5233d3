#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mount/core/outcome.h"

namespace kelp::mount {

// Keys of a bucket as paths. Directories are seen as src/webdav sees them: one is there when a key
// begins with "NAME/"; one that was made is the empty object "NAME/".

/// A bucket, and what every key of the mount begins with: empty, or ending in a slash.
struct Source {
  std::string bucket;
  std::string prefix;
};
/// Reads "BUCKET" or "BUCKET/PREFIX". kInvalidArgument for no bucket's name, and for a prefix that
/// has empty, `.` or `..` segments: no path would lead there.
[[nodiscard]] Result<Source> parse_source(std::string_view text);

/// Whether a directory can show an entry of this name: 1 to 255 bytes without NUL and slash, not
/// `.` and `..`.
[[nodiscard]] bool can_be_name(std::string_view name);

/// The key of the file at `path` ("/a/b"); empty, or the prefix, for the root.
/// Errors  ENAMETOOLONG past 1,024 bytes, EILSEQ when it is not UTF-8.
[[nodiscard]] Outcome<std::string> key_of(std::string_view prefix, std::string_view path);

/// What keys below the directory `key` begin with: "key/"; the root's key is its own prefix.
[[nodiscard]] std::string below(std::string_view key);

}  // namespace kelp::mount
