// Managed policies and their versions, inline ones, attachments and boundaries.

#include "tests/unit/iam/iam_world.h"

namespace kelp::iam::test {
namespace {

constexpr std::string_view kArn = "arn:aws:iam::123456789012:policy/read";
const std::string kPolicyArn(kArn);

class PoliciesTest : public testing::Test {
 protected:
  PoliciesTest() {
    world_.done("CreateUser", {{"UserName", "ann"}});
    world_.done("CreatePolicy",
                {{"PolicyName", "read"}, {"PolicyDocument", policy_json("s3:GetObject")}});
  }
  IamWorld world_;
};

TEST_F(PoliciesTest, HaveVersionsOfWhichOneCounts) {
  EXPECT_EQ(inside(world_.done("GetPolicy", {{"PolicyArn", kPolicyArn}}), "DefaultVersionId"),
            "v1");
  world_.done("CreatePolicyVersion",
              {{"PolicyArn", kPolicyArn}, {"PolicyDocument", policy_json("s3:Get*")}});
  EXPECT_EQ(inside(world_.done("GetPolicy", {{"PolicyArn", kPolicyArn}}), "DefaultVersionId"),
            "v1");
  EXPECT_EQ(world_.refused("DeletePolicy", {{"PolicyArn", kPolicyArn}}), "DeleteConflict");
  world_.done("SetDefaultPolicyVersion", {{"PolicyArn", kPolicyArn}, {"VersionId", "v2"}});
  EXPECT_EQ(world_.refused("DeletePolicyVersion", {{"PolicyArn", kPolicyArn}, {"VersionId", "v2"}}),
            "DeleteConflict");
  world_.done("DeletePolicyVersion", {{"PolicyArn", kPolicyArn}, {"VersionId", "v1"}});
  const std::string made =
      world_.done("CreatePolicyVersion", {{"PolicyArn", kPolicyArn},
                                          {"PolicyDocument", policy_json("s3:*")},
                                          {"SetAsDefault", "true"}});
  EXPECT_EQ(inside(made, "VersionId"), "v3") << "numbers are never given again";
  EXPECT_EQ(inside(made, "IsDefaultVersion"), "true");
  const std::string got =
      world_.done("GetPolicyVersion", {{"PolicyArn", kPolicyArn}, {"VersionId", "v3"}});
  EXPECT_EQ(url_decode(inside(got, "Document")).value(), policy_json("s3:*"));
  const std::string list = world_.done("ListPolicyVersions", {{"PolicyArn", kPolicyArn}});
  EXPECT_LT(list.find("v3"), list.find("v2"));
  for (const std::string bad : {"", "v", "v0", "3", "v3x"}) {
    EXPECT_EQ(world_.refused("GetPolicyVersion", {{"PolicyArn", kPolicyArn}, {"VersionId", bad}}),
              "ValidationError")
        << bad;
  }
  EXPECT_EQ(world_.refused("GetPolicyVersion", {{"PolicyArn", kPolicyArn}, {"VersionId", "v1"}}),
            "NoSuchEntity");
}

TEST_F(PoliciesTest, HaveFiveVersionsAtMost) {
  const IamWorld::Form form = {{"PolicyArn", kPolicyArn}, {"PolicyDocument", policy_json("s3:*")}};
  for (int i = 0; i < 4; ++i) world_.done("CreatePolicyVersion", form);
  EXPECT_EQ(world_.refused("CreatePolicyVersion", form), "LimitExceeded");
}

TEST_F(PoliciesTest, AreNotDeletedWhileTheyAreUsed) {
  world_.done("AttachUserPolicy", {{"UserName", "ann"}, {"PolicyArn", kPolicyArn}});
  EXPECT_EQ(inside(world_.done("GetPolicy", {{"PolicyArn", kPolicyArn}}), "AttachmentCount"), "1");
  EXPECT_EQ(world_.refused("DeletePolicy", {{"PolicyArn", kPolicyArn}}), "DeleteConflict");
  EXPECT_EQ(
      count_of(world_.done("ListEntitiesForPolicy", {{"PolicyArn", kPolicyArn}}), "<UserName>ann<"),
      1U);
  world_.done("DetachUserPolicy", {{"UserName", "ann"}, {"PolicyArn", kPolicyArn}});
  world_.done("PutUserPermissionsBoundary",
              {{"UserName", "ann"}, {"PermissionsBoundary", kPolicyArn}});
  EXPECT_EQ(world_.refused("DeletePolicy", {{"PolicyArn", kPolicyArn}}), "DeleteConflict");
  EXPECT_EQ(inside(world_.done("GetUser", {{"UserName", "ann"}}), "PermissionsBoundaryArn"),
            kPolicyArn);
  world_.done("DeleteUserPermissionsBoundary", {{"UserName", "ann"}});
  world_.done("DeletePolicy", {{"PolicyArn", kPolicyArn}});
  EXPECT_EQ(world_.refused("GetPolicy", {{"PolicyArn", kPolicyArn}}), "NoSuchEntity");
}

TEST_F(PoliciesTest, AttachmentsAreOfPoliciesThatExist) {
  for (const char* const action : {"AttachUserPolicy", "DetachUserPolicy"}) {
    EXPECT_EQ(world_.refused(action, {{"UserName", "ann"},
                                      {"PolicyArn", "arn:aws:iam::123456789012:policy/none"}}),
              "NoSuchEntity");
    EXPECT_EQ(world_.refused(action, {{"UserName", "ann"},
                                      {"PolicyArn", "arn:aws:iam::210987654321:policy/read"}}),
              "NoSuchEntity");
    EXPECT_EQ(world_.refused(action, {{"UserName", "ann"}, {"PolicyArn", "read"}}),
              "ValidationError");
  }
  world_.done("AttachUserPolicy", {{"UserName", "ann"}, {"PolicyArn", kPolicyArn}});
  world_.done("AttachUserPolicy", {{"UserName", "ann"}, {"PolicyArn", kPolicyArn}});
  const std::string list = world_.done("ListAttachedUserPolicies", {{"UserName", "ann"}});
  EXPECT_EQ(count_of(list, "<member>"), 1U);
  EXPECT_EQ(inside(list, "PolicyName"), "read");
}

TEST_F(PoliciesTest, TenAreAttachedAtMost) {
  for (int i = 0; i <= 10; ++i) {
    const std::string name = "p" + std::to_string(i);
    const std::string made = world_.done(
        "CreatePolicy", {{"PolicyName", name}, {"PolicyDocument", policy_json("s3:*")}});
    const IamWorld::Form form = {{"UserName", "ann"}, {"PolicyArn", inside(made, "Arn")}};
    if (i < 10) {
      world_.done("AttachUserPolicy", form);
    } else {
      EXPECT_EQ(world_.refused("AttachUserPolicy", form), "LimitExceeded");
    }
  }
}

TEST_F(PoliciesTest, ThoseOfTheSystemCanBeUsedAndNotChanged) {
  const std::string arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
  EXPECT_EQ(inside(world_.done("GetPolicy", {{"PolicyArn", arn}}), "Arn"), arn);
  world_.done("AttachUserPolicy", {{"UserName", "ann"}, {"PolicyArn", arn}});
  EXPECT_EQ(world_.refused("DeletePolicy", {{"PolicyArn", arn}}), "AccessDenied");
  EXPECT_EQ(world_.refused("CreatePolicyVersion",
                           {{"PolicyArn", arn}, {"PolicyDocument", policy_json("s3:*")}}),
            "AccessDenied");
  for (const auto& [name, policy] : common_policies()) {
    EXPECT_TRUE(policy::Document::parse(policy->current().text.json, policy::PolicyKind::kIdentity))
        << name;
  }
  EXPECT_EQ(count_of(world_.done("ListPolicies", {{"Scope", "Local"}}), "<member>"), 1U);
  EXPECT_EQ(count_of(world_.done("ListPolicies", {{"OnlyAttached", "true"}}), "<member>"), 1U);
  EXPECT_EQ(count_of(world_.done("ListPolicies", {{"Scope", "AWS"}}), "<member>"),
            common_policies().size());
  EXPECT_EQ(world_.refused("ListPolicies", {{"Scope", "Mine"}}), "ValidationError");
}

TEST_F(PoliciesTest, WhatDoesNotReadIsRefused) {
  for (const std::string& bad :
       {std::string("{"), std::string("[]"), policy_json("s3:*", "*", "Maybe"),
        std::string(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*",)"
                    R"("Resource":"*","Condition":{"Nonsense":{"a":"b"}}}]})")}) {
    EXPECT_EQ(world_.refused("CreatePolicy", {{"PolicyName", "bad"}, {"PolicyDocument", bad}}),
              "MalformedPolicyDocument")
        << bad;
    EXPECT_EQ(world_.refused("PutUserPolicy",
                             {{"UserName", "ann"}, {"PolicyName", "bad"}, {"PolicyDocument", bad}}),
              "MalformedPolicyDocument");
  }
  const std::string big = policy_json("s3:*", "arn:aws:s3:::" + std::string(7000, 'b'));
  EXPECT_EQ(world_.refused("CreatePolicy", {{"PolicyName", "big"}, {"PolicyDocument", big}}),
            "LimitExceeded");
}

TEST_F(PoliciesTest, InlineOnesTogetherHaveAQuota) {
  const auto put = [&](const std::string& name, std::size_t bytes) {
    return IamWorld::Form{
        {"UserName", "ann"},
        {"PolicyName", name},
        {"PolicyDocument", policy_json("s3:*", "arn:aws:s3:::" + std::string(bytes, 'b'))}};
  };
  world_.done("PutUserPolicy", put("a", 1000));
  EXPECT_EQ(world_.refused("PutUserPolicy", put("b", 1000)), "LimitExceeded");
  world_.done("PutUserPolicy", put("a", 1800));
  world_.done("DeleteUserPolicy", {{"UserName", "ann"}, {"PolicyName", "a"}});
  EXPECT_EQ(world_.refused("DeleteUserPolicy", {{"UserName", "ann"}, {"PolicyName", "a"}}),
            "NoSuchEntity");
}

TEST_F(PoliciesTest, InlineOnesComeBackAsTheyWerePut) {
  const std::string json =
      "{ \"Version\":\"2012-10-17\",\n\"Statement\":{\"Effect\":\"Allow\","
      "\"Action\":\"s3:*\",\"Resource\":\"arn:aws:s3:::a%&+ /*\"}}";
  world_.done("CreateGroup", {{"GroupName", "g"}});
  world_.done("PutGroupPolicy",
              {{"GroupName", "g"}, {"PolicyName", "P"}, {"PolicyDocument", json}});
  const std::string got = world_.done("GetGroupPolicy", {{"GroupName", "g"}, {"PolicyName", "P"}});
  EXPECT_EQ(url_decode(inside(got, "PolicyDocument")).value(), json);
  EXPECT_EQ(inside(world_.done("ListGroupPolicies", {{"GroupName", "g"}}), "member"), "P");
}

}  // namespace
}  // namespace kelp::iam::test
