#include "catalog/core/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>

namespace kelp::catalog {
namespace {

constexpr std::size_t kDepth = 100;

std::unexpected<Failure> wrong(std::string_view name, std::string_view what) {
  return bad_request(fmt::format("{} must be {}", name, what));
}

const Array& no_elements() {
  static const Array kNone;
  return kNone;
}

/// The array `name`, empty when it is not there, all of whose elements `fit`.
template <typename Fits>
Outcome<const Array*> array_of(const Object& object, std::string_view name, std::string_view what,
                               Fits fits) {
  const Value* value = find(object, name);
  if (value == nullptr) return &no_elements();
  if (!value->is_array() || !std::ranges::all_of(value->get_array(), fits)) {
    return wrong(name, what);
  }
  return &value->get_array();
}

}  // namespace

Outcome<Object> parse_object(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kDepth;
  boost::system::error_code code;
  Value value = boost::json::parse(text, code, {}, options);
  if (code) return bad_request("this is no JSON: " + code.message());
  if (!value.is_object()) return bad_request("a JSON object is expected");
  return std::move(value.get_object());
}

const Value* find(const Object& object, std::string_view name) {
  const Value* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Outcome<std::optional<std::int64_t>> optional_integer(const Object& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_int64()) return wrong(name, "an integer");
  return value->get_int64();
}

Outcome<std::int64_t> integer_of(const Object& object, std::string_view name) {
  KELP_CATALOG_TRY(const auto value, optional_integer(object, name));
  if (!value) return wrong(name, "an integer");
  return *value;
}

Outcome<std::string> optional_text(const Object& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return wrong(name, "a string");
  return std::string(value->get_string());
}

Outcome<std::string> text_of(const Object& object, std::string_view name) {
  KELP_CATALOG_TRY(std::string text, optional_text(object, name));
  if (text.empty()) return wrong(name, "a string that is not empty");
  return text;
}

Outcome<bool> flag_of(const Object& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr) return false;
  if (!value->is_bool()) return wrong(name, "true or false");
  return value->get_bool();
}

Outcome<const Object*> object_of(const Object& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr || !value->is_object()) return wrong(name, "an object");
  return &value->get_object();
}

Outcome<const Array*> objects_of(const Object& object, std::string_view name) {
  return array_of(object, name, "an array of objects",
                  [](const Value& value) { return value.is_object(); });
}

Outcome<Object> properties_of(const Object& object, std::string_view name) {
  const Value* value = find(object, name);
  if (value == nullptr) return Object();
  const auto is_text = [](const auto& member) { return member.value().is_string(); };
  if (!value->is_object() || !std::ranges::all_of(value->get_object(), is_text)) {
    return wrong(name, "an object of strings");
  }
  return value->get_object();
}

Outcome<std::vector<std::string>> texts_of(const Object& object, std::string_view name) {
  KELP_CATALOG_TRY(const Array* array,
                   array_of(object, name, "an array of strings",
                            [](const Value& value) { return value.is_string(); }));
  std::vector<std::string> texts;
  for (const Value& value : *array) texts.emplace_back(value.get_string());
  return texts;
}

Outcome<std::vector<std::int64_t>> integers_of(const Object& object, std::string_view name) {
  if (find(object, name) == nullptr) return wrong(name, "an array of integers");
  KELP_CATALOG_TRY(const Array* array,
                   array_of(object, name, "an array of integers",
                            [](const Value& value) { return value.is_int64(); }));
  std::vector<std::int64_t> integers;
  for (const Value& value : *array) integers.push_back(value.get_int64());
  return integers;
}

std::int64_t known_integer(const Object& object, std::string_view name, std::int64_t fallback) {
  const Value* value = object.if_contains(name);
  return value == nullptr || !value->is_int64() ? fallback : value->get_int64();
}

Array& array_in(Object& object, std::string_view name) {
  Value& value = object[name];
  if (!value.is_array()) value = Array();
  return value.get_array();
}

const Object* find_by(const Array& array, std::string_view name, std::int64_t wanted) {
  for (const Value& value : array) {
    const Value* number = value.is_object() ? value.get_object().if_contains(name) : nullptr;
    if (number != nullptr && number->is_int64() && number->get_int64() == wanted) {
      return &value.get_object();
    }
  }
  return nullptr;
}

}  // namespace kelp::catalog
