// Rows of identities: bytes that stay, and nothing else is taken.

#include "iam/core/rows.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/support/golden.h"
#include "tests/unit/iam/iam_world.h"

namespace kelp::iam::test {
namespace {

using kelp::test::golden;

Entity some_user() {
  Entity user;
  user.name = "Ann";
  user.path = "/a/";
  user.id = "AIDATEST";
  user.created = kNow;
  user.tags = {{"k", "v"}, {"empty", ""}};
  user.boundary = "arn:aws:iam::aws:policy/AdministratorAccess";
  user.inline_policies.emplace("p", compile(policy_json("s3:*"), policy::PolicyKind::kIdentity));
  user.attached = {"arn:aws:iam::123456789012:policy/a", "arn:aws:iam::123456789012:policy/b"};
  user.keys = {{"AKIA1", "sealed", true, kNow}, {"AKIA2", "", false, kNow}};
  user.groups = {"g", "h"};
  return user;
}
Entity some_role() {
  Entity role;
  role.kind = Kind::kRole;
  role.name = "r";
  role.id = "AROATEST";
  role.created = kNow;
  role.trust = compile(trust_json("123456789012"), policy::PolicyKind::kTrust);
  role.description = "what for";
  role.max_session_seconds = 43'200;
  return role;
}
ManagedPolicy some_policy() {
  ManagedPolicy policy;
  policy.name = "read";
  policy.id = "ANPATEST";
  policy.created = policy.updated = kNow;
  policy.description = "d";
  policy.default_version = 2;
  policy.next_version = 4;
  for (std::uint32_t number = 2; number < 4; ++number) {
    policy.versions.push_back(
        {number, compile(policy_json("s3:Get*"), policy::PolicyKind::kIdentity), kNow});
  }
  policy.tags = {{"a", "b"}};
  return policy;
}
Provider some_provider() {
  return {"idp.example.com", {"app"}, {std::string(40, 'a')}, kNow, {{"a", "b"}}, {}};
}

TEST(IdentityRows, HaveBytesThatStay) {
  EXPECT_EQ(hex_encode(encode_entity(some_user())), golden("iam_user_v1.hex"));
  EXPECT_EQ(hex_encode(encode_entity(some_role())), golden("iam_role_v1.hex"));
  EXPECT_EQ(hex_encode(encode_policy(some_policy())), golden("iam_policy_v1.hex"));
  EXPECT_EQ(hex_encode(encode_provider(some_provider())), golden("iam_provider_v1.hex"));
  EXPECT_EQ(hex_encode(encode_settings("sea")), golden("iam_settings_v1.hex"));
}

TEST(IdentityRows, ComeBackWhole) {
  for (const Entity& entity : {some_user(), some_role()}) {
    const Entity back = decode_entity(encode_entity(entity)).value();
    EXPECT_EQ(encode_entity(back), encode_entity(entity));
    EXPECT_EQ(back.keys, entity.keys);
    EXPECT_EQ(back.tags, entity.tags);
    EXPECT_EQ(back.inline_policies, entity.inline_policies);
    EXPECT_EQ(back.trust, entity.trust);
    EXPECT_EQ(back.max_session_seconds, entity.max_session_seconds);
    EXPECT_EQ(back.row, encode_entity(entity));
  }
  const std::string policy = encode_policy(some_policy());
  EXPECT_EQ(encode_policy(decode_policy(policy).value()), policy);
  const std::string provider = encode_provider(some_provider());
  EXPECT_EQ(encode_provider(decode_provider(provider).value()), provider);
  EXPECT_EQ(decode_settings(encode_settings("sea")).value(), "sea");
}

TEST(IdentityRows, EveryTruncationIsRefused) {
  const std::string user = encode_entity(some_user());
  for (std::size_t size = 0; size < user.size(); ++size) {
    EXPECT_FALSE(decode_entity(user.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_entity(user + "x"));
  const std::string policy = encode_policy(some_policy());
  for (std::size_t size = 0; size < policy.size(); ++size) {
    EXPECT_FALSE(decode_policy(policy.substr(0, size))) << size;
  }
}

TEST(IdentityRows, ANewerFormatIsRefusedByName) {
  std::string row = encode_entity(some_user());
  row[0] = 9;
  const auto refused = decode_entity(row);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kUnimplemented);
  EXPECT_NE(refused.error().detail().find("format 9"), std::string::npos);
}

TEST(IdentityRows, APolicyWithoutItsDefaultVersionIsDamage) {
  ManagedPolicy policy = some_policy();
  policy.default_version = 1;
  EXPECT_EQ(decode_policy(encode_policy(policy)).error().code(), Errc::kCorruption);
}

// A policy of a newer build may not read here: then it allows nothing, and denies.
TEST(IdentityRows, WhatDoesNotReadDeniesEverything) {
  policy::Request request;
  request.who.account = kNumber;
  request.who.arn = "arn:aws:iam::123456789012:user/ann";
  request.action = "s3:getobject";
  request.resource = "arn:aws:s3:::b/k";
  const PolicyText bad = compile("{", policy::PolicyKind::kIdentity);
  EXPECT_TRUE(bad.compiled->evaluate(request).denied);
  request.action = "sts:assumerole";
  request.resource = "arn:aws:iam::123456789012:role/r";
  const PolicyText nobody = compile("{", policy::PolicyKind::kTrust);
  EXPECT_TRUE(nobody.compiled->evaluate(request).denied);
}

}  // namespace
}  // namespace kelp::iam::test
