#include "crypto/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <regex>
#include <set>

#include "crypto/uuid.h"

namespace kelp {
namespace {

TEST(Random, DoesNotRepeatItself) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random_u64());
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(Random, FillsEveryByteOfTheBuffer) {
  std::array<std::byte, 40> all{};
  for (int round = 0; round < 100; ++round) {
    std::array<std::byte, 40> bytes{};
    random_bytes(bytes);
    for (std::size_t i = 0; i < bytes.size(); ++i) all[i] |= bytes[i];
  }
  EXPECT_EQ(std::ranges::count(all, std::byte{0}), 0);
}

TEST(Random, TokensHaveTheLengthAskedAndUseEveryLetter) {
  EXPECT_TRUE(random_token(0).empty());
  EXPECT_EQ(random_token(1).size(), 1U);
  const std::string token = random_token(10'000);
  ASSERT_EQ(token.size(), 10'000U);
  const std::set<char> letters(token.begin(), token.end());
  EXPECT_EQ(letters.size(), 62U);
  EXPECT_TRUE(std::ranges::all_of(token, [](unsigned char c) { return std::isalnum(c) != 0; }));
}

TEST(Uuid, IsAnotherOneEachTimeAndOfVersion4) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = random_uuid();
    EXPECT_TRUE(std::regex_match(
        uuid, std::regex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")))
        << uuid;
    seen.insert(uuid);
  }
  EXPECT_EQ(seen.size(), 100U);
}

}  // namespace
}  // namespace kelp
