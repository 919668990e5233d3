#include "policy/public_access.h"

#include <algorithm>
#include <array>

namespace kelp::policy {
namespace {

constexpr unsigned kWidestV4 = 96 + 8;
constexpr unsigned kWidestV6 = 32;

/// Keys that say who somebody is or where he comes from, and not what he wants.
constexpr auto kFixing = std::to_array<std::string_view>({
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:vpcsourceip",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
});

bool is_wide(const AddressRange& range) {
  AddressRange v4;
  v4.address[10] = v4.address[11] = 0xff;
  v4.prefix_bits = 96;
  return range.prefix_bits < (v4.contains(range) ? kWidestV4 : kWidestV6);
}

bool fixes(const Condition& condition) {
  return std::ranges::count(kFixing, condition.key()) > 0 && condition.narrows() &&
         std::ranges::none_of(condition.ranges(), is_wide);
}

}  // namespace

bool is_public(const Document& bucket_policy) {
  return std::ranges::any_of(bucket_policy.statements(), [](const Statement& statement) {
    return statement.effect() == Effect::kAllow && statement.names_all() &&
           std::ranges::none_of(statement.conditions(), fixes);
  });
}

}  // namespace kelp::policy
