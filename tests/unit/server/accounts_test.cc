#include "server/accounts.h"

#include <gtest/gtest.h>

namespace kelp::server {
namespace {

ClusterIdentity cluster() {
  return {"7d444840-9dc0-11d1-b245-5ffdce74fad2", "secret", {"root-key", "root-secret"}};
}

S3Config with(IdentityConfig identity) {
  S3Config config;
  config.identities.push_back(std::move(identity));
  return config;
}

TEST(Accounts, KnowTheAdministratorAndTheIdentities) {
  const auto accounts = make_accounts(cluster(), with({"second", "second-key", "second-secret"}));
  ASSERT_TRUE(accounts.has_value());
  const s3::Credential* root = (*accounts)->find("root-key");
  const s3::Credential* second = (*accounts)->find("second-key");
  ASSERT_TRUE(root != nullptr && second != nullptr);
  EXPECT_EQ(root->secret_key, "root-secret");
  EXPECT_EQ(root->account.display_name, "admin");
  EXPECT_EQ(root->account.id.size(), 64u);
  EXPECT_NE(root->account.id, second->account.id);
  EXPECT_EQ((*accounts)->find("other"), nullptr);
  EXPECT_EQ((*accounts)->find(""), nullptr);
}

TEST(Accounts, KeepTheirIdWhenTheKeyChanges) {
  const auto before = make_accounts(cluster(), S3Config{});
  ClusterIdentity changed = cluster();
  changed.admin = {"new-key", "new-secret"};
  const auto after = make_accounts(changed, S3Config{});
  EXPECT_EQ((*before)->find("root-key")->account.id, (*after)->find("new-key")->account.id);
}

TEST(Accounts, RefuseTheAdministratorsKeyForAnother) {
  const auto refused = make_accounts(cluster(), with({"second", "root-key", "second-secret"}));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kInvalidArgument);
}

TEST(Accounts, RefuseTheKeyThatIsPrintedInTheDocumentation) {
  ClusterIdentity demo = cluster();
  demo.admin = {"kelp-dev", "kelp-dev-secret"};
  EXPECT_EQ(make_accounts(demo, S3Config{}).error().code(), Errc::kInvalidArgument);
  EXPECT_TRUE(make_accounts(demo, S3Config{.allow_demo_keys = true}).has_value());
  S3Config config = with({"second", "second-key", "kelp-dev-secret"});
  EXPECT_FALSE(make_accounts(cluster(), config).has_value());
  config.allow_demo_keys = true;
  EXPECT_TRUE(make_accounts(cluster(), config).has_value());
}

}  // namespace
}  // namespace kelp::server
