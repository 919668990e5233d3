#include "s3gw/core/encryption_headers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "s3gw/core/bucket_encryption.h"

namespace kelp::s3 {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kName = "x-amz-server-side-encryption";
const std::string kKey(32, 'k');

std::string md5_of(std::string_view text) {
  Digest digest(DigestAlgorithm::kMd5);
  digest.update(text);
  return base64_encode(digest.finish());
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

S3Result<WantedEncryption> read(const Pairs& pairs) {
  std::vector<HttpHeader> headers;
  headers.reserve(pairs.size());
  for (const auto& [name, value] : pairs) headers.push_back({name, value});
  return read_encryption(headers);
}

Pairs customer(std::string algorithm, std::string key, std::string md5) {
  return {{kName + "-customer-algorithm", std::move(algorithm)},
          {kName + "-customer-key", std::move(key)},
          {kName + "-customer-key-MD5", std::move(md5)}};
}

TEST(EncryptionHeaders, SayWhatIsWanted) {
  EXPECT_FALSE(read({})->how.any());
  EXPECT_EQ(read({{kName, "AES256"}})->how.kind, EncryptionKind::kS3);
  const auto kms = read({{kName, "aws:kms"},
                         {kName + "-aws-kms-key-id", "key-1"},
                         {kName + "-context", base64_encode("{\"a\":\"b\"}")},
                         {kName + "-bucket-key-enabled", "true"}});
  EXPECT_EQ(kms->how.kind, EncryptionKind::kKms);
  EXPECT_EQ(kms->how.key_id, "key-1");
  EXPECT_EQ(kms->how.context, "{\"a\":\"b\"}");
  EXPECT_EQ(kms->bucket_key, true);
  EXPECT_EQ(read({{kName, "aws:kms"}})->how.key_id, "");
}

TEST(EncryptionHeaders, TakeACustomersKey) {
  const auto wanted = read(customer("AES256", base64_encode(kKey), md5_of(kKey)));
  ASSERT_TRUE(wanted);
  EXPECT_EQ(wanted->how.kind, EncryptionKind::kCustomer);
  EXPECT_EQ(as_text(wanted->customer->bytes()), kKey);
}

TEST(EncryptionHeaders, RefuseWithAwsTexts) {
  const std::string key = base64_encode(kKey);
  const std::string md5 = md5_of(kKey);
  Pairs both = customer("AES256", key, md5);
  both.emplace_back(kName, "AES256");
  Pairs no_algorithm = customer("AES256", key, md5);
  no_algorithm.erase(no_algorithm.begin());
  Pairs no_key = customer("AES256", key, md5);
  no_key.erase(no_key.begin() + 1);
  Pairs no_md5 = customer("AES256", key, md5);
  no_md5.pop_back();
  struct Case {
    Pairs headers;
    S3Code code;
    std::string text;
  };
  const std::vector<Case> cases{
      {both, S3Code::kInvalidArgument, "is incompatible with the encryption method specified"},
      {no_algorithm, S3Code::kInvalidArgument, "must provide a valid encryption algorithm."},
      {no_key, S3Code::kInvalidArgument, "must provide an appropriate secret key."},
      {no_md5, S3Code::kInvalidArgument, "must provide the client calculated MD5"},
      {customer("AES128", key, md5), S3Code::kInvalidEncryptionAlgorithmError, ""},
      {customer("AES256", base64_encode("short"), md5_of("short")), S3Code::kInvalidArgument,
       "The secret key was invalid for the specified algorithm."},
      {customer("AES256", "!", md5), S3Code::kInvalidArgument, "The secret key was invalid"},
      {customer("AES256", key, md5_of("x")), S3Code::kInvalidArgument,
       "The calculated MD5 hash of the key did not match the hash that was provided."},
      {customer("AES256", key, ""), S3Code::kInvalidArgument, "The calculated MD5 hash"},
      {{{kName, "AES512"}}, S3Code::kInvalidArgument, "is not supported"},
      {{{kName, "aws:kms:dsse"}}, S3Code::kNotImplemented, ""},
      {{{kName + "-aws-kms-key-id", "k"}},
       S3Code::kInvalidArgument,
       "requires HTTP header x-amz-server-side-encryption : aws:kms"},
      {{{kName, "AES256"}, {kName + "-aws-kms-key-id", "k"}},
       S3Code::kInvalidArgument,
       "requires HTTP header x-amz-server-side-encryption : aws:kms"},
      {{{kName, "aws:kms"}, {kName + "-context", "e30x"}}, S3Code::kInvalidArgument, "Base64"},
      {{{kName, "aws:kms"}, {kName + "-context", base64_encode("{\"a\":1}")}},
       S3Code::kInvalidArgument,
       "string-string map"},
      {{{kName, "aws:kms"}, {kName + "-bucket-key-enabled", "yes"}}, S3Code::kInvalidArgument, ""},
  };
  for (const Case& each : cases) {
    const auto wanted = read(each.headers);
    ASSERT_FALSE(wanted) << each.text;
    EXPECT_EQ(wanted.error().code, each.code) << wanted.error().message;
    EXPECT_THAT(wanted.error().message, HasSubstr(each.text));
    for (const auto& [name, value] : wanted.error().fields) {
      EXPECT_THAT(value, Not(HasSubstr(key))) << "a key is not sent back";
    }
  }
}

std::string configuration(const std::string& rule) {
  return "<ServerSideEncryptionConfiguration>" + rule + "</ServerSideEncryptionConfiguration>";
}
std::string rule(const std::string& by_default, const std::string& more = {}) {
  return "<Rule><ApplyServerSideEncryptionByDefault>" + by_default +
         "</ApplyServerSideEncryptionByDefault>" + more + "</Rule>";
}

TEST(BucketEncryption, IsReadWrittenAndKept) {
  const std::string s3 = "<SSEAlgorithm>AES256</SSEAlgorithm>";
  const std::string kms = "<SSEAlgorithm>aws:kms</SSEAlgorithm>";
  const std::string key = "<KMSMasterKeyID>arn:aws:kms:x:1:key/a b</KMSMasterKeyID>";
  for (const auto& [xml, expected] : std::vector<std::pair<std::string, BucketEncryption>>{
           {rule(s3), {}},
           {rule(kms), {EncryptionKind::kKms, "", false}},
           {rule(kms + key, "<BucketKeyEnabled>true</BucketKeyEnabled>"),
            {EncryptionKind::kKms, "arn:aws:kms:x:1:key/a b", true}}}) {
    const auto read = parse_bucket_encryption(configuration(xml));
    ASSERT_TRUE(read) << xml;
    EXPECT_EQ(*read, expected);
    EXPECT_EQ(parse_bucket_encryption(bucket_encryption_xml(*read)).value(), expected);
    EXPECT_EQ(decode_bucket_encryption(encode_bucket_encryption(*read)), expected);
  }
  EXPECT_EQ(encode_bucket_encryption({EncryptionKind::kKms, "k", true}), "aws:kms 1 k");
}

TEST(BucketEncryption, RefusesWhatItIsNot) {
  const std::string s3 = "<SSEAlgorithm>AES256</SSEAlgorithm>";
  for (const auto& [xml, code] : std::vector<std::pair<std::string, S3Code>>{
           {"", S3Code::kMalformedXML},
           {"<Rule/>", S3Code::kMalformedXML},
           {rule(""), S3Code::kMalformedXML},
           {rule("<SSEAlgorithm>DES</SSEAlgorithm>"), S3Code::kMalformedXML},
           {rule("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>"), S3Code::kNotImplemented},
           {rule(s3 + "<KMSMasterKeyID>k</KMSMasterKeyID>"), S3Code::kInvalidArgument},
           {rule(s3, "<BucketKeyEnabled>2</BucketKeyEnabled>"), S3Code::kMalformedXML},
           {rule(s3, "<Other/>"), S3Code::kMalformedXML},
           {rule(s3) + rule(s3), S3Code::kMalformedXML}}) {
    const auto read = parse_bucket_encryption(configuration(xml));
    ASSERT_FALSE(read) << xml;
    EXPECT_EQ(read.error().code, code) << xml;
  }
  for (const char* setting :
       {"", "AES256", "AES256 0", "aws:kms 1", "AES256 2 ", "AES256 0 key", "DES 0 "}) {
    EXPECT_FALSE(decode_bucket_encryption(setting)) << setting;
  }
}

}  // namespace
}  // namespace kelp::s3
