#include "policy/statement.h"

#include <fmt/core.h>

#include <algorithm>

#include "policy/vocabulary.h"

namespace kelp::policy {
namespace {

constexpr std::string_view kS3Arn = "arn:aws:s3:::";

Error malformed(std::string words) {
  return {Errc::kInvalidArgument, std::move(words)};
}

/// A text, or a list of one and more.
Result<std::vector<std::string>> texts_of(const boost::json::value& value,
                                          std::string_view refusal) {
  std::vector<std::string> out;
  if (value.is_string()) {
    out.emplace_back(value.as_string());
  } else if (value.is_array()) {
    for (const auto& each : value.as_array()) {
      if (!each.is_string()) return malformed(std::string(refusal));
      out.emplace_back(each.as_string());
    }
  }
  if (out.empty() || std::ranges::count(out, "") > 0) return malformed(std::string(refusal));
  return out;
}

/// The scopes that an S3 resource pattern can be of: a bucket has no '/', an object has one.
unsigned scopes_of_resource(std::string_view text) {
  constexpr unsigned kBucket = static_cast<unsigned>(Scope::kBucket);
  constexpr unsigned kObject = static_cast<unsigned>(Scope::kObject);
  if (text == "*") return kBucket | kObject;
  if (text.contains('/')) return kObject;
  return text.ends_with('*') ? kBucket | kObject : kBucket;
}

}  // namespace

Result<Statement> Statement::parse(const boost::json::object& object, PolicyKind kind,
                                   bool variables) {
  Statement out;
  for (const auto& [name, value] : object) {
    KELP_CHECK(out.take(name, value, kind, variables));
  }
  KELP_CHECK(out.check_complete(kind));
  if (kind == PolicyKind::kBucket) {
    KELP_CHECK(out.check_scopes());
  }
  return out;
}

Result<void> Statement::take(std::string_view name, const boost::json::value& value,
                             PolicyKind kind, bool variables) {
  const bool negated = name.starts_with("Not");
  const std::string_view bare = negated ? name.substr(3) : name;
  if (name == "Sid") {
    if (!value.is_string()) return malformed("Invalid Sid");
    sid_ = value.as_string();
    return {};
  }
  if (name == "Effect") {
    if (!value.is_string() || (value.as_string() != "Allow" && value.as_string() != "Deny")) {
      return malformed(fmt::format("Invalid effect: {}",
                                   value.is_string() ? std::string(value.as_string()) : "?"));
    }
    effect_ = value.as_string() == "Allow" ? Effect::kAllow : Effect::kDeny;
    has_effect_ = true;
    return {};
  }
  if (bare == "Principal" && kind != PolicyKind::kIdentity) {
    if (principals_) return malformed("Statement has both Principal and NotPrincipal");
    KELP_TRY(principals_, Principals::parse(value));
    but_principals_ = negated;
    return {};
  }
  if (bare == "Action") {
    if (!actions_.empty()) return malformed("Statement has both Action and NotAction");
    but_actions_ = negated;
    return take_actions(value, kind);
  }
  if (bare == "Resource" && kind != PolicyKind::kTrust) {
    if (!resources_.empty()) return malformed("Statement has both Resource and NotResource");
    but_resources_ = negated;
    return take_resources(value, kind, variables);
  }
  if (name == "Condition") return take_conditions(value, variables);
  return malformed(fmt::format("Unknown field {}", name));
}

Result<void> Statement::take_actions(const boost::json::value& value, PolicyKind kind) {
  KELP_TRY(const auto texts, texts_of(value, "Policy has invalid action"));
  for (const std::string& text : texts) {
    const std::string lower = lower_case(text);
    KELP_TRY(Pattern pattern, Pattern::compile(lower, {.variables = false}));
    const bool of_s3 = lower == "*" || lower.starts_with("s3:");
    const bool of_a_service = lower == "*" || lower.contains(':');
    const bool known = !of_s3 || scopes_of(pattern) != 0;
    if (!of_a_service || !known || (kind == PolicyKind::kBucket && !of_s3)) {
      return malformed("Policy has invalid action");
    }
    actions_.push_back(std::move(pattern));
  }
  return {};
}

Result<void> Statement::take_resources(const boost::json::value& value, PolicyKind kind,
                                       bool variables) {
  KELP_TRY(const auto texts, texts_of(value, "Policy has invalid resource"));
  for (const std::string& text : texts) {
    if (kind == PolicyKind::kBucket && text != "*" && !text.starts_with(kS3Arn)) {
      return malformed("Policy has invalid resource");
    }
    auto pattern = ArnPattern::compile(text, variables);
    if (!pattern) return malformed("Policy has invalid resource");
    resource_scopes_ |=
        scopes_of_resource(text.starts_with(kS3Arn) ? text.substr(kS3Arn.size()) : text);
    resources_.push_back(*std::move(pattern));
  }
  return {};
}

Result<void> Statement::take_conditions(const boost::json::value& value, bool variables) {
  if (!value.is_object()) return malformed("Invalid Condition");
  for (const auto& [operator_name, keys] : value.as_object()) {
    if (!keys.is_object() || keys.as_object().empty()) return malformed("Invalid Condition");
    for (const auto& [key, values] : keys.as_object()) {
      KELP_TRY(Condition condition, Condition::parse(operator_name, key, values, variables));
      conditions_.push_back(std::move(condition));
    }
  }
  return {};
}

Result<void> Statement::check_complete(PolicyKind kind) const {
  const auto missing = [](std::string_view field) {
    return malformed(fmt::format("Missing required field {}", field));
  };
  if (!has_effect_) return missing("Effect");
  if (kind != PolicyKind::kIdentity && !principals_) return missing("Principal");
  if (actions_.empty()) return missing("Action");
  if (kind != PolicyKind::kTrust && resources_.empty()) return missing("Resource");
  return {};
}

/// An action that no resource of the statement fits is a mistake of its author.
Result<void> Statement::check_scopes() const {
  if (but_actions_ || but_resources_) return {};
  for (const Pattern& action : actions_) {
    if ((scopes_of(action) & resource_scopes_) != 0) continue;
    return malformed("Action does not apply to any resource(s) in statement");
  }
  return {};
}

bool Statement::names_all() const {
  return principals_ && (principals_->names_all() || but_principals_);
}

bool Statement::names_action(std::string_view action) const {
  const bool named =
      std::ranges::any_of(actions_, [&](const Pattern& each) { return each.matches(action); });
  return named != but_actions_;
}

/// A variable without a value fits nothing; where all but some resources are meant, nobody can say
/// what that leaves out, so it allows nothing and denies everything.
bool Statement::names_resource(const Request& request) const {
  if (resources_.empty()) return true;
  bool named = false;
  for (const ArnPattern& each : resources_) {
    const Match match = each.match(request.resource, request.context);
    if (match == Match::kUnresolved && but_resources_) return effect_ == Effect::kDeny;
    named = named || match == Match::kYes;
  }
  return named != but_resources_;
}

bool Statement::covers(const Request& request) const {
  return names_action(request.action) && names_resource(request);
}

Naming Statement::speaks_of(const Request& request) const {
  Naming naming = Naming::kItself;
  if (principals_) {
    naming = principals_->name(request.who);
    if (but_principals_) naming = naming == Naming::kNot ? Naming::kItself : Naming::kNot;
  }
  if (naming == Naming::kNot || !covers(request)) return Naming::kNot;
  const auto holds = [&](const Condition& each) { return each.holds(request.context); };
  return std::ranges::all_of(conditions_, holds) ? naming : Naming::kNot;
}

}  // namespace kelp::policy
