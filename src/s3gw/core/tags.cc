#include "s3gw/core/tags.h"

#include <algorithm>
#include <optional>
#include <pugixml.hpp>
#include <set>

#include "s3gw/core/xml_reader.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kMaxKeyCharacters = 128;
constexpr std::size_t kMaxValueCharacters = 256;
constexpr std::string_view kSystemPrefix = "aws:";

/// Characters of UTF-8 text.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

/// Letters, digits and spaces of any language, and `_ . : / = + - @` (S3 user guide, "Categorizing
/// your objects using tags").
bool all_allowed(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool other = static_cast<unsigned char>(c) >= 0x80;
    return letter || other || (c >= '0' && c <= '9') || std::string_view(" _.:/=+-@").contains(c);
  });
}

std::unexpected<S3Error> invalid_tag(std::string message, std::string_view key) {
  return std::unexpected(
      S3Error{S3Code::kInvalidTag, std::move(message), {{"TagKey", std::string(key)}}});
}

S3Result<std::pair<std::string, std::string>> read_tag(const pugi::xml_node& node) {
  std::optional<std::string> key;
  std::optional<std::string> value;
  for (const pugi::xml_node child : node.children()) {
    auto& into = local_name(child) == "Key" ? key : value;
    const bool known = local_name(child) == "Key" || local_name(child) == "Value";
    if (!known || into) return s3_error(S3Code::kMalformedXML);
    KELP_S3_TRY(into, text_of(child));
  }
  if (!key || !value) return s3_error(S3Code::kMalformedXML);
  return std::pair(*std::move(key), *std::move(value));
}

}  // namespace

S3Result<void> check_tags(const Tags& tags, std::size_t most) {
  std::set<std::string_view> keys;
  for (const auto& [key, value] : tags) {
    if (key.empty() || characters(key) > kMaxKeyCharacters || !all_allowed(key)) {
      return invalid_tag("The TagKey you have provided is invalid", key);
    }
    if (key.starts_with(kSystemPrefix)) {
      return invalid_tag("System tags cannot be added/updated by requester", key);
    }
    if (characters(value) > kMaxValueCharacters || !all_allowed(value)) {
      auto refusal = invalid_tag("The TagValue you have provided is invalid", key);
      refusal.error().fields.emplace_back("TagValue", value);
      return refusal;
    }
    if (!keys.insert(key).second) {
      return invalid_tag("Cannot provide multiple Tags with the same key", key);
    }
  }
  if (tags.size() > most) {
    const std::string_view whose = most == kMaxObjectTags ? "Object" : "Bucket";
    return s3_error(S3Code::kBadRequest,
                    std::string(whose) + " tags cannot be greater than " + std::to_string(most));
  }
  return {};
}

S3Result<Tags> read_tags(const pugi::xml_node& node, std::size_t most) {
  Tags tags;
  for (const pugi::xml_node child : node.children()) {
    if (local_name(child) != "Tag") return s3_error(S3Code::kMalformedXML);
    KELP_S3_TRY(auto tag, read_tag(child));
    tags.push_back(std::move(tag));
  }
  KELP_S3_CHECK(check_tags(tags, most));
  return tags;
}

S3Result<Tags> parse_tagging(std::string body, std::size_t most) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "Tagging"));
  const auto sets = root.children();
  const bool one_set =
      std::distance(sets.begin(), sets.end()) == 1 && local_name(*sets.begin()) == "TagSet";
  if (!one_set) return s3_error(S3Code::kMalformedXML);
  return read_tags(*sets.begin(), most);
}

std::string tag_set(const Tags& tags) {
  std::string text;
  XmlWriter xml(text);
  write_tag_set(tags, xml);
  return text;
}

void write_tag_set(const Tags& tags, XmlWriter& xml) {
  xml.open("TagSet");
  for (const auto& [key, value] : tags) {
    xml.open("Tag");
    xml.element("Key", key);
    xml.element("Value", value);
    xml.close("Tag");
  }
  xml.close("TagSet");
}

}  // namespace kelp::s3
