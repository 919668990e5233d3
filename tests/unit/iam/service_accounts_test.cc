// Service accounts: whose they are, what they may, and when they end.

#include <fstream>
#include <sstream>

#include "iam/key_ring.h"
#include "s3gw/auth_common.h"
#include "tests/support/golden.h"
#include "tests/support/run_coro.h"
#include "tests/unit/iam/iam_parts.h"

namespace kelp::iam::test {
namespace {

using kelp::test::run_coro;
using Form = IamWorld::Form;

constexpr std::string_view kBucket = "arn:aws:s3:::b/k";

/// "s3:* !s3:GetObject" as a policy that allows the one and denies the other.
std::string json_of(const std::string& words, const std::string& principal = "") {
  std::istringstream in(words);
  std::string statements;
  for (std::string word; in >> word;) {
    const bool denies = word.starts_with('!');
    statements += std::string(statements.empty() ? "" : ",") + R"({"Effect":")" +
                  (denies ? "Deny" : "Allow") + R"(","Action":")" + word.substr(denies ? 1 : 0) +
                  R"(","Resource":")" + (principal.empty() ? "*" : std::string(kBucket)) + '"' +
                  (principal.empty() ? "" : R"(,"Principal":{"AWS":")" + principal + R"("})") + "}";
  }
  return R"({"Version":"2012-10-17","Statement":[)" + statements + "]}";
}

class ServiceAccountsTest : public testing::Test {
 protected:
  ServiceAccountsTest() {
    world_.done("CreateUser", {{"UserName", "ann"}});
    world_.done("CreateUser", {{"UserName", "bob"}});
  }
  void allow(const std::string& user, const std::string& json) {
    world_.done("PutUserPolicy",
                {{"UserName", user}, {"PolicyName", "p"}, {"PolicyDocument", json}});
  }
  /// One of ann's; its key.
  std::string made(Form form = {}) {
    form.emplace_back("UserName", "ann");
    return inside(world_.done("CreateServiceAccount", form), "AccessKeyId");
  }
  s3::Credential credential(const std::string& key) {
    const Account& account = world_.account();
    return service_credential(world_.root.account, account, *account.find(Kind::kUser, "ann"),
                              *account.find_service_account(key));
  }
  std::string as(const s3::Credential& who, std::string_view action, const Form& form) {
    const auto answer = world_.ask(action, form, who);
    return answer ? "ok" : answer.error().code;
  }

