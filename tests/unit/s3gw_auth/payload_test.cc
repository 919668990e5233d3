#include "s3gw/core/payload.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/encoding.h"
#include "tests/unit/s3gw_auth/chunked_body.h"

namespace kelp::s3 {
namespace {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

const std::string kText = "123456789";
constexpr std::string_view kCrc32 = "y/Q5Jg==";      // cbf43926
constexpr std::string_view kCrc32c = "4waSgw==";     // e3069283
constexpr std::string_view kCrc64 = "rosUhgp5mIg=";  // ae8b14860a799888
constexpr std::string_view kSha1 = "98O8HYCOBHMq32eZZczDTKeuNEE=";
constexpr std::string_view kSha256Hex =
    "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
constexpr std::string_view kMd5 = "JfnnlDI7RTiF9RgfG2JNCw==";
constexpr std::string_view kMd5Hex = "25f9e794323b453885f5181f1b624d0b";

struct Upload {
  std::string content_sha256 = "UNSIGNED-PAYLOAD";
  HeaderList headers;
  std::string body = kText;
  std::optional<std::uint64_t> content_length = kText.size();
  std::optional<ChunkSigning> signing;
  bool checksum_of_body = true;

  [[nodiscard]] S3Result<PayloadSpec> spec() const {
    std::vector<HttpHeader> lines;
    for (const auto& [name, value] : headers) lines.push_back({name, value});
    return parse_payload_spec({.headers = lines,
                               .content_length = content_length,
                               .claim = *parse_payload_claim(content_sha256),
                               .chunk_signing = signing,
                               .checksum_of_body = checksum_of_body,
                               .compute_md5 = true,
                               .default_checksum = ChecksumAlgorithm::kCrc64Nvme});
  }
  [[nodiscard]] S3Result<PayloadResult> run(std::size_t step = 1 << 20) const {
    auto parsed = spec();
    if (!parsed) return std::unexpected(parsed.error());
    PayloadDecoder decoder(*std::move(parsed));
    for (std::size_t at = 0; at < body.size(); at += step) {
      std::string piece = body.substr(at, step);
      const auto data = decoder.feed(std::as_writable_bytes(std::span(piece)));
      if (!data) return std::unexpected(data.error());
    }
    return decoder.finish();
  }
};

TEST(Payload, GivesMd5AndADefaultChecksum) {
  for (const std::size_t step : {1, 4, 100}) {
    const auto result = Upload{}.run(step);
    ASSERT_TRUE(result);
    EXPECT_EQ(base64_encode(result->md5), kMd5);
    EXPECT_EQ(result->decoded_bytes, kText.size());
    ASSERT_EQ(result->checksums.size(), 1U);
    EXPECT_EQ(result->checksums[0].algorithm, ChecksumAlgorithm::kCrc64Nvme);
    EXPECT_EQ(checksum_text(result->checksums[0]), kCrc64);
  }
}

TEST(Payload, VerifiesEachChecksumHeader) {
  const std::pair<const char*, std::string> good[] = {
      {"CRC32", std::string(kCrc32)},
      {"CRC32C", std::string(kCrc32c)},
      {"CRC64NVME", std::string(kCrc64)},
      {"SHA1", std::string(kSha1)},
      {"SHA256", base64_encode(*hex_decode(kSha256Hex))}};
  for (const auto& [name, value] : good) {
    Upload upload;
    const std::string header = "X-Amz-Checksum-" + std::string(name);
    upload.headers = {{header, value}, {"x-amz-sdk-checksum-algorithm", name}};
    const auto result = upload.run();
    ASSERT_TRUE(result) << name << " " << code_of(result) << message_of(result);
    ASSERT_EQ(result->checksums.size(), 1U);
    EXPECT_EQ(checksum_text(result->checksums[0]), value);
    upload.body[3] = '5';
    EXPECT_EQ(code_of(upload.run()), "BadDigest");
    EXPECT_EQ(message_of(upload.run()),
              "The " + std::string(name) + " you specified did not match the calculated checksum.");
    upload.headers[0].second = "AAAA";
    EXPECT_EQ(code_of(upload.spec()), "InvalidRequest");
    EXPECT_TRUE(message_of(upload.spec()).ends_with("header is invalid."));
  }
}

TEST(Payload, VerifiesContentMd5) {
  Upload upload;
  upload.headers = {{"Content-MD5", std::string(kMd5)}};
  EXPECT_TRUE(upload.run());
  upload.body[0] = 'x';
  EXPECT_EQ(code_of(upload.run()), "BadDigest");
  EXPECT_EQ(field_of(upload.run(), "ExpectedDigest"), kMd5Hex);
  for (const char* bad : {"", "x", "25f9e794323b453885f5181f1b624d0b", "JfnnlDI7RTiF9RgfG2JNCw",
                          "JfnnlDI7RTiF9RgfG2JNCw==="}) {
    upload.headers[0].second = bad;
    EXPECT_EQ(code_of(upload.run()), "InvalidDigest") << bad;
  }
}

TEST(Payload, VerifiesTheSignedHash) {
  Upload upload;
  upload.content_sha256 = kSha256Hex;
  EXPECT_TRUE(upload.run(2));
  upload.body[8] = '8';
  const auto result = upload.run();
  EXPECT_EQ(code_of(result), "XAmzContentSHA256Mismatch");
  EXPECT_EQ(field_of(result, "ClientComputedContentSHA256"), kSha256Hex);
  EXPECT_EQ(field_of(result, "S3ComputedContentSHA256").size(), 64U);
}

TEST(Payload, NeedsExactlyTheAnnouncedLength) {
  Upload upload;
  upload.content_length = 10;
  EXPECT_EQ(code_of(upload.run()), "IncompleteBody");
  upload.content_length = 8;
  EXPECT_EQ(code_of(upload.run()), "IncompleteBody");
  upload.content_length.reset();
  EXPECT_EQ(code_of(upload.run()), "MissingContentLength");
}

TEST(Payload, RefusesChecksumHeadersThatMakeNoSense) {
  struct Case {
    HeaderList headers;
    const char* message;
  };
  const Case cases[] = {
      {{{"x-amz-checksum-crc32", std::string(kCrc32)}, {"x-amz-checksum-sha1", std::string(kSha1)}},
       "Expecting a single x-amz-checksum- header."},
      {{{"x-amz-checksum-crc32", std::string(kCrc32)},
        {"x-amz-checksum-crc32", std::string(kCrc32)}},
       "Expecting a single x-amz-checksum- header."},
      {{{"x-amz-checksum-crc16", "AAA="}},
       "The algorithm type you specified in x-amz-checksum- header is invalid."},
      {{{"x-amz-sdk-checksum-algorithm", "CRC32"}},
       "x-amz-sdk-checksum-algorithm specified, but no corresponding"},
      {{{"x-amz-sdk-checksum-algorithm", "CRC33"}, {"x-amz-checksum-crc32", std::string(kCrc32)}},
       "Value for x-amz-sdk-checksum-algorithm header is invalid."},
      {{{"x-amz-sdk-checksum-algorithm", "SHA1"}, {"x-amz-checksum-crc32", std::string(kCrc32)}},
       "Value for x-amz-sdk-checksum-algorithm header is invalid."},
      {{{"x-amz-trailer", "x-amz-checksum-crc32"}}, "x-amz-trailer needs"},
  };
  for (const Case& item : cases) {
    Upload upload;
    upload.headers = item.headers;
    EXPECT_EQ(code_of(upload.spec()), "InvalidRequest") << item.message;
    EXPECT_TRUE(message_of(upload.spec()).starts_with(item.message)) << message_of(upload.spec());
  }
  Upload ignored;
  ignored.headers = {{"x-amz-checksum-mode", "ENABLED"},
                     {"x-amz-checksum-type", "FULL_OBJECT"},
                     {"x-amz-checksum-algorithm", "CRC32"}};
  EXPECT_TRUE(ignored.run());
}

TEST(Payload, LeavesAnObjectsChecksumAlone) {
  Upload upload;
  upload.checksum_of_body = false;
  upload.headers = {{"x-amz-checksum-crc32", "AAAAAA==-3"}};
  EXPECT_TRUE(upload.run());
}

Upload trailing(const std::string& trailers) {
  Upload upload;
  upload.content_sha256 = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
  upload.headers = {{"x-amz-decoded-content-length", "9"},
                    {"x-amz-trailer", "x-amz-checksum-crc32"},
                    {"x-amz-sdk-checksum-algorithm", "CRC32"}};
  upload.body = "9\r\n" + kText + "\r\n0\r\n" + trailers + "\r\n";
  return upload;
}

TEST(PayloadTrailer, VerifiesTheChecksum) {
  const auto good = trailing("x-amz-checksum-crc32:y/Q5Jg==\r\n").run(3);
  ASSERT_TRUE(good) << code_of(good);
  EXPECT_EQ(checksum_text(good->checksums.at(0)), kCrc32);
  EXPECT_EQ(base64_encode(good->md5), kMd5);
  EXPECT_EQ(code_of(trailing("x-amz-checksum-crc32:y/Q5Jw==\r\n").run()), "BadDigest");
  const auto malformed = trailing("x-amz-checksum-crc32:nonsense\r\n").run();
  EXPECT_EQ(code_of(malformed), "InvalidRequest");
  EXPECT_EQ(message_of(malformed), "Value for x-amz-checksum-crc32 trailing header is invalid.");
  EXPECT_EQ(code_of(trailing("").run()), "MalformedTrailerError");
  EXPECT_EQ(code_of(trailing("x-amz-checksum-sha1:y/Q5Jg==\r\n").run()), "MalformedTrailerError");
}

TEST(PayloadTrailer, RefusesHeadersThatMakeNoSense) {
  Upload upload = trailing("x-amz-checksum-crc32:y/Q5Jg==\r\n");
  upload.content_length.reset();
  EXPECT_TRUE(upload.run()) << "Transfer-Encoding: chunked around it is fine";
  for (const char* length : {"", "-1", "9a", " 9", "18446744073709551616", "9223372036854775808"}) {
    upload.headers[0].second = length;
    EXPECT_EQ(code_of(upload.spec()), "MissingContentLength") << length;
  }
  upload.headers[0].second = "10";
  EXPECT_EQ(code_of(upload.run()), "IncompleteBody");
  upload.headers[0].second = "8";
  EXPECT_EQ(code_of(upload.run()), "IncompleteBody");
  upload.headers.erase(upload.headers.begin());
  EXPECT_EQ(code_of(upload.spec()), "MissingContentLength");

  upload = trailing("");
  upload.headers[1].second = "x-amz-checksum-crc32, x-amz-checksum-sha1";
  EXPECT_EQ(code_of(upload.spec()), "InvalidRequest");
  upload.headers[1].second = "x-amz-meta-late";
  EXPECT_EQ(message_of(upload.spec()),
            "The value specified in the x-amz-trailer header is not supported");
  upload = trailing("");
  upload.headers.emplace_back("x-amz-checksum-crc32", std::string(kCrc32));
  EXPECT_EQ(code_of(upload.spec()), "InvalidRequest") << "header and trailer";
  upload = trailing("");
  upload.content_sha256 = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
  EXPECT_EQ(code_of(upload.spec()), "InvalidRequest") << "trailers without their mode";
}

TEST(PayloadTrailer, SignedOnesWorkFromThreadToThread) {
  const std::string data(100'000, 'q');
  const ChunkSigning signing = documented_signing(std::string(64, 'a'));
  ChecksumHasher hasher(ChecksumAlgorithm::kSha256);
  hasher.update(as_bytes(data));
  const std::string sum = base64_encode(hasher.finish());
  Upload upload;
  upload.content_sha256 = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
  upload.signing = signing;
  upload.headers = {{"x-amz-decoded-content-length", std::to_string(data.size())},
                    {"x-amz-trailer", "x-amz-checksum-sha256"}};
  upload.body = ChunkedBody(&signing)
                    .all(data, 65'536)
                    .zero()
                    .trailer("x-amz-checksum-sha256", sum)
                    .sign_trailers()
                    .end()
                    .text;
  auto spec = upload.spec();
  ASSERT_TRUE(spec);
  PayloadDecoder decoder(*std::move(spec));
  std::string whole;
  for (std::size_t at = 0; at < upload.body.size(); at += 30'000) {
    std::string piece = upload.body.substr(at, 30'000);
    std::thread([&] {
      PayloadDecoder moved = std::move(decoder);
      const auto part = moved.feed(std::as_writable_bytes(std::span(piece)));
      ASSERT_TRUE(part);
      whole.append(as_text(*part));
      decoder = std::move(moved);
    }).join();
  }
  const auto result = decoder.finish();
  ASSERT_TRUE(result) << code_of(result);
  EXPECT_EQ(whole, data);
  EXPECT_EQ(checksum_text(result->checksums.at(0)), sum);
}

}  // namespace
}  // namespace kelp::s3
