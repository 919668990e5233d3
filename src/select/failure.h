#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "kelp/result.h"

// What can be wrong with a query or with what it reads. Names are AWS's error codes: "List of
// SELECT Object Content Error Codes", S3 API reference.

namespace kelp::select {

// clang-format off
#define KELP_SELECT_FAILURES(X)                                                                  \
  X(AmbiguousFieldName) X(CastFailed) X(CSVEscapingRecordDelimiter) X(CSVUnescapedQuote)         \
  X(EvaluatorInvalidArguments) X(EvaluatorInvalidTimestampFormatPatternSymbol)                   \
  X(EvaluatorLikePatternInvalidEscapeSequence) X(EvaluatorNegativeLimit)                         \
  X(EvaluatorUnterminatedTimestampFormatPatternToken) X(ExpressionTooLong)                       \
  X(IllegalSqlFunctionArgument) X(IncorrectSqlFunctionArgumentType) X(IntegerOverflow)           \
  X(InvalidColumnIndex) X(InvalidCompressionFormat) X(InvalidDataType) X(InvalidKeyPath)         \
  X(InvalidTableAlias) X(InvalidTextEncoding) X(JSONParsingError) X(LexerInvalidChar)            \
  X(LexerInvalidIONLiteral) X(LexerInvalidLiteral) X(LexerInvalidOperator) X(LikeInvalidInputs)  \
  X(MissingHeaders) X(OverMaxColumn) X(OverMaxRecordSize) X(ParseAsteriskIsNotAloneInSelectList) \
  X(ParseCastArity) X(ParseEmptySelect) X(ParseExpectedArgumentDelimiter)                        \
  X(ParseExpectedDatePart) X(ParseExpectedExpression) X(ParseExpectedIdentForAlias)              \
  X(ParseExpectedKeyword) X(ParseExpectedLeftParenValueConstructor) X(ParseExpectedNumber)       \
  X(ParseExpectedRightParenBuiltinFunctionCall) X(ParseExpectedTokenType)                        \
  X(ParseExpectedTypeName) X(ParseExpectedWhenClause)                                            \
  X(ParseInvalidContextForWildcardInSelectList) X(ParseInvalidPathComponent)                     \
  X(ParseInvalidTypeParam) X(ParseNonUnaryAgregateFunctionCall) X(ParseSelectMissingFrom)        \
  X(ParseUnexpectedKeyword) X(ParseUnexpectedOperator) X(ParseUnexpectedTerm)                    \
  X(ParseUnexpectedToken) X(ParseUnsupportedCallWithStar) X(TruncatedInput)                      \
  X(UnsupportedFunction) X(UnsupportedSqlOperation) X(UnsupportedSqlStructure)                   \
  X(ValueParseFailure)
// clang-format on

/// AWS's code for it.
enum class FailureKind : std::uint8_t {
#define KELP_SELECT_ENUMERATOR(name) k##name,
  KELP_SELECT_FAILURES(KELP_SELECT_ENUMERATOR)
#undef KELP_SELECT_ENUMERATOR
};

/// The code's text, e.g. "CastFailed".
[[nodiscard]] std::string_view name_of(FailureKind kind);

/// The client's mistake, or the data's.
struct Failure {
  FailureKind kind;
  std::string message = {};  ///< What was seen; empty: nothing beyond the code.
};

/// A value or a Failure; KELP_TRY and KELP_CHECK take it.
template <typename T>
class [[nodiscard]] Outcome : public std::expected<T, Failure> {
 public:
  using Base = std::expected<T, Failure>;
  using Base::Base;
  Outcome(Failure failure)
      : Base(std::unexpect, std::move(failure)) {}  // NOLINT(google-explicit-constructor)
};

}  // namespace kelp::select
