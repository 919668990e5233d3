#include "policy/resources.h"

#include <algorithm>

#include "policy/arn.h"
#include "policy/json_text.h"

namespace kelp::policy {
namespace {

bool is_of(std::string_view resource, std::string_view bucket) {
  const auto arn = split_arn(resource);
  if (!arn) return resource == "*";
  const std::string_view name = arn->back().substr(0, arn->back().find('/'));
  const auto pattern = Pattern::compile(name, {.variables = false});
  return pattern.has_value() && pattern->matches(bucket);
}

bool all_of(const boost::json::value& value, std::string_view bucket) {
  if (const auto* const text = value.if_string()) return is_of(*text, bucket);
  const auto* const list = value.if_array();
  return list != nullptr && std::ranges::all_of(*list, [&](const boost::json::value& each) {
           return all_of(each, bucket);
         });
}

bool statement_of(const boost::json::value& value, std::string_view bucket) {
  const auto* const statement = value.if_object();
  if (statement == nullptr) return false;
  for (const char* const name : {"Resource", "NotResource"}) {
    const auto* const resources = statement->if_contains(name);
    if (resources != nullptr && !all_of(*resources, bucket)) return false;
  }
  return true;
}

}  // namespace

bool speaks_only_of(std::string_view json, std::string_view bucket) {
  const auto policy = parse_json_object(json);
  if (!policy) return false;
  const auto* const statements = policy->if_contains("Statement");
  if (statements == nullptr) return false;
  if (statements->is_object()) return statement_of(*statements, bucket);
  const auto* const list = statements->if_array();
  return list != nullptr && std::ranges::all_of(*list, [&](const boost::json::value& each) {
           return statement_of(each, bucket);
         });
}

}  // namespace kelp::policy
