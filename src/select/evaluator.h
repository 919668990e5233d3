#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "select/reader.h"
#include "select/statement.h"

namespace kelp::select {

/// Computes what the nodes of a statement are for a record. AND, OR and NOT are three-valued: what
/// is not known - a comparison with NULL, or of kinds that do not compare - is NULL.
class Evaluator {
 public:
  /// `statement` must outlive it; `now` is what UTCNOW() is.
  Evaluator(const Statement& statement, Moment now) : statement_(statement), now_(now) {}

  /// Looks up the columns of CSV that the statement names: among `names`, or when there are none by
  /// `_1`, `_2` … alone. Once, before all else.
  /// Errors  MissingHeaders, InvalidColumnIndex, AmbiguousFieldName, InvalidTableAlias,
  ///         InvalidKeyPath.
  Outcome<void> bind(std::span<const std::string> names, bool has_names);

  /// The value of a node.
  Outcome<Value> value(std::uint32_t node, const Record& record);
  /// Whether a condition holds: not when it is NULL. Errors  InvalidDataType when it is none.
  Outcome<bool> holds(std::uint32_t node, const Record& record);
  /// What the aggregates are when a node asks for them.
  void set_aggregates(std::vector<Value> values) { aggregates_ = std::move(values); }
  /// How many nodes were computed so far: what the work was.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  /// Three-valued truth.
  using Truth = std::optional<bool>;

  Outcome<std::uint32_t> column_of(const Path& path, std::span<const std::string> names,
                                   bool has_names) const;
  Outcome<Value> path(const Node& node, const Record& record) const;
  Outcome<Truth> truth(std::uint32_t node, const Record& record);
  Outcome<Value> junction(const Node& node, const Record& record);
  Outcome<Value> compare_two(const Node& node, const Record& record);
  Outcome<Value> arithmetic(const Node& node, const Record& record);
  Outcome<Value> negate(const Node& node, const Record& record);
  Outcome<Value> concat(const Node& node, const Record& record);
  Outcome<Value> like(const Node& node, const Record& record);
  Outcome<Value> in(const Node& node, const Record& record);
  Outcome<Value> between(const Node& node, const Record& record);
  Outcome<Value> conditional(const Node& node, const Record& record);
  Outcome<Value> call(const Node& node, const Record& record);

  const Statement& statement_;
  const Moment now_;
  /// Of each path its column of CSV, from 0.
  std::vector<std::uint32_t> columns_;
  std::vector<Value> aggregates_;
  std::uint64_t steps_ = 0;
};

/// Adds, multiplies and so on. NULL when one is absent.
/// Errors  IncorrectSqlFunctionArgumentType for what are no numbers, IntegerOverflow,
///         EvaluatorInvalidArguments for a division by zero.
[[nodiscard]] Outcome<Value> calculate(Sign sign, const Value& a, const Value& b);

/// Calls a function of values; NULL when one of them is absent, unless the function is about that.
/// Errors  IncorrectSqlFunctionArgumentType, IllegalSqlFunctionArgument, ValueParseFailure, those
///         of format_moment().
[[nodiscard]] Outcome<Value> call_function(const Node& node, std::span<const Value> arguments,
                                           const Moment& now);

/// LIKE: `%` is any characters, `_` is one, `escape` (empty: none) takes both at their word.
/// Errors  EvaluatorLikePatternInvalidEscapeSequence.
[[nodiscard]] Outcome<bool> matches_like(std::string_view text, std::string_view pattern,
                                         std::string_view escape);

}  // namespace kelp::select
