#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/unit/s3gw_auth/chunked_body.h"

namespace kelp::s3 {
namespace {

struct Decoded {
  std::string data;
  std::string code;  // of the error, or empty
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

// Feeds `body` in pieces of `step` bytes.
Decoded decode(const ChunkedSpec& spec, std::string_view body, std::size_t step) {
  ChunkedDecoder decoder(spec);
  Decoded out;
  while (!body.empty()) {
    std::string piece(body.substr(0, step));
    body.remove_prefix(piece.size());
    const auto data = decoder.feed(std::as_writable_bytes(std::span(piece)));
    if (!data) {
      out.code = code_of(data);
      EXPECT_EQ(code_of(decoder.finish()), out.code) << "an error stays";
      return out;
    }
    out.data.append(as_text(*data));
  }
  out.code = code_of(decoder.finish());
  return out;
}

Decoded decode_all_ways(const ChunkedSpec& spec, std::string_view body) {
  const Decoded whole = decode(spec, body, body.size() + 1);
  for (const std::size_t step : {1, 7, 1000}) {
    const Decoded pieces = decode(spec, body, step);
    EXPECT_EQ(pieces.code, whole.code) << "in pieces of " << step;
    if (whole.code.empty()) {
      EXPECT_EQ(pieces.data, whole.data) << "in pieces of " << step;
    }
  }
  return whole;
}

ChunkedSpec signed_spec(const ChunkSigning& signing, std::uint64_t bytes) {
  return {
      .decoded_bytes = bytes, .signing = signing, .trailers_allowed = false, .trailer_names = {}};
}

ChunkedSpec unsigned_spec(std::uint64_t bytes) {
  return {.decoded_bytes = bytes,
          .signing = std::nullopt,
          .trailers_allowed = true,
          .trailer_names = {}};
}

const std::string kData(66'560, 'a');

// The example of "Transferring Payload in Multiple Chunks (Chunked Upload)".
TEST(Chunked, TakesTheDocumentedUpload) {
  const std::string body =
      "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
      std::string(65'536, 'a') +
      "\r\n400;chunk-signature="
      "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
      std::string(1024, 'a') +
      "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n"
      "\r\n";
  const auto signing =
      documented_signing("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
  const Decoded out = decode_all_ways(signed_spec(signing, kData.size()), body);
  EXPECT_EQ(out.code, "");
  EXPECT_EQ(out.data, kData);
}

// The example of "... with trailing headers".
TEST(Chunked, TakesTheDocumentedTrailers) {
  const std::string body =
      "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" +
      std::string(65'536, 'a') +
      "\r\n400;chunk-signature="
      "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" +
      std::string(1024, 'a') +
      "\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
      "x-amz-checksum-crc32c:sOO8/Q==\r\n"
      "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n"
      "\r\n";
  ChunkedSpec spec = signed_spec(
      documented_signing("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"),
      kData.size());
  spec.trailers_allowed = true;
  spec.trailer_names = {"x-amz-checksum-crc32c"};
  EXPECT_EQ(decode_all_ways(spec, body), (Decoded{kData, ""}));
}

// As MinIO's SDKs write it: LF CRLF after the trailers, then the signature.
TEST(Chunked, TakesSignedTrailersThatEndWithLineFeedAndEmptyLine) {
  const std::string head =
      "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n" +
      std::string(65'536, 'a') +
      "\r\n400;chunk-signature="
      "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n" +
      std::string(1024, 'a') +
      "\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n";
  const std::string trailer = "x-amz-checksum-crc32c:sOO8/Q==";
  const std::string proof =
      "x-amz-trailer-signature:"
      "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n";
  ChunkedSpec spec = signed_spec(
      documented_signing("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"),
      kData.size());
  spec.trailers_allowed = true;
  spec.trailer_names = {"x-amz-checksum-crc32c"};
  const auto code = [&](const std::string& end) { return decode_all_ways(spec, head + end).code; };
  EXPECT_EQ(decode_all_ways(spec, head + trailer + "\n\r\n" + proof + "\r\n"),
            (Decoded{kData, ""}));
  EXPECT_EQ(code(trailer + "\n\r\n"), "MalformedTrailerError") << "no signature";
  EXPECT_EQ(code(trailer + "\n\r\n\r\n" + proof + "\r\n"), "MalformedTrailerError");
  EXPECT_EQ(code(trailer + "\r\n\r\n" + proof + "\r\n"), "MalformedTrailerError")
      << "a whole line and an empty one are the end";
  EXPECT_EQ(code("\n\r\n" + trailer + "\r\n" + proof + "\r\n"), "MalformedTrailerError");
}

class ChunkedSigned : public testing::Test {
 protected:
  const ChunkSigning signing = documented_signing(std::string(64, '0'));
  const ChunkedSpec spec = signed_spec(signing, kData.size());
  [[nodiscard]] std::string good() const {
    return ChunkedBody(&signing).all(kData, 16'384).zero().end().text;
  }
};

TEST_F(ChunkedSigned, NoticesEveryFlippedByte) {
  const std::string body = good();
  ASSERT_EQ(decode(spec, body, body.size()).code, "");
  Rng rng(7);
  for (int round = 0; round < 300; ++round) {
    std::string bad = body;
    // Every framing byte at the start, then anywhere.
    const std::size_t at = round < 120 ? round : rng.below(bad.size());
    bad[at] = static_cast<char>(bad[at] ^ 1);
    EXPECT_NE(decode(spec, bad, 4096).code, "") << "byte " << at;
  }
}

TEST_F(ChunkedSigned, NoticesEveryTruncation) {
  const std::string body = good();
  for (std::size_t size = 0; size < body.size() - 2; size += size < 200 ? 1 : 911) {
    EXPECT_EQ(decode(spec, body.substr(0, size), 4096).code, "IncompleteBody") << size;
  }
  EXPECT_EQ(decode(spec, body.substr(0, body.size() - 2), 4096).code, "")
      << "some clients leave the last line out";
  EXPECT_NE(decode(spec, body.substr(0, body.size() - 1), 4096).code, "");
}

TEST_F(ChunkedSigned, RefusesSwappedRepeatedAndUnsignedChunks) {
  const std::string one(10'000, 'x');
  const std::string two(10'000, 'y');
  const ChunkedSpec small = signed_spec(signing, 20'000);
  const std::string first = ChunkedBody(&signing).chunk(one).text;
  const std::string both = ChunkedBody(&signing).chunk(one).chunk(two).text;
  const std::string second = both.substr(first.size());
  EXPECT_EQ(decode_all_ways(small, second + first).code, "SignatureDoesNotMatch");
  EXPECT_EQ(decode_all_ways(small, first + first).code, "SignatureDoesNotMatch");
  EXPECT_EQ(
      decode_all_ways(small, ChunkedBody(nullptr).all(one + two, 10'000).zero().end().text).code,
      "IncompleteBody");
}

TEST_F(ChunkedSigned, RefusesAForgedLastChunk) {
  std::string body = good();
  const std::size_t at = body.rfind("signature=") + 10;
  body.replace(at, 64, 64, '0');
  EXPECT_EQ(decode_all_ways(spec, body).code, "SignatureDoesNotMatch");
}

TEST_F(ChunkedSigned, RefusesTrailersThatWereNotAnnounced) {
  const std::string body = ChunkedBody(&signing)
                               .all(kData, 16'384)
                               .zero()
                               .trailer("x-amz-checksum-crc32c", "sOO8/Q==")
                               .end()
                               .text;
  EXPECT_EQ(decode_all_ways(spec, body).code, "MalformedTrailerError");
}

TEST_F(ChunkedSigned, TrailersNeedTheirSignature) {
  ChunkedSpec with = spec;
  with.trailers_allowed = true;
  with.trailer_names = {"x-amz-checksum-crc32c"};
  const auto body = [&] { return ChunkedBody(&signing).all(kData, 16'384).zero(); };
  const auto code = [&](const std::string& text) { return decode_all_ways(with, text).code; };
  const std::string_view name = "x-amz-checksum-crc32c";
  EXPECT_EQ(code(body().trailer(name, "sOO8/Q==").sign_trailers().end().text), "");
  EXPECT_EQ(code(body().trailer(name, "sOO8/Q==").end().text), "MalformedTrailerError");
  EXPECT_EQ(code(body().sign_trailers().end().text), "MalformedTrailerError");
  EXPECT_EQ(code(body().sign_trailers().trailer(name, "sOO8/Q==").end().text),
            "MalformedTrailerError");
  EXPECT_EQ(code(body().trailer(name, "a").trailer(name, "b").sign_trailers().end().text),
            "MalformedTrailerError");
  EXPECT_EQ(code(body().trailer("x-amz-meta-a", "a").sign_trailers().end().text),
            "MalformedTrailerError");
  EXPECT_EQ(code(body().end().text), "MalformedTrailerError");
  EXPECT_EQ(code(body().text), "MalformedTrailerError");
  std::string tampered = body().trailer(name, "sOO8/Q==").sign_trailers().end().text;
  tampered[tampered.find("sOO8") + 1] = 'P';
  EXPECT_EQ(code(tampered), "SignatureDoesNotMatch");
}

TEST(ChunkedUnsigned, TakesOneHugeChunkOrMany) {
  EXPECT_EQ(decode_all_ways(unsigned_spec(kData.size()),
                            ChunkedBody(nullptr).chunk(kData).zero().end().text),
            (Decoded{kData, ""}));
  EXPECT_EQ(decode_all_ways(unsigned_spec(kData.size()),
                            ChunkedBody(nullptr).all(kData, 8192).zero().end().text),
            (Decoded{kData, ""}));
  EXPECT_EQ(decode_all_ways(unsigned_spec(0), "0\r\n\r\n"), (Decoded{"", ""}));
  EXPECT_EQ(decode_all_ways(unsigned_spec(3), "3;ext=1\r\nabc\r\n000\r\n\r\n"),
            (Decoded{"abc", ""}));
}

TEST(ChunkedUnsigned, TakesTrailersThatEndWithALineFeedAlone) {
  ChunkedSpec spec = unsigned_spec(3);
  spec.trailer_names = {"x-amz-checksum-crc32"};
  ChunkedDecoder decoder(spec);
  std::string body = "3\r\nabc\r\n0\r\nX-Amz-Checksum-CRC32: NSRBwg==\n\r\n";
  ASSERT_TRUE(decoder.feed(std::as_writable_bytes(std::span(body))));
  ASSERT_TRUE(decoder.finish());
  ASSERT_EQ(decoder.trailers().size(), 1U);
  EXPECT_EQ(decoder.trailers()[0].first, "x-amz-checksum-crc32");
  EXPECT_EQ(decoder.trailers()[0].second, "NSRBwg==");

  const auto code = [&](const std::string& end) {
    return decode_all_ways(spec, "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\n" + end).code;
  };
  EXPECT_EQ(code("\r\n"), "");
  EXPECT_EQ(code("\r\n\r\n"), "") << "MinIO's SDKs send one more empty line";
  EXPECT_EQ(code("\r\n\r\n\r\n"), "MalformedTrailerError");
  EXPECT_EQ(code("\r\n\r\n!"), "MalformedTrailerError");
  EXPECT_EQ(code("\r\n!"), "MalformedTrailerError");
  EXPECT_EQ(code("\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"), "MalformedTrailerError");
  EXPECT_EQ(code("\r"), "MalformedTrailerError");
  EXPECT_EQ(code(""), "MalformedTrailerError");
}

TEST(ChunkedUnsigned, OnlyTheLastChunkMayBeSmall) {
  const std::string data(20'000, 'z');
  ChunkedBody small(nullptr);
  small.chunk(data.substr(0, 8191)).chunk(data.substr(8191)).zero().end();
  EXPECT_EQ(decode_all_ways(unsigned_spec(data.size()), small.text).code, "InvalidChunkSizeError");
  ChunkedBody large(nullptr);
  large.chunk(data.substr(0, 8192)).chunk(data.substr(8192, 11'807)).chunk("z").zero().end();
  EXPECT_EQ(decode_all_ways(unsigned_spec(data.size()), large.text), (Decoded{data, ""}));
}

TEST(ChunkedUnsigned, RefusesBrokenFraming) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "IncompleteBody"},
      {"3\r\nabc", "IncompleteBody"},
      {"3\r\nabc\r\n", "IncompleteBody"},
      {"3\nabc\r\n0\r\n\r\n", "IncompleteBody"},
      {"3\r\nabcd\r\n0\r\n\r\n", "IncompleteBody"},
      {"3\r\nabc\n0\r\n\r\n", "IncompleteBody"},
      {"4\r\nabcd\r\n0\r\n\r\n", "IncompleteBody"},
      {"2\r\nab\r\n0\r\n\r\n", "IncompleteBody"},
      {"-3\r\nabc\r\n0\r\n\r\n", "IncompleteBody"},
      {"+3\r\nabc\r\n0\r\n\r\n", "IncompleteBody"},
      {" 3\r\nabc\r\n0\r\n\r\n", "IncompleteBody"},
      {"0x3\r\nabc\r\n0\r\n\r\n", "IncompleteBody"},
      {"\r\nabc\r\n0\r\n\r\n", "IncompleteBody"},
      {"ffffffffffffffff\r\nabc\r\n0\r\n\r\n", "IncompleteBody"},
      {"00000000000000003\r\nabc\r\n0\r\n\r\n", "IncompleteBody"},
      {"3\r\nabc\r\n0\r\n\r\n!", "MalformedTrailerError"},
      {"3\r\nabc\r\n0\r\n\r\n3\r\nabc\r\n", "MalformedTrailerError"},
      {"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", "MalformedTrailerError"},
      {"3\r\nabc\r\n0\r\nx-amz-trailer-signature:00\r\n\r\n", "MalformedTrailerError"},
      {"3\r\nabc\r\n0\r\n:\r\n\r\n", "MalformedTrailerError"},
  };
  for (const auto& [body, code] : cases) {
    EXPECT_EQ(decode_all_ways(unsigned_spec(3), body).code, code) << body;
  }
}

TEST(ChunkedUnsigned, LinesAreBounded) {
  EXPECT_EQ(decode_all_ways(unsigned_spec(3), "3;" + std::string(2000, 'x')).code,
            "IncompleteBody");
  EXPECT_EQ(decode_all_ways(unsigned_spec(3), "3\r\nabc\r\n0\r\nx" + std::string(2000, 'x')).code,
            "MalformedTrailerError");
}

}  // namespace
}  // namespace kelp::s3
