#pragma once

#include <expected>
#include <utility>

#include "kelp/result.h"

/// What KELP_TRY and its kin are made of where functions return errors of their own kind:
/// `convert` makes one of the error of `expr`.
#define KELP_TRY_AS(ret, convert, tmp, lhs, expr)                             \
  auto tmp = (expr);                                                          \
  if (!tmp.has_value()) ret std::unexpected(convert(std::move(tmp).error())); \
  lhs = *std::move(tmp)
#define KELP_CHECK_AS(ret, convert, tmp, expr) \
  if (auto tmp = (expr); !tmp.has_value()) ret std::unexpected(convert(std::move(tmp).error()))
