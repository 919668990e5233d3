#include "ec/scheme.h"

#include <gtest/gtest.h>

namespace kelp {
namespace {

TEST(EcScheme, IsReadAndWrittenAsOperatorsKnowIt) {
  const auto scheme = parse_ec_scheme("ec(10,4)");
  ASSERT_TRUE(scheme.has_value());
  EXPECT_EQ(*scheme, (EcScheme{.data = 10, .parity = 4}));
  EXPECT_EQ(scheme->shards(), 14U);
  EXPECT_EQ(to_string(*scheme), "ec(10,4)");
  EXPECT_EQ(parse_ec_scheme("ec(4, 2)").value(), (EcScheme{.data = 4, .parity = 2}));
}

TEST(EcScheme, RefusesWhatIsNoScheme) {
  for (const char* text : {"", "ec", "ec()", "ec(4)", "ec(4,)", "ec(,2)", "ec(4,2", "ec(4,2))",
                           "ec(4,2) ", " ec(4,2)", "EC(4,2)", "ec(-4,2)", "ec(4,+2)", "ec(4;2)",
                           "ec(0004,2)", "ec(4294967300,2)", "copies(3)"}) {
    const auto scheme = parse_ec_scheme(text);
    ASSERT_FALSE(scheme.has_value()) << text;
    EXPECT_EQ(scheme.error().code(), Errc::kInvalidArgument) << text;
  }
}

TEST(EcScheme, RefusesNumbersOutOfRangeAndSaysTheRange) {
  for (const char* text : {"ec(1,1)", "ec(0,2)", "ec(4,0)", "ec(31,2)", "ec(260,2)", "ec(30,3)"}) {
    const auto scheme = parse_ec_scheme(text);
    ASSERT_FALSE(scheme.has_value()) << text;
    EXPECT_NE(scheme.error().message().find("at most 32"), std::string::npos) << text;
  }
  EXPECT_TRUE(parse_ec_scheme("ec(2,1)").has_value());
  EXPECT_TRUE(parse_ec_scheme("ec(31,1)").has_value());
  EXPECT_TRUE(parse_ec_scheme("ec(2,30)").has_value());
}

}  // namespace
}  // namespace kelp
