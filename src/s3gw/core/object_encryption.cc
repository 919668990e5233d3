#include "s3gw/core/object_encryption.h"

#include <pugixml.hpp>

#include "s3gw/core/xml_reader.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::size_t kMaxArnBytes = 2048;

/// arn:PARTITION:kms:REGION:ACCOUNT:key/ID
bool is_key_arn(std::string_view text) {
  if (text.size() > kMaxArnBytes || !text.starts_with("arn:")) return false;
  const std::size_t service = text.find(':', 4);
  if (service == std::string_view::npos || !text.substr(service).starts_with(":kms:")) return false;
  const std::size_t account = text.find(':', service + 5);
  const std::size_t key = account == std::string_view::npos ? account : text.find(':', account + 1);
  return key != std::string_view::npos && text.substr(key).starts_with(":key/") &&
         text.size() > key + 5;
}

S3Result<Encryption> read_kms(const pugi::xml_node& node) {
  Encryption how{.kind = EncryptionKind::kKms};
  bool says_bucket_key = false;
  for (const pugi::xml_node child : node.children()) {
    const std::string_view name = local_name(child);
    KELP_S3_TRY(std::string text, text_of(child));
    if (name == "KMSKeyArn" && how.key_id.empty()) {
      how.key_id = std::move(text);
    } else if (name == "BucketKeyEnabled" && !says_bucket_key) {
      says_bucket_key = true;
      if (text != "true" && text != "false") {
        return s3_error(S3Code::kInvalidRequest,
                        "The BucketKeyEnabled value isn't valid. Valid values are true or false. "
                        "Modify the request to specify a valid value, and then try again.");
      }
      how.bucket_key = text == "true";
    } else {
      return s3_error(S3Code::kMalformedXML);
    }
  }
  if (how.key_id.empty()) {
    return s3_error(S3Code::kInvalidRequest,
                    "Requests that modify an object's encryption type to SSE-KMS require an Amazon "
                    "Web Services KMS key Amazon Resource Name (ARN). Modify the request to "
                    "specify a KMS key ARN, and then try again.");
  }
  if (!is_key_arn(how.key_id)) {
    return s3_error(S3Code::kInvalidRequest,
                    "Requests that modify an object's encryption type to SSE-KMS require a valid "
                    "Amazon Web Services KMS key Amazon Resource Name (ARN). Confirm that you have "
                    "a correctly formatted KMS key ARN in your request, and then try again.");
  }
  return how;
}

}  // namespace

S3Result<Encryption> parse_object_encryption(std::string body) {
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "ObjectEncryption"));
  const pugi::xml_node child = root.first_child();
  if (child.next_sibling()) return s3_error(S3Code::kMalformedXML);
  const std::string_view name = local_name(child);
  if (name == "SSE-KMS") return read_kms(child);
  if (name != "SSE-S3") return s3_error(S3Code::kMalformedXML);
  return s3_error(S3Code::kInvalidRequest,
                  "Requests that modify an object encryption configuration require a valid new "
                  "encryption type. Valid values are SSEKMS. Modify the request to specify SSE-KMS "
                  "for the updated encryption type, and then try again.");
}

S3Result<void> check_rewrap(const Encryption& encryption) {
  if (!encryption.any()) {
    return s3_error(S3Code::kInvalidRequest,
                    "The UpdateObjectEncryption operation doesn't supported unencrypted source "
                    "objects. Only source objects encrypted with SSE-S3 or SSE-KMS are supported.");
  }
  if (encryption.kind == EncryptionKind::kCustomer) {
    return s3_error(S3Code::kInvalidRequest,
                    "The UpdateObjectEncryption operation doesn't support source objects with the "
                    "encryption type DSSE-KMS or SSE-C. Only source objects encrypted with SSE-S3 "
                    "or SSE-KMS are supported.");
  }
  return {};
}

}  // namespace kelp::s3
