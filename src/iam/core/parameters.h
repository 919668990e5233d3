#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "iam/core/model.h"
#include "iam/core/query_error.h"

namespace kelp::iam {

/// The largest request that is read.
inline constexpr std::size_t kMaxFormBytes = 256 << 10;

/// The parameters of a request of the query protocol: a form, as "Tags.member.1.Key=a".
class Parameters {
 public:
  /// `form` as in a body of application/x-www-form-urlencoded, or a URL's query. MalformedInput
  /// for a broken escape, a parameter twice, or more than 1,000.
  [[nodiscard]] static Outcome<Parameters> parse(std::string_view form);

  /// Null when it is not there.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  /// The same, empty when it is not there.
  [[nodiscard]] std::string_view get(std::string_view name) const;
  /// A whole number in [low, high]; nothing when it is not there. ValidationError.
  [[nodiscard]] Outcome<std::optional<std::uint32_t>> number(std::string_view name,
                                                             std::uint32_t low,
                                                             std::uint32_t high) const;
  /// "true" or "false". ValidationError.
  [[nodiscard]] Outcome<bool> flag(std::string_view name, bool fallback) const;
  /// NAME.member.1, NAME.member.2 …; MalformedInput when one is missing in between. `leaf`: what
  /// stands behind each number (".arn").
  [[nodiscard]] Outcome<std::vector<std::string>> list(std::string_view name,
                                                       std::string_view leaf = {}) const;
  /// NAME.member.N.Key and .Value, as tags may be. InvalidInput, LimitExceeded, ValidationError.
  [[nodiscard]] Outcome<std::vector<Tag>> tags(std::string_view name) const;
  /// ValidationError for one that `allowed` does not name or for one that it wants and is not
  /// there: names apart by spaces; "Name!" must be there, "Name*" is a list or a structure.
  [[nodiscard]] Outcome<void> check(std::string_view allowed) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace kelp::iam
