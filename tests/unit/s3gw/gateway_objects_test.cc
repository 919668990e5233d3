#include <fmt/format.h>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "s3gw/buffer_pool.h"
#include "tests/unit/s3gw/gateway_fixture.h"
#include "tests/unit/s3gw_auth/chunked_body.h"
#include "wire/needle_origin.h"

namespace kelp::s3::test {
namespace {

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

TEST_F(GatewayTest, RefusesALargeBodyThatIsOverTheQuotaBeforeItIsSent) {
  send("PUT", "/bucket");
  ASSERT_EQ(send("PUT", "/bucket/small", bytes_of(2 << 20)).status, 200);
  EXPECT_TRUE(filer.asked_for_room.empty()) << "a bucket without a quota needs no question";
  filer.buckets["bucket"].entry.quota = {.max_bytes = 1'500'000, .id = 1};

  EXPECT_EQ(send("PUT", "/bucket/small", bytes_of(1000)).status, 200);
  EXPECT_TRUE(filer.asked_for_room.empty()) << "a small body is not worth one";
  const std::size_t written = volumes.opened.size();
  const Answer refused = send("PUT", "/bucket/large", bytes_of(2 << 20));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.element("Code"), "QuotaExceeded");
  EXPECT_EQ(refused.element("Message"),
            "The bucket would hold more than its quota: 7 bytes are allowed");
  EXPECT_FALSE(refused.body_was_read);
  EXPECT_EQ(volumes.opened.size(), written);
  ASSERT_EQ(filer.asked_for_room.size(), 1U);
  EXPECT_EQ(filer.asked_for_room[0].key, "large");
  EXPECT_EQ(filer.asked_for_room[0].size_bytes, 2U << 20);

