#include "s3gw/core/names.h"

#include <gtest/gtest.h>

#include <string>

namespace kelp::s3 {
namespace {

TEST(Names, NewBucketsFollowTheRulesOfTheUserGuide) {
  for (const std::string& good :
       {std::string("abc"), std::string("a.b.c"), std::string("my-bucket-1"), std::string("123"),
        std::string(63, 'a'), std::string("1.2.3.4.5")}) {
    EXPECT_TRUE(check_new_bucket_name(good)) << good;
  }
  for (const std::string& bad : {std::string(""),
                                 std::string("ab"),
                                 std::string(64, 'a'),
                                 std::string("Abc"),
                                 std::string("a_b"),
                                 std::string("a..b"),
                                 std::string("a.-b"),
                                 std::string("a-.b"),
                                 std::string(".abc"),
                                 std::string("abc."),
                                 std::string("-abc"),
                                 std::string("192.168.0.1"),
                                 std::string("xn--abc"),
                                 std::string("sthree-abc"),
                                 std::string("amzn-s3-demo-x"),
                                 std::string("abc-s3alias"),
                                 std::string("abc--x-s3"),
                                 std::string("abc--ol-s3"),
                                 std::string("abc.mrap"),
                                 std::string("abc--table-s3"),
                                 std::string("a/b"),
                                 std::string("a b")}) {
    EXPECT_FALSE(check_new_bucket_name(bad)) << bad;
  }
}

TEST(Names, OneMayAskForNamesThatAwsOnceGave) {
  for (const std::string& name :
       {std::string("abc"), std::string("Abc"), std::string("a_b"), std::string("a..b"),
        std::string("WriteGetObjectResponse"), std::string(255, 'a')}) {
    EXPECT_TRUE(bucket_name_to_look_up(name)) << name;
  }
  for (const std::string& name :
       {std::string(""), std::string("ab"), std::string(256, 'a'), std::string("-abc"),
        std::string("abc_"), std::string("..."), std::string("a b"), std::string("a!b"),
        std::string("a/b"), std::string("a\0b", 3), std::string("caf\xc3\xa9")}) {
    EXPECT_FALSE(bucket_name_to_look_up(name)) << name;
  }
}

TEST(Names, Utf8IsStrict) {
  for (const char* good : {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                           "\xf4\x8f\xbf\xbf", "\xef\xbf\xbf", "\xed\x9f\xbf"}) {
    EXPECT_TRUE(valid_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe2\x82", "\xe0\x9f\xbf",
                          "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "\xff", "a\xc3(", "\xe2(\xa1"}) {
    EXPECT_FALSE(valid_utf8(bad)) << bad;
  }
}

TEST(Names, KeysAreMeasuredInBytes) {
  std::string key;
  while (key.size() < 1024) key += "\xc3\xa9";
  EXPECT_TRUE(check_key(key));
  EXPECT_EQ(check_key(key + "a").error().code, S3Code::kKeyTooLongError);
  EXPECT_EQ(check_key("\xff").error().code, S3Code::kInvalidURI);
}

}  // namespace
}  // namespace kelp::s3
