// Calls of functions: ExpressionParser behind the name and its parenthesis.

#include <array>
#include <utility>

#include "select/expression_parser.h"
#include "select/text.h"

namespace kelp::select {
namespace {

constexpr std::array<std::pair<std::string_view, Aggregate::Kind>, 5> kAggregates = {{
    {"count", Aggregate::Kind::kCount},
    {"sum", Aggregate::Kind::kSum},
    {"avg", Aggregate::Kind::kAverage},
    {"min", Aggregate::Kind::kLeast},
    {"max", Aggregate::Kind::kGreatest},
}};

/// A function whose arguments are expressions, and how many it takes.
struct Plain {
  std::string_view name;
  Function function;
  std::size_t least;
  std::size_t most;
};
constexpr Plain kPlain[] = {
    {"char_length", Function::kCharLength, 1, 1},
    {"character_length", Function::kCharLength, 1, 1},
    {"lower", Function::kLower, 1, 1},
    {"upper", Function::kUpper, 1, 1},
    {"coalesce", Function::kCoalesce, 1, 1024},
    {"nullif", Function::kNullif, 2, 2},
    {"to_timestamp", Function::kToTimestamp, 1, 1},
    {"to_string", Function::kToString, 2, 2},
    {"utcnow", Function::kUtcNow, 0, 0},
};

}  // namespace

Outcome<std::uint32_t> ExpressionParser::call(const Token& name) {
  const Failure unknown{FailureKind::kUnsupportedFunction, "there is no function " + name.text};
  KELP_CHECK(advance());
  for (const auto& [word, kind] : kAggregates) {
    if (name.is_word(word)) return aggregate(kind);
  }
  for (const Plain& plain : kPlain) {
    if (name.is_word(plain.name)) return plain_call(plain.function, plain.least, plain.most);
  }
  if (name.is_word("cast")) return cast_call();
  if (name.is_word("substring")) return substring_call();
  if (name.is_word("trim")) return trim_call();
  if (name.is_word("date_add")) return date_call(Function::kDateAdd);
  if (name.is_word("date_diff")) return date_call(Function::kDateDiff);
  if (!name.is_word("extract")) return unknown;
  KELP_TRY(const DatePart part, date_part_word());
  KELP_TRY(const bool from, take_word("from"));
  if (!from) return failed(FailureKind::kParseExpectedKeyword);
  KELP_TRY(const std::uint32_t moment, expression());
  KELP_CHECK(close_call());
  return add({.op = Op::kCall, .function = Function::kExtract, .part = part, .inputs = {moment}});
}

/// Expressions with commas between them, and the parenthesis behind them.
Outcome<void> ExpressionParser::arguments(Node& node) {
  KELP_TRY(const bool none, take_symbol(")"));
  if (none) return {};
  for (;;) {
    KELP_TRY(const std::uint32_t argument, expression());
    node.inputs.push_back(argument);
    KELP_TRY(const bool more, take_symbol(","));
    if (more) continue;
    return close_call();
  }
}

Outcome<void> ExpressionParser::close_call() {
  KELP_TRY(const bool closed, take_symbol(")"));
  if (!closed) return failed(FailureKind::kParseExpectedRightParenBuiltinFunctionCall);
  return {};
}

Outcome<std::uint32_t> ExpressionParser::plain_call(Function function, std::size_t least,
                                                    std::size_t most) {
  Node node{.op = Op::kCall, .function = function};
  KELP_CHECK(arguments(node));
  if (node.inputs.size() < least || node.inputs.size() > most) {
    return failed(FailureKind::kEvaluatorInvalidArguments);
  }
  return add(std::move(node));
}

Outcome<std::uint32_t> ExpressionParser::aggregate(Aggregate::Kind kind) {
  if (in_aggregate_) return failed(FailureKind::kUnsupportedSqlStructure);
  Aggregate made{.kind = kind};
  KELP_TRY(const bool all, take_symbol("*"));
  if (all && kind != Aggregate::Kind::kCount) {
    return failed(FailureKind::kParseUnsupportedCallWithStar);
  }
  if (!all) {
    in_aggregate_ = true;
    KELP_TRY(made.input, expression());
    in_aggregate_ = false;
  }
  if (token.is_symbol(",")) return failed(FailureKind::kParseNonUnaryAgregateFunctionCall);
  KELP_CHECK(close_call());
  statement.aggregates.push_back(made);
  return add(
      {.op = Op::kAggregate, .index = static_cast<std::uint32_t>(statement.aggregates.size() - 1)});
}

/// CAST(value AS type), and of a type that may have numbers: DECIMAL(10, 2), VARCHAR(5).
Outcome<std::uint32_t> ExpressionParser::cast_call() {
  KELP_TRY(const std::uint32_t value, expression());
  KELP_TRY(const bool as, take_word("as"));
  if (!as) {
    return failed(token.is_symbol(",") || token.is_symbol(")")
                      ? FailureKind::kParseCastArity
                      : FailureKind::kParseExpectedKeyword);
  }
  const auto type = token.kind == TokenKind::kWord ? cast_type(token.text) : std::nullopt;
  if (!type) return failed(FailureKind::kParseExpectedTypeName);
  KELP_CHECK(advance());
  KELP_TRY(const bool opened, take_symbol("("));
  if (opened) {
    for (bool more = true; more;) {
      if (token.kind != TokenKind::kValue || token.value.kind != ValueKind::kInteger) {
        return failed(FailureKind::kParseInvalidTypeParam);
      }
      KELP_CHECK(advance());
      KELP_TRY(more, take_symbol(","));
    }
    KELP_CHECK(close_call());
  }
  KELP_CHECK(close_call());
  return add({.op = Op::kCast, .type = *type, .inputs = {value}});
}

/// SUBSTRING(text, first, count) and SUBSTRING(text FROM first FOR count).
Outcome<std::uint32_t> ExpressionParser::substring_call() {
  Node node{.op = Op::kCall, .function = Function::kSubstring};
  KELP_TRY(const std::uint32_t text, expression());
  node.inputs.push_back(text);
  const bool words = token.is_word("from");
  if (!words && !token.is_symbol(",")) {
    return failed(FailureKind::kParseExpectedArgumentDelimiter);
  }
  KELP_CHECK(advance());
  KELP_TRY(const std::uint32_t first, expression());
  node.inputs.push_back(first);
  if (words ? token.is_word("for") : token.is_symbol(",")) {
    KELP_CHECK(advance());
    KELP_TRY(const std::uint32_t count, expression());
    node.inputs.push_back(count);
  }
  KELP_CHECK(close_call());
  return add(std::move(node));
}

/// TRIM(text), TRIM(characters FROM text), TRIM(LEADING characters FROM text).
Outcome<std::uint32_t> ExpressionParser::trim_call() {
  Node node{.op = Op::kCall, .function = Function::kTrimBoth};
  bool side = true;
  if (token.is_word("leading")) {
    node.function = Function::kTrimLeading;
  } else if (token.is_word("trailing")) {
    node.function = Function::kTrimTrailing;
  } else {
    side = token.is_word("both");
  }
  if (side) {
    KELP_CHECK(advance());
  }
  KELP_TRY(const bool blanks, take_word("from"));
  KELP_TRY(const std::uint32_t first, expression());
  node.inputs.push_back(first);
  if (!blanks && token.is_word("from")) {
    KELP_CHECK(advance());
    KELP_TRY(const std::uint32_t text, expression());
    node.inputs.insert(node.inputs.begin(), text);
  } else if (side && !blanks) {
    return failed(FailureKind::kParseExpectedKeyword);
  }
  KELP_CHECK(close_call());
  return add(std::move(node));
}

Outcome<std::uint32_t> ExpressionParser::date_call(Function function) {
  Node node{.op = Op::kCall, .function = function};
  KELP_TRY(node.part, date_part_word());
  KELP_TRY(const bool comma, take_symbol(","));
  if (!comma) return failed(FailureKind::kParseExpectedArgumentDelimiter);
  KELP_CHECK(arguments(node));
  if (node.inputs.size() != 2) return failed(FailureKind::kEvaluatorInvalidArguments);
  return add(std::move(node));
}

Outcome<DatePart> ExpressionParser::date_part_word() {
  const auto part = token.kind == TokenKind::kWord ? date_part(token.text) : std::nullopt;
  if (!part) return failed(FailureKind::kParseExpectedDatePart);
  KELP_CHECK(advance());
  return *part;
}

}  // namespace kelp::select
