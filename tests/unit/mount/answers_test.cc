#include "mount/core/answers.h"

#include <gtest/gtest.h>

namespace kelp::mount {
namespace {

TEST(MountAnswers, FactsOfAnObject) {
  const auto facts = parse_facts({{"content-length", "12"},
                                  {"etag", "\"abc-2\""},
                                  {"last-modified", "Fri, 24 May 2013 00:00:00 GMT"},
                                  {"content-type", "text/plain"},
                                  {"server", "Kelp"},
                                  {"x-amz-meta-colour", "red"},
                                  {"x-amz-storage-class", "GLACIER_IR"}});
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->size_bytes, 12);
  EXPECT_EQ(facts->etag, "\"abc-2\"");
  EXPECT_EQ(facts->modified.time_since_epoch(), std::chrono::seconds(1369353600));
  EXPECT_EQ(facts->metadata, (HeaderMap{{"colour", "red"}}));
  EXPECT_EQ(facts->kept,
            (HeaderMap{{"content-type", "text/plain"}, {"x-amz-storage-class", "GLACIER_IR"}}));
}

TEST(MountAnswers, TheTimeOfTheMetadataGoesBeforeTheGateways) {
  const HeaderMap headers{{"content-length", "0"},
                          {"etag", "\"e\""},
                          {"last-modified", "Fri, 24 May 2013 00:00:00 GMT"},
                          {"x-amz-meta-mtime", "7.25"}};
  const auto facts = parse_facts(headers);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->modified.time_since_epoch(), std::chrono::milliseconds(7250));
  EXPECT_TRUE(facts->metadata.empty());
}

TEST(MountAnswers, RefusesFactsWithoutALengthOrAnETag) {
  EXPECT_FALSE(parse_facts({{"etag", "\"e\""}}));
  EXPECT_FALSE(parse_facts({{"content-length", "1x"}, {"etag", "\"e\""}}));
  EXPECT_FALSE(parse_facts({{"content-length", "-1"}, {"etag", "\"e\""}}));
  EXPECT_FALSE(parse_facts({{"content-length", "1"}}));
}

std::string listing(std::string_view inside) {
  return "<?xml version=\"1.0\"?><ListBucketResult "
         "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" +
         std::string(inside) + "</ListBucketResult>";
}

TEST(MountAnswers, APageOfAListing) {
  const auto page = parse_listing(listing(
      "<IsTruncated>true</IsTruncated><NextContinuationToken>t&amp;=</NextContinuationToken>"
      "<Contents><Key>a%20b%0A%2B+c</Key><Size>1</Size></Contents>"
      "<Contents><Size>1</Size><Key>z</Key></Contents>"
      "<CommonPrefixes><Prefix>d/e%25/</Prefix></CommonPrefixes>"));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->keys, (std::vector<std::string>{"a b\n+ c", "z"}));
  EXPECT_EQ(page->prefixes, (std::vector<std::string>{"d/e%/"}));
  EXPECT_EQ(page->next, "t&=");
  const auto empty = parse_listing(listing("<IsTruncated>false</IsTruncated>"));
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->keys.empty() && empty->next.empty());
}

// A page that is taken for the last one is files that are not there.
TEST(MountAnswers, RefusesAListingThatDoesNotSayHowItGoesOn) {
  EXPECT_FALSE(parse_listing(listing("<IsTruncated>true</IsTruncated>")));
  EXPECT_FALSE(parse_listing(
      listing("<IsTruncated>false</IsTruncated><NextContinuationToken>t</NextContinuationToken>")));
  EXPECT_FALSE(parse_listing(
      listing("<IsTruncated>false</IsTruncated><Contents><Size>1</Size></Contents>")));
  EXPECT_FALSE(parse_listing(
      listing("<IsTruncated>false</IsTruncated><Contents><Key>%zz</Key></Contents>")));
  EXPECT_FALSE(parse_listing("<html></html>"));
  EXPECT_FALSE(parse_listing(""));
  const std::string whole = listing("<IsTruncated>false</IsTruncated>");
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes) {
    EXPECT_FALSE(parse_listing(whole.substr(0, bytes))) << bytes;
  }
}

TEST(MountAnswers, AChildOfTheRoot) {
  EXPECT_EQ(child_of_root("<Error><Code>NoSuchKey</Code></Error>", "Error", "Code"), "NoSuchKey");
  EXPECT_EQ(child_of_root("<Error><Message/></Error>", "Error", "Code"), "");
  EXPECT_EQ(child_of_root("<Other><Code>x</Code></Other>", "Error", "Code"), "");
  EXPECT_EQ(child_of_root("no xml", "Error", "Code"), "");
  EXPECT_EQ(child_of_root("", "Error", "Code"), "");
}

TEST(MountAnswers, TimesAreThoseOfRclone) {
  for (const char* text : {"0.000000000", "1700000000.123456789", "-1.500000000"}) {
    const auto time = parse_mtime(text);
    if (text[0] != '-') {
      ASSERT_TRUE(time) << text;
      EXPECT_EQ(mtime_text(*time), text);
    }
  }
  EXPECT_EQ(parse_mtime("1.5")->time_since_epoch(), std::chrono::milliseconds(1500));
  EXPECT_EQ(parse_mtime("12")->time_since_epoch(), std::chrono::seconds(12));
  for (const char* text :
       {"", ".", ".5", "1.", "1.1234567890", "1.5x", "x", "1e5", "99999999999"}) {
    EXPECT_FALSE(parse_mtime(text)) << text;
  }
}

}  // namespace
}  // namespace kelp::mount
