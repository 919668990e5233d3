// Who gets a session, of what, and for how long.

#include "iam/core/sts.h"

#include <fmt/format.h>

#include "tests/unit/iam/iam_world.h"

namespace kelp::iam::test {
namespace {

constexpr std::string_view kRole = "arn:aws:iam::123456789012:role/r";

class StsTest : public testing::Test {
 protected:
  StsTest() {
    world_.done("CreateRole",
                {{"RoleName", "r"}, {"AssumeRolePolicyDocument", trust_json("123456789012")}});
    world_.done("CreateUser", {{"UserName", "ann"}});
    world_.done("CreateUser", {{"UserName", "bob"}});
  }
  /// The answer, or the error's code; `session_` is what was given.
  std::string ask(std::string_view name, IamWorld::Form form, const s3::Credential& caller) {
    const StsAction* action = find_sts_action(name);
    return run(std::move(form), action->parameters, caller, action->run);
  }
  template <typename Act>
  std::string run(IamWorld::Form form, std::string_view allowed, const s3::Credential& caller,
                  Act act) {
    std::string text;
    for (const auto& [key, value] : form) {
      text += url_encode(key, false) + "=" + url_encode(value, false) + "&";
    }
    const Parameters parameters = Parameters::parse(text).value();
    if (const auto fits = parameters.check(allowed); !fits) return fits.error().code;
    std::string xml;
    StsJob job{.model = *world_.model,
               .parameters = parameters,
               .caller = caller,
               .now = kNow,
               .around = world_.around,
               .token = world_.makers.token,
               .seal =
                   [this](const Session& session) {
                     session_ = session;
                     return std::string("token");
                   },
               .xml = s3::XmlWriter(xml)};
    const Outcome<void> done = act(job);
    return done ? xml : done.error().code;
  }
  std::string assume(const s3::Credential& caller, IamWorld::Form more = {},
                     std::string_view role = kRole) {
    more.emplace_back("RoleArn", role);
    more.emplace_back("RoleSessionName", "job");
    const std::string answer = ask("AssumeRole", std::move(more), caller);
    return answer.starts_with("<") ? "ok" : answer;
  }
  void allow(const std::string& user, const std::string& json) {
    world_.done("PutUserPolicy",
                {{"UserName", user}, {"PolicyName", "p"}, {"PolicyDocument", json}});
  }
  void trust(const std::string& json) {
    world_.done("UpdateAssumeRolePolicy", {{"RoleName", "r"}, {"PolicyDocument", json}});
  }