  const std::string id = send("POST", "/bucket/film?uploads").element("UploadId");
  const Answer part = send("PUT", "/bucket/film?partNumber=3&uploadId=" + id, bytes_of(2 << 20));
  EXPECT_EQ(part.element("Code"), "QuotaExceeded");
  EXPECT_FALSE(part.body_was_read);
  EXPECT_EQ(filer.asked_for_room.back().upload_id, id);
  EXPECT_EQ(filer.asked_for_room.back().part_number, 3U);
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

// The framing moves the pieces off the borders of needles.
TEST_F(GatewayTest, NeedlesSayWhichStretchOfWhichBodyTheyAre) {
  send("PUT", "/bucket");
  const std::string data = bytes_of((17 << 20) + 5);
  for (const std::size_t before : {0, 3}) {
    EXPECT_EQ(send("PUT", "/bucket/large", data).status, 200);
    ASSERT_EQ(volumes.opened.size(), before + 3);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto origin = decode_origin(volumes.opened[before + i].origin);
      ASSERT_TRUE(origin.has_value());
      const NeedleOrigin expected{.bucket = "bucket",
                                  .body = volumes.opened[before].fid.key,
                                  .offset = i * (8 << 20),
                                  .total_bytes = data.size()};
      EXPECT_EQ(*origin, expected);
    }
  }
  EXPECT_NE(volumes.opened[0].fid.key, volumes.opened[3].fid.key);
}

TEST_F(GatewayTest, ANeedleThatIsWrittenAgainElsewhereStaysOfItsBody) {
  send("PUT", "/bucket");
  volumes.remote = true;
  volumes.refuse_finishes = 1;
  EXPECT_EQ(send("PUT", "/bucket/k", bytes_of(20 << 20)).status, 200);
  ASSERT_EQ(volumes.opened.size(), 4U);
  const NeedleOrigin first = *decode_origin(volumes.opened[0].origin);
  const NeedleOrigin again = *decode_origin(volumes.opened[3].origin);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(volumes.opened[3].body_bytes, 8U << 20);
  EXPECT_EQ(again.offset % (8 << 20), 0U);
  EXPECT_EQ(again.total_bytes, 20U << 20);
}

TEST_F(GatewayTest, ChunkedBodiesCrossNeedlesWhereverTheVolumesAre) {
  send("PUT", "/bucket");
  const std::string data = bytes_of((17 << 20) + 5);
  for (const bool remote : {false, true}) {
    volumes.remote = remote;
    ChunkedBody body(nullptr);
    body.all(data, 64 << 10).zero().end();
    Outgoing put = outgoing("PUT", "/bucket/k", body.text);
    put.set("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    add(put, "x-amz-decoded-content-length", std::to_string(data.size()));
    const Answer answer = send(put);
    EXPECT_EQ(answer.status, 200) << answer.body;
    Digest md5(DigestAlgorithm::kMd5);
    md5.update(data);
    EXPECT_EQ(answer.header("ETag"), '"' + hex_encode(md5.finish()) + '"');
    EXPECT_TRUE(send("GET", "/bucket/k").body == data);
  }
}

// As SDKs send every body over https: the length of the request is not told, that of the data is.
TEST_F(GatewayTest, SmallObjectsWithoutALengthTravelWithTheirMetadataToo) {
  send("PUT", "/bucket");
  const auto chunked = [](const std::string& data) {
    ChunkedBody body(nullptr);
    body.all(data, 8 << 10).zero().end();
    Outgoing put = outgoing("PUT", "/bucket/k", body.text);
    put.content_length.reset();
    put.chunked = true;
    put.set("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    add(put, "x-amz-decoded-content-length", std::to_string(data.size()));
    return put;
  };
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, filer.inline_limit}) {
    const std::string data = bytes_of(size);
    EXPECT_EQ(send(chunked(data)).status, 200) << size;
    EXPECT_TRUE(send("GET", "/bucket/k").body == data) << size;
  }
  Outgoing refused = chunked("other");
  add(refused, "If-None-Match", "*");
  EXPECT_EQ(send(refused).status, 412);
  EXPECT_TRUE(volumes.opened.empty()) << "a refused one would leave a needle that nobody names";
  EXPECT_EQ(send(chunked(bytes_of(filer.inline_limit + 1))).status, 200);
  EXPECT_EQ(volumes.opened.size(), 1U);
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

TEST_F(GatewayTest, AStreamFitsIntoTheSmallestBudget) {
  send("PUT", "/bucket");
  const std::string data = bytes_of(9 << 20);
  options.body_memory_bytes = 0;
  EXPECT_EQ(send("PUT", "/bucket/k", data).status, 200);
  EXPECT_EQ(send("GET", "/bucket/k").body, data);
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

TEST_F(GatewayTest, AnotherVolumeIsTriedWhenOneRefusesAtTheEndAndTheBodyIsStillHere) {
  send("PUT", "/bucket");
  volumes.remote = true;
  // One needle alone, three that are finished at once, and the ninth after eight at once.
  for (const std::size_t size : {100'000, 20 << 20, 66 << 20}) {
    const std::string body = bytes_of(size);
    volumes.take_finishes = size > (64 << 20) ? 8 : 0;
    volumes.refuse_finishes = 2;
    EXPECT_EQ(send("PUT", "/bucket/k", body).status, 200) << size;
    EXPECT_EQ(volumes.refuse_finishes, 0);
    EXPECT_TRUE(send("GET", "/bucket/k").body == body) << size;
  }
  EXPECT_EQ(master.excluded, std::vector{VolumeId{1}});
  volumes.refuse_finishes = 3;
  EXPECT_EQ(send("PUT", "/bucket/k", bytes_of(100'000)).status, 503);
  EXPECT_EQ(volumes.refuse_finishes, 0);

  volumes.remote = false;
  volumes.refuse_finishes = 1;
  EXPECT_EQ(send("PUT", "/bucket/k", bytes_of(100'000)).status, 503);
  EXPECT_EQ(volumes.refuse_finishes, 0);
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
           {"x-amz-grant-read", "id=other", "AccessControlListNotSupported"},
           {"x-amz-server-side-encryption", "DES", "InvalidArgument"},
           {"x-amz-server-side-encryption", "aws:kms", "NotImplemented"},
           {"x-amz-server-side-encryption-customer-algorithm", "AES256", "InvalidArgument"},
           {"x-amz-object-lock-mode", "GOVERNANCE", "InvalidArgument"},
           {"x-amz-object-lock-mode", "STRICT", "InvalidArgument"},
           {"x-amz-object-lock-retain-until-date", "2100-01-01", "InvalidArgument"},
           {"x-amz-object-lock-legal-hold", "ON", "InvalidRequest"},
           {"x-amz-object-lock-legal-hold", "on", "InvalidArgument"},
           {"x-amz-tagging", "a=1&a=2", "InvalidArgument"},
           {"If-None-Match", "\"etag\"", "NotImplemented"}}) {
    Outgoing request = outgoing("PUT", "/bucket/k", "x");
    add(request, name, value);
    unread(request, code);
  }
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

TEST_F(GatewayTest, CopiesWriteNoNeedles) {
  send("PUT", "/bucket");
  const std::string data = bytes_of(300'000);
  for (const bool shares : {true, false}) {
    filer.shares = shares;
    send("PUT", "/bucket/from", data);
    const std::size_t before = volumes.needles.size();
    Outgoing copy = outgoing("PUT", "/bucket/to");
    add(copy, "x-amz-copy-source", "/bucket/from");
    EXPECT_EQ(send(copy).status, 200);
    EXPECT_EQ(volumes.needles.size() - before, shares ? 0U : 1U);  // an older filer shares none
    add(copy, "x-amz-checksum-algorithm", "SHA256");
    EXPECT_NE(send(copy).element("ChecksumSHA256"), "");
    EXPECT_EQ(volumes.needles.size() - before, shares ? 0U : 2U);
    EXPECT_EQ(send("GET", "/bucket/to").body, data);
  }
}

TEST_F(GatewayTest, ACopyWhoseSourceChangesMeanwhileTakesTheNewOne) {
  send("PUT", "/bucket");
  send("PUT", "/bucket/newer", bytes_of(400'000));
  send("PUT", "/bucket/from", bytes_of(300'000));
  auto& objects = filer.buckets["bucket"].objects;
  filer.before_share = [&] { objects["from"] = objects["newer"]; };
  Outgoing copy = outgoing("PUT", "/bucket/to");
  add(copy, "x-amz-copy-source", "/bucket/from");
  EXPECT_EQ(send(copy).status, 200);
  EXPECT_EQ(send("GET", "/bucket/to").body, bytes_of(400'000));
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
  EXPECT_EQ(copy("bucket/k?versionId=00000000000000aa"), "NoSuchVersion");
  EXPECT_EQ(copy("bucket/k?versionId=1"), "InvalidArgument");
  EXPECT_EQ(copy("bucket/k", "x-amz-copy-source-if-match", "\"x\""), "PreconditionFailed");
  EXPECT_EQ(copy("bucket/k", "x-amz-checksum-algorithm", "CRC31"), "InvalidRequest");
}

}  // namespace
}  // namespace kelp::s3::test