  IamWorld world_;
};

TEST_F(ServiceAccountsTest, MayWhatTheTableSays) {
  std::ifstream table(KELP_SOURCE_DIR "/tests/unit/iam/service_accounts.tsv");
  std::size_t rows = 0;
  for (std::string line; std::getline(table, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream in(line);
    std::string cells[7];
    for (std::string& cell : cells) std::getline(in, cell, '\t');
    const auto& [parent, group, boundary, own, bucket, action, allowed] = cells;
    IamWorld world;
    world.done("CreateUser", {{"UserName", "ann"}});
    const Form ann = {{"UserName", "ann"}};
    const auto put = [&](std::string_view name, Form form) { world.done(name, std::move(form)); };
    if (parent != "-") {
      put("PutUserPolicy",
          {{"UserName", "ann"}, {"PolicyName", "p"}, {"PolicyDocument", json_of(parent)}});
    }
    put("CreateGroup", {{"GroupName", "g"}});
    put("AddUserToGroup", {{"UserName", "ann"}, {"GroupName", "g"}});
    if (group != "-") {
      put("PutGroupPolicy",
          {{"GroupName", "g"}, {"PolicyName", "p"}, {"PolicyDocument", json_of(group)}});
    }
    if (boundary != "-") {
      put("CreatePolicy", {{"PolicyName", "most"}, {"PolicyDocument", json_of(boundary)}});
      put("PutUserPermissionsBoundary",
          {{"UserName", "ann"}, {"PermissionsBoundary", "arn:aws:iam::123456789012:policy/most"}});
    }
    Form form = ann;
    if (own != "-") form.emplace_back("PolicyDocument", json_of(own));
    const std::string key = inside(world.done("CreateServiceAccount", form), "AccessKeyId");
    const s3::Credential who = service_credential(world.root.account, world.account(),
                                                  *world.account().find(Kind::kUser, "ann"),
                                                  *world.account().find_service_account(key));
    policy::Policies policies{who.permissions.identity, who.permissions.boundary,
                              who.permissions.session, nullptr};
    if (bucket != "-") {
      policies.resource = compile(json_of(bucket, "arn:aws:iam::123456789012:user/ann"),
                                  policy::PolicyKind::kBucket)
                              .compiled;
    }
    const bool of_iam = action.starts_with("iam:");
    const policy::Request request = request_of(
        who, action, of_iam ? "arn:aws:iam::123456789012:user/ann" : std::string(kBucket), kNow,
        world.around);
    EXPECT_EQ(policy::allows(policies, request, kNumber), allowed == "yes") << line;
    EXPECT_FALSE(s3::acts_as_root(who));
    ++rows;
  }
  EXPECT_EQ(rows, 32U);
}

TEST_F(ServiceAccountsTest, ComesAndGoes) {
  const std::string answer =
      world_.done("CreateServiceAccount", {{"UserName", "ann"},
                                           {"Name", "ci"},
                                           {"Description", "what for"},
                                           {"PolicyDocument", policy_json("s3:GetObject")},
                                           {"Expiration", "2030-01-31T00:00:00Z"}});
  const std::string key = inside(answer, "AccessKeyId");
  EXPECT_TRUE(key.starts_with("AKSA"));
  EXPECT_EQ(key.size(), 20U);
  EXPECT_EQ(inside(answer, "SecretAccessKey").size(), 40U);
  EXPECT_EQ(inside(answer, "UserName"), "ann");
  const Form named = {{"UserName", "ann"}, {"AccessKeyId", key}};
  const std::string got = world_.done("GetServiceAccount", named);
  EXPECT_EQ(inside(got, "Name"), "ci");
  EXPECT_EQ(inside(got, "Description"), "what for");
  EXPECT_EQ(inside(got, "Status"), "Active");
  EXPECT_EQ(inside(got, "Expiration"), "2030-01-31T00:00:00.000Z");
  EXPECT_EQ(inside(got, "PolicyDocument"), url_encode(policy_json("s3:GetObject"), false));
  EXPECT_EQ(inside(got, "SecretAccessKey"), "(none)");
  const std::string other = made();
  const std::string list =
      world_.done("ListServiceAccounts", {{"UserName", "ann"}, {"MaxItems", "1"}});
  EXPECT_EQ(count_of(list, "<member>"), 1U);
  EXPECT_EQ(inside(list, "IsTruncated"), "true");
  EXPECT_EQ(count_of(world_.done("ListServiceAccounts", {{"UserName", "bob"}}), "<member>"), 0U);
  world_.done("DeleteServiceAccount", named);
  EXPECT_EQ(world_.refused("GetServiceAccount", named), "NoSuchEntity");
  EXPECT_EQ(world_.refused("DeleteServiceAccount", named), "NoSuchEntity");
  EXPECT_NE(world_.account().find_service_account(other), nullptr);
}

TEST_F(ServiceAccountsTest, ChangesWhatIsNamedAlone) {
  const std::string key = made({{"Name", "ci"},
                                {"PolicyDocument", policy_json("s3:GetObject")},
                                {"Expiration", "2030-01-31T00:00:00Z"}});
  const auto update = [&](Form form) {
    form.emplace_back("UserName", "ann");
    form.emplace_back("AccessKeyId", key);
    return world_.done("UpdateServiceAccount", form);
  };
  update({{"Description", "d"}});
  const ServiceAccount& one = *world_.account().find_service_account(key);
  EXPECT_EQ(one.name, "ci");
  EXPECT_EQ(one.description, "d");
  EXPECT_FALSE(one.policy.json.empty());
  EXPECT_TRUE(one.expires.has_value());
  update({{"Status", "Inactive"}, {"PolicyDocument", ""}, {"Expiration", ""}});
  const ServiceAccount& two = *world_.account().find_service_account(key);
  EXPECT_FALSE(two.active);
  EXPECT_TRUE(two.policy.json.empty());
  EXPECT_FALSE(two.expires.has_value());
}

TEST_F(ServiceAccountsTest, WrongParametersAreRefused) {
  const std::vector<std::pair<Form, std::string>> cases = {
      {{{"Expiration", "soon"}}, "ValidationError"},
      {{{"Expiration", "2020-01-31T00:00:00Z"}}, "ValidationError"},
      {{{"Name", "a b"}}, "ValidationError"},
      {{{"Name", std::string(65, 'a')}}, "ValidationError"},
      {{{"Description", std::string(1001, 'a')}}, "ValidationError"},
      {{{"PolicyDocument", "{}"}}, "MalformedPolicyDocument"},
      {{{"PolicyDocument", policy_json("s3:*", "arn:aws:s3:::" + std::string(6144, 'a'))}},
       "LimitExceeded"},
  };
  for (auto [form, code] : cases) {
    form.emplace_back("UserName", "ann");
    EXPECT_EQ(world_.refused("CreateServiceAccount", form), code) << form[0].first;
  }
  EXPECT_EQ(world_.refused("CreateServiceAccount", {{"UserName", "eve"}}), "NoSuchEntity");
  EXPECT_EQ(world_.refused("CreateServiceAccount", {}), "ValidationError") << "a root has none";
  EXPECT_EQ(world_.refused("UpdateServiceAccount",
                           {{"UserName", "ann"}, {"AccessKeyId", made()}, {"Status", "Off"}}),
            "ValidationError");
  for (std::size_t count = 1; count < kMaxServiceAccounts; ++count) made();
  EXPECT_EQ(world_.refused("CreateServiceAccount", {{"UserName", "ann"}}), "LimitExceeded");
  world_.done("CreateServiceAccount", {{"UserName", "bob"}});
}

// Nobody needs an allowance for keys that may not more than its own, and nobody reaches others'.
TEST_F(ServiceAccountsTest, AreTheParentsAndTheAdministrators) {
  EXPECT_EQ(as(world_.user("ann"), "CreateServiceAccount", {}), "ok");
  EXPECT_EQ(as(world_.user("ann"), "CreateServiceAccount", {{"UserName", "ann"}}), "ok");
  const std::string key = made();
  const Form mine = {{"AccessKeyId", key}};
  const Form anns = {{"AccessKeyId", key}, {"UserName", "ann"}};
  for (const std::string_view action :
       {"GetServiceAccount", "UpdateServiceAccount", "DeleteServiceAccount"}) {
    EXPECT_EQ(as(world_.user("bob"), action, anns), "AccessDenied") << action;
    EXPECT_EQ(as(world_.user("bob"), action, mine), "NoSuchEntity") << action;
  }
  for (const std::string_view action : {"ListServiceAccounts", "CreateServiceAccount"}) {
    EXPECT_EQ(as(world_.user("bob"), action, {{"UserName", "ann"}}), "AccessDenied") << action;
  }
  EXPECT_EQ(as(world_.user("ann"), "ListServiceAccounts", {}), "ok");
  EXPECT_EQ(as(world_.user("ann"), "GetServiceAccount", mine), "ok");
  allow("bob", policy_json("iam:*ServiceAccount*"));
  EXPECT_EQ(as(world_.user("bob"), "GetServiceAccount", anns), "ok");
  EXPECT_EQ(as(world_.user("bob"), "DeleteServiceAccount", anns), "ok");
  EXPECT_EQ(as(world_.user("ann"), "CreateAccessKey", {}), "AccessDenied");
}

TEST_F(ServiceAccountsTest, OfItsOwnCanBeTakenAway) {
  allow("ann", policy_json("iam:CreateServiceAccount", "*", "Deny"));
  EXPECT_EQ(as(world_.user("ann"), "CreateServiceAccount", {}), "AccessDenied");
  EXPECT_EQ(as(world_.user("ann"), "ListServiceAccounts", {}), "ok");
  world_.done("CreatePolicy", {{"PolicyName", "most"}, {"PolicyDocument", policy_json("s3:*")}});
  world_.done(
      "PutUserPermissionsBoundary",
      {{"UserName", "bob"}, {"PermissionsBoundary", "arn:aws:iam::123456789012:policy/most"}});
  EXPECT_EQ(as(world_.user("bob"), "CreateServiceAccount", {}), "AccessDenied");
}

// A session may be of somebody who was given an hour; a key for ever is more.
TEST_F(ServiceAccountsTest, SessionsNeedAnAllowance) {
  s3::Credential session = world_.user("ann");
  session.session_token = "token";
  EXPECT_EQ(as(session, "CreateServiceAccount", {}), "AccessDenied");
  allow("ann", policy_json("iam:CreateServiceAccount"));
  session.permissions = world_.user("ann").permissions;
  EXPECT_EQ(as(session, "CreateServiceAccount", {}), "ok");
}

TEST_F(ServiceAccountsTest, ChangeNoIdentities) {
  allow("ann", policy_json("*"));
  for (const std::string& json : {std::string(), policy_json("*")}) {
    const std::string key = made({{"PolicyDocument", json}});
    const s3::Credential who = credential(key);
    for (const Action& action : iam_actions()) {
      Form form;
      std::istringstream wanted{std::string(action.parameters)};
      for (std::string word; wanted >> word;) {
        if (word.ends_with('!')) form.emplace_back(word.substr(0, word.size() - 1), "x");
      }
      const bool reads = action.name.starts_with("Get") || action.name.starts_with("List");
      const std::string answer = as(who, action.name, form);
      EXPECT_EQ(answer == "AccessDenied", !reads) << action.name << " " << answer;
    }
    EXPECT_EQ(as(who, "UpdateServiceAccount", {{"AccessKeyId", key}}), "AccessDenied");
  }
}

TEST_F(ServiceAccountsTest, EndWithTheirParent) {
  const std::string key = made();
  world_.done("UpdateUser", {{"UserName", "ann"}, {"NewUserName", "eve"}});
  EXPECT_EQ(inside(world_.done("ListServiceAccounts", {{"UserName", "eve"}}), "AccessKeyId"), key);
  world_.done("DeleteUser", {{"UserName", "eve"}});
  EXPECT_EQ(world_.account().find_service_account(key), nullptr);
}

class ServiceKeysTest : public testing::Test {
 protected:
  ServiceKeysTest() {
    service_.id = "AKSATEST";
    service_.parent = "AIDAANN";
    service_.sealed_secret = ring_.vault().seal_secret("its secret", "AKSATEST");
    service_.created = kNow;
    store_.rows[service_account_row_key(number(), "AKSATEST")] = encode_service_account(service_);
    parent("AIDAANN");
  }
  [[nodiscard]] std::string number() const { return roots_.root.who.account; }
  void parent(const std::string& id) {
    Entity user;
    user.name = "ann";
    user.id = id;
    store_.rows[row_key(number(), Kind::kUser, "ann")] = encode_entity(user);
    refresh();
  }
  void put(const ServiceAccount& service) {
    store_.rows[service_account_row_key(number(), service.id)] = encode_service_account(service);
    refresh();
  }
  void refresh() {
    ++store_.revision;
    EXPECT_TRUE(run_coro(ring_.refresh()));
  }

  OneRoot roots_;
  MemIdentities store_;
  MovedClock clock_;
  NoTimers timers_;
  KeyRing ring_{{store_, roots_, clock_, timers_}, {roots_.root.account}, "a cluster's secret"};
  ServiceAccount service_;
};

TEST_F(ServiceKeysTest, ActAsTheirParent) {
  const auto held = ring_.hold("AKSATEST", "");
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(held->secret_key, "its secret");
  EXPECT_EQ(held->who.arn, "arn:aws:iam::" + number() + ":user/ann");
  EXPECT_EQ(held->permissions.session, nullptr);
  service_.policy = compile(policy_json("s3:Get*"), policy::PolicyKind::kIdentity);
  put(service_);
  EXPECT_NE(ring_.hold("AKSATEST", "")->permissions.session, nullptr);
}

TEST_F(ServiceKeysTest, OfAParentThatIsGoneAreNobodys) {
  store_.rows.erase(row_key(number(), Kind::kUser, "ann"));
  refresh();
  EXPECT_EQ(ring_.hold("AKSATEST", ""), nullptr);
  parent("AIDAANOTHER");
  EXPECT_EQ(ring_.hold("AKSATEST", ""), nullptr) << "another user of that name";
  parent("AIDAANN");
  EXPECT_NE(ring_.hold("AKSATEST", ""), nullptr);
}

TEST_F(ServiceKeysTest, ThatAreInactiveOrDeletedAreNobodys) {
  service_.active = false;
  put(service_);
  EXPECT_EQ(ring_.hold("AKSATEST", ""), nullptr);
  service_.active = true;
  put(service_);
  EXPECT_NE(ring_.hold("AKSATEST", ""), nullptr);
  store_.rows.erase(service_account_row_key(number(), "AKSATEST"));
  refresh();
  EXPECT_EQ(ring_.hold("AKSATEST", ""), nullptr);
}

TEST_F(ServiceKeysTest, ExpireToTheMoment) {
  service_.expires = kNow + std::chrono::seconds(10);
  put(service_);
  const auto held = ring_.hold("AKSATEST", "");
  ASSERT_NE(held, nullptr);
  EXPECT_TRUE(s3::check_token(*held, "", kNow + std::chrono::seconds(9)));
  EXPECT_FALSE(s3::check_token(*held, "", kNow + std::chrono::seconds(10)));
}

TEST(ServiceAccountRows, HaveBytesThatStay) {
  ServiceAccount service;
  service.id = "AKSATEST";
  service.parent = "AIDATEST";
  service.sealed_secret = "sealed";
  service.name = "ci";
  service.description = "what for";
  service.policy = compile(policy_json("s3:*"), policy::PolicyKind::kIdentity);
  service.created = kNow;
  service.expires = kNow + std::chrono::hours(1);
  const std::string row = encode_service_account(service);
  EXPECT_EQ(hex_encode(row), kelp::test::golden("iam_service_account_v1.hex"));
  const ServiceAccount back = decode_service_account(row).value();
  EXPECT_EQ(encode_service_account(back), row);
  EXPECT_EQ(back.expires, service.expires);
  EXPECT_NE(back.policy.compiled, nullptr);
  for (std::size_t size = 0; size < row.size(); ++size) {
    EXPECT_FALSE(decode_service_account(row.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_service_account(row + "x"));
}

}  // namespace
}  // namespace kelp::iam::test