  IamWorld world_;
  Session session_;
};

TEST_F(StsTest, TrustOfTheAccountNeedsTheCallersPolicies) {
  EXPECT_EQ(assume(world_.user("ann")), "AccessDenied");
  allow("ann", policy_json("sts:AssumeRole", "arn:aws:iam::123456789012:role/other"));
  EXPECT_EQ(assume(world_.user("ann")), "AccessDenied");
  allow("ann", policy_json("sts:AssumeRole", kRole));
  EXPECT_EQ(assume(world_.user("ann")), "ok");
  EXPECT_EQ(assume(world_.user("bob")), "AccessDenied");
  EXPECT_EQ(session_.kind, SessionKind::kRole);
  EXPECT_EQ(session_.id, world_.account().find(Kind::kRole, "r")->id);
  EXPECT_EQ(session_.expires, kNow + std::chrono::hours(1));
  EXPECT_EQ(session_.access_key.substr(0, 4), "ASIA");
}

TEST_F(StsTest, TrustOfOneByNameIsEnough) {
  trust(trust_json("arn:aws:iam::123456789012:user/bob"));
  EXPECT_EQ(assume(world_.user("bob")), "ok");
  allow("ann", policy_json("sts:AssumeRole"));
  EXPECT_EQ(assume(world_.user("ann")), "AccessDenied");
  allow("bob", policy_json("sts:AssumeRole", "*", "Deny"));
  EXPECT_EQ(assume(world_.user("bob")), "AccessDenied");
}

TEST_F(StsTest, ARootTakesNoRoleThatDoesNotTrustIt) {
  EXPECT_EQ(assume(world_.root), "ok");
  trust(trust_json("arn:aws:iam::123456789012:user/bob"));
  EXPECT_EQ(assume(world_.root), "AccessDenied");
}

TEST_F(StsTest, AnotherAccountNeedsBoth) {
  s3::Credential stranger = world_.root;
  stranger.who.account = "210987654321";
  stranger.who.arn = "arn:aws:iam::210987654321:user/eve";
  stranger.permissions.identity = {
      compile(policy_json("sts:AssumeRole"), policy::PolicyKind::kIdentity).compiled};
  EXPECT_EQ(assume(stranger), "AccessDenied");
  trust(trust_json("arn:aws:iam::210987654321:root"));
  EXPECT_EQ(assume(stranger), "ok");
  EXPECT_EQ(session_.account, kNumber);
  stranger.permissions.identity.clear();
  EXPECT_EQ(assume(stranger), "AccessDenied");
}

TEST_F(StsTest, NobodyLearnsWhichRolesThereAre) {
  allow("ann", policy_json("sts:AssumeRole"));
  trust(trust_json("210987654321"));
  for (const std::string_view role :
       {kRole, std::string_view("arn:aws:iam::123456789012:role/none"),
        std::string_view("arn:aws:iam::123456789012:role/path/r"),
        std::string_view("arn:aws:iam::999999999999:role/r")}) {
    EXPECT_EQ(assume(world_.user("ann"), {}, role), "AccessDenied") << role;
  }
  for (const std::string_view bad : {"", "r", "arn:aws:iam::123456789012:user/ann"}) {
    EXPECT_EQ(assume(world_.user("ann"), {}, bad), "ValidationError") << bad;
  }
}

TEST_F(StsTest, ConditionsOfTheTrustSeeTheRequest) {
  allow("ann", policy_json("sts:AssumeRole"));
  trust(trust_json("123456789012", R"(,"Condition":{"StringEquals":{"sts:ExternalId":"42"}})"));
  EXPECT_EQ(assume(world_.user("ann")), "AccessDenied");
  EXPECT_EQ(assume(world_.user("ann"), {{"ExternalId", "4"}}), "AccessDenied");
  EXPECT_EQ(assume(world_.user("ann"), {{"ExternalId", "42"}}), "ok");
}

TEST_F(StsTest, TagsOfASessionNeedAPermissionOfTheirOwn) {
  allow("ann", policy_json("sts:*"));
  const IamWorld::Form tags = {{"Tags.member.1.Key", "team"}, {"Tags.member.1.Value", "red"}};
  EXPECT_EQ(assume(world_.user("ann"), tags), "AccessDenied");
  trust(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":)"
        R"("123456789012"},"Action":["sts:AssumeRole","sts:TagSession"]}]})");
  EXPECT_EQ(assume(world_.user("ann"), tags), "ok");
  EXPECT_EQ(session_.tags, (std::vector<Tag>{{"team", "red"}}));
}

/// Chains: a user takes `r`, and the session of `r` takes `next`.
class ChainTest : public StsTest {
 protected:
  static constexpr std::string_view kNext = "arn:aws:iam::123456789012:role/next";

