#include "policy/pattern.h"

#include <fmt/core.h>

#include <algorithm>

namespace kelp::policy {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// Bytes of the UTF-8 character that `text` begins with; text is not empty.
std::size_t character_bytes(std::string_view text) {
  std::size_t bytes = 1;
  while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xc0U) == 0x80U) ++bytes;
  return bytes;
}

}  // namespace

Result<Pattern> Pattern::compile(std::string_view text, Dialect dialect) {
  Pattern pattern;
  pattern.fold_case_ = dialect.fold_case;
  while (!text.empty()) {
    if (dialect.variables && text.starts_with("${")) {
      const auto end = text.find('}');
      if (end == std::string_view::npos) {
        return Error(Errc::kInvalidArgument, fmt::format("the variable {} does not end", text));
      }
      KELP_CHECK(pattern.add_variable(text.substr(2, end - 2)));
      text.remove_prefix(end + 1);
      continue;
    }
    const char first = text.front();
    if (dialect.wildcards && first == '*') {
      if (pattern.pieces_.empty() || pattern.pieces_.back().kind != Kind::kRun) {
        pattern.pieces_.push_back({Kind::kRun, {}});
      }
    } else if (dialect.wildcards && first == '?') {
      pattern.pieces_.push_back({Kind::kCharacter, {}});
    } else {
      pattern.add_text(text.substr(0, 1));
    }
    text.remove_prefix(1);
  }
  return pattern;
}

/// `inside` the braces: a name, perhaps with a default; or a character that would be special.
Result<void> Pattern::add_variable(std::string_view inside) {
  if (inside == "*" || inside == "?" || inside == "$") {
    add_text(inside);
    return {};
  }
  Piece piece{Kind::kVariable, {}};
  const auto comma = inside.find(',');
  piece.text = lower_case(trimmed(inside.substr(0, comma)));
  if (comma != std::string_view::npos) {
    std::string_view otherwise = trimmed(inside.substr(comma + 1));
    if (otherwise.size() < 2 || !otherwise.starts_with('\'') || !otherwise.ends_with('\'')) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("the default of the variable {} stands in no quotes", piece.text));
    }
    otherwise = otherwise.substr(1, otherwise.size() - 2);
    piece.otherwise = fold_case_ ? lower_case(otherwise) : std::string(otherwise);
  }
  if (piece.text.empty()) return Error(Errc::kInvalidArgument, "a variable has no name");
  pieces_.push_back(std::move(piece));
  has_variables_ = true;
  return {};
}

void Pattern::add_text(std::string_view text) {
  if (pieces_.empty() || pieces_.back().kind != Kind::kText) pieces_.push_back({Kind::kText, {}});
  pieces_.back().text += fold_case_ ? lower_case(text) : std::string(text);
}

Match Pattern::match(std::string_view text, const Context& context) const {
  if (fold_case_) {
    const std::string folded = lower_case(text);
    return match_resolved(folded, context);
  }
  return match_resolved(text, context);
}

/// `text` is in lower case when cases are the same. Puts values in the places of variables.
Match Pattern::match_resolved(std::string_view text, const Context& context) const {
  if (!has_variables_) return match_pieces(pieces_, text) ? Match::kYes : Match::kNo;
  std::vector<Piece> resolved;
  resolved.reserve(pieces_.size());
  for (const Piece& piece : pieces_) {
    if (piece.kind != Kind::kVariable) {
      resolved.push_back(piece);
      continue;
    }
    const Context::Values* values = context.find(piece.text);
    if (values != nullptr && values->size() == 1) {
      const std::string& value = values->front();
      resolved.push_back({Kind::kText, fold_case_ ? lower_case(value) : value});
    } else if (values == nullptr && piece.otherwise) {
      resolved.push_back({Kind::kText, *piece.otherwise});
    } else {
      return Match::kUnresolved;
    }
  }
  return match_pieces(resolved, text) ? Match::kYes : Match::kNo;
}

bool Pattern::matches(std::string_view text) const {
  static const Context kNothing;
  return match(text, kNothing) == Match::kYes;
}

bool Pattern::is_plain() const {
  return std::ranges::all_of(pieces_, [](const Piece& piece) { return piece.kind == Kind::kText; });
}

/// Goes back to the last run when something does not fit, and lets it take one byte more: earlier
/// runs need not be tried again. Steps: at most pieces times bytes.
bool Pattern::match_pieces(std::span<const Piece> pieces, std::string_view text) {
  std::size_t at = 0;
  std::string_view rest = text;
  std::optional<std::size_t> run;
  std::string_view after_run;
  while (true) {
    if (at < pieces.size() && pieces[at].kind == Kind::kRun) {
      run = at++;
      if (at == pieces.size()) return true;
      after_run = rest;
      continue;
    }
    if (at == pieces.size() && rest.empty()) return true;
    if (at < pieces.size() && pieces[at].kind == Kind::kText && rest.starts_with(pieces[at].text)) {
      rest.remove_prefix(pieces[at++].text.size());
      continue;
    }
    if (at < pieces.size() && pieces[at].kind == Kind::kCharacter && !rest.empty()) {
      rest.remove_prefix(character_bytes(rest));
      ++at;
      continue;
    }
    if (!run || after_run.empty()) return false;
    after_run.remove_prefix(1);
    rest = after_run;
    at = *run + 1;
  }
}

}  // namespace kelp::policy
