#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "select/lexer.h"
#include "select/statement.h"

namespace kelp::select {

/// Reads expressions from a query's tokens into a Statement: recursive descent with a limit of its
/// depth. parser.cc reads what stands around them.
class ExpressionParser {
 public:
  /// `expression` must outlive it.
  explicit ExpressionParser(std::string_view expression) : lexer_(expression) {}

  /// Takes the next token; to be called once before all else.
  Outcome<void> advance();
  /// An expression; its node.
  Outcome<std::uint32_t> expression();
  /// `.name`, `[1]`, `[*]` and so on, as many as there are.
  Outcome<void> steps(Path& path, bool wildcards);
  /// Takes the token when it is this one.
  Outcome<bool> take_symbol(std::string_view symbol);
  Outcome<bool> take_word(std::string_view word);
  /// The failure at this token.
  [[nodiscard]] Failure failed(FailureKind kind) const;
  /// Whether the token could be a name: of a column or an alias.
  [[nodiscard]] bool at_name() const;

  Token token;          ///< The next one, not yet taken.
  Statement statement;  ///< What was read.

 private:
  Outcome<std::uint32_t> disjunction();
  Outcome<std::uint32_t> conjunction();
  Outcome<std::uint32_t> negation();
  Outcome<std::uint32_t> comparison();
  Outcome<std::uint32_t> predicate(std::uint32_t left, bool negated);
  Outcome<std::uint32_t> concatenation();
  Outcome<std::uint32_t> sum();
  Outcome<std::uint32_t> product();
  Outcome<std::uint32_t> signed_value();
  Outcome<std::uint32_t> primary();
  Outcome<std::uint32_t> column();
  Outcome<std::uint32_t> conditional();
  Outcome<std::uint32_t> call(const Token& name);
  Outcome<std::uint32_t> aggregate(Aggregate::Kind kind);
  Outcome<std::uint32_t> cast_call();
  Outcome<std::uint32_t> substring_call();
  Outcome<std::uint32_t> trim_call();
  Outcome<std::uint32_t> date_call(Function function);
  Outcome<std::uint32_t> plain_call(Function function, std::size_t least, std::size_t most);
  Outcome<void> arguments(Node& node);
  Outcome<void> close_call();
  Outcome<DatePart> date_part_word();
  Outcome<std::uint32_t> constant(Value value);
  Outcome<std::uint32_t> add(Node node);

  Lexer lexer_;
  std::size_t depth_ = 0;
  bool in_aggregate_ = false;
};

}  // namespace kelp::select
