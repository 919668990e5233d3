#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/http_header.h"

namespace kelp::s3 {

/// The conditions of a read, as sent. Views into the request.
struct ReadConditions {
  std::optional<std::string_view> if_match;
  std::optional<std::string_view> if_none_match;
  std::optional<std::string_view> if_modified_since;
  std::optional<std::string_view> if_unmodified_since;
  [[nodiscard]] bool any() const {
    return if_match || if_none_match || if_modified_since || if_unmodified_since;
  }
};

/// If-Match and its relatives.
[[nodiscard]] ReadConditions read_conditions(std::span<const HttpHeader> headers);
/// x-amz-copy-source-if-match and its relatives.
[[nodiscard]] ReadConditions copy_source_conditions(std::span<const HttpHeader> headers);

/// x-amz-rename-source-if-match and its relatives.
[[nodiscard]] ReadConditions rename_source_conditions(std::span<const HttpHeader> headers);

/// What an object is compared by.
struct Validators {
  std::string_view etag;  ///< Without quotes.
  WallTime modified;
};

/// What a read's conditions say of it.
enum class ConditionResult {
  kProceed,
  kNotModified,         ///< 304 for a read; a copy fails with 412.
  kPreconditionFailed,  ///< 412.
};

/// A result and what led to it.
struct ConditionOutcome {
  ConditionResult result = ConditionResult::kProceed;
  /// The header that decided, for the Condition field of a 412, e.g. "If-Match".
  std::string_view condition;
};

/// Evaluates in the order of RFC 9110 section 13.2.2: If-Match hides If-Unmodified-Since,
/// If-None-Match hides If-Modified-Since. Dates that are none are ignored; times count in whole
/// seconds.
[[nodiscard]] ConditionOutcome evaluate(const ReadConditions& conditions, const Validators& object);

/// Whether `list` ("*", or ETags with or without quotes, separated by commas) names `etag`.
/// `weak`  takes W/"x" for "x" (If-None-Match).
[[nodiscard]] bool etag_list_matches(std::string_view list, std::string_view etag, bool weak);

}  // namespace kelp::s3
