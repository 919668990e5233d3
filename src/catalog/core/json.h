#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/failure.h"

namespace kelp::catalog {

using Object = boost::json::object;
using Array = boost::json::array;
using Value = boost::json::value;

// Reads members of JSON that clients wrote; each failure is a 400 that names the member. A member
// that is null counts as one that is not there.

/// A text that is one object, at most 100 deep.
[[nodiscard]] Outcome<Object> parse_object(std::string_view text);

/// The member, or null.
[[nodiscard]] const Value* find(const Object& object, std::string_view name);
/// An integer, when it is there.
[[nodiscard]] Outcome<std::optional<std::int64_t>> optional_integer(const Object& object,
                                                                    std::string_view name);
/// An integer that must be there.
[[nodiscard]] Outcome<std::int64_t> integer_of(const Object& object, std::string_view name);
/// A text, empty when it is not there.
[[nodiscard]] Outcome<std::string> optional_text(const Object& object, std::string_view name);
/// A text that must be there and not be empty.
[[nodiscard]] Outcome<std::string> text_of(const Object& object, std::string_view name);
/// A flag, false when it is not there.
[[nodiscard]] Outcome<bool> flag_of(const Object& object, std::string_view name);
/// An object that must be there. Valid as long as `object`.
[[nodiscard]] Outcome<const Object*> object_of(const Object& object, std::string_view name);
/// An array of objects, empty when it is not there. Valid as long as `object`.
[[nodiscard]] Outcome<const Array*> objects_of(const Object& object, std::string_view name);
/// An object all of whose members are texts, empty when it is not there.
[[nodiscard]] Outcome<Object> properties_of(const Object& object, std::string_view name);
/// An array of texts, empty when it is not there.
[[nodiscard]] Outcome<std::vector<std::string>> texts_of(const Object& object,
                                                         std::string_view name);
/// An array of integers that must be there.
[[nodiscard]] Outcome<std::vector<std::int64_t>> integers_of(const Object& object,
                                                             std::string_view name);

/// The integer `name` of an object that was checked before; `fallback` when it is not there.
[[nodiscard]] std::int64_t known_integer(const Object& object, std::string_view name,
                                         std::int64_t fallback);
/// The array `name`, made when it is not there.
[[nodiscard]] Array& array_in(Object& object, std::string_view name);
/// The element of an array of objects whose integer `name` is `wanted`, or null.
[[nodiscard]] const Object* find_by(const Array& array, std::string_view name, std::int64_t wanted);

}  // namespace kelp::catalog
