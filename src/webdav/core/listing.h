#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "webdav/core/place.h"

namespace kelp::webdav {

/// A file or directory in a listing.
struct Entry {
  std::string name;        ///< Its segment, without a slash.
  bool directory = false;  ///< Of one only the name is known, of a bucket its age too.
  std::uint64_t size_bytes = 0;
  WallTime modified;  ///< The epoch when it is not known.
  std::string etag;   ///< As etag_text() gives it; empty for directories.

  /// By which pages go on: the name, directories with a slash.
  [[nodiscard]] std::string marker() const { return directory ? name + '/' : name; }
};

/// A page of a directory.
struct ListingPage {
  Place place;
  std::vector<Entry> entries;
  std::uint32_t limit = 0;
  bool more = false;
  std::string last;  ///< When more: the lastFileName that carries on.
};

/// The page as scripts read it (docs/operations/filer-http.md).
[[nodiscard]] std::string listing_json(const ListingPage& page);
/// The page for people. Names are bytes of users: everything is escaped. `query` are the parameters
/// that the link to the next page repeats, encoded: "limit=10&".
[[nodiscard]] std::string listing_html(const ListingPage& page, std::string_view query);

/// `text` as HTML character data or a quoted attribute's value.
[[nodiscard]] std::string escape_html(std::string_view text);

/// Whether `name` fits a pattern of `*` (any bytes) and `?` (one UTF-8 character). In time
/// proportional to the product of the lengths at most.
[[nodiscard]] bool matches(std::string_view pattern, std::string_view name);
/// What every name that fits begins with: the pattern up to its first wildcard.
[[nodiscard]] std::string_view literal_front(std::string_view pattern);

}  // namespace kelp::webdav
