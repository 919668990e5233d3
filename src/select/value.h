#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "select/failure.h"
#include "select/json_tree.h"
#include "select/moment.h"

namespace kelp::select {

/// What a Value is.
enum class ValueKind : std::uint8_t {
  kMissing,  ///< There is no such column or member.
  kNull,
  kBool,
  kInteger,  ///< Of 64 bits.
  kReal,     ///< A double.
  kText,
  kMoment,
  kTree,  ///< An object or array of JSON.
};

/// A value of SQL.
struct Value {
  ValueKind kind = ValueKind::kMissing;
  /// A field of CSV, which has no type: beside a number it is one, if it can be.
  bool loose = false;
  bool truth = false;
  std::int64_t integer = 0;
  double real = 0;
  Moment moment = {};
  std::string text = {};  ///< Of a text; of a number of JSON as it was written.
  JsonRef tree = {};

  [[nodiscard]] bool absent() const {
    return kind == ValueKind::kMissing || kind == ValueKind::kNull;
  }
  [[nodiscard]] bool is_number() const {
    return kind == ValueKind::kInteger || kind == ValueKind::kReal;
  }
  [[nodiscard]] double as_real() const {
    return kind == ValueKind::kReal ? real : static_cast<double>(integer);
  }
};

// Values of each kind.

/// What there is not.
[[nodiscard]] Value missing_value();
/// NULL.
[[nodiscard]] Value null_value();
/// True or false.
[[nodiscard]] Value bool_value(bool truth);
/// An integer.
[[nodiscard]] Value integer_value(std::int64_t integer);
/// A double; not of infinity and its kin.
[[nodiscard]] Value real_value(double real);
/// A text.
[[nodiscard]] Value text_value(std::string_view text);
/// A timestamp.
[[nodiscard]] Value moment_value(const Moment& moment);
/// A value of JSON.
[[nodiscard]] Value json_value(JsonRef value);

/// The number that a text is: an integer where it fits, else a double. Nothing for another text.
[[nodiscard]] std::optional<Value> number_of(std::string_view text);
/// `value` as a number, when it is one or is loose and can be one.
[[nodiscard]] std::optional<Value> as_number(const Value& value);
/// The same of "true" and "false".
[[nodiscard]] std::optional<bool> as_bool(const Value& value);

/// How two values compare; nothing when one is absent, or they are of kinds that do not.
[[nodiscard]] std::optional<std::partial_ordering> compare(const Value& a, const Value& b);

/// The value as text: as a field of CSV, without quotes. Empty when it is absent.
void append_text(const Value& value, std::string& out);
/// The value as JSON; null when it is absent.
void append_json(const Value& value, std::string& out);

/// What CAST makes of values.
enum class CastType : std::uint8_t { kBool, kInteger, kReal, kText, kMoment };
/// The type of a name, in any case.
[[nodiscard]] std::optional<CastType> cast_type(std::string_view name);
/// Errors  CastFailed for what cannot be one. What is absent stays so.
[[nodiscard]] Outcome<Value> cast(const Value& value, CastType type);

}  // namespace kelp::select
