#include <gtest/gtest.h>

#include "policy/condition_value.h"

namespace kelp::policy {
namespace {

TEST(ConditionValue, ReadsDatesInEveryForm) {
  constexpr std::int64_t kNoon = 1'772'366'400;
  for (const char* text : {"2026-03-01T12:00:00Z", "2026-03-01T12:00Z", "2026-03-01T12:00:00.000Z",
                           "2026-03-01T14:00:00+02:00", "2026-03-01T06:30:00-0530", "1772366400"}) {
    EXPECT_EQ(parse_date(text), kNoon) << text;
  }
  EXPECT_EQ(parse_date("1969-12-31"), -86'400);
  EXPECT_EQ(parse_date("2024-02-29"), 1'709'164'800);
}

TEST(ConditionValue, RefusesWhatIsNoDate) {
  for (const char* text : {"", "2026", "2026-3-1", "2026-02-29", "2026-13-01", "2026-03-01T",
                           "2026-03-01T12", "2026-03-01T24:00:00Z", "2026-03-01T12:00:00",
                           "2026-03-01T12:00:00.Z", "2026-03-01T12:00:00.5",
                           "2026-03-01T12:00:00+1", "2026-03-01x", "-026-03-01", "today", "1e9"}) {
    EXPECT_FALSE(parse_date(text)) << text;
  }
}

TEST(ConditionValue, ReadsNumbersAndNothingElse) {
  EXPECT_EQ(parse_number("10"), 10);
  EXPECT_EQ(parse_number("+1.5"), 1.5);
  EXPECT_EQ(parse_number("-2e3"), -2000);
  for (const char* text : {"", " 1", "1 ", "0x10", "nan", "inf", "1,000", "--1"}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
}

TEST(ConditionValue, RefusesWhatIsNoRange) {
  for (const char* text : {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.256",
                           "2001:db8::/129", "2001:db8:::", "10.0.0.0/8/8", "host"}) {
    EXPECT_FALSE(parse_range(text)) << text;
  }
}

TEST(ConditionValue, ARangeHoldsWhatItsBitsSay) {
  for (unsigned bits = 0; bits <= 32; ++bits) {
    const auto range = parse_range("170.170.170.170/" + std::to_string(bits));
    ASSERT_TRUE(range);
    EXPECT_TRUE(range->contains(*parse_range("170.170.170.170")));
    if (bits == 0) continue;
    // The last bit that counts, flipped.
    std::uint32_t other = 0xaaaaaaaaU ^ (1U << (32 - bits));
    const std::string text =
        std::to_string(other >> 24U) + "." + std::to_string(other >> 16U & 255U) + "." +
        std::to_string(other >> 8U & 255U) + "." + std::to_string(other & 255U);
    EXPECT_FALSE(range->contains(*parse_range(text))) << bits;
    if (bits == 32) continue;
    other = 0xaaaaaaaaU ^ (1U << (31 - bits));
    const std::string within =
        std::to_string(other >> 24U) + "." + std::to_string(other >> 16U & 255U) + "." +
        std::to_string(other >> 8U & 255U) + "." + std::to_string(other & 255U);
    EXPECT_TRUE(range->contains(*parse_range(within))) << bits;
  }
}

}  // namespace
}  // namespace kelp::policy
