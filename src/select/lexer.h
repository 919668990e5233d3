#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "select/failure.h"
#include "select/value.h"

namespace kelp::select {

/// What a Token is.
enum class TokenKind : std::uint8_t {
  kEnd,
  kWord,    ///< An identifier or a keyword.
  kQuoted,  ///< An identifier in double quotes.
  kValue,   ///< A text, a number, or a literal of Ion in backticks.
  kSymbol,  ///< An operator or punctuation.
};

/// A piece of an expression.
struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text = {};  ///< Of words and symbols.
  Value value = {};
  std::size_t at = 0;  ///< The byte at which it begins.

  /// Whether it is this keyword, in any case.
  [[nodiscard]] bool is_word(std::string_view word) const;
  [[nodiscard]] bool is_symbol(std::string_view symbol) const {
    return kind == TokenKind::kSymbol && text == symbol;
  }
};

/// Cuts an expression into tokens; blanks and comments (`--` to the end of the line) go.
class Lexer {
 public:
  /// `expression` must outlive the lexer.
  explicit Lexer(std::string_view expression) : expression_(expression) {}
  /// The next one; kEnd at the end, again and again.
  /// Errors  LexerInvalidChar, LexerInvalidLiteral, LexerInvalidIONLiteral, LexerInvalidOperator.
  [[nodiscard]] Outcome<Token> next();

 private:
  void skip_blanks();
  Outcome<Token> quoted(char quote);
  Outcome<Token> number();
  Outcome<Token> symbol();

  std::string_view expression_;
  std::size_t at_ = 0;
};

}  // namespace kelp::select
