// Master keys in a transit engine: what it is asked, and what becomes of its answers.

#include "server/vault_keys.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/encoding.h"
#include "policy/json_text.h"
#include "s3gw/local_keys.h"
#include "tests/support/run_coro.h"

namespace kelp::server::test {
namespace {

using kelp::test::run_coro;

class DirectPool final : public WorkPool {
 public:
  [[nodiscard]] bool try_post(Work work) override {
    if (full) return false;
    if (before) before();
    work();
    return true;
  }
  bool full = false;
  std::function<void()> before;  ///< Runs while the work waits.
};

class MovedClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime(since); }
  [[nodiscard]] WallTime wall() const override { return WallTime(since); }
  std::chrono::seconds since{0};
};

/// A transit engine that "encrypts" by keeping what it was given.
class VaultKeysTest : public testing::Test {
 protected:
  Result<VaultAnswer> answer(const std::string& path, const std::string& json) {
    asked_.push_back(path);
    clock_.since += takes_;
    if (!answers_.empty()) {
      const VaultAnswer next = answers_.front();
      answers_.erase(answers_.begin());
      if (next.status == 0) return Error(Errc::kUnavailable, "down");
      if (next.status != 200 || !next.body.empty()) return next;
    }
    const auto form = policy::parse_json_object(json).value();
    const auto text = [&](const char* name) { return std::string(form.at(name).as_string()); };
    const std::string key = path.substr(path.find('/') + 1);
    if (path.starts_with("encrypt/")) {
      if (key == "kelp-none") return VaultAnswer{403, "{}"};
      const std::string sealed = "vault:v1:" + std::to_string(kept_.size());
      kept_[sealed] = {key, text("plaintext"), text("associated_data")};
      return VaultAnswer{200, R"({"data":{"ciphertext":")" + sealed + R"("}})"};
    }
    const auto at = kept_.find(text("ciphertext"));
    if (at == kept_.end() || at->second[0] != key || at->second[2] != text("associated_data")) {
      return VaultAnswer{400, "{}"};
    }
    return VaultAnswer{200, R"({"data":{"plaintext":")" + at->second[1] + R"("}})"};
  }
  static Encryption how(EncryptionKind kind, std::string key_id = "", std::string context = "") {
    Encryption made;
    made.kind = kind;
    made.key_id = std::move(key_id);
    made.context = std::move(context);
    return made;
  }
  Result<Encryption> wrap(EncryptionKind kind, std::string key_id = "", std::string context = "") {
    return run_coro(keys_.wrap(how(kind, std::move(key_id), std::move(context)), secret_));
  }

  DirectPool pool_;
  MovedClock clock_;
  std::chrono::seconds takes_{0};  ///< An answer.
  std::vector<std::string> asked_;
  std::vector<VaultAnswer> answers_;  ///< Status 0: none comes; 200 without a body: the usual one.
  std::map<std::string, std::vector<std::string>> kept_;
  s3::KeyRing ring_ = s3::KeyRing::make("first", SecretKey::draw(), SecretKey::draw());
  s3::LocalKeys before_{ring_};
  SecretKey secret_ = SecretKey::draw();
  VaultKeys keys_{VaultParts{.pool = pool_,
                             .clock = clock_,
                             .patience = std::chrono::seconds(6),
                             .prefix = "kelp-",
                             .post = [this](const std::string& path,
                                            const std::string& json) { return answer(path, json); },
                             .before = &before_}};
};

TEST_F(VaultKeysTest, WrapAndOpen) {
  for (const EncryptionKind kind : {EncryptionKind::kS3, EncryptionKind::kKms}) {
    const auto wrapped = wrap(kind);
    ASSERT_TRUE(wrapped);
    EXPECT_EQ(wrapped->wrapped_key[0], 2) << "a format of its own";
    EXPECT_EQ(run_coro(keys_.unwrap(*wrapped)).value(), secret_);
  }
  EXPECT_EQ(asked_, (std::vector<std::string>{"encrypt/kelp-s3", "decrypt/kelp-s3",
                                              "encrypt/kelp-kms", "decrypt/kelp-kms"}));
  EXPECT_EQ(wrap(EncryptionKind::kKms)->key_id, "arn:aws:kms:us-east-1:000000000000:key/kms");
}

