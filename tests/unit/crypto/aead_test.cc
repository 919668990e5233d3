#include "crypto/aead.h"

#include <gtest/gtest.h>

#include <string>

#include "base/encoding.h"

namespace kelp {
namespace {

std::string sealed(const SecretKey& key, std::uint64_t number, std::string_view associated,
                   std::string_view plain) {
  AesGcm cipher(key);
  std::string out(plain.size() + AesGcm::kTagBytes, '\0');
  const MutableByteSpan bytes = std::as_writable_bytes(std::span(out));
  cipher.begin_seal(number, as_bytes(associated));
  cipher.seal(as_bytes(plain), bytes.first(plain.size()));
  cipher.end_seal(bytes.last<AesGcm::kTagBytes>());
  return out;
}

bool opens(const SecretKey& key, std::uint64_t number, std::string_view associated,
           std::string message) {
  AesGcm cipher(key);
  const MutableByteSpan bytes = std::as_writable_bytes(std::span(message));
  return cipher.open(number, as_bytes(associated), bytes.first(bytes.size() - AesGcm::kTagBytes),
                     ByteSpan(bytes).last<AesGcm::kTagBytes>());
}

// Test cases 13 and 14 of the GCM specification (McGrew and Viega), whose nonce is 0.
TEST(AesGcm, GivesTheKnownAnswers) {
  EXPECT_EQ(hex_encode(sealed({}, 0, "", "")), "530f8afbc74536b9a963b4f1c4cb738b");
  EXPECT_EQ(hex_encode(sealed({}, 0, "", std::string(16, '\0'))),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(AesGcm, OpensWhatItSealedAndNothingElse) {
  const SecretKey key = SecretKey::draw();
  const std::string plain = "attack at dawn";
  const std::string message = sealed(key, 0x1'0000'0001, "to: general", plain);
  EXPECT_TRUE(opens(key, 0x1'0000'0001, "to: general", message));
  EXPECT_FALSE(opens(SecretKey::draw(), 0x1'0000'0001, "to: general", message));
  EXPECT_FALSE(opens(key, 1, "to: general", message));
  EXPECT_FALSE(opens(key, 0x1'0000'0001, "to: Generak", message));
  EXPECT_FALSE(opens(key, 0x1'0000'0001, "", message));
  for (std::size_t bit = 0; bit < 8 * message.size(); ++bit) {
    std::string other = message;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(opens(key, 0x1'0000'0001, "to: general", other)) << bit;
  }
}

TEST(AesGcm, LeavesNothingOfWhatDoesNotOpen) {
  const SecretKey key = SecretKey::draw();
  std::string message = sealed(key, 7, "", "secret");
  message.back() = static_cast<char>(message.back() ^ 1);
  AesGcm cipher(key);
  const MutableByteSpan bytes = std::as_writable_bytes(std::span(message));
  ASSERT_FALSE(cipher.open(7, {}, bytes.first(6), ByteSpan(bytes).last<AesGcm::kTagBytes>()));
  EXPECT_EQ(message.substr(0, 6), std::string(6, '\0'));
}

TEST(AesGcm, SealsInPiecesAsAtOnce) {
  const SecretKey key = SecretKey::draw();
  std::string plain(1000, '\0');
  for (std::size_t i = 0; i < plain.size(); ++i) plain[i] = static_cast<char>(i * 31);
  AesGcm cipher(key);
  std::string out(plain.size() + AesGcm::kTagBytes, '\0');
  const MutableByteSpan bytes = std::as_writable_bytes(std::span(out));
  cipher.begin_seal(3, {});
  std::size_t at = 0;
  for (const std::size_t size : {0, 1, 15, 16, 17, 0, 951}) {
    cipher.seal(as_bytes(std::string_view(plain).substr(at, size)), bytes.subspan(at, size));
    at += size;
  }
  cipher.end_seal(bytes.last<AesGcm::kTagBytes>());
  EXPECT_EQ(out, sealed(key, 3, "", plain));
}

TEST(SecretKey, DerivesOneKeyForALabel) {
  SecretKey key;
  EXPECT_EQ(key.derive("a"), key.derive("a"));
  EXPECT_FALSE(key.derive("a") == key.derive("b"));
  EXPECT_FALSE(key.derive("a") == SecretKey::draw().derive("a"));
  EXPECT_FALSE(SecretKey::draw() == SecretKey::draw());
}

}  // namespace
}  // namespace kelp
