#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "kelp/result.h"

namespace kelp::master {

/// A request's target, decoded.
struct HttpTarget {
  std::string path;
  std::map<std::string, std::string, std::less<>> query;  ///< Of a name that comes twice: the last.

  /// Empty when it is not there.
  [[nodiscard]] std::string_view get(std::string_view name) const;
  /// A whole number from 0 on, or `otherwise` when it is not there. kInvalidArgument.
  [[nodiscard]] Result<std::uint64_t> number(std::string_view name, std::uint64_t otherwise) const;
};

/// Splits "/path?a=b&c" and undoes percent-encoding; `+` is a space in the query. kInvalidArgument
/// for a broken escape.
[[nodiscard]] Result<HttpTarget> parse_target(std::string_view target);

}  // namespace kelp::master
