// Sessions: what their tokens carry, as whom they act, and when they end before their time.

#include "iam/core/session.h"

#include "tests/support/golden.h"
#include "tests/unit/iam/iam_world.h"

namespace kelp::iam::test {
namespace {

class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    world_.done("CreateRole",
                {{"RoleName", "r"}, {"AssumeRolePolicyDocument", trust_json("123456789012")}});
    world_.done(
        "PutRolePolicy",
        {{"RoleName", "r"}, {"PolicyName", "p"}, {"PolicyDocument", policy_json("s3:GetObject")}});
    world_.done("CreateUser", {{"UserName", "ann"}, {"Path", "/x/"}});
    key_ = inside(world_.done("CreateAccessKey", {{"UserName", "ann"}}), "AccessKeyId");
  }
  Session of_role() {
    Session session;
    session.kind = SessionKind::kRole;
    session.access_key = "ASIATEST";
    session.secret_key = "secret";
    session.account = kNumber;
    session.name = "r";
    session.id = world_.account().find(Kind::kRole, "r")->id;
    session.session = "job";
    session.tags = {{"team", "red"}};
    session.issued = kNow;
    session.expires = kNow + std::chrono::hours(1);
    return session;
  }
  Session of_user(SessionKind kind) {
    Session session = of_role();
    session.kind = kind;
    session.name = "ann";
    session.id = world_.account().find(Kind::kUser, "ann")->id;
    session.parent_key = key_;
    session.session = kind == SessionKind::kFederatedUser ? "guest" : "";
    return session;
  }
  Result<s3::Credential> credential(const Session& session) {
    return session_credential(session, world_.root.account, &world_.account());
  }
  bool may(const s3::Credential& who, std::string_view action) {
    const policy::Request request =
        request_of(who, action, "arn:aws:s3:::b/k", kNow, world_.around);
    const s3::Permissions& its = who.permissions;
    return policy::allows({its.identity, its.boundary, its.session, nullptr}, request, kNumber);
  }

  IamWorld world_;
  std::string key_;
};

TEST_F(SessionTest, TravelsInATokenThatOnlyTheClusterMakes) {
  const Session session = of_role();
  EXPECT_EQ(decode_session(encode_session(session)).value(), session);
  const std::string token = world_.vault.seal_token(encode_session(session));
  EXPECT_EQ(world_.vault.open_token(token).value(), encode_session(session));
  EXPECT_FALSE(Vault("another").open_token(token));
  for (std::size_t i = 0; i < token.size(); i += 7) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(world_.vault.open_token(changed)) << i;
  }
  EXPECT_FALSE(world_.vault.open_token(""));
  EXPECT_FALSE(world_.vault.open_token("no base64!"));
  const std::string bytes = encode_session(session);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_session(bytes.substr(0, size))) << size;
  }
}

TEST_F(SessionTest, HasBytesThatStay) {
  Session session = of_role();
  session.id = "AROATEST";
  session.policy = policy_json("s3:*");
  EXPECT_EQ(hex_encode(encode_session(session)), kelp::test::golden("iam_session_v1.hex"));
}

TEST_F(SessionTest, WhatGoesAlongHasBytesThatStayToo) {
  Session session = of_role();
  session.id = "AROATEST";
  session.transitive_tags = {"team"};
  session.source_identity = "ann";
  const std::string bytes = encode_session(session);
  EXPECT_EQ(decode_session(bytes).value(), session);
  EXPECT_EQ(hex_encode(bytes), kelp::test::golden("iam_session_v2.hex"));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_session(bytes.substr(0, size))) << size;
  }
}

TEST_F(SessionTest, OfARoleActsAsItsSession) {
  const auto got = credential(of_role());
  ASSERT_TRUE(got);
  EXPECT_EQ(got->who.arn, "arn:aws:sts::123456789012:assumed-role/r/job");
  EXPECT_EQ(got->who.role_arn, "arn:aws:iam::123456789012:role/r");
  EXPECT_EQ(got->user_id, of_role().id + ":job");
  EXPECT_TRUE(got->user_name.empty());
  EXPECT_EQ(got->tags, (std::vector<std::pair<std::string, std::string>>{{"team", "red"}}));
  EXPECT_TRUE(may(*got, "s3:GetObject"));
  EXPECT_FALSE(may(*got, "s3:PutObject"));
  EXPECT_FALSE(s3::acts_as_root(*got));
}

