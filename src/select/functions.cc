// What SQL's operators and functions make of values.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "select/evaluator.h"
#include "select/text.h"

namespace kelp::select {
namespace {

Failure wrong_type(std::string_view wanted) {
  return {FailureKind::kIncorrectSqlFunctionArgumentType, fmt::format("{} is needed", wanted)};
}

Outcome<Value> calculate_integers(Sign sign, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  switch (sign) {
    case Sign::kPlus:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case Sign::kMinus:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case Sign::kTimes:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    default:
      if (b == 0) return Failure{FailureKind::kEvaluatorInvalidArguments, "a division by zero"};
      // The least integer divided by -1 is no integer.
      overflow = b == -1 && __builtin_sub_overflow(std::int64_t{0}, a, &result);
      if (b == -1 && sign == Sign::kModulo) return integer_value(0);
      if (b != -1) result = sign == Sign::kDivide ? a / b : a % b;
  }
  if (overflow) return Failure{FailureKind::kIntegerOverflow};
  return integer_value(result);
}

Outcome<Value> calculate_reals(Sign sign, double a, double b) {
  if ((sign == Sign::kDivide || sign == Sign::kModulo) && b == 0) {
    return Failure{FailureKind::kEvaluatorInvalidArguments, "a division by zero"};
  }
  const double result = sign == Sign::kPlus     ? a + b
                        : sign == Sign::kMinus  ? a - b
                        : sign == Sign::kTimes  ? a * b
                        : sign == Sign::kDivide ? a / b
                                                : std::fmod(a, b);
  if (!std::isfinite(result)) return Failure{FailureKind::kIntegerOverflow};
  return real_value(result);
}

/// Errors of a value that is none of what is asked for.
Outcome<std::string_view> text_of(const Value& value) {
  if (value.kind != ValueKind::kText) return wrong_type("a text");
  return std::string_view(value.text);
}
Outcome<std::int64_t> integer_of(const Value& value) {
  const auto number = as_number(value);
  if (!number || number->kind != ValueKind::kInteger) return wrong_type("an integer");
  return number->integer;
}
Outcome<Moment> moment_of(const Value& value) {
  if (value.kind == ValueKind::kMoment) return value.moment;
  if (value.kind == ValueKind::kText && value.loose) {
    if (const auto moment = parse_moment(value.text)) return *moment;
  }
  return wrong_type("a timestamp");
}

/// Characters count from 1; what lies before the first counts too, and is empty.
Outcome<Value> substring(std::span<const Value> arguments) {
  KELP_TRY(const std::string_view text, text_of(arguments[0]));
  KELP_TRY(const std::int64_t first, integer_of(arguments[1]));
  constexpr std::int64_t kFar = 1 << 30;
  std::int64_t count = kFar;
  if (arguments.size() > 2) {
    KELP_TRY(count, integer_of(arguments[2]));
    if (count < 0) {
      return Failure{FailureKind::kIllegalSqlFunctionArgument, "a negative length"};
    }
  }
  const std::int64_t begin = std::clamp(first, -kFar, kFar);
  const std::int64_t end = begin + std::min(count, 2 * kFar);
  const std::int64_t from = std::max<std::int64_t>(begin, 1);
  if (end <= from) return text_value("");
  return text_value(
      characters(text, static_cast<std::size_t>(from - 1), static_cast<std::size_t>(end - from)));
}

Outcome<Value> trim(Function side, std::span<const Value> arguments) {
  KELP_TRY(std::string_view text, text_of(arguments[0]));
  std::string_view gone = " ";
  if (arguments.size() > 1) {
    KELP_TRY(gone, text_of(arguments[1]));
  }
  const auto goes = [&](std::string_view character) { return gone.contains(character); };
  while (side != Function::kTrimTrailing && !text.empty()) {
    const std::string_view first = text.substr(0, character_bytes(text.front()));
    if (!goes(first)) break;
    text.remove_prefix(first.size());
  }
  while (side != Function::kTrimLeading && !text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && (text[at] & 0xc0) == 0x80) --at;
    if (!goes(text.substr(at))) break;
    text = text.substr(0, at);
  }
  return text_value(text);
}

Outcome<Value> change_case(std::span<const Value> arguments, char (*change)(char)) {
  KELP_TRY(const std::string_view text, text_of(arguments[0]));
  Value changed = text_value(text);
  std::ranges::transform(changed.text, changed.text.begin(), change);
  return changed;
}

Outcome<Value> date_function(const Node& node, std::span<const Value> arguments) {
  if (node.function == Function::kExtract) {
    KELP_TRY(const Moment moment, moment_of(arguments[0]));
    return integer_value(extract(node.part, moment));
  }
  KELP_TRY(const Moment moment, moment_of(arguments[1]));
  if (node.part > DatePart::kSecond) {
    return Failure{FailureKind::kEvaluatorInvalidArguments, "a part of the time zone"};
  }
  if (node.function == Function::kDateDiff) {
    KELP_TRY(const Moment from, moment_of(arguments[0]));
    return integer_value(date_diff(node.part, from, moment));
  }
  KELP_TRY(const std::int64_t quantity, integer_of(arguments[0]));
  const auto sum = date_add(node.part, quantity, moment);
  if (!sum) return Failure{FailureKind::kIntegerOverflow, "a year past 1 to 9999"};
  return moment_value(*sum);
}

Outcome<Value> to_timestamp(const Value& value) {
  if (value.kind == ValueKind::kMoment) return value;
  KELP_TRY(const std::string_view text, text_of(value));
  const auto moment = parse_moment(text);
  if (!moment) {
    return Failure{FailureKind::kValueParseFailure,
                   fmt::format("'{}' is no timestamp", characters(text, 0, 32))};
  }
  return moment_value(*moment);
}

Outcome<Value> to_string(std::span<const Value> arguments) {
  KELP_TRY(const Moment moment, moment_of(arguments[0]));
  KELP_TRY(const std::string_view pattern, text_of(arguments[1]));
  KELP_TRY(const std::string text, format_moment(moment, pattern));
  return text_value(text);
}

}  // namespace

