#include "s3gw/core/xml_reader.h"

#include <charconv>
#include <set>

#include "s3gw/core/names.h"

namespace kelp::s3 {
namespace {

/// A character reference `#…` without & and ;. pugixml would wrap a large number around to NUL,
/// which cuts a key short, so the value is checked here.
bool good_reference(std::string_view text) {
  text.remove_prefix(1);
  const bool hex = text.starts_with('x');
  if (hex) text.remove_prefix(1);
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  return value != 0 && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
}

bool good_entity(std::string_view rest) {
  const std::size_t end = rest.find(';');
  if (end == rest.npos || end < 2 || end > 12) return false;
  const std::string_view name = rest.substr(1, end - 1);
  if (name.front() == '#') return good_reference(name);
  return name == "amp" || name == "lt" || name == "gt" || name == "quot" || name == "apos";
}

/// True when `text` holds a declaration (`<!DOCTYPE`, `<!ENTITY` …) or a bad entity outside of
/// comments and CDATA.
bool suspicious(std::string_view text) {
  std::size_t at = 0;
  while ((at = text.find_first_of("<&", at)) != text.npos) {
    const std::string_view rest = text.substr(at);
    if (rest.front() == '&') {
      if (!good_entity(rest)) return true;
      ++at;
    } else if (rest.starts_with("<!--")) {
      at = text.find("-->", at + 4);
      if (at == text.npos) return true;
    } else if (rest.starts_with("<![CDATA[")) {
      at = text.find("]]>", at);
      if (at == text.npos) return true;
    } else if (rest.starts_with("<!")) {
      return true;
    } else {
      ++at;
    }
  }
  return false;
}

bool too_deep(const pugi::xml_document& document) {
  struct Walker final : pugi::xml_tree_walker {
    bool for_each(pugi::xml_node&) override { return depth() < kMaxXmlDepth; }
  } walker;
  // traverse() answers false when the walker stopped it.
  return !const_cast<pugi::xml_document&>(document).traverse(walker);
}

}  // namespace

S3Result<pugi::xml_node> parse_xml(std::string& body, pugi::xml_document& document,
                                   std::string_view root) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto malformed = s3_error(S3Code::kMalformedXML);
  std::string_view text = body;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const std::size_t first = text.find_first_not_of(kSpace);
  const std::size_t last = text.find_last_not_of(kSpace);
  if (first == text.npos || text[first] != '<' || text[last] != '>') return malformed;
  if (text.contains('\0') || !valid_utf8(text) || suspicious(text)) return malformed;

  const unsigned flags = pugi::parse_default | pugi::parse_ws_pcdata_single;
  const auto parsed =
      document.load_buffer_inplace(body.data(), body.size(), flags, pugi::encoding_utf8);
  if (!parsed || too_deep(document)) return malformed;
  const pugi::xml_node node = document.document_element();
  for (const pugi::xml_node sibling : document.children()) {
    if (sibling.type() == pugi::node_element && sibling != node) return malformed;
  }
  if (local_name(node) != root) return malformed;
  return node;
}

std::string_view local_name(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  const std::size_t colon = name.find(':');
  return colon == name.npos ? name : name.substr(colon + 1);
}

S3Result<void> check_once_each(const pugi::xml_node& node) {
  std::set<std::string_view> seen;
  for (const pugi::xml_node child : node.children()) {
    if (!seen.insert(local_name(child)).second) return s3_error(S3Code::kMalformedXML);
  }
  return {};
}

S3Result<std::string> text_of(const pugi::xml_node& node) {
  std::string text;
  for (const pugi::xml_node child : node.children()) {
    if (child.type() == pugi::node_element) return s3_error(S3Code::kMalformedXML);
    text += child.value();
  }
  return text;
}

}  // namespace kelp::s3
