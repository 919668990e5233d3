#pragma once

#include <utility>

#include "kelp/result.h"
#include "s3gw/s3_error.h"

namespace kelp::s3 {

/// Lets the macros below take a Result as well as an S3Result.
[[nodiscard]] inline S3Error as_s3_error(S3Error error) {
  return error;
}
/// The same of an inner failure.
[[nodiscard]] inline S3Error as_s3_error(const Error& error) {
  return from_error(error);
}

}  // namespace kelp::s3

#define KELP_S3_TRY_INNER(ret, tmp, lhs, expr)                                                \
  auto tmp = (expr);                                                                          \
  if (!tmp.has_value()) ret std::unexpected(::kelp::s3::as_s3_error(std::move(tmp).error())); \
  lhs = *std::move(tmp)
#define KELP_S3_CHECK_INNER(ret, tmp, expr) \
  if (auto tmp = (expr); !tmp.has_value())  \
  ret std::unexpected(::kelp::s3::as_s3_error(std::move(tmp).error()))

/// As KELP_TRY and its kin, in functions that return an S3Result; `expr` gives an S3Result or a
/// Result.
#define KELP_S3_TRY(lhs, expr) \
  KELP_S3_TRY_INNER(return, KELP_RESULT_CONCAT(kelp_result_, __LINE__), lhs, expr)
#define KELP_S3_CO_TRY(lhs, expr) \
  KELP_S3_TRY_INNER(co_return, KELP_RESULT_CONCAT(kelp_result_, __LINE__), lhs, expr)
#define KELP_S3_CHECK(expr) \
  KELP_S3_CHECK_INNER(return, KELP_RESULT_CONCAT(kelp_result_, __LINE__), expr)
#define KELP_S3_CO_CHECK(expr) \
  KELP_S3_CHECK_INNER(co_return, KELP_RESULT_CONCAT(kelp_result_, __LINE__), expr)
