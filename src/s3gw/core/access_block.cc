#include "s3gw/core/access_block.h"

#include <algorithm>
#include <array>
#include <pugixml.hpp>

#include "s3gw/core/xml_reader.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

struct Field {
  std::string_view name;
  bool PublicAccessBlock::* flag;
};

constexpr auto kFields = std::to_array<Field>({
    {"BlockPublicAcls", &PublicAccessBlock::block_acls},
    {"IgnorePublicAcls", &PublicAccessBlock::ignore_acls},
    {"BlockPublicPolicy", &PublicAccessBlock::block_policy},
    {"RestrictPublicBuckets", &PublicAccessBlock::restrict_all},
});

constexpr auto kOwnerships = std::to_array<std::pair<std::string_view, ObjectOwnership>>({
    {"BucketOwnerEnforced", ObjectOwnership::kBucketOwnerEnforced},
    {"BucketOwnerPreferred", ObjectOwnership::kBucketOwnerPreferred},
    {"ObjectWriter", ObjectOwnership::kObjectWriter},
});

S3Result<bool> read_flag(const pugi::xml_node& node) {
  KELP_S3_TRY(const std::string text, text_of(node));
  if (text == "true" || text == "TRUE" || text == "True" || text == "1") return true;
  if (text == "false" || text == "FALSE" || text == "False" || text == "0") return false;
  return s3_error(S3Code::kMalformedXML);
}

}  // namespace

S3Result<PublicAccessBlock> parse_public_access_block(std::string body) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root,
              parse_xml(body, document, "PublicAccessBlockConfiguration"));
  KELP_S3_CHECK(check_once_each(root));
  PublicAccessBlock block;
  for (const pugi::xml_node child : root.children()) {
    const auto* const field = std::ranges::find(kFields, local_name(child), &Field::name);
    if (field == kFields.end()) return s3_error(S3Code::kMalformedXML);
    KELP_S3_TRY(block.*(field->flag), read_flag(child));
  }
  return block;
}

std::string public_access_block_xml(const PublicAccessBlock& block) {
  std::string body;
  XmlWriter xml(body);
  xml.begin("PublicAccessBlockConfiguration");
  for (const Field& field : kFields) xml.element(field.name, block.*(field.flag));
  xml.close("PublicAccessBlockConfiguration");
  return body;
}

std::string encode_public_access_block(const PublicAccessBlock& block) {
  std::string setting;
  for (const Field& field : kFields) setting += block.*(field.flag) ? '1' : '0';
  return setting;
}

PublicAccessBlock decode_public_access_block(std::string_view setting) {
  PublicAccessBlock block = kAllBlocked;
  if (setting.size() != kFields.size()) return block;
  for (std::size_t i = 0; i < kFields.size(); ++i) block.*(kFields[i].flag) = setting[i] != '0';
  return block;
}

std::optional<ObjectOwnership> ownership_of(std::string_view name) {
  for (const auto& [text, ownership] : kOwnerships) {
    if (text == name) return ownership;
  }
  return std::nullopt;
}

std::string_view name_of(ObjectOwnership ownership) {
  for (const auto& [text, value] : kOwnerships) {
    if (value == ownership) return text;
  }
  return "";
}

S3Result<ObjectOwnership> parse_ownership_controls(std::string body) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "OwnershipControls"));
  const pugi::xml_node rule = root.first_child();
  const pugi::xml_node name = rule.first_child();
  const bool one_rule = local_name(rule) == "Rule" && !rule.next_sibling() &&
                        local_name(name) == "ObjectOwnership" && !name.next_sibling();
  if (!one_rule) return s3_error(S3Code::kMalformedXML);
  KELP_S3_TRY(const std::string text, text_of(name));
  const auto ownership = ownership_of(text);
  if (!ownership) return s3_error(S3Code::kMalformedXML);
  return *ownership;
}

std::string ownership_controls_xml(ObjectOwnership ownership) {
  std::string body;
  XmlWriter xml(body);
  xml.begin("OwnershipControls");
  xml.open("Rule");
  xml.element("ObjectOwnership", name_of(ownership));
  xml.close("Rule");
  xml.close("OwnershipControls");
  return body;
}

}  // namespace kelp::s3
