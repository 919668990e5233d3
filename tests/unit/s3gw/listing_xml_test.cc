#include "s3gw/listing_xml.h"

#include <gtest/gtest.h>

#include <string>

#include "s3gw/core/listing_token.h"

namespace kelp::s3 {
namespace {

constexpr OwnerNames kOwner{.id = "owner-id", .display_name = "owner"};

ListedPage page_of_two() {
  ListedPage page;
  page.objects.push_back({.key = "a b/+\x01",
                          .size_bytes = 7,
                          .modified = WallTime(std::chrono::seconds(1)),
                          .etag = "e1",
                          .owner_id = "owner-id",
                          .checksum_algorithms = {ChecksumAlgorithm::kCrc32}});
  page.common_prefixes.push_back("p/");
  page.truncated = true;
  page.next = "p/";
  return page;
}

TEST(ListingXml, Version2) {
  const ListingEcho echo{.bucket = "b", .prefix = "", .delimiter = "/", .max_keys = 2};
  const ListingV2Echo v2{.continuation_token = "", .start_after = "0", .fetch_owner = false};
  EXPECT_EQ(list_objects_v2_xml(page_of_two(), echo, v2, kOwner),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
            "<Prefix></Prefix><ContinuationToken></ContinuationToken><NextContinuationToken>AXAv"
            "</NextContinuationToken><StartAfter>0</StartAfter><KeyCount>2</KeyCount>"
            "<MaxKeys>2</MaxKeys><Delimiter>/</Delimiter><IsTruncated>true</IsTruncated>"
            "<Contents><Key>a b/+&#x1;</Key><LastModified>1970-01-01T00:00:01.000Z</LastModified>"
            "<ETag>&quot;e1&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
            "<ChecksumType>FULL_OBJECT</ChecksumType><Size>7</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            "<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListBucketResult>");
}

TEST(ListingXml, Version1HasNextMarkerOnlyWithADelimiter) {
  ListingEcho echo{.bucket = "b", .prefix = "", .delimiter = "/", .max_keys = 2};
  EXPECT_NE(list_objects_xml(page_of_two(), echo, "m", kOwner).find("<NextMarker>p/<"),
            std::string::npos);
  echo.delimiter = "";
  const std::string body = list_objects_xml(page_of_two(), echo, "m", kOwner);
  EXPECT_EQ(body.find("NextMarker"), std::string::npos);
  EXPECT_NE(body.find("<Owner><ID>owner-id</ID><DisplayName>owner</DisplayName></Owner>"),
            std::string::npos);
}

TEST(ListingXml, WritesWhatIsLongAndWhatIsRare) {
  const std::string etag(1000, 'e');
  ListedVersions page;
  page.versions.push_back(
      {.object = {.key = "k", .etag = etag, .storage_class = "A<B"}, .is_latest = true});
  page.versions.back().object.checksum_algorithms.assign(100, ChecksumAlgorithm::kCrc64Nvme);
  const std::string body = list_versions_xml(page, {.bucket = "b"}, {}, kOwner);
  EXPECT_NE(body.find("<Version><VersionId>null</VersionId><IsLatest>true</IsLatest><Key>k</Key>"
                      "<LastModified>1970-01-01T00:00:00.000Z</LastModified><ETag>&quot;" +
                      etag + "&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>"),
            std::string::npos);
  EXPECT_NE(body.find("<Size>0</Size><Owner><ID>owner-id</ID><DisplayName>owner</DisplayName>"
                      "</Owner><StorageClass>A&lt;B</StorageClass></Version>"),
            std::string::npos);
}

TEST(ListingXml, UrlEncodingKeepsSlashesAndWritesSpacesAsPercent20) {
  const ListingEcho echo{
      .bucket = "b", .prefix = "a ", .delimiter = " ", .max_keys = 2, .url_encoding = true};
  const std::string body = list_objects_v2_xml(page_of_two(), echo, {}, kOwner);
  EXPECT_NE(body.find("<Key>a%20b/%2B%01</Key>"), std::string::npos);
  EXPECT_NE(body.find("<Prefix>a%20</Prefix>"), std::string::npos);
  EXPECT_NE(body.find("<Delimiter>%20</Delimiter><EncodingType>url</EncodingType>"),
            std::string::npos);
}

TEST(ListingToken, CarriesAnyBytesAndRefusesOthers) {
  const std::string key("k\0\xff", 3);
  EXPECT_EQ(*read_listing_token(make_listing_token(key)), key);
  for (const char* bad : {"", "!", "AAAA", "Ag==", "AXAv=="}) {
    EXPECT_FALSE(read_listing_token(bad)) << bad;
  }
}

}  // namespace
}  // namespace kelp::s3
