#include <algorithm>
#include <set>

#include "base/encoding.h"
#include "s3gw/buffer_pool.h"
#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {
namespace {

std::string bytes_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * 7 % 23);
  return text;
}

TEST_F(GatewayTest, AnswersHealthWithoutAuthentication) {
  for (const char* method : {"GET", "HEAD", "OPTIONS"}) {
    EXPECT_EQ(send(outgoing(method, "/healthz"), false).status, 200) << method;
  }
  EXPECT_EQ(send(outgoing("GET", "/readyz"), false).status, 200);
  options.ready = [] { return false; };
  EXPECT_EQ(send(outgoing("GET", "/readyz"), false).status, 503);
  EXPECT_EQ(send(outgoing("GET", "/healthz"), false).status, 200);
}

TEST_F(GatewayTest, RefusesTheAnonymousAndTheForged) {
  const Answer anonymous = send(outgoing("GET", "/bucket/key"), false);
  EXPECT_EQ(anonymous.status, 403);
  EXPECT_EQ(anonymous.element("Code"), "AccessDenied");
  Outgoing forged = outgoing("GET", "/bucket/key");
  forged.signed_headers = signed_names(forged);
  forged.sign();
  forged.target = "/bucket/other";
  EXPECT_EQ(send(forged, false).element("Code"), "SignatureDoesNotMatch");
  EXPECT_EQ(filer.calls, 0);
}

TEST_F(GatewayTest, EveryAnswerCarriesItsIds) {
  const Answer answer = send("GET", "/missing/key");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.header("Server"), "Kelp");
  const std::string id = answer.header("x-amz-request-id");
  EXPECT_EQ(id.size(), 16U);
  EXPECT_TRUE(std::ranges::all_of(id, [](char c) { return std::isxdigit(c) && !std::islower(c); }));
  EXPECT_EQ(answer.element("RequestId"), id);
  EXPECT_EQ(answer.element("HostId"), answer.header("x-amz-id-2"));
  EXPECT_NE(send("GET", "/missing/key").header("x-amz-request-id"), id);
}

TEST_F(GatewayTest, BucketsAreMadeListedAndDeleted) {
  EXPECT_EQ(send("PUT", "/bucket").status, 200);
  EXPECT_EQ(send("PUT", "/bucket").status, 200);  // us-east-1 takes it twice
  EXPECT_EQ(send("PUT", "/another").header("Location"), "/another");
  EXPECT_EQ(send("PUT", "/Bad_Name").element("Code"), "InvalidBucketName");
  EXPECT_EQ(send("PUT", "/abc--x-s3").element("Code"), "InvalidBucketName");
  EXPECT_EQ(send("HEAD", "/bucket").header("x-amz-bucket-region"), "us-east-1");
  EXPECT_EQ(send("HEAD", "/missing").status, 404);
  EXPECT_EQ(send("HEAD", "/missing").body, "");
  EXPECT_NE(send("GET", "/bucket?location").body.find("LocationConstraint"), std::string::npos);
  const Answer page = send("GET", "/?max-buckets=1");
  EXPECT_EQ(page.element("Name"), "another");
  const Answer rest = send("GET", "/?continuation-token=" + page.element("ContinuationToken"));
  EXPECT_EQ(rest.element("Name"), "bucket");
  EXPECT_EQ(rest.element("ContinuationToken"), "");
  EXPECT_EQ(send("DELETE", "/bucket").status, 204);
  EXPECT_EQ(send("DELETE", "/bucket").element("Code"), "NoSuchBucket");
}

TEST_F(GatewayTest, ABucketInAnotherRegionIsNotMadeTwice) {
  const std::string body =
      "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>"
      "</CreateBucketConfiguration>";
  EXPECT_EQ(send("PUT", "/bucket", body).status, 200);
  EXPECT_EQ(send("PUT", "/bucket", body).element("Code"), "BucketAlreadyOwnedByYou");
  EXPECT_NE(send("GET", "/bucket?location").body.find(">eu-west-1<"), std::string::npos);
}

