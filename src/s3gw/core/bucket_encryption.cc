#include "s3gw/core/bucket_encryption.h"

#include <pugixml.hpp>

#include "s3gw/core/encryption_headers.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/xml_reader.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

/// In the setting, behind the bucket key's digit.
constexpr char kBlocksCustomers = 'c';

S3Result<void> read_default(const pugi::xml_node& node, BucketEncryption& encryption) {
  KELP_S3_CHECK(check_once_each(node));
  std::string algorithm;
  for (const pugi::xml_node child : node.children()) {
    const std::string_view name = local_name(child);
    KELP_S3_TRY(std::string text, text_of(child));
    if (name == "SSEAlgorithm") {
      algorithm = std::move(text);
    } else if (name == "KMSMasterKeyID") {
      encryption.key_id = std::move(text);
    } else {
      return s3_error(S3Code::kMalformedXML);
    }
  }
  if (algorithm == "aws:kms:dsse") {
    return s3_error(S3Code::kNotImplemented, "Dual-layer encryption is not implemented");
  }
  if (algorithm != "AES256" && algorithm != "aws:kms") return s3_error(S3Code::kMalformedXML);
  if (algorithm == "aws:kms") {
    encryption.kind = EncryptionKind::kKms;
    return {};
  }
  if (encryption.key_id.empty()) return {};
  return s3_error(S3Code::kInvalidArgument,
                  "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms "
                  "or aws:kms:dsse");
}

/// One EncryptionType: SSE-C, or NONE.
S3Result<void> read_blocked(const pugi::xml_node& node, BucketEncryption& encryption) {
  KELP_S3_CHECK(check_once_each(node));
  std::string type;
  for (const pugi::xml_node child : node.children()) {
    if (local_name(child) != "EncryptionType") return s3_error(S3Code::kMalformedXML);
    KELP_S3_TRY(type, text_of(child));
  }
  if (type != "SSE-C" && type != "NONE") return s3_error(S3Code::kMalformedXML);
  encryption.blocks_customers = type == "SSE-C";
  return {};
}

S3Result<void> read_rule(const pugi::xml_node& node, BucketEncryption& encryption) {
  KELP_S3_CHECK(check_once_each(node));
  bool found = false;
  for (const pugi::xml_node child : node.children()) {
    const std::string_view name = local_name(child);
    if (name == "ApplyServerSideEncryptionByDefault") {
      KELP_S3_CHECK(read_default(child, encryption));
      found = true;
    } else if (name == "BlockedEncryptionTypes") {
      KELP_S3_CHECK(read_blocked(child, encryption));
      found = true;
    } else if (name == "BucketKeyEnabled") {
      KELP_S3_TRY(const std::string text, text_of(child));
      if (text != "true" && text != "false") return s3_error(S3Code::kMalformedXML);
      encryption.bucket_key = text == "true";
    } else {
      return s3_error(S3Code::kMalformedXML);
    }
  }
  if (found) return {};
  return s3_error(S3Code::kMalformedXML);
}

}  // namespace

S3Result<BucketEncryption> parse_bucket_encryption(std::string body) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root,
              parse_xml(body, document, "ServerSideEncryptionConfiguration"));
  BucketEncryption encryption;
  int rules = 0;
  for (const pugi::xml_node child : root.children()) {
    if (local_name(child) != "Rule" || ++rules > 1) return s3_error(S3Code::kMalformedXML);
    KELP_S3_CHECK(read_rule(child, encryption));
  }
  if (rules == 0) return s3_error(S3Code::kMalformedXML);
  return encryption;
}

std::string bucket_encryption_xml(const BucketEncryption& encryption) {
  std::string body;
  XmlWriter xml(body);
  xml.begin("ServerSideEncryptionConfiguration");
  xml.open("Rule");
  xml.open("ApplyServerSideEncryptionByDefault");
  xml.element("SSEAlgorithm", algorithm_name(encryption.kind));
  if (!encryption.key_id.empty()) xml.element("KMSMasterKeyID", encryption.key_id);
  xml.close("ApplyServerSideEncryptionByDefault");
  xml.element("BucketKeyEnabled", encryption.bucket_key);
  if (encryption.blocks_customers) {
    xml.open("BlockedEncryptionTypes");
    xml.element("EncryptionType", "SSE-C");
    xml.close("BlockedEncryptionTypes");
  }
  xml.close("Rule");
  xml.close("ServerSideEncryptionConfiguration");
  return body;
}

std::string encode_bucket_encryption(const BucketEncryption& encryption) {
  std::string setting(algorithm_name(encryption.kind));
  setting += encryption.bucket_key ? " 1" : " 0";
  if (encryption.blocks_customers) setting += kBlocksCustomers;
  setting += ' ';
  setting += encryption.key_id;
  return setting;
}

std::optional<BucketEncryption> decode_bucket_encryption(std::string_view setting) {
  const std::string_view whole = setting;
  BucketEncryption encryption;
  const std::string_view algorithm = cut(setting, ' ');
  std::string_view bucket_key = cut(setting, ' ');
  encryption.blocks_customers = bucket_key.ends_with(kBlocksCustomers);
  if (encryption.blocks_customers) bucket_key.remove_suffix(1);
  if (bucket_key != "0" && bucket_key != "1") return std::nullopt;
  encryption.bucket_key = bucket_key == "1";
  encryption.key_id = setting;
  if (algorithm == "aws:kms") {
    encryption.kind = EncryptionKind::kKms;
  } else if (algorithm != "AES256" || !setting.empty()) {
    return std::nullopt;
  }
  if (encode_bucket_encryption(encryption) != whole) return std::nullopt;
  return encryption;
}

}  // namespace kelp::s3