Outcome<Value> calculate(Sign sign, const Value& a, const Value& b) {
  if (a.absent() || b.absent()) return null_value();
  const auto left = as_number(a);
  const auto right = as_number(b);
  if (!left || !right) return wrong_type("a number");
  if (left->kind == ValueKind::kInteger && right->kind == ValueKind::kInteger) {
    return calculate_integers(sign, left->integer, right->integer);
  }
  return calculate_reals(sign, left->as_real(), right->as_real());
}

Outcome<Value> call_function(const Node& node, std::span<const Value> arguments,
                             const Moment& now) {
  if (node.function == Function::kUtcNow) return moment_value(now);
  if (node.function == Function::kNullif) {
    const auto order = compare(arguments[0], arguments[1]);
    return order && *order == 0 ? null_value() : arguments[0];
  }
  if (std::ranges::any_of(arguments, &Value::absent)) return null_value();
  switch (node.function) {
    case Function::kCharLength: {
      KELP_TRY(const std::string_view text, text_of(arguments[0]));
      return integer_value(static_cast<std::int64_t>(character_count(text)));
    }
    case Function::kLower:
      return change_case(arguments, lower);
    case Function::kUpper:
      return change_case(arguments, upper);
    case Function::kSubstring:
      return substring(arguments);
    case Function::kTrimBoth:
    case Function::kTrimLeading:
    case Function::kTrimTrailing:
      return trim(node.function, arguments);
    case Function::kDateAdd:
    case Function::kDateDiff:
    case Function::kExtract:
      return date_function(node, arguments);
    case Function::kToTimestamp:
      return to_timestamp(arguments[0]);
    case Function::kToString:
      return to_string(arguments);
    case Function::kCoalesce:
    case Function::kNullif:
    case Function::kUtcNow:
      break;
  }
  return null_value();
}

}  // namespace kelp::select
