#include "s3gw/core/object_encryption.h"

#include <gtest/gtest.h>

namespace kelp::s3 {
namespace {

const std::string kArn = "arn:aws:kms:us-east-1:000000000000:key/mine";

S3Result<Encryption> kms(const std::string& inside) {
  return parse_object_encryption("<ObjectEncryption><SSE-KMS>" + inside +
                                 "</SSE-KMS></ObjectEncryption>");
}

TEST(ObjectEncryption, IsAKeyByItsArn) {
  const auto plain = kms("<KMSKeyArn>" + kArn + "</KMSKeyArn>");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->kind, EncryptionKind::kKms);
  EXPECT_EQ(plain->key_id, kArn);
  EXPECT_FALSE(plain->bucket_key);
  EXPECT_TRUE(kms("<BucketKeyEnabled>true</BucketKeyEnabled><KMSKeyArn>" + kArn + "</KMSKeyArn>")
                  ->bucket_key);
}

TEST(ObjectEncryption, WhatIsNoneIsRefused) {
  for (const char* text : {"", "mine", "alias/mine", "arn:aws:kms:us-east-1:0:alias/mine",
                           "arn:aws:kms:us-east-1:0:key/", "arn:aws:s3:us-east-1:0:key/mine",
                           "arn:aws:kms:us-east-1:key/mine", "arn:", "arn:aws:kms:"}) {
    const auto refused = kms("<KMSKeyArn>" + std::string(text) + "</KMSKeyArn>");
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, S3Code::kInvalidRequest) << text;
  }
  const std::string arn = "<KMSKeyArn>" + kArn + "</KMSKeyArn>";
  EXPECT_EQ(kms(arn + "<BucketKeyEnabled>1</BucketKeyEnabled>").error().code,
            S3Code::kInvalidRequest);
  EXPECT_EQ(kms(arn + arn).error().code, S3Code::kMalformedXML);
  EXPECT_EQ(kms(arn + "<Other/>").error().code, S3Code::kMalformedXML);
  for (const auto& [body, code] : std::vector<std::pair<std::string, S3Code>>{
           {"", S3Code::kMalformedXML},
           {"<ObjectEncryption/>", S3Code::kMalformedXML},
           {"<ObjectEncryption><DSSE-KMS/></ObjectEncryption>", S3Code::kMalformedXML},
           {"<ObjectEncryption><SSE-S3/><SSE-S3/></ObjectEncryption>", S3Code::kMalformedXML},
           {"<ObjectEncryption><SSE-S3/></ObjectEncryption>", S3Code::kInvalidRequest}}) {
    const auto refused = parse_object_encryption(body);
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().code, code) << body;
  }
}

}  // namespace
}  // namespace kelp::s3
