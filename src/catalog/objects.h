#pragma once

#include <optional>
#include <string>
#include <vector>

#include "catalog/visit.h"

namespace kelp::catalog {

// Objects, with the rights of who asks: each of these is a request to S3 inside, by the gateway's
// own operation, so that policies, quotas, encryption and events are what they are for others.

/// An object that was read.
struct Found {
  std::string text;
  std::string etag;  ///< With its quotes.
};
/// The largest object that is read.
inline constexpr std::size_t kMaxObjectBytes = 12 << 20;

/// Reads it; nothing when there is none. 400 when it is too large.
[[nodiscard]] Task<Outcome<std::optional<Found>>> read_object(Visit& visit, ObjectName name);

/// What must hold for a write: the object is as it was read, or, when `etag` is empty, not there.
struct Expected {
  std::string etag;
};
/// Whether a conditional request was done.
enum class Done : unsigned char { kYes, kRefused };
/// Writes it; without a condition whatever there is.
[[nodiscard]] Task<Outcome<Done>> write_object(Visit& visit, ObjectName name, std::string text,
                                               std::optional<Expected> expected);
/// Removes it, when it is still as it was read; with an empty `etag` whatever it is.
[[nodiscard]] Task<Outcome<Done>> remove_object(Visit& visit, ObjectName name, std::string etag);
/// Renames it in one commit to a key that must be free, when it is still as it was read.
[[nodiscard]] Task<Outcome<Done>> rename_object(Visit& visit, ObjectName from, std::string to,
                                                std::string etag);
/// Removes every object whose key begins with `prefix`, a thousand a commit.
[[nodiscard]] Task<Outcome<void>> remove_below(Visit& visit, ObjectName prefix);

/// Which objects to list: those behind `below` without a further slash.
struct ListWish {
  ObjectName below;
  std::string after;  ///< Listed::next of the page before; empty: from the start.
  std::uint32_t limit = 1000;
  bool deep = false;  ///< With a further slash, too.
};
/// A page of keys.
struct Listed {
  std::vector<std::string> keys;
  std::string next;  ///< Empty: that was all.
};
/// Lists a page.
[[nodiscard]] Task<Outcome<Listed>> list_objects(Visit& visit, ListWish wish);

}  // namespace kelp::catalog
