// Sealed texts: only whole ones, with the right key and about the right thing, are opened.

#include "crypto/seal.h"

#include <gtest/gtest.h>

#include "base/encoding.h"

namespace kelp {
namespace {

const Sha256 kKey = sha256("a key");

TEST(Seal, OpensWhatWasSealed) {
  for (const std::string& plain : {std::string(), std::string("x"), std::string(70'000, 'y')}) {
    for (const std::string about : {"", "a name"}) {
      const std::string sealed = seal(kKey, plain, about);
      EXPECT_EQ(sealed.size(), plain.size() + kSealBytes);
      const auto opened = open_sealed(kKey, sealed, about);
      ASSERT_TRUE(opened);
      EXPECT_EQ(*opened, plain);
    }
  }
}

TEST(Seal, SealsDifferentlyEachTime) {
  EXPECT_NE(seal(kKey, "text", ""), seal(kKey, "text", ""));
  EXPECT_EQ(seal(kKey, "a secret text", "").find("secret"), std::string::npos);
}

TEST(Seal, RefusesEveryChangedBitAndEveryTruncation) {
  const std::string sealed = seal(kKey, "text", "about");
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string changed = sealed;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(open_sealed(kKey, changed, "about")) << bit;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(open_sealed(kKey, sealed.substr(0, size), "about")) << size;
  }
  EXPECT_FALSE(open_sealed(kKey, sealed + "x", "about"));
}

TEST(Seal, RefusesAnotherKeyAndAnotherSubject) {
  const std::string sealed = seal(kKey, "text", "about");
  EXPECT_EQ(open_sealed(sha256("b key"), sealed, "about").error().code(), Errc::kPermissionDenied);
  EXPECT_FALSE(open_sealed(kKey, sealed, "abouT"));
  EXPECT_FALSE(open_sealed(kKey, sealed, ""));
}

// What was sealed stays readable: NIST's GCM test case 14 has this key and nonce and these bytes.
TEST(Seal, IsAes256Gcm) {
  const Sha256 zero{};
  const std::string sealed = hex_decode(
                                 "000000000000000000000000"
                                 "cea7403d4d606b6e074ec5d3baf39d18"
                                 "d0d1c8a799996bf0265b98b5d48ab919")
                                 .value();
  const auto opened = open_sealed(zero, sealed, "");
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, std::string(16, '\0'));
}

}  // namespace
}  // namespace kelp
