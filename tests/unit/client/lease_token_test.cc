#include "wire/lease_token.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/encoding.h"

namespace kelp {
namespace {

constexpr std::string_view kSecret = "the cluster's secret";

WallTime at(int seconds) {
  return WallTime(std::chrono::seconds(1'700'000'000 + seconds));
}

LeaseClaims claims() {
  return {VolumeId{3}, Generation{7}, NeedleKey{1000}, 16, at(600)};
}

FileId fid(std::uint32_t volume, std::uint64_t key) {
  return {VolumeId{volume}, NeedleKey{key}, Cookie{42}};
}

Errc outcome(std::string_view token, FileId which, std::uint32_t generation, int now) {
  const auto verified = verify_lease(kSecret, token, which, Generation{generation}, at(now));
  return verified.has_value() ? Errc{} : verified.error().code();
}

TEST(LeaseToken, AllowsEveryKeyOfItsRangeAndNoOther) {
  const std::string token = sign_lease(kSecret, claims());
  EXPECT_EQ(token.size(), kLeaseTokenBytes);
  EXPECT_EQ(outcome(token, fid(3, 1000), 7, 0), Errc{});
  EXPECT_EQ(outcome(token, fid(3, 1015), 7, 599), Errc{});
  EXPECT_EQ(outcome(token, fid(3, 999), 7, 0), Errc::kPermissionDenied);
  EXPECT_EQ(outcome(token, fid(3, 1016), 7, 0), Errc::kPermissionDenied);
  EXPECT_EQ(outcome(token, fid(4, 1000), 7, 0), Errc::kPermissionDenied);
}

TEST(LeaseToken, EndsAtItsTime) {
  const std::string token = sign_lease(kSecret, claims());
  EXPECT_EQ(outcome(token, fid(3, 1000), 7, 600), Errc::kPermissionDenied);
}

TEST(LeaseToken, TellsAnotherGenerationApart) {
  const std::string token = sign_lease(kSecret, claims());
  EXPECT_EQ(outcome(token, fid(3, 1000), 8, 0), Errc::kConflict);
  EXPECT_EQ(outcome(token, fid(3, 1000), 6, 0), Errc::kConflict);
}

TEST(LeaseToken, RefusesAnotherSecret) {
  const std::string token = sign_lease("another secret", claims());
  EXPECT_EQ(outcome(token, fid(3, 1000), 7, 0), Errc::kPermissionDenied);
}

TEST(LeaseToken, RefusesEveryFlippedBitAndEveryTruncation) {
  const std::string token = sign_lease(kSecret, claims());
  for (std::size_t bit = 0; bit < token.size() * 8; ++bit) {
    std::string changed = token;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(outcome(changed, fid(3, 1000), 7, 0), Errc::kPermissionDenied) << bit;
  }
  for (std::size_t size = 0; size < token.size(); ++size) {
    EXPECT_EQ(outcome(token.substr(0, size), fid(3, 1000), 7, 0), Errc::kPermissionDenied);
  }
  EXPECT_EQ(outcome(token + "x", fid(3, 1000), 7, 0), Errc::kPermissionDenied);
}

TEST(LeaseToken, ReadsItsGoldenBytes) {
  std::ifstream file(KELP_SOURCE_DIR "/tests/golden/lease-token-v1.hex");
  std::string hex;
  file >> hex;
  EXPECT_EQ(hex_encode(sign_lease(kSecret, claims())), hex);
}

}  // namespace
}  // namespace kelp
