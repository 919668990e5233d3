#include "s3gw/core/config/shape.h"

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/xml_reader.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kInstanceNamespace = "http://www.w3.org/2001/XMLSchema-instance";
constexpr std::size_t kIdBytes = 16;

std::unexpected<S3Error> malformed() {
  return s3_error(S3Code::kMalformedXML);
}

/// The one form of a value.
S3Result<std::string> normal(std::string text, const Shape& shape) {
  switch (shape.holds) {
    case Holds::kElements:
    case Holds::kText:
      return text;
    case Holds::kWord:
      if (std::ranges::find(shape.words, text) == shape.words.end()) return malformed();
      return text;
    case Holds::kInteger: {
      std::int64_t number = 0;
      const char* const end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data(), end, number);
      if (error != std::errc() || stop != end) return malformed();
      return std::to_string(number);
    }
    case Holds::kBoolean:
      if (equals_lower(text, "true")) return std::string("true");
      if (equals_lower(text, "false")) return std::string("false");
      return malformed();
    case Holds::kTime: {
      const auto time = parse_iso8601(text);
      if (!time) return malformed();
      std::string written;
      append_iso8601(*time, written);
      return written;
    }
  }
  return malformed();
}

bool is_space(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == text.npos;
}

const Shape* shape_named(std::string_view name, const Shape& parent, bool attribute) {
  for (const Shape& shape : parent.inside) {
    if (shape.name == name && shape.attribute == attribute) return &shape;
  }
  return nullptr;
}

S3Result<void> check_counts(const Element& element) {
  for (const Shape& shape : element.shape->inside) {
    const auto count = std::ranges::count(element.inside, &shape, &Element::shape);
    if (static_cast<std::uint64_t>(count) < shape.least ||
        static_cast<std::uint64_t>(count) > shape.most) {
      return malformed();
    }
  }
  return {};
}

S3Result<void> read_attributes(const pugi::xml_node& node, Element& element) {
  for (const pugi::xml_attribute attribute : node.attributes()) {
    std::string_view name = attribute.name();
    name = name.substr(name.find(':') + 1);
    const Shape* const shape = shape_named(name, *element.shape, true);
    if (shape == nullptr) continue;  // a namespace, most likely
    KELP_S3_TRY(std::string text, normal(attribute.value(), *shape));
    element.inside.push_back({.shape = shape, .text = std::move(text), .inside = {}});
  }
  return {};
}

// As deep as a Shape is; parse_xml() has a limit, too.
S3Result<Element> read_element(const pugi::xml_node& node, const Shape& shape) {
  Element element{.shape = &shape, .text = {}, .inside = {}};
  if (shape.holds != Holds::kElements) {
    KELP_S3_TRY(std::string text, text_of(node));
    KELP_S3_TRY(element.text, normal(std::move(text), shape));
    return element;
  }
  KELP_S3_CHECK(read_attributes(node, element));
  for (const pugi::xml_node child : node.children()) {
    if (child.type() != pugi::node_element) {
      if (!is_space(child.value())) return malformed();
      continue;
    }
    const Shape* const inner = shape_named(local_name(child), shape, false);
    if (inner == nullptr) return malformed();
    KELP_S3_TRY(Element read, read_element(child, *inner));
    element.inside.push_back(std::move(read));
  }
  KELP_S3_CHECK(check_counts(element));
  return element;
}

void write_element(const Element& element, XmlWriter& xml) {
  const std::string_view name = element.shape->name;
  if (element.shape->holds != Holds::kElements) {
    xml.element(name, std::string_view(element.text));
    return;
  }
  std::string tag(name);
  for (const Element& child : element.inside) {
    if (!child.shape->attribute) continue;
    tag += " xmlns:xsi=\"";
    tag += kInstanceNamespace;
    tag += "\" xsi:";
    tag += child.shape->name;
    tag += "=\"";
    append_escaped(tag, child.text);
    tag += '"';
  }
  xml.open(tag);
  write_inside(element, xml);
  xml.close(name);
}

}  // namespace

const Element* Element::find(std::string_view name) const {
  for (const Element& child : inside) {
    if (child.shape->name == name) return &child;
  }
  return nullptr;
}

std::vector<const Element*> Element::all(std::string_view name) const {
  std::vector<const Element*> found;
  for (const Element& child : inside) {
    if (child.shape->name == name) found.push_back(&child);
  }
  return found;
}

std::string_view Element::text_of(std::string_view name) const {
  const Element* const child = find(name);
  return child == nullptr ? std::string_view() : std::string_view(child->text);
}

std::optional<std::int64_t> Element::number_of(std::string_view name) const {
  const std::string_view digits = text_of(name);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc()) return std::nullopt;
  return number;
}

S3Result<Element> read_document(std::string body, const Shape& root) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node node, parse_xml(body, document, root.name));
  return read_element(node, root);
}

void write_inside(const Element& element, XmlWriter& xml) {
  for (const Element& child : element.inside) {
    if (!child.shape->attribute) write_element(child, xml);
  }
}

S3Result<Element> read_inside(std::string_view inside, const Shape& root) {
  std::string body;
  XmlWriter xml(body);
  xml.open(root.name);
  xml.raw(inside);
  xml.close(root.name);
  return read_document(std::move(body), root);
}

std::unexpected<S3Error> bad_argument(std::string message, std::string name, std::string value) {
  return std::unexpected(
      S3Error{S3Code::kInvalidArgument,
              std::move(message),
              {{"ArgumentName", std::move(name)}, {"ArgumentValue", std::move(value)}}});
}

std::string generated_id(const Element& rule, std::size_t index) {
  std::string text = std::to_string(index) + ' ';
  XmlWriter xml(text);
  write_inside(rule, xml);
  const Sha256 digest = sha256(text);
  return hex_encode(view(digest).substr(0, kIdBytes));
}

}  // namespace kelp::s3
