// Signatures of forms. The SigV4 vector is that of "Example: Browser-Based Upload using HTTP POST"
// of the S3 developer guide.

#include "s3gw/auth_post.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "s3gw/core/sigv2.h"
#include "tests/unit/s3gw_auth/signed_request.h"

namespace kelp::s3 {
namespace {

constexpr const char* kPolicy =
    "{ \"expiration\": \"2015-12-30T12:00:00.000Z\",\r\n  \"conditions\": [\r\n    {\"bucket\": "
    "\"sigv4examplebucket\"},\r\n    [\"starts-with\", \"$key\", \"user/user1/\"],\r\n    "
    "{\"acl\": \"public-read\"},\r\n    {\"success_action_redirect\": "
    "\"http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html\"},\r\n    "
    "[\"starts-with\", \"$Content-Type\", \"image/\"],\r\n    {\"x-amz-meta-uuid\": "
    "\"14365123651274\"},\r\n    {\"x-amz-server-side-encryption\": \"AES256\"},\r\n    "
    "[\"starts-with\", \"$x-amz-meta-tag\", \"\"],\r\n\r\n    {\"x-amz-credential\": "
    "\"AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request\"},\r\n    {\"x-amz-algorithm\": "
    "\"AWS4-HMAC-SHA256\"},\r\n    {\"x-amz-date\": \"20151229T000000Z\" }\r\n  ]\r\n}";
constexpr const char* kSignature =
    "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e";

using Sent = std::vector<std::pair<std::string, std::string>>;

Sent v4() {
  return {{"key", "k"},
          {"Policy", base64_encode(kPolicy)},
          {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
          {"X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},
          {"X-Amz-Date", "20151229T000000Z"},
          {"X-Amz-Signature", kSignature}};
}
Sent v2() {
  const std::string policy = base64_encode(kPolicy);
  return {{"key", "k"},
          {"policy", policy},
          {"AWSAccessKeyId", std::string(kAccessKey)},
          {"signature", sigv2_signature(kSecretKey, policy)}};
}
Sent with(Sent fields, const std::string& name, const std::string& value) {
  for (auto& [known, old] : fields) {
    if (known == name) old = value;
  }
  return fields;
}
Sent without(Sent fields, const std::string& name) {
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}

S3Result<Authenticated> check(const Sent& sent, const std::string& region = "") {
  static const OneCredential store;
  FormHead form;
  for (const auto& [name, value] : sent) form.fields.push_back({name, value});
  return authenticate_form(post_fields(std::move(form)), store, at("20130524T000000Z"),
                           {.region = region});
}

TEST(AuthPost, TakesBothSignatures) {
  for (const Sent& sent : {v4(), v2()}) {
    const auto form = check(sent);
    ASSERT_TRUE(form.has_value());
    ASSERT_NE(form->credential, nullptr);
    EXPECT_EQ(form->credential->access_key, kAccessKey);
  }
}

TEST(AuthPost, AFormWithoutThemIsAnonymous) {
  const auto form = check({{"key", "k"}, {"policy", "p"}});
  ASSERT_TRUE(form.has_value());
  EXPECT_EQ(form->kind, AuthKind::kAnonymous);
  EXPECT_EQ(form->credential, nullptr);
}

TEST(AuthPost, OneChangedByteIsRefused) {
  const std::string policy = base64_encode(kPolicy);
  for (const Sent& sent :
       {with(v4(), "Policy", policy.substr(0, policy.size() - 2)),
        with(v4(), "X-Amz-Signature", "9" + std::string(kSignature).substr(1)),
        with(v4(), "X-Amz-Signature", ""),
        with(v4(), "X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20151229/eu-west-1/s3/aws4_request"),
        with(v2(), "policy", policy + "="), with(v2(), "signature", "AAAA")}) {
    const auto refused = check(sent);
    EXPECT_EQ(code_of(refused), "SignatureDoesNotMatch");
    EXPECT_EQ(field_of(refused, "AWSAccessKeyId"), kAccessKey);
  }
  EXPECT_EQ(field_of(check(with(v4(), "X-Amz-Signature", "x")), "StringToSign"), policy);
}

TEST(AuthPost, FieldsThatAreMissingAreNamed) {
  for (const char* name :
       {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature", "Policy"}) {
    const auto refused = check(without(v4(), name));
    EXPECT_EQ(code_of(refused), "InvalidArgument") << name;
    EXPECT_EQ(field_of(refused, "ArgumentName"), name);
    EXPECT_EQ(message_of(refused), "Bucket POST must contain a field named '" + std::string(name) +
                                       "'.  If it is specified, please check the order of the "
                                       "fields.");
  }
  EXPECT_EQ(field_of(check(without(v2(), "AWSAccessKeyId")), "ArgumentName"), "AWSAccessKeyId");
  EXPECT_EQ(field_of(check(without(v2(), "signature")), "ArgumentName"), "Signature");
}

TEST(AuthPost, WhatTheyClaimIsChecked) {
  EXPECT_EQ(code_of(check(with(v4(), "X-Amz-Algorithm", "none"))), "InvalidArgument");
  EXPECT_EQ(code_of(check(with(v4(), "X-Amz-Date", "today"))), "InvalidArgument");
  EXPECT_EQ(code_of(check(with(v4(), "X-Amz-Date", "20151230T000000Z"))), "InvalidArgument");
  EXPECT_EQ(code_of(check(with(v4(), "X-Amz-Credential", "x"))), "InvalidArgument");
  EXPECT_EQ(code_of(check(with(v4(), "X-Amz-Credential",
                               "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/ec2/aws4_request"))),
            "InvalidArgument");
  EXPECT_EQ(code_of(check(with(v2(), "AWSAccessKeyId", "other"))), "InvalidAccessKeyId");
  const auto elsewhere = check(v4(), "eu-west-1");
  EXPECT_EQ(message_of(elsewhere), "the region 'us-east-1' is wrong; expecting 'eu-west-1'");
  EXPECT_EQ(field_of(elsewhere, "Region"), "eu-west-1");
  Sent with_token = v4();
  with_token.emplace_back("x-amz-security-token", "t");
  EXPECT_EQ(code_of(check(with_token)), "InvalidToken");
}

}  // namespace
}  // namespace kelp::s3