TEST_F(GatewayTest, SmallObjectsTravelWithTheirMetadata) {
  send("PUT", "/bucket");
  Outgoing put = outgoing("PUT", "/bucket/a%20key", "hello");
  add(put, "Content-Type", "text/plain");
  add(put, "Content-Encoding", "aws-chunked,gzip");
  add(put, "x-amz-meta-Colour", "green");
  add(put, "x-amz-tagging", "a=1&b=2");
  const Answer stored = send(put);
  EXPECT_EQ(stored.status, 200);
  EXPECT_EQ(stored.header("ETag"), "\"5d41402abc4b2a76b9719d911017c592\"");
  EXPECT_NE(stored.header("x-amz-checksum-crc64nvme"), "");
  EXPECT_TRUE(volumes.opened.empty());

  const Answer got = send("GET", "/bucket/a%20key");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.header("Content-Type"), "text/plain");
  EXPECT_EQ(got.header("Content-Encoding"), "gzip");
  EXPECT_EQ(got.header("x-amz-meta-colour"), "green");
  EXPECT_EQ(got.header("x-amz-tagging-count"), "2");
  EXPECT_EQ(got.header("Last-Modified"), "Fri, 24 May 2013 00:00:00 GMT");
  EXPECT_EQ(got.header("Accept-Ranges"), "bytes");
  EXPECT_EQ(got.header("x-amz-checksum-crc64nvme"), "");
  Outgoing checked = outgoing("GET", "/bucket/a%20key");
  add(checked, "x-amz-checksum-mode", "ENABLED");
  EXPECT_EQ(send(checked).header("x-amz-checksum-type"), "FULL_OBJECT");

  const Answer head = send("HEAD", "/bucket/a%20key");
  EXPECT_EQ(head.announced, 5U);
  EXPECT_EQ(head.body, "");
  EXPECT_NE(send("GET", "/bucket/a%20key?tagging").body.find("<Key>b</Key><Value>2</Value>"),
            std::string::npos);
  EXPECT_EQ(send("DELETE", "/bucket/a%20key").status, 204);
  const Answer gone = send("GET", "/bucket/a%20key");
  EXPECT_EQ(gone.element("Code"), "NoSuchKey");
  EXPECT_EQ(gone.element("Key"), "a key");
  EXPECT_EQ(send("DELETE", "/bucket/a%20key").status, 204);
}

TEST_F(GatewayTest, EmptyObjectsHaveNoBytesAnywhere) {
  send("PUT", "/bucket");
  EXPECT_EQ(send("PUT", "/bucket/e").header("ETag"), "\"d41d8cd98f00b204e9800998ecf8427e\"");
  EXPECT_EQ(filer.buckets["bucket"].objects["e"].entry.layout, Layout{});
  const Answer got = send("GET", "/bucket/e");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "");
  EXPECT_EQ(got.header("Content-Type"), "binary/octet-stream");
  Outgoing ranged = outgoing("GET", "/bucket/e");
  add(ranged, "Range", "bytes=0-0");
  EXPECT_EQ(send(ranged).status, 416);
}

TEST_F(GatewayTest, LargeObjectsGoToNeedlesOfEightMebibytes) {
  send("PUT", "/bucket");
  const std::string data = bytes_of((17 << 20) + 5);
  EXPECT_EQ(send("PUT", "/bucket/large", data).status, 200);
  ASSERT_EQ(volumes.opened.size(), 3U);
  EXPECT_EQ(volumes.opened[0].body_bytes, 8U << 20);
  EXPECT_EQ(volumes.opened[2].body_bytes, (1U << 20) + 5);
  EXPECT_EQ(volumes.opened[0].object_key, "large");
  EXPECT_EQ(volumes.opened[0].bucket, filer.buckets["bucket"].entry.id);
  EXPECT_EQ(send("GET", "/bucket/large").body, data);

  Outgoing ranged = outgoing("GET", "/bucket/large");
  add(ranged, "Range", "bytes=8388600-8388620");
  const Answer part = send(ranged);
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, data.substr(8'388'600, 21));
  EXPECT_EQ(part.header("Content-Range"), "bytes 8388600-8388620/17825797");
}

TEST_F(GatewayTest, ABrokenUploadLeavesNothingVisible) {
  send("PUT", "/bucket");
  for (const std::size_t size : {100, 1 << 20}) {
    Outgoing cut = outgoing("PUT", "/bucket/k", bytes_of(size));
    cut.content_length = size + 1;
    cut.truncated = true;
    EXPECT_EQ(send(cut).element("Code"), "IncompleteBody") << size;
    Outgoing wrong = outgoing("PUT", "/bucket/k", bytes_of(size));
    add(wrong, "Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==");
    EXPECT_EQ(send(wrong).element("Code"), "BadDigest") << size;
  }
  volumes.fail_finish = true;
  EXPECT_EQ(send("PUT", "/bucket/k", bytes_of(1 << 20)).status, 500);
  EXPECT_TRUE(filer.buckets["bucket"].objects.empty());
}

