#pragma once

#include <string>
#include <string_view>

#include "webdav/failure.h"

namespace kelp::webdav {

// Paths as a view of flat keys: /buckets/BUCKET/KEY, and /dav/BUCKET/KEY for the same.

/// How deep a path leads.
enum class Level : unsigned char { kRoot, kBuckets, kBucket, kEntry, kElsewhere };

/// Where a path points. The trailing slash tells a directory from a file: `a` and `a/b` may both
/// be keys.
struct Place {
  Level level = Level::kElsewhere;
  /// Below /dav, where WebDAV's rules hold: a file needs its directory, DELETE takes what is below.
  bool strict = false;
  bool slash = false;  ///< The path ended in one: a directory is meant.
  std::string bucket;  ///< From kBucket on.
  std::string key;     ///< kEntry: without the trailing slash, never empty.

  /// What a key below this directory begins with: "" for a bucket, else "key/".
  [[nodiscard]] std::string prefix() const { return key.empty() ? key : key + '/'; }
};

/// Reads the path of a target (what stands before `?`), percent-encoded.
/// Errors  400 for a broken escape, a `.` or `..` segment, bytes that are not UTF-8, and a key of
///         more than 1,024 bytes.
[[nodiscard]] Outcome<Place> parse_place(std::string_view path);
/// The same of a path that is not encoded.
[[nodiscard]] Outcome<Place> parse_plain_place(std::string_view path);

/// The place of a URL in Destination or If: an absolute path, or http(s)://AUTHORITY/path.
/// Errors  those of parse_place(); 502 for another authority than `host` (RFC 4918 section 9.8.5).
[[nodiscard]] Outcome<Place> parse_place_of_url(std::string_view url, std::string_view host);

/// The key of a place: a directory's is that of its marker, a bucket's empty.
[[nodiscard]] std::string key_of(const Place& place);
/// The path of a place, percent-encoded; directories end in a slash.
[[nodiscard]] std::string href_of(const Place& place, bool directory);
/// The directory that holds a kEntry: its bucket, or an entry of it.
[[nodiscard]] Place parent_of(const Place& place);
/// The place `name` in a directory, a bucket in kBuckets; `name` may end in a slash.
[[nodiscard]] Place child_of(const Place& directory, std::string_view name);
/// Its last segment: the bucket's name for a bucket, "" above.
[[nodiscard]] std::string_view name_of(const Place& place);
/// By which locks know a place: "bucket/key", without the trailing slash.
[[nodiscard]] std::string lock_path(const Place& place);

}  // namespace kelp::webdav
