#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "webdav/core/dav_xml.h"
#include "webdav/core/lock_table.h"
#include "webdav/core/place.h"

namespace kelp::webdav {

// The XML of answers (RFC 4918 section 14), appended to a string.

/// What properties are made of.
struct Resource {
  Place place;
  bool directory = false;
  std::uint64_t size_bytes = 0;
  WallTime modified;  ///< The epoch when it is not known.
  std::string etag;   ///< Without quotes; empty: it has none.
  /// Nothing when the entry was not read.
  std::optional<std::string> content_type = {};
  std::vector<DeadProp> dead = {};
  std::vector<Lock> locks = {};  ///< That cover it.
};

/// Whether an answer to `asked` needs more of a file than listings tell: its type, or properties
/// that the server does not understand.
[[nodiscard]] bool needs_entry(const Propfind& asked);
/// Whether the server makes the property itself: it cannot be set.
[[nodiscard]] bool is_live(const PropName& name);

/// Around the responses.
void open_multistatus(std::string& out);
void close_multistatus(std::string& out);
/// The response of one resource to a PROPFIND.
void append_response(std::string& out, const Resource& resource, const Propfind& asked,
                     MonoTime now);
/// The response of a PROPPATCH: a status for each property.
void append_patch_response(std::string& out, std::string_view href,
                           const std::vector<std::pair<PropName, int>>& statuses);
/// The body of a LOCK's answer: DAV:prop with the lockdiscovery of `locks`.
[[nodiscard]] std::string lock_answer(const std::vector<Lock>& locks, MonoTime now);
/// DAV:error around the XML `condition` (section 16).
[[nodiscard]] std::string error_body(std::string_view condition);

}  // namespace kelp::webdav
