// Who may call the query API: what policies say of iam actions.

#include "tests/unit/iam/iam_world.h"

namespace kelp::iam::test {
namespace {

class AuthorizeTest : public testing::Test {
 protected:
  AuthorizeTest() {
    world_.done("CreateUser", {{"UserName", "ann"}, {"Path", "/ops/"}});
    world_.done("CreateUser", {{"UserName", "bob"}});
  }
  void allow(const std::string& json, const std::string& user = "ann") {
    world_.done("PutUserPolicy",
                {{"UserName", user}, {"PolicyName", "p"}, {"PolicyDocument", json}});
  }
  std::string code(std::string_view action, const IamWorld::Form& form) {
    const auto answer = world_.ask(action, form, world_.user("ann"));
    return answer ? "ok" : answer.error().code;
  }
  IamWorld world_;
};

TEST_F(AuthorizeTest, NothingIsAllowedThatNoPolicyAllows) {
  for (const Action& action : iam_actions()) {
    Account account = world_.account();
    // Those of its own it may make without one.
    const bool of_service = action.name.contains("ServiceAccount");
    const Parameters none = Parameters::parse(of_service ? "UserName=bob" : "").value();
    std::string xml;
    const s3::Credential ann = world_.user("ann");
    const Job job{*world_.model, account, none, ann, kNow, world_.makers, s3::XmlWriter(xml), {}};
    const auto allowed = authorize(action, job, world_.around);
    ASSERT_FALSE(allowed) << action.name;
    EXPECT_EQ(allowed.error().code, "AccessDenied");
    EXPECT_EQ(allowed.error().status, 403);
  }
}

TEST_F(AuthorizeTest, TheWordsNameWhoAndWhat) {
  const auto answer = world_.ask("GetUser", {{"UserName", "bob"}}, world_.user("ann"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message,
            "User: arn:aws:iam::123456789012:user/ops/ann is not authorized to perform: "
            "iam:GetUser on resource: arn:aws:iam::123456789012:user/bob");
}

TEST_F(AuthorizeTest, ResourcesAreWhatIsNamed) {
  allow(policy_json("iam:*User", "arn:aws:iam::123456789012:user/ops/*"));
  EXPECT_EQ(code("GetUser", {}), "ok");
  EXPECT_EQ(code("GetUser", {{"UserName", "bob"}}), "AccessDenied");
  EXPECT_EQ(code("CreateUser", {{"UserName", "eve"}}), "AccessDenied");
  EXPECT_EQ(code("CreateUser", {{"UserName", "eve"}, {"Path", "/ops/x/"}}), "ok");
  // The path of who exists counts, not one that is given along.
  EXPECT_EQ(code("CreateUser", {{"UserName", "bob"}, {"Path", "/ops/"}}), "AccessDenied");
  EXPECT_EQ(code("ListUsers", {}), "AccessDenied");
  EXPECT_EQ(code("GetAccountSummary", {}), "AccessDenied");
}

TEST_F(AuthorizeTest, ListsAreAllowedByPath) {
  allow(policy_json("iam:ListUsers", "arn:aws:iam::123456789012:user/ops/*"));
  EXPECT_EQ(code("ListUsers", {{"PathPrefix", "/ops/"}}), "ok");
  EXPECT_EQ(code("ListUsers", {{"PathPrefix", "/op"}}), "AccessDenied");
  EXPECT_EQ(code("ListUsers", {}), "AccessDenied");
}

TEST_F(AuthorizeTest, GroupsAndDenials) {
  world_.done("CreateGroup", {{"GroupName", "g"}});
  world_.done("AttachGroupPolicy",
              {{"GroupName", "g"}, {"PolicyArn", "arn:aws:iam::aws:policy/IAMFullAccess"}});
  EXPECT_EQ(code("ListGroups", {}), "AccessDenied");
  world_.done("AddUserToGroup", {{"GroupName", "g"}, {"UserName", "ann"}});
  EXPECT_EQ(code("ListGroups", {}), "ok");
  allow(policy_json("iam:ListGroups", "*", "Deny"));
  EXPECT_EQ(code("ListGroups", {}), "AccessDenied");
  EXPECT_EQ(code("ListRoles", {}), "ok");
}

TEST_F(AuthorizeTest, ABoundaryCutsDown) {
  allow(policy_json("iam:*"));
  world_.done(
      "PutUserPermissionsBoundary",
      {{"UserName", "ann"}, {"PermissionsBoundary", "arn:aws:iam::aws:policy/IAMReadOnlyAccess"}});
  EXPECT_EQ(code("ListUsers", {}), "ok");
  EXPECT_EQ(code("CreateUser", {{"UserName", "eve"}}), "AccessDenied");
}

// The pattern by which AWS delegates: make users, but none without the boundary.
TEST_F(AuthorizeTest, ABoundaryCanBeRequiredOfWhoIsMade) {
  const std::string boundary = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
  allow(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:CreateUser",)"
        R"("iam:PutUserPolicy"],"Resource":"*","Condition":{"StringEquals":)"
        R"({"iam:PermissionsBoundary":")" +
        boundary + R"("}}}]})");
  EXPECT_EQ(code("CreateUser", {{"UserName", "eve"}}), "AccessDenied");
  EXPECT_EQ(code("CreateUser", {{"UserName", "eve"}, {"PermissionsBoundary", boundary}}), "ok");
  const auto put = [](const std::string& user) {
    return IamWorld::Form{
        {"UserName", user}, {"PolicyName", "q"}, {"PolicyDocument", policy_json("s3:*")}};
  };
  EXPECT_EQ(code("PutUserPolicy", put("eve")), "ok");
  EXPECT_EQ(code("PutUserPolicy", put("bob")), "AccessDenied");
}

