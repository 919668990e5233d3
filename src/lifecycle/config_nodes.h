#pragma once

#include <pugixml.hpp>
#include <string>
#include <string_view>

// Elements of bucket configurations as they are kept: checked already, in one form.

namespace kelp {

/// Whether the element has this name.
[[nodiscard]] inline bool is(const pugi::xml_node& node, std::string_view name) {
  return name == node.name();
}

/// All text and CDATA of the element.
[[nodiscard]] inline std::string text_of(const pugi::xml_node& node) {
  std::string text;
  for (const pugi::xml_node child : node.children()) text += child.value();
  return text;
}

}  // namespace kelp
