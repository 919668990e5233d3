#include "s3gw/core/http_date.h"

#include <gtest/gtest.h>

namespace kelp::s3 {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr sys_seconds kMoment{seconds(784'111'777)};  // the RFC's example

TEST(HttpDate, ReadsTheThreeForms) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), kMoment);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), kMoment);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), kMoment);
  EXPECT_EQ(parse_http_date(" Sun, 06 Nov 1994 08:49:37 GMT\t"), kMoment);
  EXPECT_EQ(parse_basic_date("19941106T084937Z"), kMoment);
}

TEST(HttpDate, RefusesWhatIsNone) {
  for (const char* text :
       {"", "Sun", "0", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nuv 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT x",
        "Sun, 06 Nov 94 08:49:37 GMT", "Sun Nov 06 08:49:37 1994 x", "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:3"}) {
    EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
  }
  for (const char* text :
       {"", "19941106", "19941306T084937Z", "19940006T084937Z", "19941131T084937Z",
        "19941106T084937", "19941106T084937Zx", "1994-11-06T08:49:37Z", "19941106t084937z"}) {
    EXPECT_EQ(parse_basic_date(text), std::nullopt) << text;
  }
}

TEST(HttpDate, ReadsIso8601) {
  using std::chrono::nanoseconds;
  const WallTime moment(kMoment);
  EXPECT_EQ(parse_iso8601("1994-11-06T08:49:37Z"), moment);
  EXPECT_EQ(parse_iso8601("1994-11-06T08:49:37.5Z"), moment + nanoseconds(500'000'000));
  EXPECT_EQ(parse_iso8601("1994-11-06T08:49:37.0000000019Z"), moment + nanoseconds(1));
  EXPECT_EQ(parse_iso8601("1994-11-06T09:49:37+01:00"), moment);
  EXPECT_EQ(parse_iso8601("1994-11-05T23:19:37.000-09:30"), moment);
  for (const char* text :
       {"", "1994-11-06", "1994-11-06T08:49:37", "1994-11-06 08:49:37Z", "1994-00-06T08:49:37Z",
        "1994-02-30T08:49:37Z", "1994-11-06T08:49:37.Z", "1994-11-06T08:49:37Zx",
        "1994-11-06T08:49:37+0100", "1969-12-31T23:59:59Z", "2262-01-01T00:00:00Z"}) {
    EXPECT_EQ(parse_iso8601(text), std::nullopt) << text;
  }
}

TEST(HttpDate, WritesEachForm) {
  const WallTime time = kMoment + std::chrono::milliseconds(999);
  EXPECT_EQ(http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  std::string iso;
  append_iso8601(time, iso);
  EXPECT_EQ(iso, "1994-11-06T08:49:37.000Z");
  EXPECT_EQ(iso8601_seconds(kMoment), "1994-11-06T08:49:37Z");
  EXPECT_EQ(basic_date(kMoment), "19941106T084937Z");
}

TEST(HttpDate, IsRightWhileTheDayChangesToAndFro) {
  for (const std::int64_t day : {0, 1, 0, 11'016, 11'015, 19'782, 19'782, -1}) {
    for (const std::int64_t second : {0, 86'399}) {
      const sys_seconds moment{seconds(day * 86'400 + second)};
      EXPECT_EQ(parse_http_date(http_date(moment)), moment);
      EXPECT_EQ(parse_basic_date(basic_date(moment)), moment);
    }
  }
  EXPECT_EQ(http_date(sys_seconds{seconds(951'782'400)}), "Tue, 29 Feb 2000 00:00:00 GMT");
}

}  // namespace
}  // namespace kelp::s3
