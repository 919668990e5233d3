#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "iam/core/model.h"
#include "iam/core/query_error.h"

namespace kelp::iam {

// What names, paths and texts may be, and how many there may be: AWS's numbers.

inline constexpr std::size_t kMaxUsers = 5000;
inline constexpr std::size_t kMaxGroups = 300;
inline constexpr std::size_t kMaxRoles = 1000;
inline constexpr std::size_t kMaxPolicies = 1500;
inline constexpr std::size_t kMaxProviders = 100;
inline constexpr std::size_t kMaxTags = 50;
inline constexpr std::size_t kMaxKeys = 2;               ///< Of a user.
inline constexpr std::size_t kMaxServiceAccounts = 100;  ///< Of a user; Kelp's own number.
inline constexpr std::size_t kMaxGroupsOfUser = 10;
inline constexpr std::size_t kMaxAttached = 10;       ///< Of a user, group or role.
inline constexpr std::size_t kMaxVersions = 5;        ///< Of a managed policy.
inline constexpr std::size_t kMaxPolicyBytes = 6144;  ///< Of a managed one, without white space.
inline constexpr std::size_t kMaxTrustBytes = 2048;
inline constexpr std::size_t kMaxSessionPolicyBytes = 2048;

/// How long the names of a kind may be.
[[nodiscard]] std::size_t max_name_bytes(Kind kind);
/// How much all inline policies of one together may have, without white space.
[[nodiscard]] std::size_t max_inline_bytes(Kind kind);

/// Letters, digits and +=,.@_-; `parameter` is the name of the parameter that it came in.
[[nodiscard]] Outcome<void> check_name(std::string_view parameter, std::string_view name,
                                       std::size_t max_bytes);
/// "/" or "/a/b/".
[[nodiscard]] Outcome<void> check_path(std::string_view parameter, std::string_view path);
/// A key and value that a tag can have.
[[nodiscard]] Outcome<void> check_tag(const Tag& tag);
/// A description: any text up to 1,000 bytes without control characters.
[[nodiscard]] Outcome<void> check_description(std::string_view text);
/// An ARN of a policy, by its form.
[[nodiscard]] Outcome<void> check_policy_arn(std::string_view parameter, std::string_view arn);

/// The policy in a parameter, read. MalformedPolicyDocument; `kind` as in policy::Document.
[[nodiscard]] Outcome<PolicyText> read_policy(std::string json, policy::PolicyKind kind);
/// Characters that count for the quotas of policies.
[[nodiscard]] std::size_t counted_bytes(std::string_view policy);

}  // namespace kelp::iam