TEST_F(AuthorizeTest, WhatIsAttachedCanBeLimited) {
  allow(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:AttachUserPolicy",)"
        R"("Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":)"
        R"("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}}}]})");
  const auto attach = [](const std::string& name) {
    return IamWorld::Form{{"UserName", "ann"}, {"PolicyArn", "arn:aws:iam::aws:policy/" + name}};
  };
  EXPECT_EQ(code("AttachUserPolicy", attach("AmazonS3ReadOnlyAccess")), "ok");
  EXPECT_EQ(code("AttachUserPolicy", attach("AdministratorAccess")), "AccessDenied");
}

TEST_F(AuthorizeTest, ConditionsSeeWhoAsksAndFromWhere) {
  const auto with = [](const std::string& condition) {
    return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:ListUsers",)"
           R"("Resource":"*","Condition":{)" +
           condition + "}}]}";
  };
  struct Case {
    std::string condition;
    bool holds;
  };
  const std::vector<Case> cases = {
      {R"("IpAddress":{"aws:SourceIp":"10.0.0.0/8"})", true},
      {R"("IpAddress":{"aws:SourceIp":"11.0.0.0/8"})", false},
      {R"("Bool":{"aws:SecureTransport":"true"})", false},
      {R"("StringEquals":{"aws:username":"ann"})", true},
      {R"("StringEquals":{"aws:PrincipalAccount":"123456789012"})", true},
      {R"("StringEquals":{"aws:PrincipalType":"User"})", true},
      {R"("ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/ops/*"})", true},
      {R"("DateLessThan":{"aws:CurrentTime":"2023-01-01T00:00:00Z"})", false},
      {R"("DateGreaterThan":{"aws:CurrentTime":"2023-01-01T00:00:00Z"})", true},
      {R"("StringEquals":{"aws:PrincipalTag/team":"red"})", true},
      {R"("StringEquals":{"aws:PrincipalTag/team":"blue"})", false},
  };
  world_.done("TagUser",
              {{"UserName", "ann"}, {"Tags.member.1.Key", "team"}, {"Tags.member.1.Value", "red"}});
  for (const Case& each : cases) {
    allow(with(each.condition));
    EXPECT_EQ(code("ListUsers", {}), each.holds ? "ok" : "AccessDenied") << each.condition;
  }
}

}  // namespace
}  // namespace kelp::iam::test
