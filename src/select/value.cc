#include "select/value.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <iterator>

#include "base/json_text.h"
#include "select/text.h"

namespace kelp::select {

Value missing_value() {
  return {};
}
Value null_value() {
  return {.kind = ValueKind::kNull};
}
Value bool_value(bool truth) {
  return {.kind = ValueKind::kBool, .truth = truth};
}
Value integer_value(std::int64_t integer) {
  return {.kind = ValueKind::kInteger, .integer = integer};
}
Value real_value(double real) {
  return {.kind = ValueKind::kReal, .real = real};
}
Value text_value(std::string_view text) {
  return {.kind = ValueKind::kText, .text = std::string(text)};
}
Value moment_value(const Moment& moment) {
  return {.kind = ValueKind::kMoment, .moment = moment};
}

Value json_value(JsonRef value) {
  const JsonNode& node = value.node();
  switch (node.type) {
    case JsonType::kNull:
      return null_value();
    case JsonType::kFalse:
    case JsonType::kTrue:
      return bool_value(node.type == JsonType::kTrue);
    case JsonType::kText:
      return text_value(value.tree->text(node));
    case JsonType::kNumber: {
      const std::string_view text = value.tree->text(node);
      Value number = number_of(text).value_or(real_value(0));
      number.text = text;
      return number;
    }
    case JsonType::kArray:
    case JsonType::kObject:
      break;
  }
  return {.kind = ValueKind::kTree, .tree = value};
}

std::optional<Value> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  // Words such as "inf" are numbers to from_chars, and to nobody else.
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  if (text.size() <= first || (text[first] != '.' && (text[first] < '0' || text[first] > '9'))) {
    return std::nullopt;
  }
  const char* const end = text.data() + text.size();
  std::int64_t integer = 0;
  const auto whole = std::from_chars(text.data(), end, integer);
  if (whole.ec == std::errc() && whole.ptr == end) return integer_value(integer);
  double real = 0;
  const auto fraction = std::from_chars(text.data(), end, real);
  if (fraction.ptr != end) return std::nullopt;
  // What a double cannot hold is as near to it as can be.
  if (fraction.ec == std::errc::result_out_of_range) {
    const std::size_t exponent = text.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos && text.find('-', exponent) != text.npos;
    real = tiny ? 0 : (first == 1 ? -1 : 1) * std::numeric_limits<double>::max();
  } else if (fraction.ec != std::errc()) {
    return std::nullopt;
  }
  return real_value(real);
}

std::optional<Value> as_number(const Value& value) {
  if (value.is_number()) return value;
  if (value.kind == ValueKind::kText && value.loose) return number_of(value.text);
  return std::nullopt;
}

std::optional<bool> as_bool(const Value& value) {
  if (value.kind == ValueKind::kBool) return value.truth;
  if (value.kind != ValueKind::kText || !value.loose) return std::nullopt;
  if (same_word(value.text, "true")) return true;
  if (same_word(value.text, "false")) return false;
  return std::nullopt;
}

namespace {

std::partial_ordering compare_numbers(const Value& a, const Value& b) {
  if (a.kind == ValueKind::kInteger && b.kind == ValueKind::kInteger) {
    return a.integer <=> b.integer;
  }
  return a.as_real() <=> b.as_real();
}

std::optional<Moment> as_moment(const Value& value) {
  if (value.kind == ValueKind::kMoment) return value.moment;
  if (value.kind == ValueKind::kText) return parse_moment(value.text);
  return std::nullopt;
}

}  // namespace

std::optional<std::partial_ordering> compare(const Value& a, const Value& b) {
  if (a.absent() || b.absent()) return std::nullopt;
  if (a.kind == ValueKind::kText && b.kind == ValueKind::kText) return a.text <=> b.text;
  if (a.is_number() || b.is_number()) {
    const auto left = as_number(a);
    const auto right = as_number(b);
    if (!left || !right) return std::nullopt;
    return compare_numbers(*left, *right);
  }
  if (a.kind == ValueKind::kBool || b.kind == ValueKind::kBool) {
    const auto left = as_bool(a);
    const auto right = as_bool(b);
    if (!left || !right) return std::nullopt;
    return *left <=> *right;
  }
  const auto left = as_moment(a);
  const auto right = as_moment(b);
  if (!left || !right) return std::nullopt;
  return *left <=> *right;
}

