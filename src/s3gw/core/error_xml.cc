#include "s3gw/core/error_xml.h"

#include <algorithm>

#include "s3gw/core/xml_writer.h"

namespace kelp::s3 {
namespace {

bool has_field(const S3Error& error, std::string_view name) {
  return std::ranges::any_of(error.fields, [&](const auto& field) { return field.first == name; });
}

bool names_bucket(S3Code code) {
  using enum S3Code;
  switch (code) {
    case kNoSuchBucket:
    case kBucketNotEmpty:
    case kBucketAlreadyExists:
    case kBucketAlreadyOwnedByYou:
    case kInvalidBucketName:
    case kNoSuchBucketPolicy:
    case kNoSuchLifecycleConfiguration:
    case kNoSuchTagSet:
    case kNoSuchCORSConfiguration:
    case kNoSuchWebsiteConfiguration:
    case kNoSuchPublicAccessBlockConfiguration:
    case kObjectLockConfigurationNotFoundError:
    case kOwnershipControlsNotFoundError:
    case kReplicationConfigurationNotFoundError:
    case kServerSideEncryptionConfigurationNotFoundError:
      return true;
    default:
      return false;
  }
}

bool names_key(S3Code code) {
  return code == S3Code::kNoSuchKey || code == S3Code::kNoSuchVersion;
}

}  // namespace

std::string_view message_of(const S3Error& error) {
  return error.message.empty() ? text_of(error.code).message : std::string_view(error.message);
}

std::string error_xml(const S3Error& error, const ErrorContext& context) {
  std::string body;
  body.reserve(512);
  XmlWriter xml(body);
  xml.begin_plain("Error");
  xml.element("Code", text_of(error.code).code);
  xml.element("Message", message_of(error));
  for (const auto& [name, value] : error.fields) xml.element(name, value);
  if (names_bucket(error.code) && !context.bucket.empty() && !has_field(error, "BucketName")) {
    xml.element("BucketName", context.bucket);
  } else if (names_key(error.code) && !context.key.empty() && !has_field(error, "Key")) {
    xml.element("Key", context.key);
  } else if (error.fields.empty() && !context.resource.empty()) {
    xml.element("Resource", context.resource);
  }
  xml.element("RequestId", context.request_id);
  xml.element("HostId", context.host_id);
  xml.close("Error");
  return body;
}

}  // namespace kelp::s3
