#pragma once

#include <cstddef>
#include <string_view>

#include "select/statement.h"

namespace kelp::select {

/// AWS's limit of an expression.
inline constexpr std::size_t kMaxExpressionBytes = 256 * 1024;
/// How deep an expression may be in another.
inline constexpr std::size_t kMaxExpressionDepth = 64;
/// How many operators, columns and values there may be in one.
inline constexpr std::size_t kMaxExpressionNodes = 32'768;
/// Columns of a result.
inline constexpr std::size_t kMaxItems = 1024;

/// Reads a query. Source: "SQL reference for Amazon S3 Select", S3 user guide.
///
/// Errors  ExpressionTooLong, those of the lexer, Parse…, Unsupported…, EvaluatorNegativeLimit,
///         InvalidTableAlias.
[[nodiscard]] Outcome<Statement> parse_statement(std::string_view expression);

}  // namespace kelp::select
