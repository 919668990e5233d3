// Policies that are refused when they are put, and the words.

#include <gtest/gtest.h>

#include "policy/document.h"

namespace kelp::policy {
namespace {

/// A bucket policy of one statement, some of whose fields are said otherwise or (empty) left out.
struct Parts {
  std::string effect = R"("Effect":"Allow",)";
  std::string principal = R"("Principal":"*",)";
  std::string action = R"("Action":"s3:GetObject",)";
  std::string more;
  std::string resource = R"("Resource":"arn:aws:s3:::b/*")";
};

std::string policy(const Parts& parts) {
  std::string text = R"({"Version":"2012-10-17","Statement":[{)" + parts.effect + parts.principal +
                     parts.action + parts.more + parts.resource;
  if (text.ends_with(',')) text.pop_back();
  return text + "}]}";
}

std::string words(const std::string& json, PolicyKind kind = PolicyKind::kBucket) {
  const auto document = Document::parse(json, kind);
  return document.has_value() ? "taken" : document.error().detail();
}

std::string with_condition(const std::string& condition) {
  return words(policy({.more = R"("Condition":)" + condition + ","}));
}

constexpr std::string_view kNoJson = "Policies must be valid JSON and the first byte must be '{'";

TEST(RefusedPolicy, WhatIsNoJson) {
  for (const char* text :
       {"", " {}", "[]", "\"x\"", "{", "{}x", R"({"Statement":[],})", R"({"a":1,"a":1})",
        R"({"Statement":{"Effect":"Allow","Effect":"Deny"}})", "{\"a\":\"\xff\"}", "{/**/}"}) {
    EXPECT_EQ(words(text), kNoJson) << text;
  }
  std::string deep = R"({"Statement":)";
  for (int i = 0; i < 40; ++i) deep += '[';
  for (int i = 0; i < 40; ++i) deep += ']';
  EXPECT_EQ(words(deep + "}"), kNoJson);
}

TEST(RefusedPolicy, WhatIsTooLarge) {
  const std::string taken = policy({});
  EXPECT_EQ(words(taken + std::string(kMaxBucketPolicyBytes - taken.size(), ' ')), "taken");
  EXPECT_EQ(words(taken + std::string(kMaxBucketPolicyBytes - taken.size() + 1, ' ')),
            "Normalized policy document exceeds the maximum allowed size of 20480 bytes.");
}

TEST(RefusedPolicy, WhatMissesAField) {
  EXPECT_EQ(words(policy({})), "taken");
  EXPECT_EQ(words("{}"), "Missing required field Statement");
  EXPECT_EQ(words(R"({"Statement":[]})"), "Could not parse the policy: Statement is empty!");
  EXPECT_EQ(words(policy({.effect = ""})), "Missing required field Effect");
  EXPECT_EQ(words(policy({.principal = ""})), "Missing required field Principal");
  EXPECT_EQ(words(policy({.action = ""})), "Missing required field Action");
  EXPECT_EQ(words(policy({.resource = ""})), "Missing required field Resource");
}

TEST(RefusedPolicy, WhatHasAFieldThatNobodyKnows) {
  EXPECT_EQ(words(R"({"Statements":[]})"), "Unknown field Statements");
  EXPECT_EQ(words(policy({.more = R"("Conditions":{},)"})), "Unknown field Conditions");
  EXPECT_EQ(words(policy({.more = R"("effect":"Deny",)"})), "Unknown field effect");
  EXPECT_EQ(words(policy({}), PolicyKind::kIdentity), "Unknown field Principal");
  EXPECT_EQ(words(policy({}), PolicyKind::kTrust), "Unknown field Resource");
}

TEST(RefusedPolicy, WhatIsOfNoVersion) {
  for (const char* version : {R"("2012-10-18")", R"("")", "2012", "null"}) {
    EXPECT_EQ(words(std::string(R"({"Version":)") + version + R"(,"Statement":[]})"),
              "The policy must contain a valid version string");
  }
}