  ChainTest() {
    allow("ann", policy_json("sts:*"));
    world_.done("CreateRole", {{"RoleName", "next"}, {"AssumeRolePolicyDocument", trusting("*")}});
    world_.done("PutRolePolicy",
                {{"RoleName", "r"}, {"PolicyName", "p"}, {"PolicyDocument", policy_json("sts:*")}});
    trust(trusting("*"));
  }
  /// A trust of the account that allows "sts:" and `actions`.
  static std::string trusting(const std::string& actions, const std::string& condition = "") {
    return R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":)"
           R"("123456789012"},"Action":["sts:AssumeRole","sts:)" +
           actions + R"("])" + condition + "}]}";
  }
  void trust_of_next(const std::string& json) {
    world_.done("UpdateAssumeRolePolicy", {{"RoleName", "next"}, {"PolicyDocument", json}});
  }
  /// The caller that the session given last is.
  s3::Credential taken() {
    return session_credential(session_, world_.root.account, &world_.account()).value();
  }
  s3::Credential take(IamWorld::Form more) {
    EXPECT_EQ(assume(world_.user("ann"), std::move(more)), "ok");
    return taken();
  }
};

const IamWorld::Form kTwoTags = {{"Tags.member.1.Key", "team"},
                                 {"Tags.member.1.Value", "red"},
                                 {"Tags.member.2.Key", "cost"},
                                 {"Tags.member.2.Value", "7"},
                                 {"TransitiveTagKeys.member.1", "Team"}};

TEST_F(ChainTest, TransitiveTagsGoAlongAndNoOthers) {
  const s3::Credential first = take(kTwoTags);
  EXPECT_EQ(assume(first, {}, kNext), "ok");
  EXPECT_EQ(session_.tags, (std::vector<Tag>{{"team", "red"}}));
  const std::vector<std::pair<std::string, std::string>> red{{"team", "red"}};
  EXPECT_EQ(taken().tags, red);
  // And on from there.
  world_.done(
      "PutRolePolicy",
      {{"RoleName", "next"}, {"PolicyName", "p"}, {"PolicyDocument", policy_json("sts:*")}});
  const s3::Credential second = taken();
  EXPECT_EQ(assume(second, {{"Tags.member.1.Key", "own"}, {"Tags.member.1.Value", "1"}}), "ok");
  EXPECT_EQ(session_.tags, (std::vector<Tag>{{"own", "1"}, {"team", "red"}}));
  EXPECT_EQ(session_.transitive_tags, std::vector<std::string>{"team"});
}

TEST_F(ChainTest, InheritedTagsAreNotReplacedAndNeedThePermission) {
  const s3::Credential first = take(kTwoTags);
  const IamWorld::Form blue = {{"Tags.member.1.Key", "TEAM"}, {"Tags.member.1.Value", "blue"}};
  EXPECT_EQ(assume(first, blue, kNext), "InvalidParameterValue");
  trust_of_next(trusting("SetSourceIdentity"));
  EXPECT_EQ(assume(first, {}, kNext), "AccessDenied");
  const std::string condition = R"(,"Condition":{"StringEquals":{"aws:RequestTag/team":")";
  trust_of_next(trusting("TagSession", condition + R"(blue"}})"));
  EXPECT_EQ(assume(first, {}, kNext), "AccessDenied");
  trust_of_next(trusting("TagSession", condition + R"(red"}})"));
  EXPECT_EQ(assume(first, {}, kNext), "ok");
  trust_of_next(trusting(
      "TagSession", R"(,"Condition":{"ForAnyValue:StringEquals":{"sts:TransitiveTagKeys":"x"}})"));
  EXPECT_EQ(assume(first, {}, kNext), "AccessDenied");
}

TEST_F(ChainTest, OnlyTagsOfTheRequestAreMadeTransitive) {
  EXPECT_EQ(assume(world_.user("ann"), {{"TransitiveTagKeys.member.1", "team"}}),
            "InvalidParameterValue");
  IamWorld::Form many;
  for (int i = 1; i <= 50; ++i) {
    many.emplace_back(fmt::format("Tags.member.{}.Key", i), fmt::format("k{}", i));
    many.emplace_back(fmt::format("Tags.member.{}.Value", i), "v");
  }
  const s3::Credential first = take(kTwoTags);
  EXPECT_EQ(assume(first, many, kNext), "InvalidParameterValue");
  many.resize(98);
  EXPECT_EQ(assume(first, many, kNext), "ok");
  EXPECT_EQ(session_.tags.size(), 50U);
}

