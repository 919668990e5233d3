#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "policy/pattern.h"

namespace kelp::policy {

/// The six parts of "arn:partition:service:region:account:resource"; the last one may have colons.
using ArnParts = std::array<std::string_view, 6>;

/// Nothing for a text that is no ARN. Colons inside of "${...}" do not part.
[[nodiscard]] std::optional<ArnParts> split_arn(std::string_view text);

/// An ARN with wildcards and variables. Each part is compared with its part: a '*' does not reach
/// over a colon but in the last one. "*" alone is any ARN.
class ArnPattern {
 public:
  /// kInvalidArgument for what is neither "*" nor of six parts, and as Pattern::compile().
  [[nodiscard]] static Result<ArnPattern> compile(std::string_view text, bool variables);

  [[nodiscard]] Match match(std::string_view arn, const Context& context) const;
  /// Whether it is any ARN.
  [[nodiscard]] bool is_any() const { return any_; }

 private:
  bool any_ = false;
  std::array<Pattern, 6> parts_;
};

}  // namespace kelp::policy
