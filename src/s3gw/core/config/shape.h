#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "s3gw/core/xml_writer.h"
#include "s3gw/s3_error.h"

// What a document of S3 may look like, as a value; and a document that was found to look like it.

namespace kelp::s3 {

/// What an element holds.
enum class Holds : std::uint8_t {
  kElements,  ///< Those of Shape::inside, in any order, and nothing else.
  kText,
  kWord,     ///< One of Shape::words.
  kInteger,  ///< Of 64 bits.
  kBoolean,  ///< "true" or "false", in any case.
  kTime,     ///< ISO 8601.
};

/// An element by its name, what it holds and how often it may be there. Made with the functions
/// below, at compile time; lives as long as the program.
struct Shape {
  std::string_view name;
  Holds holds = Holds::kText;
  std::span<const Shape> inside = {};
  std::span<const std::string_view> words = {};
  std::uint32_t least = 0;
  std::uint32_t most = 1;
  bool attribute = false;  ///< An attribute of its parent in the namespace of XML schema instances.
};

namespace shapes {

// Elements that may be missing and are there once at most, by what they hold.

/// Text.
[[nodiscard]] constexpr Shape text(std::string_view name) {
  return {.name = name};
}
/// One of `words`.
[[nodiscard]] constexpr Shape word(std::string_view name, std::span<const std::string_view> words) {
  return {.name = name, .holds = Holds::kWord, .words = words};
}
/// A number.
[[nodiscard]] constexpr Shape integer(std::string_view name) {
  return {.name = name, .holds = Holds::kInteger};
}
/// True or false.
[[nodiscard]] constexpr Shape boolean(std::string_view name) {
  return {.name = name, .holds = Holds::kBoolean};
}
/// A moment in time.
[[nodiscard]] constexpr Shape moment(std::string_view name) {
  return {.name = name, .holds = Holds::kTime};
}
/// Elements.
[[nodiscard]] constexpr Shape group(std::string_view name, std::span<const Shape> inside) {
  return {.name = name, .holds = Holds::kElements, .inside = inside};
}
/// The same, but it must be there.
[[nodiscard]] constexpr Shape required(Shape shape) {
  shape.least = 1;
  return shape;
}
/// The same, but it may be there many times.
[[nodiscard]] constexpr Shape many(Shape shape) {
  shape.most = UINT32_MAX;
  return shape;
}

}  // namespace shapes

/// An element of a document that has its shape.
struct Element {
  const Shape* shape = nullptr;
  std::string text;             ///< Of all that hold no elements.
  std::vector<Element> inside;  ///< In the order of the document.

  /// The first child of this name, or null.
  [[nodiscard]] const Element* find(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  /// Every child of this name.
  [[nodiscard]] std::vector<const Element*> all(std::string_view name) const;
  /// The first child's text, or "".
  [[nodiscard]] std::string_view text_of(std::string_view name) const;
  /// The first child's number, or nothing.
  [[nodiscard]] std::optional<std::int64_t> number_of(std::string_view name) const;
};

/// Reads a document. Numbers, booleans and times are written anew in one form.
/// Errors  MalformedXML, for all that is not XML of this shape.
[[nodiscard]] S3Result<Element> read_document(std::string body, const Shape& root);

/// Writes what is inside of `element`, as XML without a namespace.
void write_inside(const Element& element, XmlWriter& xml);

/// Reads again what write_inside() wrote of a document of this shape. An error is ours.
[[nodiscard]] S3Result<Element> read_inside(std::string_view inside, const Shape& root);

/// InvalidArgument with the name and value of what was wrong.
[[nodiscard]] std::unexpected<S3Error> bad_argument(std::string message, std::string name,
                                                    std::string value);

/// A name for a rule that has none: the same for the same rule at the same place, and different
/// from all others.
[[nodiscard]] std::string generated_id(const Element& rule, std::size_t index);

}  // namespace kelp::s3
