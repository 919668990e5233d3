#include "select/lexer.h"

#include <fmt/format.h>

#include "select/text.h"

namespace kelp::select {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool begins_word(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

/// What stands between backticks: a timestamp, or a simple value.
std::optional<Value> ion_value(std::string_view text) {
  if (const auto moment = parse_moment(text)) return moment_value(*moment);
  if (text == "true" || text == "false") return bool_value(text == "true");
  if (text == "null") return null_value();
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"')) {
    return text_value(text.substr(1, text.size() - 2));
  }
  return number_of(text);
}

}  // namespace

bool Token::is_word(std::string_view word) const {
  return kind == TokenKind::kWord && same_word(text, word);
}

void Lexer::skip_blanks() {
  for (;;) {
    while (at_ < expression_.size() && std::string_view(" \t\r\n\f\v").contains(expression_[at_])) {
      ++at_;
    }
    if (!expression_.substr(at_).starts_with("--")) return;
    at_ = std::min(expression_.find('\n', at_), expression_.size());
  }
}

Outcome<Token> Lexer::next() {
  skip_blanks();
  if (at_ == expression_.size()) return Token{.at = at_};
  const char c = expression_[at_];
  if (c == '\'' || c == '"' || c == '`') return quoted(c);
  const bool point = c == '.' && at_ + 1 < expression_.size() && is_digit(expression_[at_ + 1]);
  if (is_digit(c) || point) return number();
  if (!begins_word(c)) return symbol();
  const std::size_t first = at_;
  while (at_ < expression_.size() &&
         (begins_word(expression_[at_]) || is_digit(expression_[at_]) || expression_[at_] == '$')) {
    ++at_;
  }
  return Token{TokenKind::kWord, std::string(expression_.substr(first, at_ - first)), {}, first};
}

/// A doubled quote is one.
Outcome<Token> Lexer::quoted(char quote) {
  const std::size_t first = at_++;
  std::string text;
  for (;;) {
    const std::size_t end = expression_.find(quote, at_);
    if (end == std::string_view::npos) {
      return Failure{
          quote == '`' ? FailureKind::kLexerInvalidIONLiteral : FailureKind::kLexerInvalidLiteral,
          fmt::format("the {} at byte {} is never closed", quote, first)};
    }
    text += expression_.substr(at_, end - at_);
    at_ = end + 1;
    if (quote == '`' || at_ == expression_.size() || expression_[at_] != quote) break;
    text += quote;
    ++at_;
  }
  if (quote == '"') return Token{TokenKind::kQuoted, std::move(text), {}, first};
  if (quote == '\'') return Token{TokenKind::kValue, {}, text_value(text), first};
  auto value = ion_value(text);
  if (!value) {
    return Failure{FailureKind::kLexerInvalidIONLiteral,
                   fmt::format("no literal of Ion at byte {}", first)};
  }
  return Token{TokenKind::kValue, {}, *std::move(value), first};
}

Outcome<Token> Lexer::number() {
  const std::size_t first = at_;
  const auto digits = [&] {
    while (at_ < expression_.size() && is_digit(expression_[at_])) ++at_;
  };
  digits();
  if (at_ < expression_.size() && expression_[at_] == '.') {
    ++at_;
    digits();
  }
  if (at_ < expression_.size() && lower(expression_[at_]) == 'e') {
    ++at_;
    if (at_ < expression_.size() && (expression_[at_] == '+' || expression_[at_] == '-')) ++at_;
    digits();
  }
  auto value = number_of(expression_.substr(first, at_ - first));
  const bool glued = at_ < expression_.size() && begins_word(expression_[at_]);
  if (!value || glued) {
    return Failure{FailureKind::kLexerInvalidLiteral, fmt::format("no number at byte {}", first)};
  }
  return Token{TokenKind::kValue, {}, *std::move(value), first};
}

Outcome<Token> Lexer::symbol() {
  constexpr std::string_view kTwo[] = {"<=", ">=", "<>", "!=", "||"};
  const std::string_view rest = expression_.substr(at_);
  for (const std::string_view two : kTwo) {
    if (rest.starts_with(two)) {
      at_ += 2;
      return Token{TokenKind::kSymbol, std::string(two), {}, at_ - 2};
    }
  }
  if (rest.front() == '!' || rest.front() == '|') {
    return Failure{FailureKind::kLexerInvalidOperator, fmt::format("no operator at byte {}", at_)};
  }
  if (!std::string_view("()[],.*+-/%=<>").contains(rest.front())) {
    return Failure{FailureKind::kLexerInvalidChar,
                   fmt::format("a character that means nothing at byte {}", at_)};
  }
  return Token{TokenKind::kSymbol, std::string(1, rest.front()), {}, at_++};
}

}  // namespace kelp::select
