#include "policy/document.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "policy/json_text.h"

namespace kelp::policy {
namespace {

Error malformed(std::string words) {
  return {Errc::kInvalidArgument, std::move(words)};
}

/// Whether variables have a meaning: they do since the newer of the two versions.
Result<bool> knows_variables(const boost::json::object& policy) {
  const boost::json::value* version = policy.if_contains("Version");
  if (version == nullptr) return false;
  if (version->is_string() && version->as_string() == "2012-10-17") return true;
  if (version->is_string() && version->as_string() == "2008-10-17") return false;
  return malformed("The policy must contain a valid version string");
}

}  // namespace

Result<Document> Document::parse(std::string_view json, PolicyKind kind) {
  if (kind == PolicyKind::kBucket && json.size() > kMaxBucketPolicyBytes) {
    return malformed(
        fmt::format("Normalized policy document exceeds the maximum allowed size of {} "
                    "bytes.",
                    kMaxBucketPolicyBytes));
  }
  KELP_TRY(const boost::json::object policy, parse_json_object(json));
  KELP_TRY(const bool variables, knows_variables(policy));
  const boost::json::value* statements = nullptr;
  for (const auto& [name, value] : policy) {
    if (name == "Statement") {
      statements = &value;
    } else if (name == "Id") {
      if (!value.is_string()) return malformed("Invalid Id");
    } else if (name != "Version") {
      return malformed(fmt::format("Unknown field {}", std::string_view(name)));
    }
  }
  if (statements == nullptr) return malformed("Missing required field Statement");
  Document document;
  KELP_CHECK(document.take_statements(*statements, kind, variables));
  return document;
}

Result<void> Document::take_statements(const boost::json::value& value, PolicyKind kind,
                                       bool variables) {
  const auto take = [&](const boost::json::value& each) -> Result<void> {
    if (!each.is_object()) return malformed("Invalid Statement");
    KELP_TRY(Statement statement, Statement::parse(each.as_object(), kind, variables));
    statements_.push_back(std::move(statement));
    return {};
  };
  if (!value.is_array()) return take(value);
  if (value.as_array().empty()) return malformed("Could not parse the policy: Statement is empty!");
  std::set<std::string> sids;
  for (const auto& each : value.as_array()) {
    KELP_CHECK(take(each));
    const std::string& sid = statements_.back().sid();
    if (!sid.empty() && !sids.insert(sid).second) {
      return malformed("Statement IDs (SID) in a single policy must be unique.");
    }
  }
  return {};
}

Verdict Document::evaluate(const Request& request) const {
  Verdict verdict;
  for (const Statement& statement : statements_) {
    const Naming naming = statement.speaks_of(request);
    if (naming == Naming::kNot) continue;
    if (statement.effect() == Effect::kDeny) return {.denied = true};
    verdict.allowed = std::max(verdict.allowed, naming);
  }
  return verdict;
}

bool Document::asks_for(std::string_view lower_key) const {
  for (const Statement& statement : statements_) {
    for (const Condition& condition : statement.conditions()) {
      if (condition.key().starts_with(lower_key)) return true;
    }
  }
  return false;
}

}  // namespace kelp::policy
