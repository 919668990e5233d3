#include "policy/condition.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "policy/vocabulary.h"

namespace kelp::policy {
namespace {

std::optional<std::string> text_of(const boost::json::value& value) {
  if (value.is_string()) return std::string(value.as_string());
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  if (value.is_int64()) return std::to_string(value.as_int64());
  if (value.is_uint64()) return std::to_string(value.as_uint64());
  if (value.is_double()) return fmt::format("{}", value.as_double());
  return std::nullopt;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

Error invalid_value(std::string_view key) {
  return {Errc::kInvalidArgument, fmt::format("Invalid value for the condition key : {}", key)};
}

}  // namespace

Result<Condition> Condition::parse(std::string_view operator_name, std::string_view key,
                                   const boost::json::value& values, bool variables) {
  Condition condition;
  KELP_CHECK(condition.take_operator(operator_name));
  condition.key_ = lower_case(key);
  if (!is_condition_key(condition.key_)) {
    return Error(Errc::kInvalidArgument, "Policy has an invalid condition key");
  }
  const auto add = [&](const boost::json::value& value) -> Result<void> {
    const auto text = text_of(value);
    if (!text) return invalid_value(key);
    return condition.add_operand(*text, variables);
  };
  if (!values.is_array()) {
    KELP_CHECK(add(values));
    return condition;
  }
  if (values.as_array().empty()) return invalid_value(key);
  for (const auto& value : values.as_array()) {
    KELP_CHECK(add(value));
  }
  return condition;
}

Result<void> Condition::take_operator(std::string_view name) {
  const Error unknown(Errc::kInvalidArgument, fmt::format("Invalid Condition type : {}", name));
  if (take_prefix(name, "ForAllValues:")) {
    quantifier_ = Quantifier::kAll;
  } else if (take_prefix(name, "ForAnyValue:")) {
    quantifier_ = Quantifier::kAny;
  }
  if_exists_ = take_suffix(name, "IfExists");
  if (name == "Null") {
    comparison_ = Comparison::kNull;
    if (if_exists_ || quantifier_ != Quantifier::kOne) return unknown;
    return {};
  }
  struct Named {
    std::string_view name;
    Comparison comparison;
    bool negated = false;
    Order order = Order::kEqual;
    Dialect dialect = {.wildcards = false};
  };
  static constexpr std::array kOperators = std::to_array<Named>({
      {"StringEquals", Comparison::kString},
      {"StringNotEquals", Comparison::kString, true},
      {.name = "StringEqualsIgnoreCase",
       .comparison = Comparison::kString,
       .dialect = {.wildcards = false, .fold_case = true}},
      {.name = "StringNotEqualsIgnoreCase",
       .comparison = Comparison::kString,
       .negated = true,
       .dialect = {.wildcards = false, .fold_case = true}},
      {.name = "StringLike", .comparison = Comparison::kString, .dialect = {}},
      {.name = "StringNotLike", .comparison = Comparison::kString, .negated = true, .dialect = {}},
      {"NumericEquals", Comparison::kNumber},
      {"NumericNotEquals", Comparison::kNumber, true},
      {"NumericLessThan", Comparison::kNumber, false, Order::kLess},
      {"NumericLessThanEquals", Comparison::kNumber, false, Order::kLessOrEqual},
      {"NumericGreaterThan", Comparison::kNumber, false, Order::kMore},
      {"NumericGreaterThanEquals", Comparison::kNumber, false, Order::kMoreOrEqual},
      {"DateEquals", Comparison::kDate},
      {"DateNotEquals", Comparison::kDate, true},
      {"DateLessThan", Comparison::kDate, false, Order::kLess},
      {"DateLessThanEquals", Comparison::kDate, false, Order::kLessOrEqual},
      {"DateGreaterThan", Comparison::kDate, false, Order::kMore},
      {"DateGreaterThanEquals", Comparison::kDate, false, Order::kMoreOrEqual},
      {"Bool", Comparison::kBool},
      {"BinaryEquals", Comparison::kBinary},
      {"IpAddress", Comparison::kAddress},
      {"NotIpAddress", Comparison::kAddress, true},
      {"ArnEquals", Comparison::kArn},
      {"ArnLike", Comparison::kArn},
      {"ArnNotEquals", Comparison::kArn, true},
      {"ArnNotLike", Comparison::kArn, true},
  });
  const auto known = std::ranges::find(kOperators, name, &Named::name);
  if (known == kOperators.end()) return unknown;
  comparison_ = known->comparison;
  negated_ = known->negated;
  order_ = known->order;
  dialect_ = known->dialect;
  return {};
}

Result<void> Condition::add_operand(std::string_view value, bool variables) {
  const auto add = [&](auto parsed) -> Result<void> {
    if (!parsed) return invalid_value(key_);
    operands_.emplace_back(*std::move(parsed));
    return {};
  };
  switch (comparison_) {
    case Comparison::kString: {
      Dialect dialect = dialect_;
      dialect.variables = variables;
      KELP_TRY(Pattern pattern, Pattern::compile(value, dialect));
      operands_.emplace_back(std::move(pattern));
      return {};
    }
    case Comparison::kArn: {
      KELP_TRY(ArnPattern pattern, ArnPattern::compile(value, variables));
      operands_.emplace_back(std::move(pattern));
      return {};
    }
    case Comparison::kNumber:
      return add(parse_number(value));
    case Comparison::kDate:
      return add(parse_date(value));
    case Comparison::kBool:
    case Comparison::kNull:
      return add(parse_bool(value));
    case Comparison::kBinary:
      operands_.emplace_back(std::string(value));
      return {};
    case Comparison::kAddress:
      return add(parse_range(value));
  }
  return {};
}

bool Condition::holds(const Context& context) const {
  const Context::Values* values = context.find(key_);
  if (comparison_ == Comparison::kNull) {
    const bool is_null = values == nullptr || values->empty();
    return std::ranges::any_of(
        operands_, [&](const Operand& each) { return std::get<bool>(each) == is_null; });
  }
  const auto holds_for = [&](const std::string& value) { return fits(value, context) != negated_; };
  if (values == nullptr || values->empty()) {
    if (if_exists_ || quantifier_ == Quantifier::kAll) return true;
    return negated_ && quantifier_ == Quantifier::kOne;
  }
  // Of a key with several values that no quantifier speaks of, a negation must hold for each.
  const bool for_each =
      quantifier_ == Quantifier::kAll || (quantifier_ == Quantifier::kOne && negated_);
  return for_each ? std::ranges::all_of(*values, holds_for)
                  : std::ranges::any_of(*values, holds_for);
}

bool Condition::fits(std::string_view value, const Context& context) const {
  return std::ranges::any_of(
      operands_, [&](const Operand& operand) { return fits_one(value, operand, context); });
}

template <typename T>
bool Condition::in_order(const T& value, const T& operand) const {
  switch (order_) {
    case Order::kEqual:
      return value == operand;
    case Order::kLess:
      return value < operand;
    case Order::kLessOrEqual:
      return value <= operand;
    case Order::kMore:
      return value > operand;
    case Order::kMoreOrEqual:
      return value >= operand;
  }
  return false;
}

/// A value of the request that is not of the type fits nothing.
bool Condition::fits_one(std::string_view value, const Operand& operand,
                         const Context& context) const {
  switch (comparison_) {
    case Comparison::kString:
      return std::get<Pattern>(operand).match(value, context) == Match::kYes;
    case Comparison::kArn:
      return std::get<ArnPattern>(operand).match(value, context) == Match::kYes;
    case Comparison::kNumber: {
      const auto number = parse_number(value);
      return number && in_order(*number, std::get<double>(operand));
    }
    case Comparison::kDate: {
      const auto date = parse_date(value);
      return date && in_order(*date, std::get<std::int64_t>(operand));
    }
    case Comparison::kBool:
      return parse_bool(value) == std::get<bool>(operand);
    case Comparison::kBinary:
      return value == std::get<std::string>(operand);
    case Comparison::kAddress: {
      const auto address = parse_range(value);
      return address && std::get<AddressRange>(operand).contains(*address);
    }
    case Comparison::kNull:
      break;
  }
  return false;
}

bool Condition::narrows() const {
  if (negated_ || if_exists_ || quantifier_ == Quantifier::kAll) return false;
  if (comparison_ == Comparison::kString) {
    return std::ranges::all_of(
        operands_, [](const Operand& each) { return std::get<Pattern>(each).is_plain(); });
  }
  if (comparison_ == Comparison::kArn) {
    return std::ranges::none_of(
        operands_, [](const Operand& each) { return std::get<ArnPattern>(each).is_any(); });
  }
  return comparison_ == Comparison::kAddress;
}

std::vector<AddressRange> Condition::ranges() const {
  std::vector<AddressRange> out;
  for (const Operand& operand : operands_) {
    if (const auto* range = std::get_if<AddressRange>(&operand)) out.push_back(*range);
  }
  return out;
}

}  // namespace kelp::policy
