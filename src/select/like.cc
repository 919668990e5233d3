// LIKE. One `%` at a time is tried again, the last one: text times pattern is the most that it
// costs.

#include "select/evaluator.h"
#include "select/text.h"

namespace kelp::select {
namespace {

/// A character of a pattern, or a wildcard.
struct Piece {
  std::string_view character;
  bool wild = false;
};

/// The piece at the front of `rest`, which is not empty; nothing for a broken escape.
std::optional<Piece> take(std::string_view& rest, std::string_view escape) {
  std::string_view first = rest.substr(0, character_bytes(rest.front()));
  rest.remove_prefix(first.size());
  if (escape.empty() || first != escape) return Piece{first, first == "%" || first == "_"};
  if (rest.empty()) return std::nullopt;
  first = rest.substr(0, character_bytes(rest.front()));
  if (first != "%" && first != "_" && first != escape) return std::nullopt;
  rest.remove_prefix(first.size());
  return Piece{first, false};
}

}  // namespace

Outcome<bool> matches_like(std::string_view text, std::string_view pattern,
                           std::string_view escape) {
  const Failure broken{FailureKind::kEvaluatorLikePatternInvalidEscapeSequence};
  if (character_count(escape) > 1) return broken;
  for (std::string_view rest = pattern; !rest.empty();) {
    if (!take(rest, escape)) return broken;
  }
  std::string_view retry_text;
  std::string_view retry_pattern;
  bool star = false;
  while (!text.empty() || !pattern.empty()) {
    if (!pattern.empty()) {
      std::string_view rest = pattern;
      const Piece piece = *take(rest, escape);
      if (piece.wild && piece.character == "%") {
        star = true;
        retry_text = text;
        retry_pattern = pattern = rest;
        continue;
      }
      const bool one = !text.empty() && (piece.wild || text.starts_with(piece.character));
      if (one) {
        text.remove_prefix(character_bytes(text.front()));
        pattern = rest;
        continue;
      }
    }
    // The last % takes one more.
    if (!star || retry_text.empty()) return false;
    retry_text.remove_prefix(character_bytes(retry_text.front()));
    text = retry_text;
    pattern = retry_pattern;
  }
  return true;
}

}  // namespace kelp::select
