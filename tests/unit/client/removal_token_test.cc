#include "wire/removal_token.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/support/golden.h"
#include "wire/lease_token.h"

namespace kelp {
namespace {

constexpr std::string_view kSecret = "the cluster's secret";
const FileId kFid{VolumeId{3}, NeedleKey{1000}, Cookie{42}};

WallTime at(int seconds) {
  return WallTime(std::chrono::seconds(1'700'000'000 + seconds));
}

bool allows(std::string_view token, FileId fid, int now = 0, std::string_view secret = kSecret) {
  const auto verified = verify_removal(secret, token, fid, at(now));
  if (!verified) {
    EXPECT_EQ(verified.error().code(), Errc::kPermissionDenied);
  }
  return verified.has_value();
}

TEST(RemovalToken, AllowsOneNeedleUntilItExpires) {
  const std::string token = sign_removal(kSecret, kFid, at(600));
  EXPECT_EQ(token.size(), kRemovalTokenBytes);
  EXPECT_TRUE(allows(token, kFid));
  EXPECT_TRUE(allows(token, kFid, 599));
  EXPECT_FALSE(allows(token, kFid, 600));
  EXPECT_FALSE(allows(token, {VolumeId{4}, NeedleKey{1000}, Cookie{42}}));
  EXPECT_FALSE(allows(token, {VolumeId{3}, NeedleKey{1001}, Cookie{42}}));
  EXPECT_FALSE(allows(token, {VolumeId{3}, NeedleKey{1000}, Cookie{43}}));
  EXPECT_FALSE(allows(token, kFid, 0, "another cluster's"));
}

TEST(RemovalToken, RefusesEveryChangeAndEveryTruncation) {
  const std::string token = sign_removal(kSecret, kFid, at(600));
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(allows(changed, kFid)) << i;
    EXPECT_FALSE(allows(token.substr(0, i), kFid)) << i;
  }
  EXPECT_FALSE(allows(token + token[0], kFid));
}

// The same secret signs both: neither is taken for the other.
TEST(RemovalToken, IsNoLeaseAndALeaseIsNone) {
  const LeaseClaims claims{VolumeId{3}, Generation{7}, NeedleKey{1000}, 16, at(600)};
  EXPECT_FALSE(allows(sign_lease(kSecret, claims), kFid));
  const std::string token = sign_removal(kSecret, kFid, at(600));
  EXPECT_FALSE(verify_lease(kSecret, token, kFid, Generation{7}, at(0)));
}

TEST(RemovalToken, ReadsItsGoldenBytes) {
  EXPECT_EQ(hex_encode(sign_removal(kSecret, kFid, at(600))), test::golden("removal-token-v1.hex"));
}

}  // namespace
}  // namespace kelp