TEST_F(ChainTest, ASourceIdentityStaysAsItWasSaid) {
  const s3::Credential first = take({{"SourceIdentity", "ann@example.com"}});
  EXPECT_EQ(first.source_identity, "ann@example.com");
  EXPECT_EQ(assume(first, {{"SourceIdentity", "bob@example.com"}}, kNext), "AccessDenied");
  EXPECT_EQ(assume(first, {{"SourceIdentity", "ann@example.com"}}, kNext), "ok");
  EXPECT_EQ(assume(first, {}, kNext), "ok");
  EXPECT_EQ(taken().source_identity, "ann@example.com");
  // Who has none may say one, once.
  const s3::Credential unnamed = take({});
  EXPECT_EQ(unnamed.source_identity, "");
  EXPECT_EQ(assume(unnamed, {{"SourceIdentity", "late"}}, kNext), "ok");
  EXPECT_EQ(assume(world_.user("ann"), {{"SourceIdentity", "a b"}}), "ValidationError");
  EXPECT_EQ(assume(world_.user("ann"), {{"SourceIdentity", "a"}}), "ValidationError");
  EXPECT_EQ(assume(world_.user("ann"), {{"SourceIdentity", std::string(65, 'a')}}),
            "ValidationError");
}

// What the trust of the next role allows and asks for; what the first session said; what comes.
TEST_F(ChainTest, ASourceIdentityNeedsAPermissionAndIsAskedFor) {
  const auto asks = [](std::string_view key) {
    return fmt::format(R"(,"Condition":{{"StringEquals":{{"{}":"ann"}}}})", key);
  };
  struct Row {
    std::string trust;
    std::string first;   ///< SourceIdentity of the first session; empty: none.
    std::string second;  ///< Of the one that it takes.
    std::string_view comes;
  };
  const std::vector<Row> rows = {
      {trusting("TagSession"), "", "", "ok"},
      {trusting("TagSession"), "", "ann", "AccessDenied"},
      {trusting("TagSession"), "ann", "", "AccessDenied"},
      {trusting("SetSourceIdentity"), "", "ann", "ok"},
      {trusting("SetSourceIdentity"), "ann", "", "ok"},
      {trusting("*", asks("sts:SourceIdentity")), "", "ann", "ok"},
      {trusting("*", asks("sts:SourceIdentity")), "", "bob", "AccessDenied"},
      {trusting("*", asks("sts:SourceIdentity")), "", "", "AccessDenied"},
      {trusting("*", asks("sts:SourceIdentity")), "ann", "", "AccessDenied"},
      {trusting("*", asks("aws:SourceIdentity")), "ann", "", "ok"},
      {trusting("*", asks("aws:SourceIdentity")), "bob", "", "AccessDenied"},
      {trusting("*", asks("aws:SourceIdentity")), "", "ann", "AccessDenied"},
  };
  for (const Row& row : rows) {
    trust_of_next(row.trust);
    const auto said = [](const std::string& who) {
      return who.empty() ? IamWorld::Form{} : IamWorld::Form{{"SourceIdentity", who}};
    };
    const s3::Credential first = take(said(row.first));
    EXPECT_EQ(assume(first, said(row.second), kNext), row.comes)
        << row.trust << " " << row.first << " " << row.second;
  }
}

TEST_F(ChainTest, TheCallersOwnPoliciesMustAllowTheSourceIdentity) {
  allow("ann", policy_json("sts:AssumeRole"));
  EXPECT_EQ(assume(world_.user("ann"), {{"SourceIdentity", "ann"}}), "AccessDenied");
  EXPECT_EQ(assume(world_.user("ann"), {}), "ok");
  allow("ann", policy_json("sts:*SourceIdentity"));
  EXPECT_EQ(assume(world_.user("ann"), {{"SourceIdentity", "ann"}}), "AccessDenied");
}

