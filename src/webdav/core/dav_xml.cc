#include "webdav/core/dav_xml.h"

#include <algorithm>
#include <optional>
#include <pugixml.hpp>
#include <set>

#include "base/encoding.h"
#include "s3gw/core/xml_reader.h"

namespace kelp::webdav {
namespace {

constexpr std::size_t kMaxOwnerBytes = 4096;

std::string_view prefix_of(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == name.npos ? std::string_view() : name.substr(0, colon);
}

/// The prefix that an attribute declares: "" for xmlns; nothing for another attribute.
std::optional<std::string_view> declared_prefix(std::string_view attribute) {
  if (attribute == "xmlns") return "";
  if (attribute.starts_with("xmlns:")) return attribute.substr(6);
  return std::nullopt;
}

/// The namespace of a prefix where `node` stands; nothing when it has none. No prefix and no
/// default: "".
std::optional<std::string_view> namespace_of(pugi::xml_node node, std::string_view prefix) {
  if (prefix == "xml") return "http://www.w3.org/XML/1998/namespace";
  for (; node; node = node.parent()) {
    for (const pugi::xml_attribute attribute : node.attributes()) {
      if (declared_prefix(attribute.name()) == prefix) return attribute.value();
    }
  }
  if (prefix.empty()) return "";
  return std::nullopt;
}

/// Refuses prefixes without a namespace, in all that lies at and below `node`.
bool names_are_good(const pugi::xml_node& node) {
  if (!namespace_of(node, prefix_of(node.name()))) return false;
  for (const pugi::xml_attribute attribute : node.attributes()) {
    const auto declared = declared_prefix(attribute.name());
    if (declared && !declared->empty() && *attribute.value() == '\0') return false;
    if (declared) continue;
    const std::string_view prefix = prefix_of(attribute.name());
    if (!prefix.empty() && !namespace_of(node, prefix)) return false;
  }
  for (const pugi::xml_node child : node.children()) {
    if (child.type() == pugi::node_element && !names_are_good(child)) return false;
  }
  return true;
}

PropName name_of(const pugi::xml_node& node) {
  return {std::string(namespace_of(node, prefix_of(node.name())).value_or("")),
          std::string(s3::local_name(node))};
}

bool is_dav(const pugi::xml_node& node, std::string_view local) {
  return node.type() == pugi::node_element && s3::local_name(node) == local &&
         namespace_of(node, prefix_of(node.name())) == kDavNamespace;
}

pugi::xml_node dav_child(const pugi::xml_node& node, std::string_view local) {
  return node.find_child([&](const pugi::xml_node& child) { return is_dav(child, local); });
}

void collect_prefixes(const pugi::xml_node& node, std::set<std::string>& prefixes) {
  prefixes.emplace(prefix_of(node.name()));
  for (const pugi::xml_attribute attribute : node.attributes()) {
    if (declared_prefix(attribute.name())) continue;
    const std::string_view prefix = prefix_of(attribute.name());
    if (!prefix.empty()) prefixes.emplace(prefix);
  }
  for (const pugi::xml_node child : node.children()) {
    if (child.type() == pugi::node_element) collect_prefixes(child, prefixes);
  }
}

struct StringWriter final : pugi::xml_writer {
  void write(const void* data, std::size_t size) override {
    text.append(static_cast<const char*>(data), size);
  }
  std::string text;
};

/// The element as text that means the same wherever it stands.
std::string self_contained(const pugi::xml_node& node) {
  pugi::xml_document document;
  pugi::xml_node copy = document.append_copy(node);
  std::set<std::string> prefixes;
  collect_prefixes(node, prefixes);
  for (const std::string& prefix : prefixes) {
    const std::string declaration = prefix.empty() ? "xmlns" : "xmlns:" + prefix;
    if (prefix == "xml" || copy.attribute(declaration.c_str())) continue;
    const auto space = namespace_of(node, prefix);
    if (!space || (prefix.empty() && space->empty())) continue;
    copy.append_attribute(declaration.c_str()) = std::string(*space).c_str();
  }
  StringWriter out;
  copy.print(out, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  return std::move(out.text);
}

/// The root element `local` of DAV:, whose names are good.
Outcome<pugi::xml_node> parse(std::string& body, pugi::xml_document& document,
                              std::string_view local) {
  const auto root = s3::parse_xml(body, document, local);
  if (!root || !names_are_good(*root) || !is_dav(*root, local)) {
    return failed(400, "the body is not the XML of DAV:" + std::string(local));
  }
  return *root;
}

void read_names(const pugi::xml_node& list, std::vector<PropName>& names) {
  for (const pugi::xml_node child : list.children()) {
    if (child.type() == pugi::node_element) names.push_back(name_of(child));
  }
}

}  // namespace

Outcome<Propfind> parse_propfind(std::string body) {
  Propfind asked;
  if (body.empty()) return asked;
  pugi::xml_document document;
  KELP_DAV_TRY(const pugi::xml_node root, parse(body, document, "propfind"));
  if (const pugi::xml_node prop = dav_child(root, "prop")) {
    asked.kind = Propfind::Kind::kSome;
    read_names(prop, asked.names);
  } else if (dav_child(root, "propname")) {
    asked.kind = Propfind::Kind::kNames;
  } else if (dav_child(root, "allprop")) {
    read_names(dav_child(root, "include"), asked.names);
  } else {
    return failed(400, "PROPFIND asks for neither prop, propname nor allprop");
  }
  return asked;
}

Outcome<std::vector<PropStep>> parse_proppatch(std::string body) {
  pugi::xml_document document;
  KELP_DAV_TRY(const pugi::xml_node root, parse(body, document, "propertyupdate"));
  std::vector<PropStep> steps;
  for (const pugi::xml_node part : root.children()) {
    const bool remove = is_dav(part, "remove");
    if (!remove && !is_dav(part, "set")) continue;
    for (const pugi::xml_node prop : dav_child(part, "prop").children()) {
      if (prop.type() != pugi::node_element) continue;
      steps.push_back({remove, {name_of(prop), remove ? std::string() : self_contained(prop)}});
    }
  }
  if (steps.empty()) return failed(400, "PROPPATCH names no property");
  return steps;
}

Outcome<LockWish> parse_lockinfo(std::string body) {
  pugi::xml_document document;
  KELP_DAV_TRY(const pugi::xml_node root, parse(body, document, "lockinfo"));
  LockWish wish;
  const pugi::xml_node scope = dav_child(root, "lockscope");
  wish.exclusive = static_cast<bool>(dav_child(scope, "exclusive"));
  if (!wish.exclusive && !dav_child(scope, "shared")) {
    return failed(400, "LOCK: the scope is neither exclusive nor shared");
  }
  if (!dav_child(dav_child(root, "locktype"), "write")) {
    return failed(422, "LOCK: there are only write locks");
  }
  if (const pugi::xml_node owner = dav_child(root, "owner")) wish.owner = self_contained(owner);
  if (wish.owner.size() > kMaxOwnerBytes) return failed(413, "LOCK: the owner is over 4 KiB");
  return wish;
}

std::string encode_dead_props(const std::vector<DeadProp>& props) {
  std::string xml = "<props>";
  for (const DeadProp& prop : props) xml += prop.xml;
  return base64_encode(xml + "</props>");
}

std::vector<DeadProp> decode_dead_props(std::string_view text) {
  std::vector<DeadProp> props;
  auto xml = base64_decode(text);
  if (!xml) return props;
  pugi::xml_document document;
  const auto root = s3::parse_xml(*xml, document, "props");
  if (!root || !names_are_good(*root)) return props;
  for (const pugi::xml_node child : root->children()) {
    if (child.type() == pugi::node_element) {
      props.push_back({name_of(child), self_contained(child)});
    }
  }
  return props;
}

}  // namespace kelp::webdav
