#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kelp::select {

/// What a value of JSON is.
enum class JsonType : std::uint8_t { kNull, kFalse, kTrue, kNumber, kText, kArray, kObject };

/// A value in a JsonTree. Its children follow it; the next sibling is at `end`.
struct JsonNode {
  JsonType type = JsonType::kNull;
  std::uint32_t name_at = 0;  ///< Of a member of an object.
  std::uint32_t name_bytes = 0;
  std::uint32_t text_at = 0;  ///< Of a text; of a number as it was written.
  std::uint32_t text_bytes = 0;
  std::uint32_t end = 0;
};

/// Values of JSON in the order of the document, and their texts in one string: nothing in it is
/// deep, whatever the document is.
struct JsonTree {
  std::vector<JsonNode> nodes;
  std::string texts;

  [[nodiscard]] std::string_view name(const JsonNode& node) const {
    return std::string_view(texts).substr(node.name_at, node.name_bytes);
  }
  [[nodiscard]] std::string_view text(const JsonNode& node) const {
    return std::string_view(texts).substr(node.text_at, node.text_bytes);
  }
  void clear() {
    nodes.clear();
    texts.clear();
  }
};

/// A value in a tree; valid as long as that stays as it is.
struct JsonRef {
  const JsonTree* tree = nullptr;
  std::uint32_t at = 0;
  [[nodiscard]] const JsonNode& node() const { return tree->nodes[at]; }
};

/// Appends a value, without white space, numbers as they were written.
void append_json(JsonRef value, std::string& out);

}  // namespace kelp::select