TEST_F(VaultKeysTest, KeysHaveTheNamesThatClientsSay) {
  EXPECT_EQ(wrap(EncryptionKind::kKms, "payroll")->key_id, "payroll");
  EXPECT_TRUE(wrap(EncryptionKind::kKms, "arn:aws:kms:us-east-1:000000000000:key/payroll"));
  EXPECT_TRUE(wrap(EncryptionKind::kKms, "alias/aws/s3"));
  EXPECT_EQ(asked_, (std::vector<std::string>{"encrypt/kelp-payroll", "encrypt/kelp-payroll",
                                              "encrypt/kelp-kms"}));
  asked_.clear();
  for (const char* bad : {"s3", "..", "a/b", "a?b", "a%2fb", "alias/hr", "../sys/seal", "a\nb"}) {
    EXPECT_EQ(wrap(EncryptionKind::kKms, bad).error().code(), Errc::kNotFound) << bad;
  }
  EXPECT_TRUE(asked_.empty()) << "none of them reaches the engine";
  EXPECT_EQ(wrap(EncryptionKind::kKms, "none").error().code(), Errc::kNotFound);
}

TEST_F(VaultKeysTest, AreBoundToKindKeyAndContext) {
  const Encryption good = *wrap(EncryptionKind::kKms, "payroll", "a context");
  EXPECT_TRUE(run_coro(keys_.unwrap(good)));
  Encryption bad = good;
  bad.context = "another";
  EXPECT_EQ(run_coro(keys_.unwrap(bad)).error().code(), Errc::kCorruption);
  bad = good;
  bad.key_id = "other";
  EXPECT_EQ(run_coro(keys_.unwrap(bad)).error().code(), Errc::kCorruption);
  bad = *wrap(EncryptionKind::kKms, "", "");
  bad.kind = EncryptionKind::kS3;
  EXPECT_EQ(run_coro(keys_.unwrap(bad)).error().code(), Errc::kCorruption);
}

TEST_F(VaultKeysTest, AskAgainAndThenSayThatNobodyIsThere) {
  answers_ = {{0, ""}, {503, "{}"}, {200, ""}};
  EXPECT_TRUE(wrap(EncryptionKind::kS3));
  for (const VaultAnswer& one : std::vector<VaultAnswer>{{0, ""}, {503, "{}"}, {429, "{}"}}) {
    asked_.clear();
    answers_ = {one, one, one};
    EXPECT_EQ(wrap(EncryptionKind::kS3).error().code(), Errc::kUnavailable) << one.status;
    EXPECT_EQ(asked_.size(), 3U);
  }
  answers_ = {{403, "{}"}};
  EXPECT_EQ(wrap(EncryptionKind::kS3).error().code(), Errc::kUnavailable) << "the token is wrong";
  pool_.full = true;
  EXPECT_EQ(wrap(EncryptionKind::kS3).error().code(), Errc::kUnavailable);
}

// A thread that was waited for too long asks nobody: behind it more are waiting.
TEST_F(VaultKeysTest, AreNotWaitedForLongerThanMeant) {
  takes_ = std::chrono::seconds(3);
  answers_ = {{503, "{}"}, {503, "{}"}, {503, "{}"}};
  EXPECT_EQ(wrap(EncryptionKind::kS3).error().code(), Errc::kUnavailable);
  EXPECT_EQ(asked_.size(), 2U) << "the third began behind the six seconds";
  answers_.clear();
  asked_.clear();
  pool_.before = [this] { clock_.since += std::chrono::seconds(6); };
  EXPECT_EQ(wrap(EncryptionKind::kS3).error().code(), Errc::kUnavailable);
  EXPECT_TRUE(asked_.empty());
  pool_.before = [this] { clock_.since += std::chrono::seconds(5); };
  EXPECT_TRUE(wrap(EncryptionKind::kS3));
}

TEST_F(VaultKeysTest, TakeNoNonsense) {
  for (const char* body : {"", "{", "{}", R"({"data":{}})", R"({"data":{"ciphertext":""}})",
                           R"({"data":{"ciphertext":7}})"}) {
    answers_ = {{200, body[0] == 0 ? " " : body}};
    EXPECT_FALSE(wrap(EncryptionKind::kS3)) << body;
  }
  const Encryption good = *wrap(EncryptionKind::kS3);
  answers_ = {{200, R"({"data":{"plaintext":"c2hvcnQ="}})"}};
  EXPECT_EQ(run_coro(keys_.unwrap(good)).error().code(), Errc::kCorruption);
}

TEST_F(VaultKeysTest, WhatARingWrappedIsReadByTheRing) {
  const Encryption old = *run_coro(before_.wrap(how(EncryptionKind::kS3), secret_));
  EXPECT_EQ(run_coro(keys_.unwrap(old)).value(), secret_);
  EXPECT_TRUE(asked_.empty());
  VaultKeys alone{VaultParts{
      .pool = pool_, .clock = clock_, .patience = {}, .prefix = "kelp-", .post = {}, .before = {}}};
  EXPECT_EQ(run_coro(alone.unwrap(old)).error().code(), Errc::kNotFound);
}

}  // namespace
}  // namespace kelp::server::test
