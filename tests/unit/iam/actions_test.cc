// Users, groups, roles and their keys, through the actions of the query API.

#include "tests/unit/iam/iam_world.h"

namespace kelp::iam::test {
namespace {

class ActionsTest : public testing::Test {
 protected:
  IamWorld world_;
};

TEST_F(ActionsTest, AUserComesAndGoes) {
  const std::string made = world_.done("CreateUser", {{"UserName", "Ann"}, {"Path", "/a/b/"}});
  EXPECT_EQ(inside(made, "Arn"), "arn:aws:iam::123456789012:user/a/b/Ann");
  EXPECT_EQ(inside(made, "UserId").substr(0, 4), "AIDA");
  EXPECT_EQ(inside(made, "UserId").size(), 21U);
  EXPECT_EQ(inside(world_.done("GetUser", {{"UserName", "ann"}}), "UserName"), "Ann");
  EXPECT_EQ(world_.refused("CreateUser", {{"UserName", "ANN"}}), "EntityAlreadyExists");
  world_.done("DeleteUser", {{"UserName", "Ann"}});
  EXPECT_EQ(world_.refused("GetUser", {{"UserName", "Ann"}}), "NoSuchEntity");
  EXPECT_EQ(world_.refused("DeleteUser", {{"UserName", "Ann"}}), "NoSuchEntity");
}

TEST_F(ActionsTest, AUserMadeAnewIsAnotherOne) {
  const std::string first = inside(world_.done("CreateUser", {{"UserName", "ann"}}), "UserId");
  world_.done("DeleteUser", {{"UserName", "ann"}});
  EXPECT_NE(inside(world_.done("CreateUser", {{"UserName", "ann"}}), "UserId"), first);
}

TEST_F(ActionsTest, NamesAndPathsAreChecked) {
  for (const std::string bad : {"", "a b", "a/b", "a:b", "\xc3\xa4"}) {
    EXPECT_EQ(world_.refused("CreateUser", {{"UserName", bad}}), "ValidationError") << bad;
  }
  EXPECT_EQ(world_.refused("CreateUser", {{"UserName", std::string(65, 'a')}}), "ValidationError");
  world_.done("CreateUser", {{"UserName", std::string(64, 'a')}});
  world_.done("CreateGroup", {{"GroupName", std::string(128, 'a')}});
  world_.done("CreateUser", {{"UserName", "a+=,.@_-9"}});
  for (const std::string bad : {"a", "/a", "a/", "//", "/a//b/", "/a b/"}) {
    EXPECT_EQ(world_.refused("CreateUser", {{"UserName", "u"}, {"Path", bad}}), "ValidationError")
        << bad;
  }
  EXPECT_EQ(world_.refused("CreateUser", {}), "ValidationError");
  EXPECT_EQ(world_.refused("CreateUser", {{"UserName", "u"}, {"Nonsense", "1"}}),
            "ValidationError");
}

TEST_F(ActionsTest, WhatAUserHasMustGoFirst) {
  world_.done("CreateUser", {{"UserName", "ann"}});
  world_.done("CreateGroup", {{"GroupName", "g"}});
  const std::string admin = "arn:aws:iam::aws:policy/AdministratorAccess";
  struct Case {
    std::string put, take;
    IamWorld::Form with;
  };
  const std::string key =
      inside(world_.done("CreateAccessKey", {{"UserName", "ann"}}), "AccessKeyId");
  EXPECT_EQ(world_.refused("DeleteUser", {{"UserName", "ann"}}), "DeleteConflict");
  world_.done("DeleteAccessKey", {{"UserName", "ann"}, {"AccessKeyId", key}});
  const std::vector<Case> cases = {
      {"AddUserToGroup", "RemoveUserFromGroup", {{"GroupName", "g"}}},
      {"AttachUserPolicy", "DetachUserPolicy", {{"PolicyArn", admin}}},
      {"PutUserPolicy", "DeleteUserPolicy", {{"PolicyName", "p"}}},
  };
  for (const Case& each : cases) {
    IamWorld::Form form = each.with;
    form.emplace_back("UserName", "ann");
    IamWorld::Form put = form;
    if (each.put == "PutUserPolicy") put.emplace_back("PolicyDocument", policy_json("s3:*"));
    world_.done(each.put, put);
    EXPECT_EQ(world_.refused("DeleteUser", {{"UserName", "ann"}}), "DeleteConflict") << each.put;
    world_.done(each.take, form);
  }
  world_.done("DeleteUser", {{"UserName", "ann"}});
}

TEST_F(ActionsTest, GroupsHaveMembers) {
  world_.done("CreateGroup", {{"GroupName", "Ops"}});
  world_.done("CreateUser", {{"UserName", "ann"}});
  world_.done("AddUserToGroup", {{"GroupName", "ops"}, {"UserName", "Ann"}});
  EXPECT_EQ(count_of(world_.done("GetGroup", {{"GroupName", "Ops"}}), "<UserName>ann<"), 1U);
  EXPECT_EQ(count_of(world_.done("ListGroupsForUser", {{"UserName", "ann"}}), "<GroupName>Ops<"),
            1U);
  EXPECT_EQ(world_.refused("DeleteGroup", {{"GroupName", "Ops"}}), "DeleteConflict");
  world_.done("UpdateGroup", {{"GroupName", "Ops"}, {"NewGroupName", "Sea"}, {"NewPath", "/n/"}});
  EXPECT_EQ(count_of(world_.done("ListGroupsForUser", {{"UserName", "ann"}}), "<GroupName>Sea<"),
            1U);
  EXPECT_EQ(world_.refused("GetGroup", {{"GroupName", "Ops"}}), "NoSuchEntity");
  world_.done("RemoveUserFromGroup", {{"GroupName", "Sea"}, {"UserName", "ann"}});
  EXPECT_EQ(world_.refused("RemoveUserFromGroup", {{"GroupName", "Sea"}, {"UserName", "ann"}}),
            "NoSuchEntity");
  world_.done("DeleteGroup", {{"GroupName", "Sea"}});
}

TEST_F(ActionsTest, AUserIsInTenGroupsAtMost) {
  world_.done("CreateUser", {{"UserName", "ann"}});
  for (int i = 0; i <= 10; ++i) {
    const std::string name = "g" + std::to_string(i);
    world_.done("CreateGroup", {{"GroupName", name}});
    const IamWorld::Form form = {{"GroupName", name}, {"UserName", "ann"}};
    if (i < 10) {
      world_.done("AddUserToGroup", form);
    } else {
      EXPECT_EQ(world_.refused("AddUserToGroup", form), "LimitExceeded");
    }
  }
}

TEST_F(ActionsTest, ARenamedUserKeepsWhatItHas) {
  world_.done("CreateUser", {{"UserName", "ann"}});
  const std::string key =
      inside(world_.done("CreateAccessKey", {{"UserName", "ann"}}), "AccessKeyId");
  world_.done("CreateUser", {{"UserName", "bob"}});
  EXPECT_EQ(world_.refused("UpdateUser", {{"UserName", "ann"}, {"NewUserName", "BOB"}}),
            "EntityAlreadyExists");
  world_.done("UpdateUser", {{"UserName", "ann"}, {"NewUserName", "eve"}});
  EXPECT_EQ(world_.refused("GetUser", {{"UserName", "ann"}}), "NoSuchEntity");
  EXPECT_EQ(inside(world_.done("ListAccessKeys", {{"UserName", "eve"}}), "AccessKeyId"), key);
  world_.done("UpdateUser", {{"UserName", "eve"}, {"NewUserName", "EVE"}});
  EXPECT_EQ(inside(world_.done("GetUser", {{"UserName", "eve"}}), "UserName"), "EVE");
}

TEST_F(ActionsTest, KeysAreTwoAtMostAndTheirSecretIsShownOnce) {
  world_.done("CreateUser", {{"UserName", "ann"}});
  const std::string made = world_.done("CreateAccessKey", {{"UserName", "ann"}});
  const std::string id = inside(made, "AccessKeyId");
  const std::string secret = inside(made, "SecretAccessKey");
  EXPECT_EQ(id.size(), 20U);
  EXPECT_EQ(id.substr(0, 4), "AKIA");
  EXPECT_EQ(secret.size(), 40U);
  const Entity& ann = *world_.account().find(Kind::kUser, "ann");
  EXPECT_EQ(ann.row.find(secret), std::string::npos) << "the secret is stored as it is";
  EXPECT_EQ(world_.vault.open_secret(ann.keys[0].sealed_secret, id).value(), secret);
  EXPECT_FALSE(world_.vault.open_secret(ann.keys[0].sealed_secret, "AKIAOTHER"));
  EXPECT_FALSE(Vault("another cluster").open_secret(ann.keys[0].sealed_secret, id));
  world_.done("CreateAccessKey", {{"UserName", "ann"}});
  EXPECT_EQ(world_.refused("CreateAccessKey", {{"UserName", "ann"}}), "LimitExceeded");
  const std::string list = world_.done("ListAccessKeys", {{"UserName", "ann"}});
  EXPECT_EQ(count_of(list, "<AccessKeyId>"), 2U);
  EXPECT_EQ(list.find(secret), std::string::npos);
  world_.done("UpdateAccessKey",
              {{"UserName", "ann"}, {"AccessKeyId", id}, {"Status", "Inactive"}});
  EXPECT_EQ(inside(world_.done("ListAccessKeys", {{"UserName", "ann"}}), "Status"), "Inactive");
  EXPECT_EQ(world_.refused("UpdateAccessKey",
                           {{"UserName", "ann"}, {"AccessKeyId", id}, {"Status", "Off"}}),
            "ValidationError");
  EXPECT_EQ(inside(world_.done("GetAccessKeyLastUsed", {{"AccessKeyId", id}}), "UserName"), "ann");
  EXPECT_EQ(world_.refused("DeleteAccessKey", {{"UserName", "ann"}, {"AccessKeyId", "AKIAX"}}),
            "NoSuchEntity");
}

TEST_F(ActionsTest, WithoutANameAUserSpeaksOfItself) {
  world_.done("CreateUser", {{"UserName", "ann"}});
  world_.done("PutUserPolicy",
              {{"UserName", "ann"}, {"PolicyName", "p"}, {"PolicyDocument", policy_json("iam:*")}});
  const auto mine = world_.ask("GetUser", {}, world_.user("ann"));
  ASSERT_TRUE(mine);
  EXPECT_EQ(inside(*mine, "UserName"), "ann");
  EXPECT_TRUE(world_.ask("CreateAccessKey", {}, world_.user("ann")));
  EXPECT_EQ(world_.account().find(Kind::kUser, "ann")->keys.size(), 1U);
  EXPECT_EQ(inside(world_.done("GetUser", {}), "Arn"), "arn:aws:iam::123456789012:root");
  EXPECT_EQ(world_.refused("CreateAccessKey", {}), "ValidationError");
}

TEST_F(ActionsTest, RolesAreTakenByWhoTheirTrustNames) {
  const std::string trust = trust_json("123456789012");
  const std::string made =
      world_.done("CreateRole", {{"RoleName", "r"}, {"AssumeRolePolicyDocument", trust}});
  EXPECT_EQ(inside(made, "RoleId").substr(0, 4), "AROA");
  EXPECT_EQ(url_decode(inside(made, "AssumeRolePolicyDocument")).value(), trust);
  EXPECT_EQ(inside(made, "MaxSessionDuration"), "3600");
  EXPECT_EQ(world_.refused("CreateRole",
                           {{"RoleName", "q"}, {"AssumeRolePolicyDocument", policy_json("s3:*")}}),
            "MalformedPolicyDocument");
  EXPECT_EQ(world_.refused("UpdateAssumeRolePolicy", {{"RoleName", "r"}, {"PolicyDocument", "{"}}),
            "MalformedPolicyDocument");
  world_.done("UpdateAssumeRolePolicy",
              {{"RoleName", "r"}, {"PolicyDocument", trust_json("210987654321")}});
  world_.done("UpdateRole", {{"RoleName", "r"}, {"MaxSessionDuration", "7200"}});
  world_.done("UpdateRoleDescription", {{"RoleName", "r"}, {"Description", "for <all>"}});
  const std::string role = world_.done("GetRole", {{"RoleName", "r"}});
  EXPECT_EQ(inside(role, "MaxSessionDuration"), "7200");
  EXPECT_EQ(inside(role, "Description"), "for &lt;all&gt;");
  EXPECT_NE(role.find("210987654321"), std::string::npos);
  for (const std::string bad : {"3599", "43201", "x", ""}) {
    EXPECT_EQ(world_.refused("UpdateRole", {{"RoleName", "r"}, {"MaxSessionDuration", bad}}),
              "ValidationError");
  }
}

TEST_F(ActionsTest, ListsComeInPages) {
  for (const std::string name : {"c", "a", "D", "b", "e"}) {
    world_.done("CreateUser", {{"UserName", name}, {"Path", name == "e" ? "/x/" : "/"}});
  }
  std::string names;
  std::string marker;
  int pages = 0;
  do {
    IamWorld::Form form = {{"MaxItems", "2"}};
    if (!marker.empty()) form.emplace_back("Marker", marker);
    const std::string page = world_.done("ListUsers", form);
    for (std::size_t at = page.find("<UserName>"); at != std::string::npos;
         at = page.find("<UserName>", at + 1)) {
      names += page.substr(at + 10, page.find('<', at + 1) - at - 10);
    }
    marker = inside(page, "IsTruncated") == "true" ? inside(page, "Marker") : "";
    ++pages;
  } while (!marker.empty());
  EXPECT_EQ(names, "abcDe");
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(count_of(world_.done("ListUsers", {{"PathPrefix", "/x"}}), "<member>"), 1U);
  for (const std::string bad : {"0", "1001", "-1", "many"}) {
    EXPECT_EQ(world_.refused("ListUsers", {{"MaxItems", bad}}), "ValidationError") << bad;
  }
  EXPECT_EQ(world_.refused("ListUsers", {{"Marker", "?"}}), "ValidationError");
}

TEST_F(ActionsTest, TagsAreTheSameInAnyCase) {
  world_.done("CreateUser",
              {{"UserName", "ann"}, {"Tags.member.1.Key", "Team"}, {"Tags.member.1.Value", "red"}});
  world_.done("TagUser", {{"UserName", "ann"},
                          {"Tags.member.1.Key", "team"},
                          {"Tags.member.1.Value", "blue"},
                          {"Tags.member.2.Key", "x"},
                          {"Tags.member.2.Value", ""}});
  const std::string tags = world_.done("ListUserTags", {{"UserName", "ann"}});
  EXPECT_EQ(count_of(tags, "<member>"), 2U);
  EXPECT_EQ(inside(tags, "Value"), "blue");
  world_.done("UntagUser", {{"UserName", "ann"}, {"TagKeys.member.1", "TEAM"}});
  EXPECT_EQ(count_of(world_.done("ListUserTags", {{"UserName", "ann"}}), "<member>"), 1U);
  EXPECT_EQ(
      world_.refused("TagUser",
                     {{"UserName", "ann"}, {"Tags.member.1.Key", "a"}, {"Tags.member.2.Key", "A"}}),
      "InvalidInput");
  EXPECT_EQ(world_.refused("TagUser", {{"UserName", "ann"}, {"Tags.member.1.Key", "aws:x"}}),
            "InvalidInput");
  EXPECT_EQ(world_.refused("TagUser", {{"UserName", "ann"}, {"Tags.member.2.Key", "a"}}),
            "MalformedInput");
  IamWorld::Form many = {{"UserName", "ann"}};
  for (int i = 1; i <= 50; ++i) {
    many.emplace_back("Tags.member." + std::to_string(i) + ".Key", "k" + std::to_string(i));
    many.emplace_back("Tags.member." + std::to_string(i) + ".Value", "v");
  }
  EXPECT_EQ(world_.refused("TagUser", many), "LimitExceeded");
}

TEST_F(ActionsTest, AnAccountHasOneAlias) {
  EXPECT_EQ(count_of(world_.done("ListAccountAliases", {}), "<member>"), 0U);
  world_.done("CreateAccountAlias", {{"AccountAlias", "sea"}});
  world_.done("CreateAccountAlias", {{"AccountAlias", "sea-2"}});
  EXPECT_EQ(inside(world_.done("ListAccountAliases", {}), "member"), "sea-2");
  EXPECT_EQ(world_.refused("CreateAccountAlias", {{"AccountAlias", "No"}}), "ValidationError");
  EXPECT_EQ(world_.refused("DeleteAccountAlias", {{"AccountAlias", "sea"}}), "NoSuchEntity");
  world_.done("DeleteAccountAlias", {{"AccountAlias", "sea-2"}});
  EXPECT_EQ(count_of(world_.done("ListAccountAliases", {}), "<member>"), 0U);
}

TEST_F(ActionsTest, TheSummaryCounts) {
  world_.done("CreateUser", {{"UserName", "ann"}});
  world_.done("CreateGroup", {{"GroupName", "g"}});
  const std::string summary = world_.done("GetAccountSummary", {});
  EXPECT_NE(summary.find("<key>Users</key><value>1</value>"), std::string::npos);
  EXPECT_NE(summary.find("<key>Roles</key><value>0</value>"), std::string::npos);
  const std::string all = world_.done("GetAccountAuthorizationDetails", {});
  EXPECT_NE(all.find("<UserName>ann<"), std::string::npos);
  EXPECT_NE(all.find("<GroupName>g<"), std::string::npos);
  const std::string groups =
      world_.done("GetAccountAuthorizationDetails", {{"Filter.member.1", "Group"}});
  EXPECT_EQ(groups.find("<UserName>ann<"), std::string::npos);
}

TEST_F(ActionsTest, ProvidersAreNamedByTheirUrl) {
  const std::string made = world_.done("CreateOpenIDConnectProvider",
                                       {{"Url", "https://idp.example.com/realm"},
                                        {"ClientIDList.member.1", "app"},
                                        {"ThumbprintList.member.1", std::string(40, 'a')}});
  const std::string arn = inside(made, "OpenIDConnectProviderArn");
  EXPECT_EQ(arn, "arn:aws:iam::123456789012:oidc-provider/idp.example.com/realm");
  const IamWorld::Form named = {{"OpenIDConnectProviderArn", arn}};
  EXPECT_EQ(inside(world_.done("GetOpenIDConnectProvider", named), "Url"), "idp.example.com/realm");
  EXPECT_EQ(
      world_.refused("CreateOpenIDConnectProvider", {{"Url", "https://IDP.example.com/realm"}}),
      "EntityAlreadyExists");
  for (const std::string bad : {"idp.example.com", "ftp://x", "https://", "https://a?b", "",
                                "https://aws", "https://sts/x", "http://idp.example.com"}) {
    EXPECT_EQ(world_.refused("CreateOpenIDConnectProvider", {{"Url", bad}}), "ValidationError");
  }
  world_.done("AddClientIDToOpenIDConnectProvider",
              {{"OpenIDConnectProviderArn", arn}, {"ClientID", "b"}});
  world_.done("RemoveClientIDFromOpenIDConnectProvider",
              {{"OpenIDConnectProviderArn", arn}, {"ClientID", "app"}});
  const std::string got = world_.done("GetOpenIDConnectProvider", named);
  EXPECT_EQ(inside(inside(got, "ClientIDList"), "member"), "b");
  EXPECT_EQ(count_of(world_.done("ListOpenIDConnectProviders", {}), "<member>"), 1U);
  world_.done("DeleteOpenIDConnectProvider", named);
  EXPECT_EQ(world_.refused("GetOpenIDConnectProvider", named), "NoSuchEntity");
}

}  // namespace
}  // namespace kelp::iam::test
