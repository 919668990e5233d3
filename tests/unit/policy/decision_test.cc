#include "policy/decision.h"

#include <gtest/gtest.h>

namespace kelp::policy {
namespace {

using DocumentPtr = std::shared_ptr<const Document>;

constexpr std::string_view kHome = "111122223333";
constexpr std::string_view kAway = "444455556666";

DocumentPtr identity(std::string_view effect, std::string_view action) {
  const std::string text = R"({"Statement":{"Effect":")" + std::string(effect) + R"(","Action":")" +
                           std::string(action) + R"(","Resource":"*"}})";
  return std::make_shared<Document>(*Document::parse(text, PolicyKind::kIdentity));
}

DocumentPtr resource(std::string_view effect, std::string_view principal) {
  const std::string text = R"({"Statement":{"Effect":")" + std::string(effect) +
                           R"(","Principal":)" + std::string(principal) +
                           R"(,"Action":"s3:*","Resource":"*"}})";
  return std::make_shared<Document>(*Document::parse(text, PolicyKind::kBucket));
}

Request from(std::string_view account, std::string_view name) {
  Requester who;
  who.account = account;
  who.arn = "arn:aws:iam::" + std::string(account) + ":" + std::string(name);
  if (name == "role/etl") {
    who.role_arn = who.arn;
    who.arn = "arn:aws:sts::" + std::string(account) + ":assumed-role/etl/job";
  }
  return {.who = who, .action = "s3:getobject", .resource = "arn:aws:s3:::b/k", .context = {}};
}

const Request kAnonymous{
    .who = {}, .action = "s3:getobject", .resource = "arn:aws:s3:::b/k", .context = {}};

const DocumentPtr kAllow = identity("Allow", "s3:*");
const DocumentPtr kAllowOther = identity("Allow", "s3:PutObject");
const DocumentPtr kDeny = identity("Deny", "s3:Get*");
constexpr std::string_view kUser = R"({"AWS":"arn:aws:iam::111122223333:user/ann"})";
constexpr std::string_view kRole = R"({"AWS":"arn:aws:iam::111122223333:role/etl"})";
constexpr std::string_view kSession = R"({"AWS":"arn:aws:sts::111122223333:assumed-role/etl/job"})";
constexpr std::string_view kAccount = R"({"AWS":"111122223333"})";

TEST(Decision, NobodyMayWhatNobodyAllowed) {
  EXPECT_FALSE(allows({}, from(kHome, "user/ann"), kHome));
  EXPECT_FALSE(allows({.identity = {kAllowOther}}, from(kHome, "user/ann"), kHome));
  EXPECT_FALSE(allows({}, kAnonymous, kHome));
  EXPECT_FALSE(allows({}, from(kAway, "root"), kHome));
}

TEST(Decision, WithinAnAccountOneAllowanceIsEnough) {
  const Request ann = from(kHome, "user/ann");
  EXPECT_TRUE(allows({.identity = {kAllowOther, kAllow}}, ann, kHome));
  EXPECT_TRUE(allows({.resource = resource("Allow", kUser)}, ann, kHome));
  EXPECT_TRUE(allows({.resource = resource("Allow", "\"*\"")}, ann, kHome));
  EXPECT_TRUE(allows({}, from(kHome, "root"), kHome));
}

TEST(Decision, AnAccountThatIsNamedSaysItselfWhoMay) {
  const DocumentPtr bucket = resource("Allow", kAccount);
  EXPECT_FALSE(allows({.resource = bucket}, from(kHome, "user/ann"), kHome));
  EXPECT_FALSE(allows({.resource = bucket}, from(kHome, "user/ann"), kAway));
  EXPECT_TRUE(allows({.identity = {kAllow}, .resource = bucket}, from(kHome, "user/ann"), kAway));
  EXPECT_TRUE(allows({.resource = bucket}, from(kHome, "root"), kAway));
}

TEST(Decision, BetweenAccountsBothMustAllow) {
  const Request ann = from(kHome, "user/ann");
  EXPECT_FALSE(allows({.identity = {kAllow}}, ann, kAway));
  EXPECT_FALSE(allows({.resource = resource("Allow", kUser)}, ann, kAway));
  EXPECT_TRUE(allows({.identity = {kAllow}, .resource = resource("Allow", kUser)}, ann, kAway));
  EXPECT_FALSE(
      allows({.identity = {kAllow}, .boundary = kAllowOther, .resource = resource("Allow", kUser)},
             ann, kAway));
}

TEST(Decision, ADenialStandsAboveAll) {
  const Request ann = from(kHome, "user/ann");
  const DocumentPtr open = resource("Allow", "\"*\"");
  EXPECT_FALSE(allows({.identity = {kAllow, kDeny}, .resource = open}, ann, kHome));
  EXPECT_FALSE(allows({.identity = {kAllow}, .boundary = kDeny, .resource = open}, ann, kHome));
  EXPECT_FALSE(allows({.identity = {kAllow}, .session = kDeny, .resource = open}, ann, kHome));
  EXPECT_FALSE(allows({.identity = {kAllow}, .resource = resource("Deny", "\"*\"")}, ann, kHome));
  EXPECT_FALSE(allows({.resource = resource("Deny", "\"*\"")}, from(kHome, "root"), kHome));
  EXPECT_FALSE(allows({.resource = resource("Deny", "\"*\"")}, kAnonymous, kHome));
}

TEST(Decision, TheAnonymousMayWhatEverybodyMay) {
  EXPECT_TRUE(allows({.resource = resource("Allow", "\"*\"")}, kAnonymous, kHome));
  EXPECT_TRUE(allows({.resource = resource("Allow", R"({"AWS":"*"})")}, kAnonymous, kHome));
  EXPECT_FALSE(allows({.resource = resource("Allow", kAccount)}, kAnonymous, kHome));
}

TEST(Decision, BoundaryAndSessionCutDown) {
  const Request ann = from(kHome, "user/ann");
  EXPECT_FALSE(allows({.identity = {kAllow}, .boundary = kAllowOther}, ann, kHome));
  EXPECT_TRUE(allows({.identity = {kAllow}, .boundary = kAllow}, ann, kHome));
  EXPECT_FALSE(allows({.boundary = kAllow}, ann, kHome)) << "a boundary allows nothing by itself";
  EXPECT_FALSE(allows({.identity = {kAllow}, .session = kAllowOther}, ann, kHome));
  EXPECT_TRUE(allows({.identity = {kAllow}, .session = kAllow}, ann, kHome));
}

TEST(Decision, HowNearAResourcePolicyNamesSomebodyDecidesWhatCutsDown) {
  const Request ann = from(kHome, "user/ann");
  const Request job = from(kHome, "role/etl");
  EXPECT_TRUE(allows({.boundary = kAllowOther, .resource = resource("Allow", kUser)}, ann, kHome));
  EXPECT_FALSE(allows({.session = kAllowOther, .resource = resource("Allow", kUser)}, ann, kHome));
  EXPECT_FALSE(allows({.boundary = kAllowOther, .resource = resource("Allow", kRole)}, job, kHome));
  EXPECT_FALSE(allows({.session = kAllowOther, .resource = resource("Allow", kRole)}, job, kHome));
  EXPECT_TRUE(allows({.resource = resource("Allow", kRole)}, job, kHome));
  EXPECT_TRUE(allows(
      {.boundary = kAllowOther, .session = kAllowOther, .resource = resource("Allow", kSession)},
      job, kHome));
}

}  // namespace
}  // namespace kelp::policy
