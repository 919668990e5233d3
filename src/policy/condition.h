#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "kelp/result.h"
#include "policy/arn.h"
#include "policy/condition_value.h"
#include "policy/context.h"
#include "policy/pattern.h"

namespace kelp::policy {

/// What a condition compares, the negation aside.
enum class Comparison : std::uint8_t {
  kString,  ///< StringEquals and its kin: the patterns are compiled for it.
  kArn,
  kNumber,
  kDate,
  kBool,
  kBinary,
  kAddress,
  kNull,
};

/// One operator with one key and its values: it holds when the key's value fits one of them.
///
/// Source   AWS IAM User Guide, "IAM JSON policy elements: Condition operators" and "Multivalued
///          context keys".
class Condition {
 public:
  /// `operator_name` as in "ForAllValues:StringLikeIfExists". kInvalidArgument with AWS's words for
  /// an operator or key that nobody knows, or a value that is not of the operator's type.
  [[nodiscard]] static Result<Condition> parse(std::string_view operator_name, std::string_view key,
                                               const boost::json::value& values, bool variables);

  [[nodiscard]] bool holds(const Context& context) const;

  /// The key in lower case.
  [[nodiscard]] const std::string& key() const { return key_; }
  /// Whether it lets only requests pass that have the key with one of a few values.
  [[nodiscard]] bool narrows() const;
  /// The ranges of an IpAddress condition.
  [[nodiscard]] std::vector<AddressRange> ranges() const;

 private:
  enum class Quantifier : std::uint8_t { kOne, kAll, kAny };
  enum class Order : std::uint8_t { kEqual, kLess, kLessOrEqual, kMore, kMoreOrEqual };
  using Operand =
      std::variant<Pattern, ArnPattern, double, std::int64_t, bool, std::string, AddressRange>;

  Result<void> take_operator(std::string_view name);
  Result<void> add_operand(std::string_view value, bool variables);
  [[nodiscard]] bool fits(std::string_view value, const Context& context) const;
  [[nodiscard]] bool fits_one(std::string_view value, const Operand& operand,
                              const Context& context) const;
  template <typename T>
  [[nodiscard]] bool in_order(const T& value, const T& operand) const;

  Comparison comparison_ = Comparison::kString;
  Order order_ = Order::kEqual;
  Quantifier quantifier_ = Quantifier::kOne;
  Dialect dialect_;
  bool negated_ = false;
  bool if_exists_ = false;
  std::string key_;
  std::vector<Operand> operands_;
};

}  // namespace kelp::policy
