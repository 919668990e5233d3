#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"
#include "policy/context.h"

namespace kelp::policy {

/// What a text is to a pattern.
enum class Match : std::uint8_t {
  kNo,
  kYes,
  kUnresolved,  ///< The pattern has a variable that the request has no single value for.
};

/// What is special in a pattern's text.
struct Dialect {
  bool wildcards = true;   ///< '*' is any text, '?' any character.
  bool variables = true;   ///< "${aws:username}" and "${aws:username, 'somebody'}".
  bool fold_case = false;  ///< ASCII letters are the same in both cases.
};

/// A text of a policy, compiled once to be compared often. Values of variables are text: their '*'
/// is a '*'.
///
/// Source   AWS IAM User Guide, "IAM policy elements: Variables and tags".
class Pattern {
 public:
  /// kInvalidArgument for a variable that does not end, or whose name is empty.
  [[nodiscard]] static Result<Pattern> compile(std::string_view text, Dialect dialect);

  [[nodiscard]] Match match(std::string_view text, const Context& context) const;
  /// The same of a pattern without variables.
  [[nodiscard]] bool matches(std::string_view text) const;
  /// Whether it has wildcards or variables.
  [[nodiscard]] bool is_plain() const;

 private:
  enum class Kind : std::uint8_t { kText, kCharacter, kRun, kVariable };
  struct Piece {
    Kind kind = Kind::kText;
    std::string text;  ///< Of a variable: its name in lower case.
    std::optional<std::string> otherwise = std::nullopt;  ///< Of a variable: its default.
  };

  Result<void> add_variable(std::string_view inside);
  void add_text(std::string_view text);
  static bool match_pieces(std::span<const Piece> pieces, std::string_view text);
  [[nodiscard]] Match match_resolved(std::string_view text, const Context& context) const;

  std::vector<Piece> pieces_;
  bool fold_case_ = false;
  bool has_variables_ = false;
};

}  // namespace kelp::policy
