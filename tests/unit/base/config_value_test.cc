#include "base/config_value.h"

#include <gtest/gtest.h>

namespace kelp {
namespace {

TEST(ConfigValue, ReadsSizesInBothUnitSystems) {
  EXPECT_EQ(parse_bytes("512").value(), 512U);
  EXPECT_EQ(parse_bytes("64MiB").value(), 64ULL << 20);
  EXPECT_EQ(parse_bytes("5GB").value(), 5'000'000'000U);
}

TEST(ConfigValue, ReadsDurations) {
  EXPECT_EQ(parse_duration("0").value().count(), 0);
  EXPECT_EQ(parse_duration("250ms").value(), std::chrono::milliseconds(250));
  EXPECT_EQ(parse_duration("14d").value(), std::chrono::hours(14 * 24));
}

TEST(ConfigValue, RefusesWhatIsNoNumberWithAUnit) {
  for (const auto* text : {"", "MiB", "-1", "1.5GiB", "3 MiB", "7XB", "99999999999999999999",
                           "18446744073709551615TiB"}) {
    EXPECT_FALSE(parse_bytes(text).has_value()) << text;
  }
  for (const auto* text : {"", "5", "s", "-1s", "1y", "300000000000d"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace kelp