TEST_F(StsTest, SessionsLastAsLongAsTheRoleAllows) {
  const auto lasting = [this](const std::string& seconds) {
    return assume(world_.root, {{"DurationSeconds", seconds}});
  };
  EXPECT_EQ(lasting("900"), "ok");
  EXPECT_EQ(session_.expires, kNow + std::chrono::seconds(900));
  EXPECT_EQ(lasting("899"), "ValidationError");
  EXPECT_EQ(lasting("3601"), "ValidationError");
  world_.done("UpdateRole", {{"RoleName", "r"}, {"MaxSessionDuration", "7200"}});
  EXPECT_EQ(lasting("7200"), "ok");
  s3::Credential chained = world_.root;
  chained.who.role_arn = std::string(kRole);
  chained.who.arn = "arn:aws:sts::123456789012:assumed-role/r/job";
  chained.permissions.identity = {
      compile(policy_json("sts:*"), policy::PolicyKind::kIdentity).compiled};
  EXPECT_EQ(assume(chained, {{"DurationSeconds", "7200"}}), "ValidationError");
  EXPECT_EQ(assume(chained, {{"DurationSeconds", "3600"}}), "ok");
}

TEST_F(StsTest, SessionPoliciesAreReadBeforeTheSessionBegins) {
  EXPECT_EQ(assume(world_.root, {{"Policy", "{"}}), "MalformedPolicyDocument");
  EXPECT_EQ(assume(world_.root,
                   {{"Policy", policy_json("s3:*", "arn:aws:s3:::" + std::string(2048, 'b'))}}),
            "PackedPolicyTooLarge");
  EXPECT_EQ(
      assume(world_.root, {{"PolicyArns.member.1.arn", "arn:aws:iam::123456789012:policy/none"}}),
      "NoSuchEntity");
  EXPECT_EQ(assume(world_.root,
                   {{"Policy", policy_json("s3:Get*")},
                    {"PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/AmazonS3FullAccess"}}),
            "ok");
  EXPECT_NE(session_.policy.find("s3:Get*"), std::string::npos);
  EXPECT_NE(session_.policy.find("s3:*"), std::string::npos);
}

TEST_F(StsTest, AUsersSessionIsTheUser) {
  s3::Credential ann = world_.user("ann");
  ann.access_key = "AKIA1";
  EXPECT_NE(ask("GetSessionToken", {}, ann).find("<AccessKeyId>ASIA"), std::string::npos);
  EXPECT_EQ(session_.kind, SessionKind::kUser);
  EXPECT_EQ(session_.parent_key, "AKIA1");
  EXPECT_EQ(session_.expires, kNow + std::chrono::hours(12));
  ann.session_token = "token";
  EXPECT_EQ(ask("GetSessionToken", {}, ann), "AccessDenied");
  EXPECT_EQ(ask("GetFederationToken", {{"Name", "guest"}}, ann), "AccessDenied");
  EXPECT_NE(ask("GetCallerIdentity", {}, ann).find(":user/ann</Arn>"), std::string::npos);
}

TEST_F(StsTest, FederationNeedsAPermission) {
  const IamWorld::Form guest = {{"Name", "guest"}};
  EXPECT_EQ(ask("GetFederationToken", guest, world_.user("ann")), "AccessDenied");
  allow("ann", policy_json("sts:GetFederationToken"));
  EXPECT_NE(ask("GetFederationToken", guest, world_.user("ann")).find("federated-user/guest"),
            std::string::npos);
  EXPECT_EQ(session_.kind, SessionKind::kFederatedUser);
  EXPECT_EQ(session_.name, "ann");
  EXPECT_EQ(ask("GetFederationToken", {{"Name", "g"}}, world_.root), "ValidationError");
}

