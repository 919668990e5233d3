#pragma once

#include <expected>
#include <string>
#include <utility>

#include "kelp/result_as.h"
#include "s3gw/s3_error.h"

namespace kelp::catalog {

/// An answer that is an error, as the specification of the catalog writes it.
struct Failure {
  int status = 500;
  std::string type;         ///< An exception's name, which clients know: "NoSuchTableException".
  std::string message;      ///< One sentence; never a secret.
  std::string detail = {};  ///< What failed inside, for the log; never sent.
};

/// A value or a Failure.
template <typename T>
using Outcome = std::expected<T, Failure>;

/// `return failed(404, "NoSuchTableException", "there is no table a.b");`
[[nodiscard]] inline std::unexpected<Failure> failed(int status, std::string type,
                                                     std::string message) {
  return std::unexpected(Failure{status, std::move(type), std::move(message)});
}
/// 400: the request makes no sense.
[[nodiscard]] inline std::unexpected<Failure> bad_request(std::string message) {
  return failed(400, "BadRequestException", std::move(message));
}
/// 409: others were faster, or the table is not what the client took it for.
[[nodiscard]] inline std::unexpected<Failure> commit_failed(std::string message) {
  return failed(409, "CommitFailedException", std::move(message));
}

/// The answer that an error of the S3 gateway's parts becomes.
[[nodiscard]] Failure as_failure(const s3::S3Error& error);
/// The same of an inner failure.
[[nodiscard]] Failure as_failure(const Error& error);
/// As it is.
[[nodiscard]] inline Failure as_failure(Failure failure) {
  return failure;
}
/// The body: {"error":{"message":…,"type":…,"code":…}}.
[[nodiscard]] std::string error_json(const Failure& failure);

}  // namespace kelp::catalog

/// As KELP_TRY and its kin, in functions that return an Outcome; `expr` gives an Outcome, an
/// S3Result or a Result.
#define KELP_CATALOG_TRY(lhs, expr)                                                            \
  KELP_TRY_AS(return, ::kelp::catalog::as_failure, KELP_RESULT_CONCAT(kelp_result_, __LINE__), \
                    lhs, expr)
#define KELP_CATALOG_CO_TRY(lhs, expr)                                                            \
  KELP_TRY_AS(co_return, ::kelp::catalog::as_failure, KELP_RESULT_CONCAT(kelp_result_, __LINE__), \
              lhs, expr)
#define KELP_CATALOG_CHECK(expr)                                                                 \
  KELP_CHECK_AS(return, ::kelp::catalog::as_failure, KELP_RESULT_CONCAT(kelp_result_, __LINE__), \
                      expr)
#define KELP_CATALOG_CO_CHECK(expr)                     \
  KELP_CHECK_AS(co_return, ::kelp::catalog::as_failure, \
                KELP_RESULT_CONCAT(kelp_result_, __LINE__), expr)