TEST_F(GatewayTest, AnotherVolumeIsTriedWhenOneRefuses) {
  send("PUT", "/bucket");
  volumes.refuse_opens = 2;
  EXPECT_EQ(send("PUT", "/bucket/k", bytes_of(100'000)).status, 200);
  volumes.refuse_opens = 3;
  EXPECT_EQ(send("PUT", "/bucket/k", bytes_of(100'000)).status, 503);
}

TEST_F(GatewayTest, RefusesBeforeTheBodyIsAskedFor) {
  send("PUT", "/bucket");
  make_foreign_bucket("foreign");
  const auto unread = [&](Outgoing request, std::string_view code, bool sign = true) {
    const Answer answer = send(std::move(request), sign);
    EXPECT_EQ(answer.element("Code"), code);
    EXPECT_FALSE(answer.body_was_read) << code;
  };
  unread(outgoing("PUT", "/bucket/k", "data"), "AccessDenied", false);
  unread(outgoing("PUT", "/missing/k", "data"), "NoSuchBucket");
  unread(outgoing("PUT", "/foreign/k", "data"), "AccessDenied");
  Outgoing no_length = outgoing("PUT", "/bucket/k");
  no_length.content_length.reset();
  unread(no_length, "MissingContentLength");
  no_length.chunked = true;
  unread(no_length, "MissingContentLength");
  Outgoing huge = outgoing("PUT", "/bucket/k", "x");
  huge.content_length = (5ULL << 30) + 1;
  unread(huge, "EntityTooLarge");
  Outgoing metadata = outgoing("PUT", "/bucket/k", "x");
  add(metadata, "x-amz-meta-a", std::string(2048, 'm'));
  unread(metadata, "MetadataTooLarge");
  for (const auto& [name, value, code] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"x-amz-storage-class", "COLD", "InvalidStorageClass"},
           {"x-amz-acl", "public-read", "AccessControlListNotSupported"},
           {"x-amz-grant-read", "id=1", "AccessControlListNotSupported"},
           {"x-amz-server-side-encryption", "AES256", "NotImplemented"},
           {"x-amz-server-side-encryption-customer-algorithm", "AES256", "NotImplemented"},
           {"x-amz-object-lock-mode", "GOVERNANCE", "InvalidRequest"},
           {"x-amz-tagging", "a=1&a=2", "InvalidTag"},
           {"If-None-Match", "\"etag\"", "NotImplemented"},
           {"x-amz-write-offset-bytes", "0", "NotImplemented"}}) {
    Outgoing request = outgoing("PUT", "/bucket/k", "x");
    add(request, name, value);
    unread(request, code);
  }
}

TEST_F(GatewayTest, AccountsDoNotSeeEachOther) {
  make_foreign_bucket("foreign");
  filer.buckets["foreign"].objects["k"] = {};
  for (const auto& [method, target] : std::vector<std::pair<std::string, std::string>>{
           {"GET", "/foreign/k"},
           {"HEAD", "/foreign/k"},
           {"GET", "/foreign/missing"},
           {"GET", "/foreign"},
           {"GET", "/foreign?list-type=2"},
           {"GET", "/foreign?versions"},
           {"GET", "/foreign?uploads"},
           {"GET", "/foreign?acl"},
           {"GET", "/foreign?policy"},
           {"GET", "/foreign/k?acl"},
           {"GET", "/foreign/k?tagging"},
           {"GET", "/foreign/k?uploadId=1"},
           {"HEAD", "/foreign"},
           {"DELETE", "/foreign"},
           {"DELETE", "/foreign/k"},
           {"DELETE", "/foreign/k?uploadId=1"},
           {"POST", "/foreign/k?uploads"},
           {"PUT", "/foreign/k?partNumber=1&uploadId=1"}}) {
    EXPECT_EQ(send(method, target).status, 403) << method << ' ' << target;
  }
  EXPECT_EQ(send("PUT", "/foreign").element("Code"), "BucketAlreadyExists");
  send("PUT", "/bucket");
  Outgoing copy = outgoing("PUT", "/bucket/copy");
  add(copy, "x-amz-copy-source", "foreign/k");
  EXPECT_EQ(send(copy).element("Code"), "AccessDenied");
  EXPECT_EQ(filer.buckets["foreign"].objects.size(), 1U);
}

TEST_F(GatewayTest, ConditionsOfWrites) {
  send("PUT", "/bucket");
  const auto put = [&](std::string name, std::string value) {
    Outgoing request = outgoing("PUT", "/bucket/k", "v");
    add(request, std::move(name), std::move(value));
    return send(request);
  };
  EXPECT_EQ(put("If-Match", "\"e\"").element("Code"), "NoSuchKey");
  EXPECT_EQ(put("If-None-Match", "*").status, 200);
  const Answer again = put("If-None-Match", "*");
  EXPECT_EQ(again.status, 412);
  EXPECT_EQ(again.element("Condition"), "If-None-Match");
  EXPECT_EQ(put("If-Match", "\"other\"").element("Condition"), "If-Match");
  EXPECT_EQ(put("If-Match", "9e3669d19b675bd57058fd4664205d2a").status, 200);
}

TEST_F(GatewayTest, ConditionsOfReads) {
  send("PUT", "/bucket");
  const std::string etag = send("PUT", "/bucket/k", "v").header("ETag");
  const auto get = [&](std::string name, std::string value) {
    Outgoing request = outgoing("GET", "/bucket/k");
    add(request, std::move(name), std::move(value));
    return send(request);
  };
  EXPECT_EQ(get("If-Match", etag).status, 200);
  EXPECT_EQ(get("If-Match", "\"x\"").element("Condition"), "If-Match");
  const Answer unchanged = get("If-None-Match", etag);
  EXPECT_EQ(unchanged.status, 304);
  EXPECT_EQ(unchanged.body, "");
  EXPECT_EQ(unchanged.header("ETag"), etag);
}

TEST_F(GatewayTest, ResponseParametersReplaceStoredHeaders) {
  send("PUT", "/bucket");
  send("PUT", "/bucket/k", "v");
  const Answer got = send("GET",
                          "/bucket/k?response-cache-control=no-cache&response-content-type=a%2Fb"
                          "&response-content-disposition=x%0D%0AEvil%3A%201");
  EXPECT_EQ(got.header("Content-Type"), "a/b");
  EXPECT_EQ(got.header("Cache-Control") + got.header("cache-control"), "no-cache");
  EXPECT_EQ(got.header("Evil"), "");
}

TEST_F(GatewayTest, CorruptionIsNeverSent) {
  send("PUT", "/bucket");
  const std::string data = bytes_of(1 << 20);
  send("PUT", "/bucket/k", data);
  volumes.reads = 0;
  volumes.corrupt_read = 0;
  const Answer first = send("GET", "/bucket/k");
  EXPECT_EQ(first.status, 500);
  EXPECT_EQ(first.element("Code"), "InternalError");
  volumes.reads = 0;
  volumes.corrupt_read = 2;
  const Answer middle = send("GET", "/bucket/k");
  EXPECT_EQ(middle.status, 200);
  EXPECT_TRUE(middle.cut_short);
  EXPECT_EQ(middle.body, data.substr(0, 512 * 1024));
}

TEST_F(GatewayTest, ManyKeysAreDeletedAtOnce) {
  send("PUT", "/bucket");
  for (const char* key : {"a", "b", "c"}) send("PUT", std::string("/bucket/") + key, "v");
  const std::string body =
      "<Delete><Object><Key>a</Key></Object><Object><Key>missing</Key></Object>"
      "<Object><Key>b</Key><VersionId>v1</VersionId></Object>"
      "<Object><Key>c</Key><ETag>\"wrong\"</ETag></Object></Delete>";
  EXPECT_EQ(send("POST", "/bucket?delete", body).element("Code"), "InvalidRequest");
  Outgoing request = outgoing("POST", "/bucket?delete", body);
  add(request, "Content-MD5", base64_encode([&] {
        Digest md5(DigestAlgorithm::kMd5);
        md5.update(body);
        return md5.finish();
      }()));
  const Answer answer = send(request);
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("<Deleted><Key>a</Key></Deleted><Deleted><Key>missing</Key>"),
            std::string::npos);
  EXPECT_NE(answer.body.find("<Key>b</Key><VersionId>v1</VersionId><Code>NoSuchVersion</Code>"),
            std::string::npos);
  EXPECT_NE(answer.body.find("<Key>c</Key><Code>PreconditionFailed</Code>"), std::string::npos);
  EXPECT_EQ(filer.buckets["bucket"].objects.size(), 2U);
}

TEST_F(GatewayTest, ListingsCarryOnWhereTheyStopped) {
  send("PUT", "/bucket");
  for (const char* key : {"a", "dir/1", "dir/2", "z"}) {
    send("PUT", std::string("/bucket/") + key, "v");
  }
  const Answer page = send("GET", "/bucket?list-type=2&delimiter=/&max-keys=2");
  EXPECT_EQ(page.element("KeyCount"), "2");
  EXPECT_NE(page.body.find("<CommonPrefixes><Prefix>dir/</Prefix>"), std::string::npos);
  const std::string token = url_encode(page.element("NextContinuationToken"), false);
  const Answer rest =
      send("GET", "/bucket?list-type=2&delimiter=/&max-keys=2&continuation-token=" + token);
  EXPECT_EQ(rest.element("Key"), "z");
  EXPECT_EQ(rest.element("IsTruncated"), "false");
  EXPECT_EQ(send("GET", "/bucket?delimiter=/&max-keys=2").element("NextMarker"), "dir/");
  EXPECT_EQ(send("GET", "/bucket?marker=dir/1").element("Key"), "dir/2");
  EXPECT_EQ(send("GET", "/bucket?list-type=2&continuation-token=").status, 200);
  EXPECT_EQ(send("GET", "/bucket?max-keys=0").element("IsTruncated"), "false");
  EXPECT_EQ(send("GET", "/bucket?max-keys=5000").element("MaxKeys"), "1000");
  EXPECT_EQ(send("GET", "/bucket?versions").element("VersionId"), "null");
  for (const char* bad : {"max-keys=-1", "max-keys=x", "max-keys=9999999999", "encoding-type=x",
                          "list-type=2&continuation-token=x"}) {
    EXPECT_EQ(send("GET", std::string("/bucket?") + bad).element("Code"), "InvalidArgument") << bad;
  }
}

TEST_F(GatewayTest, CopiesKeepOrReplaceMetadata) {
  send("PUT", "/bucket");
  const std::string large = bytes_of(300'000);
  for (const std::string& data : {std::string("small"), large}) {
    Outgoing put = outgoing("PUT", "/bucket/from", data);
    add(put, "x-amz-meta-a", "1");
    const std::string etag = send(put).header("ETag");
    Outgoing copy = outgoing("PUT", "/bucket/to");
    add(copy, "x-amz-copy-source", "/bucket/from");
    const Answer copied = send(copy);
    EXPECT_EQ(copied.status, 200);
    EXPECT_EQ('"' + copied.element("ETag").substr(6, 32) + '"', etag);
    EXPECT_EQ(send("GET", "/bucket/to").body, data);
    EXPECT_EQ(send("GET", "/bucket/to").header("x-amz-meta-a"), "1");
    add(copy, "x-amz-metadata-directive", "REPLACE");
    add(copy, "x-amz-meta-b", "2");
    EXPECT_EQ(send(copy).status, 200);
    EXPECT_EQ(send("GET", "/bucket/to").header("x-amz-meta-a"), "");
    EXPECT_EQ(send("GET", "/bucket/to").header("x-amz-meta-b"), "2");
  }
}

TEST_F(GatewayTest, CopiesThatCannotBe) {
  send("PUT", "/bucket");
  send("PUT", "/bucket/k", "v");
  const auto copy = [&](std::string source, std::string name = {}, std::string value = {}) {
    Outgoing request = outgoing("PUT", "/bucket/k");
    add(request, "x-amz-copy-source", std::move(source));
    if (!name.empty()) add(request, std::move(name), std::move(value));
    return send(request).element("Code");
  };
  EXPECT_EQ(copy("bucket/k"), "InvalidRequest");
  EXPECT_EQ(copy("bucket/k", "x-amz-metadata-directive", "REPLACE"), "");
  EXPECT_EQ(copy("bucket/k", "x-amz-metadata-directive", "X"), "InvalidArgument");
  EXPECT_EQ(copy("bucket/missing"), "NoSuchKey");
  EXPECT_EQ(copy("missing-bucket/k"), "NoSuchBucket");
  EXPECT_EQ(copy("nonsense"), "InvalidArgument");
  EXPECT_EQ(copy("bucket/k?versionId=1"), "NoSuchVersion");
  EXPECT_EQ(copy("bucket/k", "x-amz-copy-source-if-match", "\"x\""), "PreconditionFailed");
  EXPECT_EQ(copy("bucket/k", "x-amz-checksum-algorithm", "CRC31"), "InvalidRequest");
}

TEST_F(GatewayTest, MultipartFromFirstPartToObject) {
  send("PUT", "/bucket");
  Outgoing create = outgoing("POST", "/bucket/m?uploads");
  add(create, "x-amz-meta-a", "1");
  const std::string id = send(create).element("UploadId");
  ASSERT_NE(id, "");
  const std::string first = bytes_of(5 << 20);
  const std::string target = "/bucket/m?uploadId=" + id;
  const Answer one = send("PUT", target + "&partNumber=1", first);
  EXPECT_EQ(one.status, 200);
  Outgoing part_copy = outgoing("PUT", target + "&partNumber=2");
  send("PUT", "/bucket/source", "0123456789");
  add(part_copy, "x-amz-copy-source", "bucket/source");
  add(part_copy, "x-amz-copy-source-range", "bytes=2-4");
  const Answer two = send(part_copy);
  EXPECT_EQ(two.status, 200);
  EXPECT_NE(send("GET", target).body.find("<Size>3</Size>"), std::string::npos);
  EXPECT_EQ(send("GET", "/bucket?uploads&prefix=m").element("UploadId"), id);

  const std::string two_etag = two.element("ETag").substr(6, 32);
  const Answer done =
      send("POST", target,
           "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + one.header("ETag") +
               "</ETag></Part><Part><PartNumber>2</PartNumber><ETag>" + two_etag +
               "</ETag></Part></CompleteMultipartUpload>");
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(done.element("Location"), "http://localhost:8333/bucket/m");
  EXPECT_TRUE(done.element("ETag").ends_with("-2&quot;"));

  const Answer got = send("GET", "/bucket/m");
  EXPECT_EQ(got.body, first + "234");
  EXPECT_EQ(got.header("x-amz-meta-a"), "1");
  const Answer part = send("GET", "/bucket/m?partNumber=2");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(part.header("x-amz-mp-parts-count"), "2");
  EXPECT_EQ(send("GET", "/bucket/m?partNumber=3").element("Code"), "InvalidPartNumber");
  Outgoing attributes = outgoing("GET", "/bucket/m?attributes");
  add(attributes, "x-amz-object-attributes", "ETag,ObjectSize, ObjectParts");
  const Answer described = send(attributes);
  EXPECT_EQ(described.element("PartsCount"), "2");
  EXPECT_EQ(described.element("ObjectSize"), "5242883");
  EXPECT_EQ(send("GET", "/bucket/m?attributes").element("Code"), "InvalidRequest");
}

TEST_F(GatewayTest, PartsThatCannotBe) {
  send("PUT", "/bucket");
  Outgoing create = outgoing("POST", "/bucket/m?uploads");
  add(create, "x-amz-checksum-algorithm", "CRC32");
  const Answer created = send(create);
  EXPECT_EQ(created.header("x-amz-checksum-type"), "COMPOSITE");
  const std::string target = "/bucket/m?uploadId=" + created.element("UploadId");
  for (const char* number : {"0", "-1", "10001", "x", ""}) {
    const Answer answer = send("PUT", target + "&partNumber=" + number, "v");
    EXPECT_EQ(answer.element("Code"), "InvalidArgument") << number;
    EXPECT_FALSE(answer.body_was_read);
  }
  EXPECT_EQ(send("PUT", target, "v").element("Code"), "InvalidArgument");
  const Answer unknown = send("PUT", "/bucket/m?uploadId=x&partNumber=1", "v");
  EXPECT_EQ(unknown.element("Code"), "NoSuchUpload");
  EXPECT_EQ(unknown.element("UploadId"), "x");
  EXPECT_EQ(send("PUT", "/bucket/m?partNumber=1", "v").element("Code"), "NoSuchUpload");
  Outgoing mixed = outgoing("PUT", target + "&partNumber=1", "v");
  add(mixed, "x-amz-checksum-crc32c", "AAAAAA==");
  EXPECT_EQ(send(mixed).element("Code"), "InvalidRequest");
  EXPECT_EQ(send("POST", target, "<nonsense/>").element("Code"), "MalformedXML");
  EXPECT_EQ(send("DELETE", target).status, 204);
  EXPECT_EQ(send("DELETE", target).element("Code"), "NoSuchUpload");
  EXPECT_TRUE(filer.buckets["bucket"].objects.empty());
}

TEST_F(GatewayTest, ACompositeChecksumIsComparedWithItsParts) {
  send("PUT", "/bucket");
  const auto complete = [&](std::string value) {
    const std::string id = send("POST", "/bucket/m?uploads").element("UploadId");
    const std::string target = "/bucket/m?uploadId=" + id;
    const std::string etag = send("PUT", target + "&partNumber=1", "v").header("ETag");
    Outgoing request =
        outgoing("POST", target,
                 "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag +
                     "</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>"
                     "</CompleteMultipartUpload>");
    add(request, "x-amz-checksum-crc32", std::move(value));
    return send(request).element("Code");
  };
  EXPECT_EQ(complete("IUTfHA==-1"), "");  // CRC32 of four zero bytes
  EXPECT_EQ(complete("IUTfHA==-2"), "BadDigest");
  EXPECT_EQ(complete("IUTfHQ==-1"), "BadDigest");
  EXPECT_EQ(complete("IUTfHQ-1"), "InvalidRequest");
}

TEST_F(GatewayTest, UploadsDeclareChecksumsThatCanBe) {
  send("PUT", "/bucket");
  const auto create = [&](std::string algorithm, std::string type) {
    Outgoing request = outgoing("POST", "/bucket/m?uploads");
    if (!algorithm.empty()) add(request, "x-amz-checksum-algorithm", std::move(algorithm));
    if (!type.empty()) add(request, "x-amz-checksum-type", std::move(type));
    const Answer answer = send(request);
    return answer.status == 200 ? answer.header("x-amz-checksum-type") : answer.element("Code");
  };
  EXPECT_EQ(create("", ""), "");
  EXPECT_EQ(create("CRC64NVME", ""), "FULL_OBJECT");
  EXPECT_EQ(create("crc32c", "FULL_OBJECT"), "FULL_OBJECT");
  EXPECT_EQ(create("SHA256", ""), "COMPOSITE");
  EXPECT_EQ(create("SHA256", "FULL_OBJECT"), "InvalidRequest");
  EXPECT_EQ(create("CRC64NVME", "COMPOSITE"), "InvalidRequest");
  EXPECT_EQ(create("MD6", ""), "InvalidRequest");
  EXPECT_EQ(create("", "COMPOSITE"), "InvalidRequest");
  EXPECT_EQ(create("CRC32", "X"), "InvalidRequest");
}

TEST_F(GatewayTest, ReadsOfWhatIsNotConfiguredAnswerAsAws) {
  send("PUT", "/bucket");
  for (const auto& [sub_resource, code] : std::vector<std::pair<std::string, std::string>>{
           {"policy", "NoSuchBucketPolicy"},
           {"tagging", "NoSuchTagSet"},
           {"cors", "NoSuchCORSConfiguration"},
           {"lifecycle", "NoSuchLifecycleConfiguration"},
           {"encryption", "ServerSideEncryptionConfigurationNotFoundError"},
           {"object-lock", "ObjectLockConfigurationNotFoundError"},
           {"replication", "ReplicationConfigurationNotFoundError"},
           {"website", "NoSuchWebsiteConfiguration"}}) {
    const Answer answer = send("GET", "/bucket?" + sub_resource);
    EXPECT_EQ(answer.status, 404) << sub_resource;
    EXPECT_EQ(answer.element("Code"), code);
    EXPECT_EQ(answer.element("BucketName"), "bucket");
  }
  for (const char* sub_resource :
       {"versioning", "acl", "logging", "notification", "publicAccessBlock", "ownershipControls",
        "accelerate", "requestPayment", "metrics"}) {
    EXPECT_EQ(send("GET", std::string("/bucket?") + sub_resource).status, 200) << sub_resource;
    EXPECT_EQ(send("GET", std::string("/missing?") + sub_resource).status, 404) << sub_resource;
  }
}

TEST_F(GatewayTest, WhatHasNoEffectSaysSo) {
  send("PUT", "/bucket");
  send("PUT", "/bucket/k", "v");
  for (const auto& [method, target] :
       std::vector<std::pair<std::string, std::string>>{{"PUT", "/bucket?versioning"},
                                                        {"PUT", "/bucket?policy"},
                                                        {"PUT", "/bucket?lifecycle"},
                                                        {"PUT", "/bucket/k?tagging"},
                                                        {"POST", "/bucket/k?restore"},
                                                        {"POST", "/bucket/k?select&select-type=2"},
                                                        {"GET", "/bucket?session"},
                                                        {"GET", "/bucket/k?torrent"},
                                                        {"POST", "/bucket"}}) {
    const Answer answer = send(method, target, "<X/>");
    EXPECT_EQ(answer.status, 501) << method << ' ' << target;
    EXPECT_EQ(answer.element("Code"), "NotImplemented");
  }
  EXPECT_EQ(send("OPTIONS", "/bucket/k").status, 403);
  Outgoing private_acl = outgoing("PUT", "/bucket?acl");
  add(private_acl, "x-amz-acl", "private");
  EXPECT_EQ(send(private_acl).status, 200);
}

// s3cmd reads the ACL of what it copied and puts it on the copy.
TEST_F(GatewayTest, AnAclThatSaysWhatIsTrueIsTaken) {
  send("PUT", "/bucket");
  send("PUT", "/bucket/k", "v");
  for (const char* target : {"/bucket?acl", "/bucket/k?acl"}) {
    const std::string acl = send("GET", target).body;
    EXPECT_EQ(send("PUT", target, acl).status, 200);
    const auto refused = [&](std::string_view from, std::string_view to) {
      std::string other = acl;
      other.replace(other.find(from), from.size(), to);
      return send("PUT", target, other).element("Code");
    };
    EXPECT_EQ(refused("FULL_CONTROL", "READ"), "AccessControlListNotSupported");
    EXPECT_EQ(refused("\"CanonicalUser\"><ID>abc", "\"CanonicalUser\"><ID>other"),
              "AccessControlListNotSupported");
    EXPECT_EQ(refused("\"CanonicalUser\"><ID>abc</ID>", "\"Group\"><URI>AllUsers</URI>"),
              "AccessControlListNotSupported");
    EXPECT_EQ(refused("<AccessControlPolicy", "<Nonsense"), "MalformedACLError");
    EXPECT_EQ(send("PUT", target).element("Code"), "AccessControlListNotSupported");
  }
}

TEST_F(GatewayTest, VersionsOtherThanNullDoNotExist) {
  send("PUT", "/bucket");
  send("PUT", "/bucket/k", "v");
  EXPECT_EQ(send("GET", "/bucket/k?versionId=null").body, "v");
  EXPECT_EQ(send("GET", "/bucket/k?versionId=abc").element("Code"), "NoSuchVersion");
  EXPECT_EQ(send("GET", "/bucket/k?versionId=").element("Code"), "InvalidArgument");
  EXPECT_EQ(send("DELETE", "/bucket/k?versionId=abc").element("Code"), "NoSuchVersion");
  EXPECT_EQ(send("GET", "/bucket/k").body, "v");
}

TEST_F(GatewayTest, OverloadIsAnsweredWithSlowDown) {
  send("PUT", "/bucket");
  pool.full = true;
  const Answer answer = send("PUT", "/bucket/k", bytes_of(100'000));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.element("Code"), "SlowDown");
  EXPECT_EQ(answer.header("Retry-After"), "1");
}

TEST_F(GatewayTest, AStreamFitsIntoTheSmallestBudget) {
  send("PUT", "/bucket");
  const std::string data = bytes_of(9 << 20);
  options.body_memory_bytes = 0;
  EXPECT_EQ(send("PUT", "/bucket/k", data).status, 200);
  EXPECT_EQ(send("GET", "/bucket/k").body, data);
}

TEST_F(GatewayTest, PiecesOfEverySizeArriveWhole) {
  send("PUT", "/bucket");
  filer.inline_limit = 0;
  for (const std::size_t size :
       {std::size_t{1}, BufferPool::kPieceBytes - 1, BufferPool::kPieceBytes,
        BufferPool::kPieceBytes + 1, 2 * BufferPool::kPieceBytes, std::size_t{4} << 20,
        (std::size_t{4} << 20) + 1}) {
    const std::string data = bytes_of(size);
    EXPECT_EQ(send("PUT", "/bucket/k", data).status, 200) << size;
    EXPECT_TRUE(send("GET", "/bucket/k").body == data) << size;
  }
}

TEST_F(GatewayTest, CountsRequestsByOperation) {
  send("PUT", "/bucket");
  send("GET", "/bucket/missing");
  const std::string text = metrics.text();
  EXPECT_NE(text.find("kelp_s3_requests_total{operation=\"CreateBucket\",status=\"2xx\"} 1"),
            std::string::npos);
  EXPECT_NE(text.find("kelp_s3_requests_total{operation=\"GetObject\",status=\"4xx\"} 1"),
            std::string::npos);
}

TEST_F(GatewayTest, BucketsMayStandInTheHost) {
  options.domains = {"s3.example.com"};
  send("PUT", "/bucket");
  Outgoing put = outgoing("PUT", "/dir/k", "v");
  put.set("Host", "bucket.s3.example.com");
  EXPECT_EQ(send(put).status, 200);
  EXPECT_EQ(send("GET", "/bucket/dir/k").body, "v");
}

}  // namespace
}  // namespace kelp::s3::test
