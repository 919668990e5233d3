#include "net/http_head.h"

#include <gtest/gtest.h>

#include <string>

namespace kelp {
namespace {

/// The status that `bytes` are refused with; 0 for a good head, -1 when more is needed.
int verdict(const std::string& bytes, HeadLimits limits = {}) {
  HeadScanner scanner(limits);
  const auto size = scanner.scan(bytes);
  if (!size) return size.error().status;
  if (*size == 0) return -1;
  ParsedHead head;
  const auto parsed = parse_head(std::string_view(bytes).substr(0, *size), head);
  return parsed ? 0 : parsed.error().status;
}

std::string post(const std::string& lines) {
  return "POST /b/k HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n";
}
std::string get(const std::string& target, const std::string& version = "HTTP/1.1") {
  return "GET " + target + " " + version + "\r\nHost: x\r\n\r\n";
}

struct Case {
  std::string name;
  std::string bytes;
  int status;
};

class StrictHead : public testing::TestWithParam<Case> {};

TEST_P(StrictHead, GetsItsVerdict) {
  EXPECT_EQ(verdict(GetParam().bytes), GetParam().status);
}

const std::string kTen = "0123456789";

INSTANTIATE_TEST_SUITE_P(
    Framing, StrictHead,
    testing::Values(
        Case{"ContentLength", post("Content-Length: 3\r\n"), 0},
        Case{"ContentLengthZero", post("Content-Length: 0\r\n"), 0},
        Case{"ContentLengthLargest", post("Content-Length: 9223372036854775807\r\n"), 0},
        Case{"Chunked", post("Transfer-Encoding: chunked\r\n"), 0},
        Case{"ChunkedInOtherCase", post("transfer-encoding: Chunked\r\n"), 0},
        Case{"ChunkedAfterTab", post("Transfer-Encoding:\tchunked\r\n"), 0},
        Case{"LengthThenChunked", post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"), 400},
        Case{"ChunkedThenLength", post("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n"), 400},
        Case{"ChunkedThenIdentity",
             post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400},
        Case{"ChunkedTwice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
             400},
        Case{"IdentityEncoding", post("Transfer-Encoding: identity\r\n"), 400},
        Case{"EmptyEncoding", post("Transfer-Encoding:\r\n"), 400},
        Case{"UnknownEncoding", post("Transfer-Encoding: xchunked\r\n"), 400},
        Case{"EncodingList", post("Transfer-Encoding: gzip, chunked\r\n"), 400},
        Case{"EncodingListOfOne", post("Transfer-Encoding: chunked,\r\n"), 400},
        Case{"EncodingSpaceBeforeColon", post("Transfer-Encoding : chunked\r\n"), 400},
        Case{"EncodingFolded", post("Transfer-Encoding:\r\n chunked\r\n"), 400},
        Case{"EncodingVerticalTab",
             post("Transfer-Encoding: \x0b"
                  "chunked\r\n"),
             400},
        Case{"EncodingOnHttp10", "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
             400},
        Case{"LengthTwiceDifferent", post("Content-Length: 3\r\nContent-Length: 5\r\n"), 400},
        Case{"LengthTwiceEqual", post("Content-Length: 3\r\nContent-Length: 3\r\n"), 400},
        Case{"LengthList", post("Content-Length: 3, 3\r\n"), 400},
        Case{"LengthListOfOne", post("Content-Length: 3,\r\n"), 400},
        Case{"LengthPlus", post("Content-Length: +3\r\n"), 400},
        Case{"LengthMinus", post("Content-Length: -1\r\n"), 400},
        Case{"LengthHex", post("Content-Length: 0x3\r\n"), 400},
        Case{"LengthEmpty", post("Content-Length:\r\n"), 400},
        Case{"LengthFraction", post("Content-Length: 3.0\r\n"), 400},
        Case{"LengthInnerSpace", post("Content-Length: 3 3\r\n"), 400},
        Case{"LengthTwoTo63", post("Content-Length: 9223372036854775808\r\n"), 400},
        Case{"LengthTwoTo64", post("Content-Length: 18446744073709551616\r\n"), 400},
        Case{"LengthTwentyDigits", post("Content-Length: 00000000000000000003\r\n"), 400},
        Case{"ExpectContinue", post("Expect: 100-Continue\r\nContent-Length: 3\r\n"), 0},
        Case{"ExpectOther", post("Expect: 999\r\nContent-Length: 3\r\n"), 417}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Lines, StrictHead,
    testing::Values(Case{"BareLf", "GET /b HTTP/1.1\nHost: x\n\n", 400},
                    Case{"BareLfInHeader", "GET /b HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", 400},
                    Case{"BareCrInHeader", post("X-A: a\rX-B: c\r\n"), 400},
                    Case{"CrCrLf", post("X-A: a\r\r\n"), 400},
                    Case{"BareCrInRequestLine", "GET /b\r HTTP/1.1\r\nHost: x\r\n\r\n", 400},
                    Case{"NulInHeader", post(std::string("X-A: a\0b\r\n", 10)), 400},
                    Case{"NulInName", post(std::string("X\0A: ab\r\n", 9)), 400},
                    Case{"ControlInHeader", post("X-A: a\x01\r\n"), 400},
                    Case{"DelInHeader", post("X-A: a\x7f\r\n"), 400},
                    Case{"TabInHeader", post("X-A: a\tb\r\n"), 0},
                    Case{"HighBytesInHeader", post("X-A: \xc3\xa4\r\n"), 0},
                    Case{"EmptyValue", post("X-A:\r\n"), 0},
                    Case{"FoldedWithTab", post("X-A: a\r\n\tb\r\n"), 400},
                    Case{"FoldedFirstLine", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
                    Case{"SpaceBeforeColon", post("X-A : a\r\n"), 400},
                    Case{"NoColon", post("X-A\r\n"), 400}, Case{"EmptyName", post(": a\r\n"), 400},
                    Case{"NameWithBracket", post("X[A]: a\r\n"), 400},
                    Case{"EmptyFirstLine", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
                    Case{"NotFinished", "GET / HTTP/1.1\r\nHost: x\r\n", -1},
                    Case{"Nothing", "", -1}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    RequestLine, StrictHead,
    testing::Values(
        Case{"Plain", get("/b"), 0}, Case{"DoubleSlash", get("//b//k"), 0},
        Case{"DotDot", get("/b/../../etc/passwd"), 0}, Case{"BadEscape", get("/b/%zz"), 0},
        Case{"HighBytes", get("/b/\xc3\xa4"), 0}, Case{"SpaceInPath", get("/a b"), 400},
        Case{"ControlInPath", get("/b/\xff\x01"), 400}, Case{"TabInPath", get("/a\tb"), 400},
        Case{"Fragment", get("/a#b"), 400}, Case{"NoSlash", get("b/k"), 400},
        Case{"Empty", get(""), 400}, Case{"Authority", get("x:80"), 400},
        Case{"Asterisk", get("*"), 400},
        Case{"OptionsAsterisk", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 0},
        Case{"AbsoluteForm", get("http://x/b"), 0},
        Case{"AbsoluteFormOtherCase", get("HTTP://X/b"), 0},
        Case{"AbsoluteFormOtherHost", get("http://evil/b"), 400},
        Case{"AbsoluteFormUser", get("http://u@x/b"), 400},
        Case{"AbsoluteFormOtherScheme", get("ftp://x/b"), 400},
        Case{"AbsoluteFormNoPath", get("http://x"), 0},
        Case{"AbsoluteFormQueryOnly", get("http://x?a"), 400},
        Case{"Http10", get("/b", "HTTP/1.0"), 0}, Case{"Http12", get("/b", "HTTP/1.2"), 505},
        Case{"Http99", get("/b", "HTTP/9.9"), 505}, Case{"Http20", get("/b", "HTTP/2.0"), 505},
        Case{"LowerCaseVersion", get("/b", "http/1.1"), 400},
        Case{"LongVersion", get("/b", "HTTP/1.10"), 400}, Case{"Http09", "GET /b\r\n\r\n", 400},
        Case{"TwoSpaces", "GET  /b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Case{"TrailingSpace", "GET /b HTTP/1.1 \r\nHost: x\r\n\r\n", 400},
        Case{"LeadingSpace", " GET /b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Case{"MethodOther", "brew /b HTTP/1.1\r\nHost: x\r\n\r\n", 0},
        Case{"MethodNoToken", "G@T /b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        Case{"Http2Preface", "PRI * HTTP/2.0\r\n\r\n", 505}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Host, StrictHead,
    testing::Values(Case{"Missing", "GET /b HTTP/1.1\r\n\r\n", 400},
                    Case{"MissingOnHttp10", "GET /b HTTP/1.0\r\n\r\n", 0},
                    Case{"Twice", "GET /b HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
                    Case{"TwiceEqual", "GET /b HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400},
                    Case{"TwiceOnHttp10", "GET /b HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400},
                    Case{"Empty", "GET /b HTTP/1.1\r\nHost:\r\n\r\n", 0},
                    Case{"WithPort", "GET /b HTTP/1.1\r\nHost: a.b-c:8333\r\n\r\n", 0},
                    Case{"Ipv6", "GET /b HTTP/1.1\r\nHost: [::1]:8333\r\n\r\n", 0},
                    Case{"WithSlash", "GET /b HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
                    Case{"WithAt", "GET /b HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
                    Case{"WithComma", "GET /b HTTP/1.1\r\nHost: a, b\r\n\r\n", 400}),
    [](const auto& info) { return info.param.name; });

TEST(HttpHead, GivesWhatWasSent) {
  const std::string bytes =
      "PUT http://h:1/b/k%20?x=1 HTTP/1.1\r\nHost: h:1\r\nX-Amz-Meta-A:  v 1\t \r\n"
      "Content-Length: 12\r\nExpect: 100-continue\r\nConnection: a, CLOSE\r\n\r\n";
  ParsedHead head;
  ASSERT_TRUE(parse_head(bytes, head));
  EXPECT_EQ(head.request.method, "PUT");
  EXPECT_EQ(head.request.target, "/b/k%20?x=1");
  EXPECT_EQ(head.request.minor_version, 1);
  EXPECT_EQ(head.request.content_length, 12U);
  EXPECT_FALSE(head.request.chunked);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_EQ(head.request.headers.size(), 5U);
  EXPECT_EQ(head.request.headers[1].name, "X-Amz-Meta-A");
  EXPECT_EQ(head.request.header("x-amz-meta-a"), "v 1");
  EXPECT_EQ(head.request.header("x-amz"), std::nullopt);
}

TEST(HttpHead, ForgetsTheRequestBefore) {
  ParsedHead head;
  ASSERT_TRUE(parse_head(post("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n"), head));
  EXPECT_TRUE(head.request.chunked);
  ASSERT_TRUE(parse_head("GET / HTTP/1.0\r\n\r\n", head));
  EXPECT_FALSE(head.request.chunked);
  EXPECT_FALSE(head.expects_continue);
  EXPECT_TRUE(head.request.headers.empty());
}

TEST(HttpHead, KeepsConnectionsAsTheVersionSays) {
  const auto keeps = [](const std::string& version, const std::string& connection) {
    ParsedHead head;
    EXPECT_TRUE(parse_head("GET / " + version + "\r\nHost: x\r\n" + connection + "\r\n", head));
    return head.keep_alive;
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
  EXPECT_TRUE(keeps("HTTP/1.0", "Connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", "Connection: keep-alive, close\r\n"));
}

TEST(HttpHead, IgnoresExpectationsOfHttp10) {
  ParsedHead head;
  ASSERT_TRUE(parse_head("PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", head));
  EXPECT_FALSE(head.expects_continue);
}

TEST(HeadScanner, LimitsAreExact) {
  const HeadLimits limits{.head_bytes = 200, .request_line_bytes = 60, .header_count = 3};
  const auto line_of = [](std::size_t bytes) {
    return "GET /" + std::string(bytes - 16, 'a') + " HTTP/1.1\r\n";
  };
  const std::string host = "Host: x\r\n";
  EXPECT_EQ(line_of(60).size(), 60U);
  EXPECT_EQ(verdict(line_of(60) + host + "\r\n", limits), 0);
  EXPECT_EQ(verdict(line_of(61) + host + "\r\n", limits), 414);
  EXPECT_EQ(verdict("GET /" + std::string(56, 'a'), limits), 414) << "told before the line ends";
  const auto head_of = [&](std::size_t bytes) {
    const std::size_t rest = bytes - line_of(60).size() - host.size() - 2;
    return line_of(60) + host + "X: " + std::string(rest - 5, 'a') + "\r\n\r\n";
  };
  EXPECT_EQ(head_of(200).size(), 200U);
  EXPECT_EQ(verdict(head_of(200), limits), 0);
  EXPECT_EQ(verdict(head_of(201), limits), 431);
  EXPECT_EQ(verdict(head_of(300).substr(0, 201), limits), 431);
  EXPECT_EQ(verdict(line_of(30) + host + "A: 1\r\nB: 2\r\n\r\n", limits), 0);
  EXPECT_EQ(verdict(line_of(30) + host + "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", limits), 431);
}

TEST(HeadScanner, DefaultLimitsAreThoseOfTheDocumentation) {
  EXPECT_EQ(verdict(post("X: " + std::string(70'000, 'a') + "\r\n")), 431);
  EXPECT_EQ(verdict(get("/" + std::string(8'200, 'a'))), 414);
  std::string lines;
  for (int i = 0; i < 99; ++i) lines += "X: a\r\n";
  EXPECT_EQ(verdict(post(lines)), 0);
  EXPECT_EQ(verdict(post(lines + "X: a\r\n")), 431);
}

TEST(HeadScanner, FindsTheSameEndHoweverTheBytesArrive) {
  const std::string bytes = post("A: b\r\nC: d\r\n") + "body\r\n\r\n";
  const std::size_t head_bytes = bytes.size() - 8;
  HeadScanner scanner({});
  for (std::size_t size = 0; size < head_bytes; ++size) {
    const auto found = scanner.scan(std::string_view(bytes).substr(0, size));
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, 0U);
  }
  EXPECT_EQ(scanner.scan(bytes), head_bytes);
  scanner.reset();
  EXPECT_EQ(scanner.scan(bytes), head_bytes);
}

TEST(HttpHead, RefusesEveryTruncationOfALine) {
  const std::string good = get("/bucket/key");
  for (std::size_t cut = 1; cut + 4 < good.size(); ++cut) {
    const std::string bytes = good.substr(0, cut) + "\r\n\r\n";
    const int status = verdict(bytes);
    // What is left whole is a request without Host, or with a shorter one.
    if (status == 0) {
      EXPECT_TRUE(bytes.starts_with("GET /bucket/key HTTP/1.1\r\nHost:")) << bytes;
    }
  }
}

}  // namespace
}  // namespace kelp
