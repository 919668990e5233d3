// Server-side encryption as clients see it.

#include <gmock/gmock.h>

#include "tests/unit/s3gw/encryption_fixture.h"
#include "wire/needle_origin.h"

namespace kelp::s3::test {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::vector<std::size_t> kSizes{0,     1,     100,    8'143,  8'144,
                                      8'145, 8'192, 65'504, 65'505, 300'000};

TEST_F(EncryptionTest, EveryKindGivesBackWhatWasPut) {
  for (const std::size_t size : kSizes) {
    const std::string body = noise(size);
    const Answer s3 = put("s3", body, kS3);
    EXPECT_EQ(s3.header(kName), "AES256");
    EXPECT_EQ(s3.header("ETag"), etag_of(body)) << "the MD5, with SSE-S3";
    expect_body("s3", body);
    EXPECT_EQ(send("HEAD", "/bucket/s3").header(kName), "AES256");

    const Answer kms = put("kms", body, kKms);
    EXPECT_EQ(kms.header(kName), "aws:kms");
    EXPECT_EQ(kms.header(kName + "-aws-kms-key-id"), "mine");
    EXPECT_NE(kms.header("ETag"), etag_of(body)) << "opaque, with SSE-KMS";
    EXPECT_EQ(kms.header("ETag").size(), 34U);
    expect_body("kms", body);
    EXPECT_EQ(send("GET", "/bucket/kms").header("ETag"), kms.header("ETag"));

    const Answer own = put("own", body, customer('c'));
    EXPECT_EQ(own.header(kName + "-customer-algorithm"), "AES256");
    EXPECT_EQ(own.header(kName + "-customer-key-MD5"), customer('c')[2].second);
    EXPECT_NE(own.header("ETag"), etag_of(body));
    EXPECT_EQ(own.header(kName), "");
    expect_body("own", body, customer('c'));
  }
}

TEST_F(EncryptionTest, NothingOfABodyLiesInTheClear) {
  const std::string body = noise(200'000);
  put("s3", body, kS3);
  put("own", body, customer('c'));
  upload("parts", kKms, {});
  const std::string lies = in_needles();
  EXPECT_GT(lies.size(), 2 * body.size());
  for (std::size_t at = 0; at + 16 < body.size(); at += 999) {
    ASSERT_EQ(lies.find(body.substr(at, 16)), std::string::npos);
  }
  EXPECT_EQ(lies.find(part_body(2).substr(0, 16)), std::string::npos);
  EXPECT_EQ(lies.find(std::string(32, 'c')), std::string::npos);
}

TEST_F(EncryptionTest, ListingsAndSizesAreThoseOfThePlainBytes) {
  put("k", noise(100'000), kS3);
  EXPECT_EQ(send("GET", "/bucket?list-type=2").element("Size"), "100000");
  const Answer described =
      send_with("GET", "/bucket/k?attributes", {{"x-amz-object-attributes", "ObjectSize,ETag"}});
  EXPECT_EQ(described.element("ObjectSize"), "100000");
}

TEST_F(EncryptionTest, ChecksumsAreThoseOfThePlainBytes) {
  const std::string body = noise(100'000);
  const std::string plain = send("PUT", "/bucket/plain", body).header("x-amz-checksum-crc64nvme");
  EXPECT_FALSE(plain.empty());
  EXPECT_EQ(put("k", body, kKms).header("x-amz-checksum-crc64nvme"), plain);
}

TEST_F(EncryptionTest, ACustomersKeyIsNeededAndMustBeTheOne) {
  put("own", noise(1000), customer('c'));
  for (const char* method : {"GET", "HEAD"}) {
    EXPECT_EQ(send(method, "/bucket/own").status, 400) << method;
    EXPECT_EQ(send_with(method, "/bucket/own", customer('d')).status, 403) << method;
  }
  const Answer without = send("GET", "/bucket/own");
  EXPECT_EQ(without.element("Code"), "InvalidRequest");
  EXPECT_EQ(without.element("Message"),
            "The object was stored using a form of Server Side Encryption. The correct parameters "
            "must be provided to retrieve the object.");
  EXPECT_EQ(send_with("GET", "/bucket/own", customer('d')).element("Code"), "AccessDenied");
  Lines described = customer('c');
  described.emplace_back("x-amz-object-attributes", "ObjectSize");
  EXPECT_EQ(send_with("GET", "/bucket/own?attributes", described).status, 200);
  EXPECT_EQ(send_with("GET", "/bucket/own?attributes", {described.back()}).status, 400);
  put("plain", "body", {});
  const Answer needless = send_with("GET", "/bucket/plain", customer('c'));
  EXPECT_EQ(needless.element("Message"),
            "The encryption parameters are not applicable to this object.");
}

TEST_F(EncryptionTest, CustomersKeysGoOverTlsOnly) {
  options.sse_c_over_http = false;
  const Answer refused = send_with("PUT", "/bucket/own", customer('c'), "body");
  EXPECT_EQ(refused.element("Code"), "InvalidRequest");
  EXPECT_EQ(refused.element("Message"),
            "Requests specifying Server Side Encryption with Customer provided keys must be made "
            "over a secure connection.");
  EXPECT_FALSE(refused.body_was_read);
  EXPECT_EQ(send_with("GET", "/bucket/none", customer('c')).element("Code"), "NoSuchKey");
  EXPECT_EQ(send_with("POST", "/bucket/own?uploads", customer('c')).status, 400);
  put("plain", "body", {});
  EXPECT_EQ(send_with("GET", "/bucket/plain", customer('c')).status, 400);
}

TEST_F(EncryptionTest, ReadsDoNotSayHowToEncrypt) {
  put("k", "body", kS3);
  for (const char* method : {"GET", "HEAD"}) {
    EXPECT_EQ(send_with(method, "/bucket/k", kS3).status, 400);
  }
  EXPECT_EQ(send_with("GET", "/bucket/k", kS3).element("Message"),
            "x-amz-server-side-encryption header is not supported for this operation.");
}

TEST_F(EncryptionTest, UnknownKeysOfKmsAreRefused) {
  for (const char* id : {"none", "s3", "alias/none", "arn:aws:kms:us-east-1:1:key/none"}) {
    const Answer refused = send_with("PUT", "/bucket/k",
                                     {{kName, "aws:kms"}, {kName + "-aws-kms-key-id", id}}, "body");
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.element("Code"), "KMS.NotFoundException") << id;
    EXPECT_FALSE(refused.body_was_read);
  }
  const Answer by_default = put("k", "body", {{kName, "aws:kms"}});
  EXPECT_EQ(by_default.header(kName + "-aws-kms-key-id"), key_arn("kms-1"));
  expect_body("k", "body");
}

TEST_F(EncryptionTest, WithoutAKeyRingNothingIsEncryptedUnasked) {
  keys = nullptr;
  EXPECT_EQ(send_with("PUT", "/bucket/k", kS3, "body").element("Code"), "NotImplemented");
  EXPECT_EQ(send("PUT", "/bucket/k", "body").status, 200);
  put("own", "body", customer('c'));
  expect_body("own", "body", customer('c'));
}

TEST_F(EncryptionTest, ARotatedRingReadsWhatWasBefore) {
  put("before", noise(70'000), kS3);
  KeyRing rotated = ring();
  EXPECT_TRUE(rotated.rotate("s3", filled('4')));
  keys_.replace(rotated);
  put("after", noise(70'001), kS3);
  expect_body("before", noise(70'000));
  expect_body("after", noise(70'001));
  keys_.replace(ring());
  expect_body("before", noise(70'000));
  EXPECT_EQ(send("GET", "/bucket/after").status, 500) << "its version is not in that ring";
  keys_.replace(KeyRing::make("kms-1", filled('x'), filled('y')));
  const Answer lost = send("GET", "/bucket/before");
  EXPECT_EQ(lost.status, 500);
  EXPECT_EQ(lost.element("Code"), "InternalError");
}

TEST_F(EncryptionTest, DamagedFramesNeverLeave) {
  const std::string body = noise(400'000);
  put("k", body, kS3);
  ASSERT_EQ(volumes.needles.size(), 1U);
  std::string& needle = volumes.needles.begin()->second;
  needle[300'000] = static_cast<char>(needle[300'000] ^ 1);
  const Answer cut = send("GET", "/bucket/k");
  EXPECT_TRUE(cut.cut_short);
  EXPECT_LT(cut.body.size(), 300'000U);
  EXPECT_TRUE(body.starts_with(cut.body));
  const Answer there = send_with("GET", "/bucket/k", {{"Range", "bytes=300000-300001"}});
  EXPECT_EQ(there.status, 500);
  EXPECT_EQ(send_with("GET", "/bucket/k", {{"Range", "bytes=0-99999"}}).body,
            body.substr(0, 100'000));
  EXPECT_EQ(copy("k", "copy", kKms).status, 500) << "and are not sealed anew";
}

TEST_F(EncryptionTest, UploadsInPartsAreEncrypted) {
  const std::string whole = part_body(2) + part_body(4);
  for (const auto& [begin, each] : std::vector<std::pair<Lines, Lines>>{
           {kS3, {}}, {kKms, {}}, {kKms, kKms}, {customer('c'), customer('c')}}) {
    const Answer done = upload("parts", begin, each);
    EXPECT_EQ(done.status, 200) << done.body;
    const bool own = begin.size() == 3;
    EXPECT_EQ(done.header(kName), own ? "" : begin[0].second);
    const Lines reading = own ? each : Lines{};
    expect_body("parts", whole, reading);
    const Answer part = send_with("GET", "/bucket/parts?partNumber=2", reading);
    EXPECT_EQ(part.status, 206);
    EXPECT_TRUE(part.body == part_body(4));
    const std::string etag = send_with("HEAD", "/bucket/parts", reading).header("ETag");
    const std::string md5s = md5_of(md5_of(part_body(2)) + md5_of(part_body(4)));
    EXPECT_EQ(etag == '"' + hex_encode(md5s) + "-2\"", begin == kS3) << etag;
    EXPECT_TRUE(etag.ends_with("-2\""));
  }
}

TEST_F(EncryptionTest, PartsBringTheKeyOfTheirUpload) {
  const auto begin = [&](const Lines& lines) {
    return "/bucket/p?partNumber=1&uploadId=" +
           send_with("POST", "/bucket/p?uploads", lines).element("UploadId");
  };
  const std::string own = begin(customer('c'));
  EXPECT_THAT(send_with("PUT", own, {}, "x").element("Message"),
              HasSubstr("Subsequent part requests must include"));
  EXPECT_THAT(send_with("PUT", own, customer('d'), "x").element("Message"),
              HasSubstr("did not match the ones used originally"));
  const std::string plain = begin({});
  EXPECT_THAT(send_with("PUT", plain, customer('c'), "x").element("Message"),
              HasSubstr("did not request encryption"));
  EXPECT_EQ(send_with("PUT", own, customer('c'), "x").status, 200);
}

TEST_F(EncryptionTest, AppendsAreSealedBehindWhatIsThere) {
  for (const Lines& lines : {Lines{}, kS3, kKms, customer('c')}) {
    const Lines reading = lines.size() == 3 ? lines : Lines{};
    std::string body;
    for (const std::size_t size : {0, 10, 3'000, 0, 3'000, 5'000, 100'000, 7, 150'000}) {
      Lines with = lines;
      with.emplace_back("x-amz-write-offset-bytes", std::to_string(body.size()));
      const std::string more = noise(size);
      const Answer added = send_with("PUT", "/bucket/log", with, more);
      ASSERT_EQ(added.status, 200) << added.body;
      body += more;
      expect_body("log", body, reading);
    }
    Lines other = lines == kS3 ? kKms : kS3;
    other.emplace_back("x-amz-write-offset-bytes", std::to_string(body.size()));
    EXPECT_EQ(send_with("PUT", "/bucket/log", other, "x").element("Code"),
              "EncryptionTypeMismatch");
    send("DELETE", "/bucket/log");
  }
}

TEST_F(EncryptionTest, TheBucketsDefaultCountsWhereTheRequestSaysNothing) {
  EXPECT_EQ(send("GET", "/bucket?encryption").element("Code"),
            "ServerSideEncryptionConfigurationNotFoundError");
  EXPECT_EQ(put("k", "body", {}).header(kName), "");
  const std::string kms =
      default_of("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>other</KMSMasterKeyID>",
                 "<BucketKeyEnabled>true</BucketKeyEnabled>");
  EXPECT_EQ(send("PUT", "/bucket?encryption", kms).status, 200);
  const Answer told = send("GET", "/bucket?encryption");
  EXPECT_EQ(told.element("SSEAlgorithm"), "aws:kms");
  EXPECT_EQ(told.element("KMSMasterKeyID"), "other");
  EXPECT_EQ(told.element("BucketKeyEnabled"), "true");
  const Answer by_default = put("k", "body", {});
  EXPECT_EQ(by_default.header(kName + "-aws-kms-key-id"), "other");
  EXPECT_EQ(by_default.header(kName + "-bucket-key-enabled"), "true");
  EXPECT_EQ(put("k", "body", kS3).header(kName), "AES256") << "the request comes first";
  EXPECT_EQ(put("k", "body", customer('c')).header(kName), "");
  EXPECT_EQ(upload("parts", {}, {}).header(kName), "aws:kms");
  put("plain", "body", kS3);
  EXPECT_EQ(copy("plain", "copied", {}).header(kName), "aws:kms") << "as the bucket says";
  EXPECT_EQ(send("DELETE", "/bucket?encryption").status, 204);
  EXPECT_EQ(put("k", "body", {}).header(kName), "");
  EXPECT_EQ(send("GET", "/bucket?encryption").status, 404);
  EXPECT_EQ(send("PUT", "/bucket?encryption", "<x/>").element("Code"), "MalformedXML");
}

TEST_F(EncryptionTest, TheGatewaysDefaultIsAnOption) {
  options.encrypt_by_default = true;
  EXPECT_EQ(send("GET", "/bucket?encryption").element("SSEAlgorithm"), "AES256");
  EXPECT_EQ(put("k", "body", {}).header(kName), "AES256");
  EXPECT_EQ(upload("parts", {}, {}).header(kName), "AES256");
  expect_body("parts", part_body(2) + part_body(4));
}

// A namespace made of needles alone would take ciphertext for the object.
TEST_F(EncryptionTest, NeedlesOfEncryptedBodiesNeverCountAsWhole) {
  put("k", noise(100'000), kS3);
  upload("parts", kS3, {});
  EXPECT_EQ(copy("k", "copied", kKms).status, 200);
  ASSERT_GE(volumes.opened.size(), 4U);
  for (const OpenNeedle& needle : volumes.opened) {
    EXPECT_EQ(decode_origin(needle.origin)->total_bytes, kUnknownLength);
  }
}

TEST_F(EncryptionTest, ManyNeedlesAndRemoteVolumes) {
  volumes.remote = true;
  const std::string body = noise(20 << 20);
  put("big", body, kS3);
  EXPECT_EQ(volumes.needles.size(), 3U);
  expect_body("big", body);
  volumes.remote = false;
  put("big", body, kS3);
  expect_body("big", body);
}

}  // namespace
}  // namespace kelp::s3::test
