#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "webdav/failure.h"

// The bodies that WebDAV clients send (RFC 4918 section 14): strict XML with namespaces, read with
// the limits of s3gw/core/xml_reader.h.

namespace kelp::webdav {

inline constexpr std::string_view kDavNamespace = "DAV:";

/// The name of a property.
struct PropName {
  std::string space;  ///< Its namespace; empty: none.
  std::string name;
  friend auto operator<=>(const PropName&, const PropName&) = default;
};

/// A property that the server keeps and does not understand.
struct DeadProp {
  PropName name;
  std::string xml;  ///< The element, with every namespace declaration that it needs.
  friend bool operator==(const DeadProp&, const DeadProp&) = default;
};

/// What a PROPFIND asks for.
struct Propfind {
  enum class Kind : unsigned char { kAll, kNames, kSome };
  Kind kind = Kind::kAll;
  std::vector<PropName> names;  ///< kSome: these. kAll: these too (DAV:include).
};
/// Reads the body; an empty one asks for all. 400.
[[nodiscard]] Outcome<Propfind> parse_propfind(std::string body);

/// One step of a PROPPATCH.
struct PropStep {
  bool remove = false;
  DeadProp prop;  ///< To remove: only its name.
};
/// Reads the body: the steps in order. 400.
[[nodiscard]] Outcome<std::vector<PropStep>> parse_proppatch(std::string body);

/// What a LOCK asks for.
struct LockWish {
  bool exclusive = true;
  std::string owner;  ///< The DAV:owner element; empty: there is none.
};
/// Reads the body. 400; 422 for another type of lock than write.
[[nodiscard]] Outcome<LockWish> parse_lockinfo(std::string body);

/// The user metadata under which an object keeps its dead properties.
inline constexpr std::string_view kDeadPropsName = "webdav-props";
/// As that metadata's value: ASCII.
[[nodiscard]] std::string encode_dead_props(const std::vector<DeadProp>& props);
/// What encode_dead_props() made; nothing for what it did not make: anybody may write metadata.
[[nodiscard]] std::vector<DeadProp> decode_dead_props(std::string_view text);

}  // namespace kelp::webdav
