#pragma once

#include <expected>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kelp/result_as.h"
#include "s3gw/s3_error.h"

namespace kelp::webdav {

/// An answer that is an error: plain text for people, or the XML that RFC 4918 wants.
struct Failure {
  int status = 500;
  std::string text;  ///< One sentence, without a line end; never a secret.
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// The XML inside DAV:error (RFC 4918 section 16), e.g. "<D:propfind-finite-depth/>"; empty: the
  /// answer is `text`.
  std::string condition = {};
  std::string detail = {};              ///< What failed inside, for the log; never sent.
  std::optional<s3::S3Code> code = {};  ///< What it is to S3, for the audit log.
};

/// A value or a Failure.
template <typename T>
using Outcome = std::expected<T, Failure>;

/// `return failed(404, "there is no such file");`
[[nodiscard]] inline std::unexpected<Failure> failed(int status, std::string text) {
  return std::unexpected(Failure{status, std::move(text)});
}

/// The answer that an error of the S3 gateway's parts becomes: its status, its code and its text.
[[nodiscard]] Failure as_failure(const s3::S3Error& error);
/// The same of an inner failure.
[[nodiscard]] Failure as_failure(const Error& error);
/// As it is.
[[nodiscard]] inline Failure as_failure(Failure failure) {
  return failure;
}

}  // namespace kelp::webdav

/// As KELP_TRY and its kin, in functions that return an Outcome; `expr` gives an Outcome, an
/// S3Result or a Result.
#define KELP_DAV_TRY(lhs, expr)                                                                    \
  KELP_TRY_AS(return, ::kelp::webdav::as_failure, KELP_RESULT_CONCAT(kelp_result_, __LINE__), lhs, \
                    expr)
#define KELP_DAV_CO_TRY(lhs, expr)                                                               \
  KELP_TRY_AS(co_return, ::kelp::webdav::as_failure, KELP_RESULT_CONCAT(kelp_result_, __LINE__), \
              lhs, expr)
#define KELP_DAV_CHECK(expr)                                                                    \
  KELP_CHECK_AS(return, ::kelp::webdav::as_failure, KELP_RESULT_CONCAT(kelp_result_, __LINE__), \
                      expr)
#define KELP_DAV_CO_CHECK(expr)                                                                    \
  KELP_CHECK_AS(co_return, ::kelp::webdav::as_failure, KELP_RESULT_CONCAT(kelp_result_, __LINE__), \
                expr)
