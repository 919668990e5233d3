#include "select/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "select/expression_parser.h"
#include "select/text.h"

namespace kelp::select {
namespace {

/// What SQL has and S3 Select does not.
constexpr std::string_view kRefused[] = {"group",  "order", "having", "join",  "union",
                                         "offset", "inner", "left",   "right", "cross"};

/// Reads a query around its expressions.
class StatementParser {
 public:
  explicit StatementParser(std::string_view expression) : parser_(expression) {}

  Outcome<Statement> run() {
    KELP_CHECK(parser_.advance());
    KELP_TRY(const bool select, parser_.take_word("select"));
    if (!select) {
      const bool word = parser_.token.kind == TokenKind::kWord;
      return parser_.failed(word ? FailureKind::kUnsupportedSqlOperation
                                 : FailureKind::kParseExpectedKeyword);
    }
    KELP_CHECK(list());
    KELP_CHECK(source());
    KELP_TRY(const bool where, parser_.take_word("where"));
    if (where) {
      const std::size_t aggregates = parser_.statement.aggregates.size();
      KELP_TRY(parser_.statement.where, parser_.expression());
      if (aggregates != parser_.statement.aggregates.size()) {
        return Failure{FailureKind::kUnsupportedSqlStructure, "an aggregate in WHERE"};
      }
    }
    KELP_CHECK(limit());
    if (parser_.token.kind != TokenKind::kEnd) return unexpected();
    KELP_CHECK(resolve_aliases());
    KELP_CHECK(refuse_mixed());
    name_items();
    return std::move(parser_.statement);
  }

 private:
  Failure unexpected() const {
    for (const std::string_view word : kRefused) {
      if (parser_.token.is_word(word)) {
        return {FailureKind::kUnsupportedSqlOperation, parser_.token.text + " is not supported"};
      }
    }
    if (parser_.token.is_symbol(",")) return parser_.failed(FailureKind::kUnsupportedSqlStructure);
    const bool term = parser_.token.kind == TokenKind::kValue;
    return parser_.failed(term ? FailureKind::kParseUnexpectedTerm
                               : FailureKind::kParseUnexpectedToken);
  }

  Outcome<void> list() {
    if (parser_.token.is_word("distinct") || parser_.token.is_word("top")) {
      return parser_.failed(FailureKind::kUnsupportedSqlOperation);
    }
    if (parser_.token.is_word("from")) return parser_.failed(FailureKind::kParseEmptySelect);
    KELP_TRY(parser_.statement.star, parser_.take_symbol("*"));
    if (parser_.statement.star) {
      if (parser_.token.is_symbol(",")) {
        return parser_.failed(FailureKind::kParseAsteriskIsNotAloneInSelectList);
      }
      return {};
    }
    for (bool more = true; more;) {
      KELP_CHECK(item());
      if (parser_.statement.star) return {};
      if (parser_.statement.items.size() > kMaxItems) {
        return Failure{FailureKind::kOverMaxColumn, fmt::format("more than {} columns", kMaxItems)};
      }
      KELP_TRY(more, parser_.take_symbol(","));
    }
    return {};
  }

  Outcome<void> item() {
    if (parser_.token.is_symbol("*")) {
      return parser_.failed(FailureKind::kParseAsteriskIsNotAloneInSelectList);
    }
    const Token first = parser_.token;
    auto node = parser_.expression();
    if (!node) {
      // `s.*` alone is what `*` is.
      const bool star =
          node.error().kind == FailureKind::kParseInvalidContextForWildcardInSelectList &&
          parser_.statement.nodes.empty() && parser_.statement.items.empty();
      if (!star) return node.error();
      const Failure& failure = node.error();
      KELP_CHECK(parser_.advance());
      if (!parser_.token.is_word("from")) return failure;
      star_of_ = first.text;
      parser_.statement.star = true;
      return {};
    }
    Item made{.node = *node};
    KELP_TRY(const bool as, parser_.take_word("as"));
    if (as && parser_.token.kind != TokenKind::kWord && parser_.token.kind != TokenKind::kQuoted) {
      return parser_.failed(FailureKind::kParseExpectedIdentForAlias);
    }
    if (as || parser_.at_name()) {
      made.name = parser_.token.text;
      KELP_CHECK(parser_.advance());
    }
    parser_.statement.items.push_back(std::move(made));
    return {};
  }

