#pragma once

#include <string_view>
#include <vector>

#include "policy/statement.h"

namespace kelp::policy {

/// What a bucket policy may have, whitespace included.
inline constexpr std::size_t kMaxBucketPolicyBytes = 20 * 1024;

/// What one policy says to a request.
struct Verdict {
  bool denied = false;
  /// The nearest naming by which it allows; kNot when it does not.
  Naming allowed = Naming::kNot;
};

/// A policy, compiled once to be asked often. Immutable; safe from any thread.
class Document {
 public:
  /// kInvalidArgument with AWS's words: what is unknown or ambiguous is refused here, so that
  /// nothing is left open when a request comes.
  [[nodiscard]] static Result<Document> parse(std::string_view json, PolicyKind kind);

  [[nodiscard]] Verdict evaluate(const Request& request) const;

  /// Whether a condition is about a key that begins with `lower_key`.
  [[nodiscard]] bool asks_for(std::string_view lower_key) const;
  [[nodiscard]] const std::vector<Statement>& statements() const { return statements_; }

 private:
  Result<void> take_statements(const boost::json::value& value, PolicyKind kind, bool variables);

  std::vector<Statement> statements_;
};

}  // namespace kelp::policy
