#include "s3gw/core/key_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/encoding.h"
#include "crypto/digest.h"

namespace kelp::s3 {
namespace {

using testing::HasSubstr;
using testing::Not;

SecretKey filled(char fill) {
  SecretKey key;
  std::ranges::fill(key.bytes(), std::byte(fill));
  return key;
}

WrapSalt salt() {
  WrapSalt salt;
  salt.fill(std::byte('w'));
  return salt;
}

KeyRing some_ring() {
  KeyRing ring = KeyRing::make("kms-1", filled('3'), filled('k'));
  EXPECT_TRUE(ring.add("mine", filled('m')));
  EXPECT_EQ(ring.rotate("mine", filled('n')).value(), 2U);
  EXPECT_TRUE(ring.point("nick", "mine"));
  return ring;
}

Encryption kms(std::string key_id, std::string context = {}) {
  return {.kind = EncryptionKind::kKms,
          .key_id = std::move(key_id),
          .context = std::move(context),
          .wrapped_key = {}};
}

std::string read_file(const std::string& name) {
  std::ifstream file(std::string(KELP_SOURCE_DIR "/tests/golden/") + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(KeyRing, KeepsItsGoldenText) {
  EXPECT_EQ(some_ring().text(), read_file("keyring_v1.txt"));
}

TEST(KeyRing, ReadsWhatItWrites) {
  const std::string text = some_ring().text();
  const KeyRing ring = KeyRing::parse(text).value();
  EXPECT_EQ(ring.text(), text);
  EXPECT_EQ(ring.keys().at("mine").versions.size(), 2U);
  EXPECT_EQ(ring.keys().at("mine").versions[1], filled('n'));
  EXPECT_EQ(ring.aliases().at("nick"), "mine");
}

/// The text of a ring that ends with the SHA-256 of what stands before its sum.
std::string with_sha256(const KeyRing& ring) {
  std::string text = ring.text();
  text.resize(text.rfind("sum "));
  return text + "sum " + hex_encode(view(sha256(text))) + "\n";
}

TEST(KeyRing, ReadsASumOfSha256AndWritesItsOwn) {
  EXPECT_EQ(KeyRing::parse(with_sha256(some_ring())).value().text(), some_ring().text());
}

TEST(KeyRing, RefusesTheSumOfAnotherText) {
  const std::string text = with_sha256(some_ring());
  const std::string other = with_sha256(KeyRing::make("kms-1", filled('x'), filled('y')));
  const std::string keys = text.substr(0, text.rfind("sum "));
  EXPECT_FALSE(KeyRing::parse(keys + other.substr(other.rfind("sum "))));
  EXPECT_FALSE(KeyRing::parse(keys + "sum " + std::string(64, 'x') + "\n"));
  EXPECT_FALSE(KeyRing::parse(keys + "sum \n"));
}

class EachSum : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(KeyRing, EachSum,
                         testing::Values(some_ring().text(), with_sha256(some_ring())));

TEST_P(EachSum, RefusesEveryTruncationAndEveryChangedByte) {
  const std::string text = GetParam();
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {
    EXPECT_FALSE(KeyRing::parse(text.substr(0, size))) << size;
  }
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    std::string other = text;
    other[i] = static_cast<char>(other[i] ^ 1);
    const auto read = KeyRing::parse(other);
    ASSERT_FALSE(read) << i;
    EXPECT_THAT(read.error().message(), Not(HasSubstr(hex_encode(std::string(8, 'm')))));
  }
  EXPECT_FALSE(KeyRing::parse(text + "\n"));
  EXPECT_EQ(KeyRing::parse("kelp-keyring 2\n").error().code(), Errc::kUnimplemented);
}

TEST(KeyRing, KnowsAKeyByItsIdItsArnAndItsAliases) {
  const KeyRing ring = some_ring();
  for (const char* name : {"mine", "alias/nick", "arn:aws:kms:eu-west-1:123456789012:key/mine",
                           "arn:aws:kms:us-east-1:1:alias/nick"}) {
    EXPECT_EQ(ring.resolve(name).value(), "mine") << name;
  }
  EXPECT_EQ(ring.resolve("").value(), "kms-1");
  EXPECT_EQ(ring.resolve("alias/aws/s3").value(), "kms-1");
  for (const char* name : {"other", "nick", "alias/mine", "s3", "key/mine", "arn:aws:kms"}) {
    EXPECT_EQ(ring.resolve(name).error().code(), Errc::kNotFound) << name;
  }
}

TEST(KeyRing, RefusesNamesThatCouldMeanSomethingElse) {
  KeyRing ring = some_ring();
  for (const char* id : {"", "a b", "a\nkey", "alias/x", "\xc3\xa9"}) {
    EXPECT_EQ(ring.add(id, filled('x')).error().code(), Errc::kInvalidArgument) << id;
    EXPECT_EQ(ring.point(id, "mine").error().code(), Errc::kInvalidArgument) << id;
  }
  EXPECT_EQ(ring.add("mine", filled('x')).error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(ring.rotate("none", filled('x')).error().code(), Errc::kNotFound);
  EXPECT_EQ(ring.point("nick", "none").error().code(), Errc::kNotFound);
  EXPECT_EQ(ring.point("nick", "s3").error().code(), Errc::kInvalidArgument);
}

TEST(KeyRing, OpensWhatItWrappedAlsoAfterARotation) {
  KeyRing ring = some_ring();
  const Encryption s3{.kind = EncryptionKind::kS3, .key_id = {}, .context = {}, .wrapped_key = {}};
  for (const Encryption& how : {s3, kms("mine"), kms("", "{\"a\":\"b\"}"), kms("alias/nick")}) {
    const Encryption wrapped = ring.wrap(how, filled('o'), salt()).value();
    EXPECT_EQ(ring.unwrap(wrapped).value(), filled('o'));
    EXPECT_THAT(wrapped.wrapped_key, Not(HasSubstr("oooo")));
    KeyRing rotated = ring;
    EXPECT_TRUE(rotated.rotate("mine", filled('p')));
    EXPECT_TRUE(rotated.rotate("s3", filled('4')));
    EXPECT_EQ(rotated.unwrap(wrapped).value(), filled('o')) << "older versions stay";
    const Encryption newer = rotated.wrap(how, filled('o'), salt()).value();
    EXPECT_EQ(rotated.unwrap(newer).value(), filled('o'));
    const bool untouched = how.kind == EncryptionKind::kKms && how.key_id.empty();
    if (!untouched) {
      EXPECT_EQ(ring.unwrap(newer).error().code(), Errc::kNotFound) << "wrapped with the newest";
    }
  }
  EXPECT_EQ(ring.wrap(kms("none"), filled('o'), salt()).error().code(), Errc::kNotFound);
}

TEST(KeyRing, TellsTheNameThatClientsAreAnswered) {
  const KeyRing ring = some_ring();
  const auto told = [&](std::string name) {
    return ring.wrap(kms(std::move(name)), filled('o'), salt())->key_id;
  };
  EXPECT_EQ(told("mine"), "mine");
  EXPECT_EQ(told("arn:aws:kms:eu-west-1:1:key/mine"), "arn:aws:kms:eu-west-1:1:key/mine");
  EXPECT_EQ(told("alias/nick"), key_arn("mine"));
  EXPECT_EQ(told(""), key_arn("kms-1"));
}

TEST(KeyRing, RefusesWhatWasWrappedOtherwise) {
  const KeyRing ring = some_ring();
  const Encryption wrapped = ring.wrap(kms("mine", "{}"), filled('o'), salt()).value();
  Encryption other = wrapped;
  other.context = "";
  EXPECT_EQ(ring.unwrap(other).error().code(), Errc::kCorruption) << "another context";
  other = wrapped;
  other.key_id = "kms-1";
  EXPECT_FALSE(ring.unwrap(other)) << "another key";
  other = wrapped;
  other.kind = EncryptionKind::kS3;
  EXPECT_FALSE(ring.unwrap(other)) << "another kind";
  for (std::size_t i = 0; i < wrapped.wrapped_key.size(); ++i) {
    other = wrapped;
    other.wrapped_key[i] = static_cast<char>(other.wrapped_key[i] ^ 1);
    EXPECT_FALSE(ring.unwrap(other)) << i;
    other.wrapped_key = wrapped.wrapped_key.substr(0, i);
    EXPECT_FALSE(ring.unwrap(other)) << i;
  }
  other = wrapped;
  other.wrapped_key += '\0';
  EXPECT_FALSE(ring.unwrap(other));
  const KeyRing foreign = KeyRing::make("kms-1", filled('x'), filled('y'));
  const Encryption s3{.kind = EncryptionKind::kS3, .key_id = {}, .context = {}, .wrapped_key = {}};
  const auto refused = foreign.unwrap(ring.wrap(s3, filled('o'), salt()).value());
  EXPECT_EQ(refused.error().code(), Errc::kCorruption);
  EXPECT_THAT(refused.error().detail(), HasSubstr("another key ring"));
}

}  // namespace
}  // namespace kelp::s3