  /// FROM S3Object, what is in it, and its other name.
  Outcome<void> source() {
    KELP_TRY(const bool from, parser_.take_word("from"));
    if (!from) return parser_.failed(FailureKind::kParseSelectMissingFrom);
    if (!parser_.token.is_word("s3object")) {
      return parser_.failed(FailureKind::kParseUnexpectedToken);
    }
    names_.insert("s3object");
    KELP_CHECK(parser_.advance());
    Path& path = parser_.statement.from;
    KELP_CHECK(parser_.steps(path, true));
    // The stream of values is what S3Object is: [*] is each of them.
    if (!path.steps.empty() && path.steps.front().kind == Step::Kind::kEach) {
      path.steps.erase(path.steps.begin());
    }
    KELP_TRY(const bool as, parser_.take_word("as"));
    const bool refused = std::ranges::any_of(
        kRefused, [&](std::string_view word) { return parser_.token.is_word(word); });
    if (parser_.at_name() && !refused) {
      add_name(parser_.token.text);
      KELP_CHECK(parser_.advance());
    } else if (as) {
      return parser_.failed(FailureKind::kParseExpectedIdentForAlias);
    } else if (!path.steps.empty() && path.steps.back().kind == Step::Kind::kName) {
      add_name(path.steps.back().name);
    }
    if (!star_of_.empty() && !is_name(star_of_)) {
      return Failure{FailureKind::kInvalidTableAlias, star_of_ + " is not what FROM names"};
    }
    return {};
  }

  Outcome<void> limit() {
    KELP_TRY(const bool limit, parser_.take_word("limit"));
    if (!limit) return {};
    if (parser_.token.is_symbol("-")) {
      return parser_.failed(FailureKind::kEvaluatorNegativeLimit);
    }
    if (parser_.token.kind != TokenKind::kValue ||
        parser_.token.value.kind != ValueKind::kInteger) {
      return parser_.failed(FailureKind::kParseExpectedNumber);
    }
    parser_.statement.limit = static_cast<std::uint64_t>(parser_.token.value.integer);
    return parser_.advance();
  }

  void add_name(std::string_view name) {
    std::string lowered(name);
    std::ranges::transform(lowered, lowered.begin(), lower);
    names_.insert(std::move(lowered));
  }
  bool is_name(std::string_view name) const {
    return std::ranges::any_of(names_, [&](const auto& known) { return same_word(name, known); });
  }

  /// What begins with the name of the record goes on inside of it.
  Outcome<void> resolve_aliases() {
    for (Path& path : parser_.statement.paths) {
      if (path.steps.size() < 2 && !parser_.statement.from.steps.empty()) {
        path.aliased = is_name(path.steps.front().name);
      } else if (path.steps.size() >= 2) {
        path.aliased = is_name(path.steps.front().name);
      }
      if (path.aliased) path.steps.erase(path.steps.begin());
    }
    return {};
  }

  /// Columns beside aggregates would need groups.
  Outcome<void> refuse_mixed() {
    const Statement& statement = parser_.statement;
    if (statement.aggregates.empty()) return {};
    std::vector<std::uint32_t> open;
    for (const Item& item : statement.items) open.push_back(item.node);
    while (!open.empty()) {
      const Node& node = statement.nodes[open.back()];
      open.pop_back();
      if (node.op == Op::kPath) {
        return Failure{FailureKind::kUnsupportedSqlStructure, "a column beside an aggregate"};
      }
      open.insert(open.end(), node.inputs.begin(), node.inputs.end());
    }
    return {};
  }

  /// A column of its own keeps its name, others are counted.
  void name_items() {
    Statement& statement = parser_.statement;
    for (std::size_t i = 0; i < statement.items.size(); ++i) {
      Item& item = statement.items[i];
      if (!item.name.empty()) continue;
      item.name = fmt::format("_{}", i + 1);
      const Node& node = statement.nodes[item.node];
      if (node.op != Op::kPath) continue;
      const Path& path = statement.paths[node.index];
      if (path.steps.empty() && !statement.from.steps.empty() &&
          statement.from.steps.back().kind == Step::Kind::kName) {
        item.name = statement.from.steps.back().name;
      } else if (!path.steps.empty() && path.steps.back().kind == Step::Kind::kName) {
        item.name = path.steps.back().name;
      }
    }
  }

  ExpressionParser parser_;
  std::set<std::string> names_;  ///< Of the record, in lower case.
  std::string star_of_;
};

}  // namespace

Outcome<Statement> parse_statement(std::string_view expression) {
  if (expression.size() > kMaxExpressionBytes) return Failure{FailureKind::kExpressionTooLong};
  Utf8Check check;
  if (!check.feed(expression) || !check.complete()) {
    return Failure{FailureKind::kInvalidTextEncoding, "the expression is no UTF-8"};
  }
  return StatementParser(expression).run();
}

}  // namespace kelp::select
