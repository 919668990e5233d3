#include "s3gw/listing_xml.h"

#include <gtest/gtest.h>

#include <string>

#include "s3gw/core/listing_token.h"

namespace kelp::s3 {
namespace {

Owners owners() {
  return {.bucket = {.id = "owner-id", .display_name = "owner"},
          .name_of = [](std::string_view id) { return id == "second-id" ? "second" : id; }};
}

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
  EXPECT_EQ(list_objects_v2_xml(page_of_two(), echo, v2, owners()),
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
  EXPECT_NE(list_objects_xml(page_of_two(), echo, "m", owners()).find("<NextMarker>p/<"),
            std::string::npos);
  echo.delimiter = "";
  const std::string body = list_objects_xml(page_of_two(), echo, "m", owners());
  EXPECT_EQ(body.find("NextMarker"), std::string::npos);
  EXPECT_NE(body.find("<Owner><ID>owner-id</ID><DisplayName>owner</DisplayName></Owner>"),
            std::string::npos);
}

/// What stands in the ID and DisplayName of each Owner.
std::string owners_in(const std::string& body) {
  std::string found;
  for (std::size_t at = 0; (at = body.find("<Owner><ID>", at)) != std::string::npos;) {
    at += 11;
    const std::size_t id_end = body.find('<', at);
    const std::size_t name = body.find("<DisplayName>", at) + 13;
    found += body.substr(at, id_end - at) + ':' + body.substr(name, body.find('<', name) - name);
    found += ' ';
  }
  return found;
}

TEST(ListingXml, EachObjectHasItsOwnOwner) {
  ListedPage page;
  ListedVersions versions;
  for (const char* const owner : {"", "second-id", "second-id", "owner-id", "gone-id", ""}) {
    page.objects.push_back({.key = "k", .owner_id = owner});
    versions.versions.push_back({.object = page.objects.back()});
  }
  versions.versions.push_back({.object = page.objects[1], .delete_marker = true});
  const ListingEcho echo{.bucket = "b"};
  const std::string all =
      "owner-id:owner second-id:second second-id:second owner-id:owner gone-id:gone-id "
      "owner-id:owner ";
  EXPECT_EQ(owners_in(list_objects_xml(page, echo, "", owners())), all);
  const ListingV2Echo fetch{.continuation_token = {}, .start_after = "", .fetch_owner = true};
  EXPECT_EQ(owners_in(list_objects_v2_xml(page, echo, fetch, owners())), all);
  EXPECT_EQ(owners_in(list_objects_v2_xml(page, echo, {}, owners())), "");
  EXPECT_EQ(owners_in(list_versions_xml(versions, echo, {}, owners())), all + "second-id:second ");
}

TEST(ListingXml, AnUploadHasItsOwnOwner) {
  ListedUploads page;
  page.uploads.push_back({.key = "k", .owner_id = "second-id"});
  page.uploads.push_back({.key = "k", .owner_id = "owner-id"});
  const std::string body = list_uploads_xml(page, {.bucket = "b"}, "", "", owners());
  EXPECT_EQ(owners_in(body), "second-id:second owner-id:owner ");
  const ListedParts parts{.upload = page.uploads.front()};
  EXPECT_NE(list_parts_xml(parts, {.bucket = "b"}, owners())
                .find("<Initiator><ID>second-id</ID><DisplayName>second</DisplayName></Initiator>"
                      "<Owner><ID>second-id</ID><DisplayName>second</DisplayName></Owner>"),
            std::string::npos);
}

TEST(ListingXml, WritesWhatIsLongAndWhatIsRare) {
  const std::string etag(1000, 'e');
  ListedVersions page;
  page.versions.push_back(
      {.object = {.key = "k", .etag = etag, .storage_class = "A<B"}, .is_latest = true});
  page.versions.back().object.checksum_algorithms.assign(100, ChecksumAlgorithm::kCrc64Nvme);
  const std::string body = list_versions_xml(page, {.bucket = "b"}, {}, owners());
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
  const std::string body = list_objects_v2_xml(page_of_two(), echo, {}, owners());
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
