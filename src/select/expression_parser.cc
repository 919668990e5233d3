#include "select/expression_parser.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "select/parser.h"
#include "select/text.h"

namespace kelp::select {
namespace {

/// Words that are no names unless they are quoted.
constexpr std::string_view kReserved[] = {
    "select", "from",    "where",  "limit",   "and",   "or",    "not",    "as",   "is",
    "in",     "like",    "escape", "between", "case",  "when",  "then",   "else", "end",
    "null",   "missing", "true",   "false",   "group", "order", "having", "join", "union"};

std::optional<Sign> comparison_sign(const Token& token) {
  constexpr std::array<std::pair<std::string_view, Sign>, 7> kSigns = {{
      {"=", Sign::kEqual},
      {"<>", Sign::kUnequal},
      {"!=", Sign::kUnequal},
      {"<", Sign::kLess},
      {"<=", Sign::kLessOrEqual},
      {">", Sign::kGreater},
      {">=", Sign::kGreaterOrEqual},
  }};
  for (const auto& [symbol, sign] : kSigns) {
    if (token.is_symbol(symbol)) return sign;
  }
  return std::nullopt;
}

}  // namespace

Outcome<void> ExpressionParser::advance() {
  KELP_TRY(token, lexer_.next());
  return {};
}

Failure ExpressionParser::failed(FailureKind kind) const {
  if (token.kind == TokenKind::kEnd) return {kind, "at the end of the expression"};
  return {kind, fmt::format("at byte {} of the expression", token.at)};
}

bool ExpressionParser::at_name() const {
  if (token.kind == TokenKind::kQuoted) return true;
  if (token.kind != TokenKind::kWord) return false;
  for (const std::string_view word : kReserved) {
    if (token.is_word(word)) return false;
  }
  return true;
}

Outcome<bool> ExpressionParser::take_symbol(std::string_view symbol) {
  if (!token.is_symbol(symbol)) return false;
  KELP_CHECK(advance());
  return true;
}

Outcome<bool> ExpressionParser::take_word(std::string_view word) {
  if (!token.is_word(word)) return false;
  KELP_CHECK(advance());
  return true;
}

Outcome<std::uint32_t> ExpressionParser::add(Node node) {
  if (statement.nodes.size() >= kMaxExpressionNodes) {
    return Failure{FailureKind::kUnsupportedSqlStructure,
                   fmt::format("more than {} operators and values", kMaxExpressionNodes)};
  }
  statement.nodes.push_back(std::move(node));
  return static_cast<std::uint32_t>(statement.nodes.size() - 1);
}

Outcome<std::uint32_t> ExpressionParser::constant(Value value) {
  statement.constants.push_back(std::move(value));
  return add({.index = static_cast<std::uint32_t>(statement.constants.size() - 1)});
}

Outcome<std::uint32_t> ExpressionParser::expression() {
  if (depth_ >= kMaxExpressionDepth) {
    return Failure{FailureKind::kUnsupportedSqlStructure,
                   fmt::format("an expression more than {} deep", kMaxExpressionDepth)};
  }
  ++depth_;
  KELP_TRY(const std::uint32_t node, disjunction());
  --depth_;
  return node;
}

Outcome<std::uint32_t> ExpressionParser::disjunction() {
  KELP_TRY(const std::uint32_t first, conjunction());
  if (!token.is_word("or")) return first;
  Node node{.op = Op::kOr, .inputs = {first}};
  while (token.is_word("or")) {
    KELP_CHECK(advance());
    KELP_TRY(const std::uint32_t next, conjunction());
    node.inputs.push_back(next);
  }
  return add(std::move(node));
}

Outcome<std::uint32_t> ExpressionParser::conjunction() {
  KELP_TRY(const std::uint32_t first, negation());
  if (!token.is_word("and")) return first;
  Node node{.op = Op::kAnd, .inputs = {first}};
  while (token.is_word("and")) {
    KELP_CHECK(advance());
    KELP_TRY(const std::uint32_t next, negation());
    node.inputs.push_back(next);
  }
  return add(std::move(node));
}

Outcome<std::uint32_t> ExpressionParser::negation() {
  bool negated = false;
  bool any = false;
  while (token.is_word("not")) {
    KELP_CHECK(advance());
    negated = !negated;
    any = true;
  }
  KELP_TRY(const std::uint32_t node, comparison());
  if (!any) return node;
  return add({.op = Op::kNot, .negated = !negated, .inputs = {node}});
}

Outcome<std::uint32_t> ExpressionParser::comparison() {
  KELP_TRY(const std::uint32_t left, concatenation());
  if (const auto sign = comparison_sign(token)) {
    KELP_CHECK(advance());
    KELP_TRY(const std::uint32_t right, concatenation());
    return add({.op = Op::kCompare, .sign = *sign, .inputs = {left, right}});
  }
  KELP_TRY(const bool negated, take_word("not"));
  return predicate(left, negated);
}

Outcome<std::uint32_t> ExpressionParser::predicate(std::uint32_t left, bool negated) {
  if (token.is_word("like")) {
    KELP_CHECK(advance());
    KELP_TRY(const std::uint32_t pattern, concatenation());
    Node node{.op = Op::kLike, .negated = negated, .inputs = {left, pattern}};
    KELP_TRY(const bool escaped, take_word("escape"));
    if (escaped) {
      KELP_TRY(const std::uint32_t escape, concatenation());
      node.inputs.push_back(escape);
    }
    return add(std::move(node));
  }
  if (token.is_word("between")) {
    KELP_CHECK(advance());
    KELP_TRY(const std::uint32_t low, concatenation());
    KELP_TRY(const bool both, take_word("and"));
    if (!both) return failed(FailureKind::kParseExpectedKeyword);
    KELP_TRY(const std::uint32_t high, concatenation());
    return add({.op = Op::kBetween, .negated = negated, .inputs = {left, low, high}});
  }
  if (token.is_word("in")) {
    KELP_CHECK(advance());
    KELP_TRY(const bool opened, take_symbol("("));
    if (!opened) return failed(FailureKind::kParseExpectedLeftParenValueConstructor);
    Node node{.op = Op::kIn, .negated = negated, .inputs = {left}};
    KELP_CHECK(arguments(node));
    if (node.inputs.size() == 1) return failed(FailureKind::kParseExpectedExpression);
    return add(std::move(node));
  }
  if (negated) return failed(FailureKind::kParseExpectedKeyword);
  if (!token.is_word("is")) return left;
  KELP_CHECK(advance());
  KELP_TRY(const bool is_not, take_word("not"));
  const bool null = token.is_word("null");
  if (!null && !token.is_word("missing")) return failed(FailureKind::kParseExpectedKeyword);
  KELP_CHECK(advance());
  return add({.op = null ? Op::kIsNull : Op::kIsMissing, .negated = is_not, .inputs = {left}});
}

Outcome<std::uint32_t> ExpressionParser::concatenation() {
  KELP_TRY(const std::uint32_t first, sum());
  if (!token.is_symbol("||")) return first;
  Node node{.op = Op::kConcat, .inputs = {first}};
  while (token.is_symbol("||")) {
    KELP_CHECK(advance());
    KELP_TRY(const std::uint32_t next, sum());
    node.inputs.push_back(next);
  }
  return add(std::move(node));
}

Outcome<std::uint32_t> ExpressionParser::sum() {
  KELP_TRY(const std::uint32_t first, product());
  Node node{.op = Op::kArithmetic, .inputs = {first}};
  while (token.is_symbol("+") || token.is_symbol("-")) {
    node.signs.push_back(token.is_symbol("+") ? Sign::kPlus : Sign::kMinus);
    KELP_CHECK(advance());
    KELP_TRY(const std::uint32_t next, product());
    node.inputs.push_back(next);
  }
  if (node.signs.empty()) return first;
  return add(std::move(node));
}

Outcome<std::uint32_t> ExpressionParser::product() {
  KELP_TRY(const std::uint32_t first, signed_value());
  Node node{.op = Op::kArithmetic, .inputs = {first}};
  while (token.is_symbol("*") || token.is_symbol("/") || token.is_symbol("%")) {
    node.signs.push_back(token.is_symbol("*")   ? Sign::kTimes
                         : token.is_symbol("/") ? Sign::kDivide
                                                : Sign::kModulo);
    KELP_CHECK(advance());
    KELP_TRY(const std::uint32_t next, signed_value());
    node.inputs.push_back(next);
  }
  if (node.signs.empty()) return first;
  return add(std::move(node));
}

Outcome<std::uint32_t> ExpressionParser::signed_value() {
  bool negative = false;
  while (token.is_symbol("-") || token.is_symbol("+")) {
    if (token.is_symbol("-")) negative = !negative;
    KELP_CHECK(advance());
  }
  KELP_TRY(const std::uint32_t value, primary());
  if (!negative) return value;
  return add({.op = Op::kNegate, .inputs = {value}});
}

Outcome<std::uint32_t> ExpressionParser::primary() {
  if (token.kind == TokenKind::kValue) {
    KELP_TRY(const std::uint32_t value, constant(token.value));
    KELP_CHECK(advance());
    return value;
  }
  KELP_TRY(const bool opened, take_symbol("("));
  if (opened) {
    KELP_TRY(const std::uint32_t inside, expression());
    KELP_TRY(const bool closed, take_symbol(")"));
    if (!closed) return failed(FailureKind::kParseExpectedTokenType);
    return inside;
  }
  if (token.is_word("true") || token.is_word("false")) {
    KELP_TRY(const std::uint32_t value, constant(bool_value(token.is_word("true"))));
    KELP_CHECK(advance());
    return value;
  }
  if (token.is_word("null") || token.is_word("missing")) {
    KELP_TRY(const std::uint32_t value,
             constant(token.is_word("null") ? null_value() : missing_value()));
    KELP_CHECK(advance());
    return value;
  }
  if (token.is_word("case")) return conditional();
  if (at_name()) return column();
  if (token.is_word("select")) return failed(FailureKind::kUnsupportedSqlStructure);
  if (token.kind == TokenKind::kWord) return failed(FailureKind::kParseUnexpectedKeyword);
  if (token.kind == TokenKind::kSymbol) return failed(FailureKind::kParseUnexpectedOperator);
  return failed(FailureKind::kParseExpectedExpression);
}

/// A column, or a call of a function.
Outcome<std::uint32_t> ExpressionParser::column() {
  const Token name = token;
  KELP_CHECK(advance());
  if (name.kind == TokenKind::kWord && token.is_symbol("(")) return call(name);
  Path path{.at = name.at};
  path.steps.push_back({.name = name.text, .exact = name.kind == TokenKind::kQuoted});
  KELP_CHECK(steps(path, false));
  statement.paths.push_back(std::move(path));
  return add({.op = Op::kPath, .index = static_cast<std::uint32_t>(statement.paths.size() - 1)});
}

Outcome<void> ExpressionParser::steps(Path& path, bool wildcards) {
  for (;;) {
    KELP_TRY(const bool dot, take_symbol("."));
    if (dot) {
      if (token.is_symbol("*")) {
        return failed(wildcards ? FailureKind::kParseInvalidPathComponent
                                : FailureKind::kParseInvalidContextForWildcardInSelectList);
      }
      // Behind a dot any word is a name.
      if (token.kind != TokenKind::kWord && token.kind != TokenKind::kQuoted) {
        return failed(FailureKind::kParseInvalidPathComponent);
      }
      path.steps.push_back({.name = token.text, .exact = token.kind == TokenKind::kQuoted});
      KELP_CHECK(advance());
      continue;
    }
    KELP_TRY(const bool bracket, take_symbol("["));
    if (!bracket) return {};
    Step step{.kind = Step::Kind::kIndex};
    if (token.is_symbol("*") && wildcards) {
      step.kind = Step::Kind::kEach;
    } else if (token.kind == TokenKind::kValue && token.value.kind == ValueKind::kText) {
      step = {.name = token.value.text, .exact = true};
    } else if (token.kind == TokenKind::kValue && token.value.kind == ValueKind::kInteger &&
               token.value.integer >= 0 && token.value.integer < UINT32_MAX) {
      step.index = static_cast<std::uint32_t>(token.value.integer);
    } else {
      return failed(FailureKind::kParseInvalidPathComponent);
    }
    path.steps.push_back(std::move(step));
    KELP_CHECK(advance());
    KELP_TRY(const bool closed, take_symbol("]"));
    if (!closed) return failed(FailureKind::kParseInvalidPathComponent);
  }
}

/// CASE WHEN … THEN … ELSE … END, and CASE value WHEN … of which each WHEN is a comparison.
Outcome<std::uint32_t> ExpressionParser::conditional() {
  KELP_CHECK(advance());
  Node node{.op = Op::kCase};
  std::optional<std::uint32_t> subject;
  if (!token.is_word("when")) {
    KELP_TRY(subject, expression());
  }
  if (!token.is_word("when")) return failed(FailureKind::kParseExpectedWhenClause);
  while (token.is_word("when")) {
    KELP_CHECK(advance());
    KELP_TRY(std::uint32_t condition, expression());
    if (subject) {
      KELP_TRY(condition, add({.op = Op::kCompare, .inputs = {*subject, condition}}));
    }
    KELP_TRY(const bool then, take_word("then"));
    if (!then) return failed(FailureKind::kParseExpectedKeyword);
    KELP_TRY(const std::uint32_t value, expression());
    node.inputs.push_back(condition);
    node.inputs.push_back(value);
  }
  KELP_TRY(const bool otherwise, take_word("else"));
  if (otherwise) {
    KELP_TRY(const std::uint32_t value, expression());
    node.inputs.push_back(value);
  } else {
    KELP_TRY(const std::uint32_t value, constant(null_value()));
    node.inputs.push_back(value);
  }
  KELP_TRY(const bool ended, take_word("end"));
  if (!ended) return failed(FailureKind::kParseExpectedKeyword);
  return add(std::move(node));
}

}  // namespace kelp::select
