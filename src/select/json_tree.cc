#include "select/json_tree.h"

#include "base/json_text.h"

namespace kelp::select {
namespace {

void append_scalar(const JsonTree& tree, const JsonNode& node, std::string& out) {
  switch (node.type) {
    case JsonType::kNull:
      out += "null";
      break;
    case JsonType::kFalse:
      out += "false";
      break;
    case JsonType::kTrue:
      out += "true";
      break;
    case JsonType::kNumber:
      out += tree.text(node);
      break;
    case JsonType::kText:
      append_json_text(tree.text(node), out);
      break;
    case JsonType::kArray:
    case JsonType::kObject:
      break;
  }
}

}  // namespace

void append_json(JsonRef value, std::string& out) {
  /// A container that is being written.
  struct Open {
    std::uint32_t end;
    bool object;
    bool empty = true;
  };
  const JsonTree& tree = *value.tree;
  std::vector<Open> open;
  const std::uint32_t end = value.node().end;
  for (std::uint32_t at = value.at;;) {
    while (!open.empty() && open.back().end == at) {
      out += open.back().object ? '}' : ']';
      open.pop_back();
    }
    if (at == end) return;
    const JsonNode& node = tree.nodes[at];
    if (!open.empty()) {
      if (!open.back().empty) out += ',';
      open.back().empty = false;
      if (open.back().object) {
        append_json_text(tree.name(node), out);
        out += ':';
      }
    }
    ++at;
    if (node.type == JsonType::kArray || node.type == JsonType::kObject) {
      out += node.type == JsonType::kObject ? '{' : '[';
      open.push_back({node.end, node.type == JsonType::kObject});
    } else {
      append_scalar(tree, node, out);
    }
  }
}

}  // namespace kelp::select
