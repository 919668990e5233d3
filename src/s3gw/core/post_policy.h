#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "s3gw/core/post_form.h"

// What the signer of a form lets it upload. Source: "POST policy" of the S3 developer guide.

namespace kelp::s3 {

/// What a policy wants of one field, or of the file's length.
struct PostCondition {
  enum class Kind : std::uint8_t { kEquals, kStartsWith, kLength };
  Kind kind = Kind::kEquals;
  std::string field;  ///< In lower case, without `$`; empty: the policy names none, nothing fits.
  std::string value;
  std::optional<std::int64_t> least;  ///< Of kLength; nothing when it is no number.
  std::optional<std::int64_t> most;
  std::string text;  ///< As JSON, for the answer.
};

/// A policy document.
struct PostPolicy {
  WallTime expiration{};
  std::vector<PostCondition> conditions;
};

/// Reads base64 of JSON. InvalidPolicyDocument, with AWS's texts.
[[nodiscard]] S3Result<PostPolicy> parse_post_policy(std::string_view base64);

/// That the policy has not expired, that each of its conditions on fields holds, and that each
/// field is in one of them. AccessDenied, with AWS's texts.
[[nodiscard]] S3Result<void> check_post_policy(const PostPolicy& policy,
                                               std::span<const PostField> fields,
                                               std::string_view bucket, WallTime now);

/// A file between two lengths: while it arrives the least and the most that it can be.
struct FileLength {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};
/// EntityTooSmall or EntityTooLarge when no length between the two fits the policy; AccessDenied
/// for a range that is none.
[[nodiscard]] S3Result<void> check_length(const PostPolicy& policy, FileLength length);

}  // namespace kelp::s3
