#include "wire/fid.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace kelp {
namespace {

FileId fid(std::uint32_t volume, std::uint64_t key, std::uint32_t cookie) {
  return {VolumeId(volume), NeedleKey(key), Cookie(cookie)};
}

TEST(Fid, WritesWholeKeyBytesAndTheWholeCookie) {
  EXPECT_EQ(to_string(fid(3, 1, 0x637037d6)), "3,01637037d6");
  EXPECT_EQ(to_string(fid(3, 0x123, 1)), "3,012300000001");
  EXPECT_EQ(to_string(fid(0, 0, 0)), "0,00000000");
  EXPECT_EQ(to_string(fid(4294967295, ~0ULL, ~0U)), "4294967295,ffffffffffffffffffffffff");
}

TEST(Fid, ReadsWhatItWrites) {
  Rng rng(3);
  for (int i = 0; i < 10'000; ++i) {
    const FileId given = fid(static_cast<std::uint32_t>(rng.next() >> rng.below(32)),
                             rng.next() >> rng.below(64), static_cast<std::uint32_t>(rng.next()));
    const auto read = parse_fid(to_string(given));
    ASSERT_TRUE(read) << to_string(given);
    EXPECT_EQ(*read, given);
  }
  EXPECT_EQ(parse_fid("3,01637037D6").value(), fid(3, 1, 0x637037d6));
}

TEST(Fid, RefusesEverythingElse) {
  for (const char* text : {"",
                           ",",
                           "3",
                           "3,",
                           ",01637037d6",
                           "3,1637037d6",
                           "3,637037",
                           "3,0001637037d6",
                           "03,01637037d6",
                           "-3,01637037d6",
                           "+3,01637037d6",
                           " 3,01637037d6",
                           "3 ,01637037d6",
                           "3, 01637037d6",
                           "3,01637037d6 ",
                           "3,0163703xd6",
                           "3,01637037d6,",
                           "4294967296,01637037d6",
                           "3,-163703700d6",
                           "3,0x637037d600",
                           "3,01ffffffffffffffff637037d6",
                           "a,01637037d6"}) {
    const auto read = parse_fid(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), Errc::kInvalidArgument);
  }
}

}  // namespace
}  // namespace kelp
