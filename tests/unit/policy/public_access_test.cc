#include "policy/public_access.h"

#include <gtest/gtest.h>

namespace kelp::policy {
namespace {

bool public_with(const std::string& principal, const std::string& condition,
                 const std::string& effect = "Allow") {
  const std::string text =
      R"({"Version":"2012-10-17","Statement":{"Effect":")" + effect + R"(",)" + principal +
      R"(,"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":)" + condition + "}}";
  const auto document = Document::parse(text, PolicyKind::kBucket);
  EXPECT_TRUE(document.has_value()) << text;
  return document.has_value() && is_public(*document);
}

bool open_but(const std::string& condition) {
  return public_with(R"("Principal":"*")", condition);
}

TEST(PublicAccess, IsWhatEverybodyIsAllowed) {
  EXPECT_TRUE(open_but("{}"));
  EXPECT_TRUE(public_with(R"("Principal":{"AWS":"*"})", "{}"));
  EXPECT_TRUE(public_with(R"("NotPrincipal":{"AWS":"111122223333"})", "{}"));
  EXPECT_FALSE(public_with(R"("Principal":{"AWS":"111122223333"})", "{}"));
  EXPECT_FALSE(public_with(R"("Principal":"*")", "{}", "Deny"));
}

TEST(PublicAccess, IsNotWhatAConditionKeepsToAFewKnown) {
  for (const char* condition :
       {R"({"StringEquals":{"aws:SourceVpc":"vpc-1"}})",
        R"({"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}})",
        R"({"IpAddress":{"aws:SourceIp":"2001:db8::/32"}})",
        R"({"StringEquals":{"aws:PrincipalOrgID":"o-1"}})",
        R"({"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}})"}) {
    EXPECT_FALSE(open_but(condition)) << condition;
  }
}

TEST(PublicAccess, IsWhatAConditionLeavesOpen) {
  for (const char* condition : {R"({"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}})",
                                R"({"IpAddress":{"aws:SourceIp":["10.0.0.0/8","8.0.0.0/7"]}})",
                                R"({"IpAddress":{"aws:SourceIp":"2001::/16"}})",
                                R"({"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}})",
                                R"({"StringLike":{"aws:SourceVpc":"vpc-*"}})",
                                R"({"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}})",
                                R"({"StringEquals":{"aws:SourceVpc":"${aws:SourceVpc}"}})",
                                R"({"StringNotEquals":{"aws:SourceVpc":"vpc-1"}})",
                                R"({"StringEquals":{"aws:Referer":"https://example.com"}})",
                                R"({"Bool":{"aws:SecureTransport":"true"}})",
                                R"({"ForAllValues:StringEquals":{"aws:SourceVpc":"vpc-1"}})",
                                R"({"ArnLike":{"aws:PrincipalArn":"*"}})"}) {
    EXPECT_TRUE(open_but(condition)) << condition;
  }
}

}  // namespace
}  // namespace kelp::policy
