// Keys of objects that are wrapped anew: what changes, and what stays.

#include "tests/unit/s3gw/encryption_fixture.h"

namespace kelp::s3::test {
namespace {

std::string arn_of(const std::string& key) {
  return "arn:aws:kms:us-east-1:000000000000:key/" + key;
}

class RewrapTest : public EncryptionTest {
 protected:
  Answer update(const std::string& target, const std::string& key, const std::string& more = {}) {
    return send("PUT", "/bucket/" + target,
                "<ObjectEncryption><SSE-KMS><KMSKeyArn>" + arn_of(key) + "</KMSKeyArn>" + more +
                    "</SSE-KMS></ObjectEncryption>");
  }
  ObjectEntry entry_of(const std::string& key) {
    ObjectEntry entry;
    ::kelp::test::run_coro(
        [](FilerClient& filer, std::string name, ObjectEntry& out) -> Task<void> {
          ObjectKey object{.bucket = "bucket", .key = std::move(name)};
          auto found = co_await filer.get_object(std::move(object), false);
          if (found) out = found->entry;
        }(filer_client(), key, entry));
    return entry;
  }
};

TEST_F(RewrapTest, AnotherKeyWrapsAndAllElseStays) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{200'000}}) {
    const std::string body = noise(size);
    put("k", body, kS3);
    const ObjectEntry before = entry_of("k");
    const std::string modified = send("HEAD", "/bucket/k").header("Last-Modified");
    for (const char* key : {"mine", "other"}) {
      const Answer updated = update("k?encryption", key);
      EXPECT_EQ(updated.status, 200) << updated.body;
      expect_body("k", body);
      const Answer head = send("HEAD", "/bucket/k");
      EXPECT_EQ(head.header(kName), "aws:kms");
      EXPECT_EQ(head.header(kName + "-aws-kms-key-id"), arn_of(key));
      EXPECT_EQ(head.header("ETag"), etag_of(body));
      EXPECT_EQ(head.header("Last-Modified"), modified);
    }
    ObjectEntry after = entry_of("k");
    EXPECT_NE(after.headers.encryption.wrapped_key, before.headers.encryption.wrapped_key);
    after.headers.encryption = before.headers.encryption;
    EXPECT_EQ(after, before);
  }
}

TEST_F(RewrapTest, PartsAndContextsGoOnBeingRead) {
  Lines kms = kKms;
  kms.emplace_back(kName + "-context", base64_encode("{\"a\":\"b\"}"));
  put("k", "body", kms);
  EXPECT_EQ(update("k?encryption", "other", "<BucketKeyEnabled>true</BucketKeyEnabled>").status,
            200);
  EXPECT_EQ(entry_of("k").headers.encryption.context, "{\"a\":\"b\"}");
  EXPECT_EQ(send("HEAD", "/bucket/k").header(kName + "-bucket-key-enabled"), "true");
  expect_body("k", "body");
}

TEST_F(RewrapTest, WhatHasNoKeyOfOursIsRefused) {
  put("plain", "body", {});
  EXPECT_EQ(update("plain?encryption", "mine").element("Code"), "InvalidRequest");
  put("customer", "body", customer('c'));
  EXPECT_EQ(update("customer?encryption", "mine").element("Code"), "InvalidRequest");
  put("k", "body", kS3);
  EXPECT_EQ(update("k?encryption", "unknown").element("Code"), "KMS.NotFoundException");
  EXPECT_EQ(update("none?encryption", "mine").element("Code"), "NoSuchKey");
  EXPECT_EQ(entry_of("k").headers.encryption.kind, EncryptionKind::kS3);
  expect_body("k", "body");
}

}  // namespace
}  // namespace kelp::s3::test
