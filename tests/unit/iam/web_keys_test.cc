// Keys of identity providers: fetched when they are needed, and not more often.

#include "iam/web_keys.h"

#include <gtest/gtest.h>

#include "tests/support/run_coro.h"
#include "tests/unit/iam/iam_parts.h"

namespace kelp::iam::test {
namespace {

using kelp::test::run_coro;

class WebKeysTest : public testing::Test {
 protected:
  WebKeys::Fetch fetching() {
    return [this](const std::string& url) -> Result<std::string> {
      asked_.push_back(url);
      if (down_) return Error(Errc::kUnavailable, "down");
      if (url.ends_with("/openid-configuration")) return about_;
      return std::string(R"({"keys":[{"kid":"k","kty":"EC","crv":"P-256",)"
                         R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                         R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
    };
  }
  std::size_t keys(const std::string& id = "k") {
    const auto got = run_coro(web_keys_.keys_of("idp.example.com/realm", id));
    return got ? got->size() : 0;
  }

  std::vector<std::string> asked_;
  bool down_ = false;
  std::string about_ = R"({"issuer":"https://idp.example.com/realm",)"
                       R"("jwks_uri":"https://idp.example.com/keys"})";
  MovedClock clock_;
  DirectPool pool_;
  WebKeys web_keys_{clock_, pool_, fetching()};
};

TEST_F(WebKeysTest, AreWhereTheProviderSays) {
  EXPECT_EQ(keys(), 1U);
  EXPECT_EQ(asked_, (std::vector<std::string>{
                        "https://idp.example.com/realm/.well-known/openid-configuration",
                        "https://idp.example.com/keys"}));
}

TEST_F(WebKeysTest, AreKeptForAWhile) {
  keys();
  clock_.advance(std::chrono::minutes(9));
  EXPECT_EQ(keys(), 1U);
  EXPECT_EQ(asked_.size(), 2U);
  clock_.advance(std::chrono::minutes(2));
  EXPECT_EQ(keys(), 1U);
  EXPECT_EQ(asked_.size(), 4U);
}

TEST_F(WebKeysTest, ANewOneIsLookedForButNotAtOnceAgain) {
  keys();
  keys("new");
  EXPECT_EQ(asked_.size(), 2U) << "strangers must not make us ask each time";
  clock_.advance(std::chrono::seconds(30));
  keys("new");
  EXPECT_EQ(asked_.size(), 4U);
}

TEST_F(WebKeysTest, WhatCannotBeHadIsAnError) {
  down_ = true;
  EXPECT_FALSE(run_coro(web_keys_.keys_of("idp.example.com/realm", "k")));
  down_ = false;
  EXPECT_EQ(keys(), 0U) << "strangers must not make us ask each time";
  EXPECT_EQ(asked_.size(), 1U);
  clock_.advance(std::chrono::seconds(30));
  EXPECT_EQ(keys(), 1U);
}

TEST_F(WebKeysTest, TheDescriptionIsTheProvidersOwn) {
  for (const char* const bad :
       {"[]", "{}", R"({"jwks_uri":"https://idp.example.com/keys"})",
        R"({"issuer":"https://other","jwks_uri":"https://idp.example.com/keys"})",
        R"({"issuer":"https://idp.example.com/realm","jwks_uri":"http://idp.example.com/keys"})",
        R"({"issuer":"https://idp.example.com/realm","jwks_uri":"http://127.0.0.1/keys"})",
        R"({"issuer":"https://idp.example.com/realm","jwks_uri":"file:///etc/passwd"})"}) {
    about_ = bad;
    asked_.clear();
    clock_.advance(std::chrono::seconds(30));
    EXPECT_FALSE(run_coro(web_keys_.keys_of("idp.example.com/realm", "k"))) << bad;
    EXPECT_EQ(asked_.size(), 1U) << bad;
  }
}

TEST_F(WebKeysTest, OnlyHttpIsFetched) {
  EXPECT_EQ(fetch("file:///etc/hostname").error().code(), Errc::kInvalidArgument);
  EXPECT_FALSE(fetch("http://127.0.0.1:1/"));
}

}  // namespace
}  // namespace kelp::iam::test