void append_text(const Value& value, std::string& out) {
  switch (value.kind) {
    case ValueKind::kMissing:
    case ValueKind::kNull:
      break;
    case ValueKind::kBool:
      out += value.truth ? "true" : "false";
      break;
    case ValueKind::kInteger:
    case ValueKind::kReal:
      if (!value.text.empty()) {
        out += value.text;
      } else if (value.kind == ValueKind::kInteger) {
        fmt::format_to(std::back_inserter(out), "{}", value.integer);
      } else {
        fmt::format_to(std::back_inserter(out), "{}", value.real);
      }
      break;
    case ValueKind::kText:
      out += value.text;
      break;
    case ValueKind::kMoment:
      out += moment_text(value.moment);
      break;
    case ValueKind::kTree:
      append_json(value.tree, out);
      break;
  }
}

void append_json(const Value& value, std::string& out) {
  if (value.absent()) {
    out += "null";
  } else if (value.kind == ValueKind::kText) {
    append_json_text(value.text, out);
  } else if (value.kind == ValueKind::kMoment) {
    append_json_text(moment_text(value.moment), out);
  } else {
    append_text(value, out);
  }
}

std::optional<CastType> cast_type(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, CastType>, 14> kNames = {{
      {"bool", CastType::kBool},
      {"boolean", CastType::kBool},
      {"int", CastType::kInteger},
      {"integer", CastType::kInteger},
      {"bigint", CastType::kInteger},
      {"float", CastType::kReal},
      {"double", CastType::kReal},
      {"decimal", CastType::kReal},
      {"numeric", CastType::kReal},
      {"real", CastType::kReal},
      {"string", CastType::kText},
      {"char", CastType::kText},
      {"varchar", CastType::kText},
      {"timestamp", CastType::kMoment},
  }};
  for (const auto& [known, type] : kNames) {
    if (same_word(name, known)) return type;
  }
  return std::nullopt;
}

namespace {

std::optional<Value> cast_to_integer(const Value& value) {
  if (value.kind == ValueKind::kBool) return integer_value(value.truth ? 1 : 0);
  auto number = value.is_number() ? std::optional(value) : number_of(value.text);
  if (!number) return std::nullopt;
  if (number->kind == ValueKind::kInteger) return integer_value(number->integer);
  // A text has to be one already; a number is cut.
  if (!value.is_number() || std::abs(number->real) >= 9.2e18) return std::nullopt;
  return integer_value(static_cast<std::int64_t>(number->real));
}

std::optional<Value> cast_to(const Value& value, CastType type) {
  switch (type) {
    case CastType::kBool: {
      if (value.kind == ValueKind::kInteger) return bool_value(value.integer != 0);
      Value text = value;
      text.loose = true;
      const auto truth = as_bool(text);
      return truth ? std::optional(bool_value(*truth)) : std::nullopt;
    }
    case CastType::kInteger:
      return cast_to_integer(value);
    case CastType::kReal: {
      if (value.is_number()) return value;
      return number_of(value.text);
    }
    case CastType::kText: {
      Value text = text_value({});
      append_text(value, text.text);
      return text;
    }
    case CastType::kMoment: {
      const auto moment = as_moment(value);
      return moment ? std::optional(moment_value(*moment)) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

Outcome<Value> cast(const Value& value, CastType type) {
  if (value.absent()) return value;
  if (auto made = cast_to(value, type)) return *std::move(made);
  std::string shown;
  append_text(value, shown);
  return Failure{FailureKind::kCastFailed,
                 fmt::format("'{}' cannot be cast", characters(shown, 0, 32))};
}

}  // namespace kelp::select
