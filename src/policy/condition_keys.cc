#include "policy/condition_keys.h"

#include <algorithm>
#include <string_view>

namespace kelp::policy {
namespace {

constexpr std::string_view kOfListings[] = {"s3:delimiter", "s3:max-keys", "s3:prefix"};

bool is_of_buckets(std::string_view lower_key) {
  const std::string_view space = lower_key.substr(0, lower_key.find(':'));
  return space == "aws" || space == "s3" || space.contains('.');
}

bool is_met_by_actions(const Statement& statement, std::string_view lower_key) {
  if (std::ranges::find(kOfListings, lower_key) == std::end(kOfListings)) return true;
  return statement.names_action("s3:listbucket") || statement.names_action("s3:listbucketversions");
}

}  // namespace

Result<void> check_condition_keys(const Document& bucket_policy) {
  for (const Statement& statement : bucket_policy.statements()) {
    for (const Condition& condition : statement.conditions()) {
      if (!is_of_buckets(condition.key())) {
        return Error(Errc::kInvalidArgument, "Policy has an invalid condition key");
      }
      if (!is_met_by_actions(statement, condition.key())) {
        return Error(Errc::kInvalidArgument,
                     "Conditions do not apply to combination of actions and resources in "
                     "statement");
      }
    }
  }
  return {};
}

}  // namespace kelp::policy
