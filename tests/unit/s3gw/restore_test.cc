#include "s3gw/core/restore.h"

#include <gtest/gtest.h>

#include <tuple>

namespace kelp::s3 {
namespace {

using std::chrono::seconds;

TEST(Restore, OrdersHaveDaysAndATier) {
  const auto plain = parse_restore("<RestoreRequest><Days>3</Days></RestoreRequest>");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->days, 3U);
  EXPECT_EQ(plain->tier, RestoreTier::kStandard);
  const auto bulk = parse_restore(
      "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Days>2147483647</Days>"
      "<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters>"
      "<Description>why</Description></RestoreRequest>");
  ASSERT_TRUE(bulk);
  EXPECT_EQ(bulk->days, 2147483647U);
  EXPECT_EQ(bulk->tier, RestoreTier::kBulk);
}

TEST(Restore, WhatIsNoOrderIsRefused) {
  const std::string days = "<Days>1</Days>";
  for (const auto& [inside, code] : std::vector<std::pair<std::string, S3Code>>{
           {"", S3Code::kMalformedXML},
           {"<Days/>", S3Code::kMalformedXML},
           {"<Days>x</Days>", S3Code::kMalformedXML},
           {"<Days>1x</Days>", S3Code::kMalformedXML},
           {"<Days>2147483648</Days>", S3Code::kMalformedXML},
           {"<Days>0</Days>", S3Code::kInvalidArgument},
           {"<Days>-1</Days>", S3Code::kInvalidArgument},
           {days + days, S3Code::kMalformedXML},
           {days + "<Tier>Fast</Tier>", S3Code::kMalformedXML},
           {days + "<Tier>Bulk</Tier><Tier>Bulk</Tier>", S3Code::kMalformedXML},
           {days + "<GlacierJobParameters/>", S3Code::kMalformedXML},
           {days + "<GlacierJobParameters><Tier>Bulk</Tier><X/></GlacierJobParameters>",
            S3Code::kMalformedXML},
           {days + "<Other/>", S3Code::kMalformedXML},
           {"<Type>SELECT</Type>", S3Code::kNotImplemented},
           {days + "<OutputLocation/>", S3Code::kNotImplemented},
           {"<SelectParameters/>", S3Code::kNotImplemented}}) {
    const auto parsed = parse_restore("<RestoreRequest>" + inside + "</RestoreRequest>");
    ASSERT_FALSE(parsed) << inside;
    EXPECT_EQ(parsed.error().code, code) << inside;
  }
  EXPECT_FALSE(parse_restore(""));
  EXPECT_FALSE(parse_restore("<Other><Days>1</Days></Other>"));
}

TEST(Restore, TheDeepestArchiveIsNeverExpedited) {
  EXPECT_TRUE(check_tier(RestoreTier::kExpedited, "GLACIER"));
  EXPECT_TRUE(check_tier(RestoreTier::kBulk, "DEEP_ARCHIVE"));
  EXPECT_FALSE(check_tier(RestoreTier::kExpedited, "DEEP_ARCHIVE"));
}

TEST(Restore, ItsStateReadsAsAwsWritesIt) {
  const RestoredCopy copy{WallTime(seconds(1'356'000'000)), WallTime(seconds(1'356'048'000))};
  const auto at = [](int second) { return WallTime(seconds(1'356'000'000 + second)); };
  EXPECT_EQ(restore_line(copy, at(-1)), "ongoing-request=\"true\"");
  EXPECT_EQ(restore_line(copy, at(0)),
            "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2012 00:00:00 GMT\"");
  EXPECT_EQ(restore_line(copy, at(48'000)), "");
  EXPECT_EQ(restore_status_xml(copy, at(-1)),
            "<RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus>");
  EXPECT_EQ(restore_status_xml(copy, at(47'999)),
            "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
            "<RestoreExpiryDate>2012-12-21T00:00:00.000Z</RestoreExpiryDate></RestoreStatus>");
  EXPECT_EQ(restore_status_xml(copy, at(48'000)), "");
}

}  // namespace
}  // namespace kelp::s3
