#include "policy/arn.h"

#include <fmt/core.h>

namespace kelp::policy {

std::optional<ArnParts> split_arn(std::string_view text) {
  ArnParts parts;
  std::size_t part = 0;
  std::size_t begin = 0;
  bool in_variable = false;
  for (std::size_t at = 0; at < text.size() && part + 1 < parts.size(); ++at) {
    if (text.substr(at).starts_with("${")) in_variable = true;
    if (text[at] == '}') in_variable = false;
    if (text[at] != ':' || in_variable) continue;
    parts[part++] = text.substr(begin, at - begin);
    begin = at + 1;
  }
  if (part + 1 != parts.size() || parts[0] != "arn") return std::nullopt;
  parts[part] = text.substr(begin);
  return parts;
}

Result<ArnPattern> ArnPattern::compile(std::string_view text, bool variables) {
  ArnPattern pattern;
  pattern.any_ = text == "*";
  if (pattern.any_) return pattern;
  const auto parts = split_arn(text);
  if (!parts) return Error(Errc::kInvalidArgument, fmt::format("{} is no ARN", text));
  for (std::size_t i = 0; i < parts->size(); ++i) {
    KELP_TRY(pattern.parts_[i], Pattern::compile((*parts)[i], {.variables = variables}));
  }
  return pattern;
}

Match ArnPattern::match(std::string_view arn, const Context& context) const {
  if (any_) return Match::kYes;
  const auto parts = split_arn(arn);
  if (!parts) return Match::kNo;
  bool unresolved = false;
  for (std::size_t i = 0; i < parts->size(); ++i) {
    const Match match = parts_[i].match((*parts)[i], context);
    if (match == Match::kNo) return Match::kNo;
    unresolved = unresolved || match == Match::kUnresolved;
  }
  return unresolved ? Match::kUnresolved : Match::kYes;
}

}  // namespace kelp::policy
