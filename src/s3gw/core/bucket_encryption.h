#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "s3gw/s3_error.h"
#include "wire/encryption.h"

namespace kelp::s3 {

/// How a bucket's objects are encrypted that nobody says anything of: kS3, or kKms with a key or
/// none named, and perhaps a bucket key; and whether customers' keys are taken at all.
struct BucketEncryption {
  EncryptionKind kind = EncryptionKind::kS3;
  std::string key_id;
  bool bucket_key = false;
  bool blocks_customers = false;  ///< Nothing is written with SSE-C.
  friend bool operator==(const BucketEncryption&, const BucketEncryption&) = default;
};

/// ServerSideEncryptionConfiguration. Errors: MalformedXML; InvalidArgument for a key that is not
/// of KMS; NotImplemented for two layers (aws:kms:dsse).
[[nodiscard]] S3Result<BucketEncryption> parse_bucket_encryption(std::string body);
/// The same as GetBucketEncryption answers it.
[[nodiscard]] std::string bucket_encryption_xml(const BucketEncryption& encryption);

/// As the filer keeps it (docs/formats/metadata-keys.md).
[[nodiscard]] std::string encode_bucket_encryption(const BucketEncryption& encryption);
/// Nothing for what encode_bucket_encryption() does not write.
[[nodiscard]] std::optional<BucketEncryption> decode_bucket_encryption(std::string_view setting);

}  // namespace kelp::s3