class WebIdentityTest : public StsTest {
 protected:
  WebIdentityTest() {
    world_.done("CreateOpenIDConnectProvider",
                {{"Url", "https://idp.example.com/realm"}, {"ClientIDList.member.1", "app"}});
    trust(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":)"
          R"("arn:aws:iam::123456789012:oidc-provider/idp.example.com/realm"},)"
          R"("Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":)"
          R"({"idp.example.com/realm:sub":"ann","idp.example.com/realm:aud":"app"}}}]})");
  }
  std::string by(const WebIdentity& who) {
    const s3::Credential nobody;
    const std::string answer = run(
        {{"RoleArn", std::string(kRole)}, {"RoleSessionName", "job"}, {"WebIdentityToken", "t"}},
        kWebIdentityParameters, nobody,
        [&who](StsJob& job) { return assume_role_with_web_identity(job, who); });
    return answer.starts_with("<") ? "ok" : answer;
  }
  WebIdentity ann_{"arn:aws:iam::123456789012:oidc-provider/idp.example.com/realm",
                   "idp.example.com/realm",
                   "ann",
                   "app",
                   {{"sub", "ann"}, {"aud", "app"}}};
};

TEST_F(WebIdentityTest, IsTakenByWhomTheTrustNames) {
  EXPECT_EQ(by(ann_), "ok");
  EXPECT_EQ(session_.id, world_.account().find(Kind::kRole, "r")->id);
  WebIdentity bob = ann_;
  bob.claims[0].second = "bob";
  EXPECT_EQ(by(bob), "AccessDenied");
  WebIdentity other = ann_;
  other.provider_arn = "arn:aws:iam::123456789012:oidc-provider/other";
  EXPECT_EQ(by(other), "AccessDenied");
  WebIdentity elsewhere = ann_;
  elsewhere.provider_arn = "arn:aws:iam::210987654321:oidc-provider/idp.example.com/realm";
  EXPECT_EQ(by(elsewhere), "AccessDenied");
}

// Even a trust of everybody is no trust of another account's providers.
TEST_F(WebIdentityTest, AProviderOfAnotherAccountHasNoWord) {
  trust(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",)"
        R"("Action":"sts:AssumeRoleWithWebIdentity"}]})");
  EXPECT_EQ(by(ann_), "ok");
  WebIdentity elsewhere = ann_;
  elsewhere.provider_arn = "arn:aws:iam::210987654321:oidc-provider/idp.example.com/realm";
  EXPECT_EQ(by(elsewhere), "AccessDenied");
}

TEST_F(WebIdentityTest, ADenialStandsAbove) {
  trust(R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",)"
        R"("Action":"sts:AssumeRoleWithWebIdentity"},{"Effect":"Deny","Principal":"*",)"
        R"("Action":"sts:*"}]})");
  EXPECT_EQ(by(ann_), "AccessDenied");
}

TEST_F(WebIdentityTest, ATrustOfUsersIsNoTrustOfTokens) {
  trust(trust_json("123456789012"));
  EXPECT_EQ(by(ann_), "AccessDenied");
}

// A session would be without the service account's policy, and live longer.
TEST_F(StsTest, AServiceAccountHasNoSessionsOfItsOwn) {
  allow("ann", policy_json("sts:*"));
  const std::string made =
      world_.done("CreateServiceAccount", {{"UserName", "ann"},
                                           {"PolicyDocument", policy_json("sts:*")},
                                           {"Expiration", "2023-11-14T22:30:00Z"}});
  const ServiceAccount* service =
      world_.account().find_service_account(inside(made, "AccessKeyId"));
  const s3::Credential who = service_credential(
      world_.root.account, world_.account(), *world_.account().find(Kind::kUser, "ann"), *service);
  EXPECT_EQ(ask("GetSessionToken", {}, who), "AccessDenied");
  EXPECT_EQ(ask("GetFederationToken", {{"Name", "guest"}}, who), "AccessDenied");
  EXPECT_EQ(assume(who), "ok");
  EXPECT_EQ(session_.expires, *service->expires) << "the role's session ends with it";
}

}  // namespace
}  // namespace kelp::iam::test