TEST(RefusedPolicy, WhatHasWrongValues) {
  EXPECT_EQ(words(policy({.effect = R"("Effect":"allow",)"})), "Invalid effect: allow");
  for (const char* action : {R"("s3:Fly")", R"("s3:")", R"("ec2:RunInstances")", R"("GetObject")",
                             "[]", "1", R"([""])", R"("s3:Get*Bird")"}) {
    EXPECT_EQ(words(policy({.action = std::string(R"("Action":)") + action + ","})),
              "Policy has invalid action")
        << action;
  }
  for (const char* resource : {R"("b/*")", R"("arn:aws:s3")", R"("arn:aws:iam::1:user/a")", "[]",
                               R"([1])", R"("")", R"("arn:aws:s3:::b/${aws:username")"}) {
    EXPECT_EQ(words(policy({.resource = std::string(R"("Resource":)") + resource})),
              "Policy has invalid resource")
        << resource;
  }
  for (const char* principal :
       {R"("ann")", "[]", "{}", R"({"AWS":[]})", R"({"AWS":"11112222333"})",
        R"({"AWS":"arn:aws:iam::111122223333:user/*"})",
        R"({"AWS":"arn:aws:iam::111122223333:group/g"})", R"({"AWS":"arn:aws:s3:::b"})",
        R"({"Nobody":"*"})", R"({"CanonicalUser":"ann"})", R"({"AWS":1})", R"({"AWS":""})"}) {
    EXPECT_EQ(words(policy({.principal = std::string(R"("Principal":)") + principal + ","})),
              "Invalid principal in policy")
        << principal;
  }
}

TEST(RefusedPolicy, WhatSaysOneThingTwice) {
  EXPECT_EQ(words(policy({.more = R"("NotAction":"s3:GetObject",)"})),
            "Statement has both Action and NotAction");
  EXPECT_EQ(words(policy({.more = R"("NotPrincipal":"*",)"})),
            "Statement has both Principal and NotPrincipal");
  EXPECT_EQ(words(policy({.more = R"("NotResource":"*",)"})),
            "Statement has both Resource and NotResource");
  const std::string one =
      R"({"Sid":"a","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"})";
  EXPECT_EQ(words(R"({"Statement":[)" + one + "," + one + "]}"),
            "Statement IDs (SID) in a single policy must be unique.");
}

TEST(RefusedPolicy, WhatHasAConditionThatCannotBeAsked) {
  EXPECT_EQ(with_condition(R"({"StringLikes":{"s3:prefix":"a"}})"),
            "Invalid Condition type : StringLikes");
  for (const char* name :
       {"stringequals", "NullIfExists", "ForAllValues:Null", "ForSomeValues:StringEquals",
        "IfExists", "", "StringEqualsIfExistsIfExists", "ForAnyValue:"}) {
    EXPECT_EQ(with_condition(std::string(R"({")") + name + R"(":{"s3:prefix":"a"}})"),
              std::string("Invalid Condition type : ") + name);
  }
  for (const char* key : {"s3:prefixes", "aws:Nothing", "prefix", "", ":", "aws:RequestTag/",
                          "s3:ExistingObjectTag/"}) {
    EXPECT_EQ(with_condition(std::string(R"({"StringEquals":{")") + key + R"(":"a"}})"),
              "Policy has an invalid condition key")
        << key;
  }
  EXPECT_EQ(with_condition(R"({"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}})"),
            "Invalid value for the condition key : aws:sourceip");
  for (const char* condition :
       {R"({"NumericEquals":{"s3:max-keys":"ten"}})",
        R"({"DateEquals":{"aws:CurrentTime":"soon"}})", R"({"Bool":{"aws:SecureTransport":"yes"}})",
        R"({"Null":{"s3:prefix":"maybe"}})", R"({"StringEquals":{"s3:prefix":[]}})",
        R"({"StringEquals":{"s3:prefix":{}}})", R"({"StringEquals":{"s3:prefix":null}})"}) {
    EXPECT_TRUE(with_condition(condition).starts_with("Invalid value for the condition key : "))
        << condition;
  }
  EXPECT_EQ(with_condition("[]"), "Invalid Condition");
  EXPECT_EQ(with_condition(R"({"StringEquals":[]})"), "Invalid Condition");
  EXPECT_EQ(with_condition(R"({"StringEquals":{}})"), "Invalid Condition");
}

TEST(RefusedPolicy, WhatAllowsNothing) {
  const std::string bucket = R"("Resource":"arn:aws:s3:::b")";
  const std::string_view kNone = "Action does not apply to any resource(s) in statement";
  EXPECT_EQ(words(policy({.resource = bucket})), kNone);
  EXPECT_EQ(words(policy({.action = R"("Action":"s3:ListBucket",)"})), kNone);
  EXPECT_EQ(words(policy({.action = R"("Action":["s3:GetObject","s3:ListBucket"],)"})), kNone);
  EXPECT_EQ(words(policy({.action = R"("Action":"s3:ListAllMyBuckets",)"})), kNone);
  EXPECT_EQ(words(policy({.action = R"("Action":"s3:*",)"})), "taken");
  EXPECT_EQ(words(policy({.action = R"("Action":"s3:ListBucket",)", .resource = bucket})), "taken");
  EXPECT_EQ(words(policy({.action = R"("Action":["s3:GetObject","s3:ListBucket"],)",
                          .resource = R"("Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"])"})),
            "taken");
  EXPECT_EQ(words(policy({.resource = R"("Resource":"arn:aws:s3:::*")"})), "taken");
}

}  // namespace
}  // namespace kelp::policy
