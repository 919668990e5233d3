#pragma once

#include <optional>
#include <string>

#include "webdav/core/listing.h"
#include "webdav/visit.h"

namespace kelp::webdav {

// The directory view, read from the filer. A directory is there when a key begins with "NAME/";
// one that holds nothing is the empty object "NAME/", as S3 consoles make it.

/// What stands at a place.
struct Found {
  enum class Kind : unsigned char { kNothing, kFile, kDirectory };
  Kind kind = Kind::kNothing;
  Place place;                        ///< As asked, its slash set by `kind`.
  std::optional<FoundObject> object;  ///< The file; of a directory its marker, if there is one.
  WallTime made;                      ///< Of a bucket.
  [[nodiscard]] bool file() const { return kind == Kind::kFile; }
  [[nodiscard]] bool directory() const { return kind == Kind::kDirectory; }
};
/// Looks at a place: a path without a trailing slash is a file if there is one, else a directory.
/// One metadata read for a file, up to three for a directory. Asks for nobody's leave: whether the
/// caller may be told is for permission.h to say.
[[nodiscard]] Task<Outcome<Found>> look_up(Visit& visit, Place place);

/// 409 unless the directory that holds `place` is there.
[[nodiscard]] Task<Outcome<void>> check_parent(Visit& visit, Place place);
/// Whether a key begins with `prefix` and goes on.
[[nodiscard]] Task<Outcome<bool>> has_below(Visit& visit, std::string bucket, std::string prefix);

/// Which part of a directory to list.
struct ListWish {
  std::string after;          ///< Entry::marker() of the last one seen; empty: from the start.
  std::uint32_t limit = 100;  ///< 1 to kMaxListed.
  std::string pattern;        ///< See matches(); empty: all.
};
inline constexpr std::uint32_t kMaxListed = 10'000;
/// A page of a directory that is there, which the caller asked to list. With a pattern it looks at
/// about 10,000 entries at most; the page may then be short and have more.
[[nodiscard]] Task<Outcome<ListingPage>> list_page(Visit& visit, Place place, ListWish wish);

/// Whose an object of the request's bucket is to be, and what is granted on it: as over S3.
[[nodiscard]] Outcome<void> give_owner(const Visit& visit, ObjectEntry& entry);

/// Makes the marker of a directory of the request's bucket. 405 when it is there.
[[nodiscard]] Task<Outcome<void>> make_directory(Visit& visit, Place place);
/// Removes every key of `bucket` that begins with `prefix`, a thousand a commit: what was removed
/// before a failure stays so. 403 when the next thousand hold one that the caller may not remove.
[[nodiscard]] Task<Outcome<void>> remove_below(Visit& visit, std::string bucket,
                                               std::string prefix);

}  // namespace kelp::webdav
