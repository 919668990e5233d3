#include "tests/unit/s3gw/gateway_fixture.h"
#include "wire/needle_origin.h"

namespace kelp::s3::test {
namespace {

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
  EXPECT_EQ(one.header("x-amz-checksum-crc64nvme"), "fqe64wIdW5k=") << "nobody named an algorithm";
  Outgoing part_copy = outgoing("PUT", target + "&partNumber=2");
  send("PUT", "/bucket/source", "0123456789");
  add(part_copy, "x-amz-copy-source", "bucket/source");
  add(part_copy, "x-amz-copy-source-range", "bytes=2-4");
  const Answer two = send(part_copy);
  EXPECT_EQ(two.status, 200);
  EXPECT_EQ(two.element("ChecksumCRC64NVME"), "YRTV7/g+ACQ=");
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

TEST_F(GatewayTest, NeedlesOfPartsSayOfWhichPartTheyAre) {
  send("PUT", "/bucket");
  const std::string id = send("POST", "/bucket/m?uploads").element("UploadId");
  const std::string target = "/bucket/m?uploadId=" + id;
  EXPECT_EQ(send("PUT", target + "&partNumber=7", bytes_of(9 << 20)).status, 200);
  send("PUT", "/bucket/source", bytes_of(20 << 20));
  const std::size_t before = volumes.opened.size();
  Outgoing copy = outgoing("PUT", target + "&partNumber=8");
  add(copy, "x-amz-copy-source", "bucket/source");
  add(copy, "x-amz-copy-source-range", "bytes=10-18874367");
  EXPECT_EQ(send(copy).status, 200);
  const auto origin = [this](std::size_t i) { return *decode_origin(volumes.opened.at(i).origin); };
  for (std::size_t i = 0; i < 2; ++i) {
    const NeedleOrigin expected{.bucket = "bucket",
                                .body = volumes.opened[0].fid.key,
                                .offset = i * (8 << 20),
                                .total_bytes = 9 << 20,
                                .upload_id = id,
                                .part_number = 7};
    EXPECT_EQ(origin(i), expected);
  }
  // Its ends alone are written: what they are stretches of is never whole without the rest.
  ASSERT_EQ(volumes.opened.size(), before + 2);
  EXPECT_EQ(origin(before).offset, 0U);
  EXPECT_EQ(origin(before + 1).offset, (16U << 20) - 10);
  for (const std::size_t i : {before, before + 1}) {
    EXPECT_EQ(origin(i).total_bytes, (18U << 20) - 10);
    EXPECT_EQ(origin(i).part_number, 8U);
  }
  EXPECT_NE(origin(before).body, origin(before + 1).body);
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
  EXPECT_EQ(send("PUT", target, "v").element("ResourceType"), "UPLOAD");
  const Answer unknown = send("PUT", "/bucket/m?uploadId=x&partNumber=1", "v");
  EXPECT_EQ(unknown.element("Code"), "NoSuchUpload");
  EXPECT_EQ(unknown.element("UploadId"), "x");
  EXPECT_EQ(send("PUT", "/bucket/m?partNumber=1", "v").element("Code"), "InvalidArgument");
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

}  // namespace
}  // namespace kelp::s3::test
