#include "catalog/core/token.h"

#include <gtest/gtest.h>

#include <chrono>

namespace kelp::catalog {
namespace {

using namespace std::chrono_literals;

TEST(Token, IsOpenedByItsClusterAloneUntilItExpires) {
  const Sha256 key = token_key("a secret");
  const WallTime now{1000s};
  const std::string text =
      seal_token(key, {.access_key = "AK", .secret_hash = "hash", .expires = now + 60s});
  const auto opened = open_token(key, text, now);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->access_key, "AK");
  EXPECT_EQ(opened->secret_hash, "hash");
  EXPECT_FALSE(open_token(key, text, now + 60s).has_value());
  EXPECT_FALSE(open_token(key, text, now + 3600s).has_value());
  EXPECT_FALSE(open_token(token_key("another"), text, now).has_value());
  EXPECT_FALSE(open_token(key, text.substr(4), now).has_value());
  EXPECT_FALSE(open_token(key, "", now).has_value());
  EXPECT_FALSE(open_token(key, "%", now).has_value());
}

}  // namespace
}  // namespace kelp::catalog
