#pragma once

#include <utility>

#include "kelp/result_as.h"
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

/// As KELP_TRY and its kin, in functions that return an S3Result; `expr` gives an S3Result or a
/// Result.
#define KELP_S3_TRY(lhs, expr)                                                                  \
  KELP_TRY_AS(return, ::kelp::s3::as_s3_error, KELP_RESULT_CONCAT(kelp_result_, __LINE__), lhs, \
                    expr)
#define KELP_S3_CO_TRY(lhs, expr)                                                                  \
  KELP_TRY_AS(co_return, ::kelp::s3::as_s3_error, KELP_RESULT_CONCAT(kelp_result_, __LINE__), lhs, \
              expr)
#define KELP_S3_CHECK(expr) \
  KELP_CHECK_AS(return, ::kelp::s3::as_s3_error, KELP_RESULT_CONCAT(kelp_result_, __LINE__), expr)
#define KELP_S3_CO_CHECK(expr)                                                                  \
  KELP_CHECK_AS(co_return, ::kelp::s3::as_s3_error, KELP_RESULT_CONCAT(kelp_result_, __LINE__), \
                expr)
