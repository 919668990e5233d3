#include <algorithm>
#include <array>
#include <pugixml.hpp>

#include "s3gw/core/acl.h"
#include "s3gw/core/acl_names.h"
#include "s3gw/core/xml_reader.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr auto kPermissions = std::to_array<std::pair<std::string_view, Permission>>({
    {"FULL_CONTROL", Permission::kFullControl},
    {"READ", Permission::kRead},
    {"WRITE", Permission::kWrite},
    {"READ_ACP", Permission::kReadAcp},
    {"WRITE_ACP", Permission::kWriteAcp},
});

std::unexpected<S3Error> malformed() {
  return s3_error(S3Code::kMalformedACLError);
}

/// The text of the one child of that name; MalformedACLError when there is none, or two.
S3Result<std::string> child_text(const pugi::xml_node& node, std::string_view name) {
  std::optional<std::string> found;
  for (const pugi::xml_node child : node.children()) {
    if (local_name(child) != name) continue;
    auto text = text_of(child);
    if (found || !text) return malformed();
    found = *std::move(text);
  }
  if (!found) return malformed();
  return *std::move(found);
}

/// The xsi:type of an element; empty when it has none.
std::string_view type_of(const pugi::xml_node& node) {
  for (const pugi::xml_attribute attribute : node.attributes()) {
    const std::string_view name = attribute.name();
    if (name.substr(name.rfind(':') + 1) == "type") return attribute.value();
  }
  return {};
}

/// Whether an element may name a grantee of that xsi:type, which some clients leave out.
bool names_type(std::string_view element, std::string_view type) {
  if (type.empty()) return true;
  return (element == "ID" && type == "CanonicalUser") || (element == "URI" && type == "Group") ||
         (element == "EmailAddress" && type == "AmazonCustomerByEmail");
}

/// By what stands in it; the attribute must say the same.
S3Result<Grantee> read_grantee(const pugi::xml_node& node, const KnowsAccount& knows) {
  const std::string_view type = type_of(node);
  for (const pugi::xml_node child : node.children()) {
    const std::string_view name = local_name(child);
    auto text = text_of(child);
    if (!text) return malformed();
    if (name != "DisplayName" && !names_type(name, type)) return malformed();
    if (name == "ID") return account_grantee(*text, knows);
    if (name == "URI") return group_grantee(*text);
    if (name == "EmailAddress") return email_grantee(*text);
    if (name != "DisplayName") return malformed();
  }
  return malformed();
}

S3Result<Grant> read_grant(const pugi::xml_node& node, const KnowsAccount& knows) {
  std::optional<Grantee> to;
  for (const pugi::xml_node child : node.children()) {
    if (local_name(child) != "Grantee") continue;
    if (to) return malformed();
    KELP_S3_TRY(to, read_grantee(child, knows));
  }
  KELP_S3_TRY(const std::string name, child_text(node, "Permission"));
  for (const auto& [text, permission] : kPermissions) {
    if (to && name == text) return Grant{*std::move(to), permission};
  }
  return malformed();
}

void write_grantee(const Grantee& to, const NameOf& name_of, XmlWriter& xml) {
  std::string open = "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"";
  open += to.kind == Grantee::Kind::kAccount ? "CanonicalUser" : "Group";
  xml.raw(open + "\">");
  if (to.kind == Grantee::Kind::kAccount) {
    xml.element("ID", to.account);
    xml.element("DisplayName", name_of(to.account));
  }
  for (const auto& [kind, uri] : kGroupUris) {
    if (kind == to.kind) xml.element("URI", uri);
  }
  xml.close("Grantee");
}

}  // namespace

S3Result<Acl> parse_acl(std::string body, std::string_view owner, const KnowsAccount& knows) {
  pugi::xml_document document;
  const auto root = parse_xml(body, document, "AccessControlPolicy");
  if (!root) return malformed();
  Acl acl;
  bool has_owner = false;
  bool has_list = false;
  for (const pugi::xml_node child : root->children()) {
    if (local_name(child) == "Owner" && !has_owner) {
      has_owner = true;
      KELP_S3_TRY(const std::string id, child_text(child, "ID"));
      if (id != owner) return s3_error(S3Code::kAccessDenied);
    } else if (local_name(child) == "AccessControlList" && !has_list) {
      has_list = true;
      for (const pugi::xml_node grant : child.children()) {
        if (local_name(grant) != "Grant") return malformed();
        KELP_S3_TRY(acl.grants.emplace_back(), read_grant(grant, knows));
      }
    } else {
      return malformed();
    }
  }
  if (!has_owner || !has_list) return malformed();
  KELP_S3_CHECK(check_count(acl));
  return acl;
}

std::string acl_xml(const Acl& acl, std::string_view owner, const NameOf& name_of) {
  std::string body;
  XmlWriter xml(body);
  xml.begin("AccessControlPolicy");
  xml.open("Owner");
  xml.element("ID", owner);
  xml.element("DisplayName", name_of(owner));
  xml.close("Owner");
  xml.open("AccessControlList");
  for (const Grant& grant : acl.grants) {
    xml.open("Grant");
    write_grantee(grant.to, name_of, xml);
    const auto* const permission = std::ranges::find(
        kPermissions, grant.permission, &std::pair<std::string_view, Permission>::second);
    xml.element("Permission", permission->first);
    xml.close("Grant");
  }
  xml.close("AccessControlList");
  xml.close("AccessControlPolicy");
  return body;
}

}  // namespace kelp::s3
