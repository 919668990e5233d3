#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "kelp/result.h"

namespace kelp::iam {

/// An answer of IAM or STS that is an error, with AWS's code, status and words.
struct QueryError {
  std::string code;
  int status = 400;
  std::string message;
  std::string detail = {};  ///< What failed inside, for the log; never sent.
};

/// A value or a QueryError; works with KELP_TRY and its kin.
template <typename T>
class [[nodiscard]] Outcome : public std::expected<T, QueryError> {
 public:
  using Base = std::expected<T, QueryError>;
  using Base::Base;
  Outcome(QueryError error)
      : Base(std::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor)
};

/// 404: what was named does not exist.
[[nodiscard]] QueryError no_such_entity(std::string message);
/// 409: what was to be made exists.
[[nodiscard]] QueryError already_exists(std::string message);
/// 409: others hang on what was to be deleted.
[[nodiscard]] QueryError delete_conflict(std::string message);
/// 409 with the quota's name, as AWS names it.
[[nodiscard]] QueryError limit_exceeded(std::string_view quota, std::size_t limit);
/// 400: a value that contradicts another one or what is there.
[[nodiscard]] QueryError invalid_input(std::string message);
/// 400: a policy that does not read.
[[nodiscard]] QueryError malformed_policy(std::string message);
/// 400: the value of a parameter is none that it can have. `name` as in a request ("UserName").
[[nodiscard]] QueryError validation_error(std::string_view name, std::string_view value,
                                          std::string_view constraint);
/// 400: a parameter that must be there is not.
[[nodiscard]] QueryError missing_parameter(std::string_view name);
/// 403.
[[nodiscard]] QueryError access_denied(std::string message);
/// What an inner failure becomes: try again later, or 500.
[[nodiscard]] QueryError inner_failure(const Error& error);

}  // namespace kelp::iam
