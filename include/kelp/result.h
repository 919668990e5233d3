#pragma once

#include <expected>
#include <utility>

#include "kelp/error.h"

namespace kelp {

/// A value or an Error. `Result<void>` is success or an Error; success is written `return {};`.
///
/// Construct it from a value or straight from an Error: `return Error(Errc::kNotFound, "…");`
template <typename T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using Base = std::expected<T, Error>;
  using Base::Base;
  Result(Error error)
      : Base(std::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor)
};

}  // namespace kelp

#define KELP_RESULT_CONCAT_INNER(a, b) a##b
#define KELP_RESULT_CONCAT(a, b) KELP_RESULT_CONCAT_INNER(a, b)
#define KELP_TRY_INNER(ret, tmp, lhs, expr)         \
  auto tmp = (expr);                                \
  if (!tmp.has_value()) ret std::move(tmp).error(); \
  lhs = *std::move(tmp)
#define KELP_CHECK_INNER(ret, tmp, expr) \
  auto tmp = (expr);                     \
  if (!tmp.has_value()) ret std::move(tmp).error()

/// `KELP_TRY(const int size, parse(text));` declares `size` or returns the Error of `parse`.
#define KELP_TRY(lhs, expr) \
  KELP_TRY_INNER(return, KELP_RESULT_CONCAT(kelp_result_, __LINE__), lhs, expr)
/// The same inside a coroutine.
#define KELP_CO_TRY(lhs, expr) \
  KELP_TRY_INNER(co_return, KELP_RESULT_CONCAT(kelp_result_, __LINE__), lhs, expr)
/// `KELP_CHECK(sync());` returns the Error of a Result<void>, or goes on.
#define KELP_CHECK(expr) KELP_CHECK_INNER(return, KELP_RESULT_CONCAT(kelp_result_, __LINE__), expr)
/// The same inside a coroutine.
#define KELP_CO_CHECK(expr) \
  KELP_CHECK_INNER(co_return, KELP_RESULT_CONCAT(kelp_result_, __LINE__), expr)