TEST_F(SessionTest, APolicyOfItsOwnCutsDownAndNeverAdds) {
  Session session = of_role();
  session.policy = policy_json("s3:PutObject");
  EXPECT_FALSE(may(*credential(session), "s3:GetObject"));
  EXPECT_FALSE(may(*credential(session), "s3:PutObject"));
  session.policy = policy_json("s3:*");
  EXPECT_TRUE(may(*credential(session), "s3:GetObject"));
  EXPECT_FALSE(may(*credential(session), "s3:PutObject"));
}

TEST_F(SessionTest, EndsWithItsRole) {
  const Session session = of_role();
  world_.done("DeleteRolePolicy", {{"RoleName", "r"}, {"PolicyName", "p"}});
  EXPECT_FALSE(may(*credential(session), "s3:GetObject")) << "the role's policies count now";
  world_.done("DeleteRole", {{"RoleName", "r"}});
  EXPECT_EQ(credential(session).error().code(), Errc::kPermissionDenied);
  world_.done("CreateRole",
              {{"RoleName", "r"}, {"AssumeRolePolicyDocument", trust_json("123456789012")}});
  EXPECT_FALSE(credential(session)) << "another role of that name";
  EXPECT_FALSE(session_credential(session, world_.root.account, nullptr));
}

TEST_F(SessionTest, OfAUserEndsWithItsKey) {
  const Session session = of_user(SessionKind::kUser);
  const auto got = credential(session);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->who.arn, "arn:aws:iam::123456789012:user/x/ann");
  EXPECT_EQ(got->user_name, "ann");
  world_.done("UpdateAccessKey",
              {{"UserName", "ann"}, {"AccessKeyId", key_}, {"Status", "Inactive"}});
  EXPECT_FALSE(credential(session));
  world_.done("UpdateAccessKey",
              {{"UserName", "ann"}, {"AccessKeyId", key_}, {"Status", "Active"}});
  EXPECT_TRUE(credential(session));
  world_.done("DeleteAccessKey", {{"UserName", "ann"}, {"AccessKeyId", key_}});
  EXPECT_FALSE(credential(session));
}

TEST_F(SessionTest, OfAFederatedUserMayWhatBothMay) {
  world_.done(
      "PutUserPolicy",
      {{"UserName", "ann"}, {"PolicyName", "p"}, {"PolicyDocument", policy_json("s3:Get*")}});
  Session session = of_user(SessionKind::kFederatedUser);
  EXPECT_FALSE(may(*credential(session), "s3:GetObject")) << "without a policy it may nothing";
  session.policy = policy_json("s3:*");
  const auto got = credential(session);
  EXPECT_EQ(got->who.arn, "arn:aws:sts::123456789012:federated-user/guest");
  EXPECT_EQ(got->user_id, "123456789012:guest");
  EXPECT_TRUE(may(*got, "s3:GetObject"));
  EXPECT_FALSE(may(*got, "s3:PutObject"));
}

TEST_F(SessionTest, OfTheRootIsTheRootUnlessAPolicyLimitsIt) {
  Session session;
  session.kind = SessionKind::kRoot;
  session.account = kNumber;
  const auto got = session_credential(session, world_.root.account, nullptr);
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->who.is_root());
  EXPECT_TRUE(s3::acts_as_root(*got));
  session.kind = SessionKind::kFederatedUser;
  session.session = "guest";
  EXPECT_FALSE(may(*session_credential(session, world_.root.account, nullptr), "s3:GetObject"));
  session.policy = policy_json("s3:Get*");
  const auto guest = session_credential(session, world_.root.account, nullptr);
  EXPECT_FALSE(s3::acts_as_root(*guest));
  EXPECT_TRUE(may(*guest, "s3:GetObject"));
  EXPECT_FALSE(may(*guest, "s3:PutObject"));
}

TEST_F(SessionTest, PoliciesAreMergedWhole) {
  const std::string one = R"({"Version":"2012-10-17","Statement":{"Sid":"a","Effect":"Allow",)"
                          R"("Action":"s3:GetObject","Resource":"*"}})";
  const std::string two = R"({"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow",)"
                          R"("Action":"s3:PutObject","Resource":"*"}]})";
  const std::string merged = merge_policies({one, two}).value();
  const auto read = policy::Document::parse(merged, policy::PolicyKind::kIdentity);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->statements().size(), 2U);
  EXPECT_EQ(merge_policies({one}).value(), one);
}

}  // namespace
}  // namespace kelp::iam::test
