#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "webdav/failure.h"

namespace kelp::webdav {

/// One condition of the If header: a lock token or an ETag.
struct IfCondition {
  bool negated = false;
  bool is_etag = false;
  std::string value;  ///< A token's URI; an ETag with its quotes.
  friend bool operator==(const IfCondition&, const IfCondition&) = default;
};

/// Conditions that must all hold of one resource.
struct IfList {
  std::string resource;  ///< Its URL as sent; empty: the one that the request names.
  std::vector<IfCondition> all;
  friend bool operator==(const IfList&, const IfList&) = default;
};

/// What conditions are compared with.
struct ResourceState {
  std::vector<std::string> tokens;  ///< Of the locks that cover the resource.
  std::string etag;                 ///< With quotes; empty: there is none.
};

/// Parses the If header (RFC 4918 section 10.4): lists without a tag, or lists behind tags. 400 for
/// broken syntax, an empty list and more than 64 conditions.
[[nodiscard]] Outcome<std::vector<IfList>> parse_if(std::string_view header);

/// Whether some list holds; `states` are those of the lists' resources, in their order.
[[nodiscard]] bool evaluate(std::span<const IfList> lists, std::span<const ResourceState> states);

/// The tokens that the header brings along (section 10.4.1), whichever list holds.
[[nodiscard]] std::vector<std::string> submitted_tokens(std::span<const IfList> lists);

}  // namespace kelp::webdav
