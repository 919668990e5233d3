#include "s3gw/core/request_xml.h"

#include <gtest/gtest.h>

#include <string>

namespace kelp::s3 {
namespace {

TEST(RequestXml, CreateBucketReadsTheLocation) {
  EXPECT_EQ(parse_create_bucket("")->location, "");
  EXPECT_EQ(parse_create_bucket("<CreateBucketConfiguration/>")->location, "");
  const auto bucket = parse_create_bucket(
      "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<LocationConstraint>eu-west-1</LocationConstraint>"
      "<Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></CreateBucketConfiguration>");
  ASSERT_TRUE(bucket);
  EXPECT_EQ(bucket->location, "eu-west-1");
  EXPECT_EQ(bucket->tags, (Tags{{"a", "b"}}));
  EXPECT_FALSE(parse_create_bucket("<CreateBucketConfiguration><X/></CreateBucketConfiguration>"));
  EXPECT_FALSE(parse_create_bucket("not xml"));
}

TEST(RequestXml, DeleteReadsKeysInOrder) {
  const auto body = parse_delete(
      "<Delete><Quiet>true</Quiet><Object><Key>a &amp; b</Key></Object>"
      "<Object><VersionId>null</VersionId><Key> </Key><ETag>\"e\"</ETag></Object></Delete>");
  ASSERT_TRUE(body);
  EXPECT_TRUE(body->quiet);
  ASSERT_EQ(body->entries.size(), 2U);
  EXPECT_EQ(body->entries[0].key, "a & b");
  EXPECT_FALSE(body->entries[0].etag);
  EXPECT_EQ(body->entries[1].key, " ");
  EXPECT_EQ(body->entries[1].version_id, "null");
  EXPECT_EQ(body->entries[1].etag, "e");
}

TEST(RequestXml, DeleteTakesOneToAThousandKeys) {
  const auto with = [](int count) {
    std::string body = "<Delete>";
    for (int i = 0; i < count; ++i) body += "<Object><Key>k</Key></Object>";
    return parse_delete(body + "</Delete>");
  };
  EXPECT_FALSE(with(0));
  EXPECT_TRUE(with(1));
  EXPECT_TRUE(with(1000));
  EXPECT_FALSE(with(1001));
}

TEST(RequestXml, DeleteRefusesUnclearEntries) {
  for (const char* inside : {"<Object/>", "<Object><Key/></Object>", "<Object>k</Object>",
                             "<Object><Key>a</Key><Key>b</Key></Object>", "<Key>a</Key>",
                             "<Object><Key><b/></Key></Object>", "text"}) {
    EXPECT_FALSE(parse_delete("<Delete>" + std::string(inside) + "</Delete>")) << inside;
  }
}

TEST(RequestXml, CompleteReadsPartsWithChecksums) {
  const auto parts = parse_complete_upload(
      "<CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>\"abc\"</ETag>"
      "<ChecksumCRC32>AAAAAQ==</ChecksumCRC32></Part>"
      "<Part><ETag>def</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>");
  ASSERT_TRUE(parts);
  ASSERT_EQ(parts->size(), 2U);
  EXPECT_EQ((*parts)[0].part_number, 2U);
  EXPECT_EQ((*parts)[0].etag, "abc");
  ASSERT_EQ((*parts)[0].checksums.size(), 1U);
  EXPECT_EQ((*parts)[0].checksums[0].value, std::string("\0\0\0\1", 4));
  EXPECT_EQ((*parts)[1].etag, "def");
}

TEST(RequestXml, CompleteRefusesBadParts) {
  const auto part = [](const std::string& inside) {
    return parse_complete_upload("<CompleteMultipartUpload><Part>" + inside +
                                 "</Part></CompleteMultipartUpload>");
  };
  EXPECT_FALSE(parse_complete_upload("<CompleteMultipartUpload/>"));
  EXPECT_EQ(parse_complete_upload("").error().code, S3Code::kInvalidRequest);
  EXPECT_FALSE(part("<PartNumber>1</PartNumber>"));
  EXPECT_FALSE(part("<ETag>a</ETag>"));
  EXPECT_FALSE(part("<ETag>a</ETag><PartNumber>x</PartNumber>"));
  EXPECT_FALSE(part("<ETag>a</ETag><PartNumber>1.5</PartNumber>"));
  EXPECT_FALSE(part("<ETag>a</ETag><PartNumber></PartNumber>"));
  for (const char* number : {"0", "-1", "10001"}) {
    const auto parts = part("<ETag>a</ETag><PartNumber>" + std::string(number) + "</PartNumber>");
    ASSERT_FALSE(parts) << number;
    EXPECT_EQ(parts.error().code, S3Code::kInvalidArgument) << number;
  }
  EXPECT_FALSE(part("<ETag>a</ETag><PartNumber>1</PartNumber><ChecksumCRC32>AAA=</ChecksumCRC32>"));
}

TEST(RequestXml, CompleteTakesTenThousandParts) {
  const auto with = [](int count) {
    std::string body = "<CompleteMultipartUpload>";
    for (int i = 1; i <= count; ++i) {
      body += "<Part><ETag>e</ETag><PartNumber>" + std::to_string(std::min(i, 10'000)) +
              "</PartNumber></Part>";
    }
    return parse_complete_upload(body + "</CompleteMultipartUpload>");
  };
  EXPECT_TRUE(with(10'000));
  EXPECT_FALSE(with(10'001));
}

TEST(RequestXml, EtagsLoseTheirQuotesOnce) {
  EXPECT_EQ(unquote_etag("\"a\""), "a");
  EXPECT_EQ(unquote_etag("a"), "a");
  EXPECT_EQ(unquote_etag("\""), "\"");
  EXPECT_EQ(unquote_etag(""), "");
}

}  // namespace
}  // namespace kelp::s3
