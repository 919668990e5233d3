#include <fmt/format.h>

#include "tests/unit/s3gw/gateway_fixture.h"

namespace kelp::s3::test {
namespace {

TEST_F(GatewayTest, SeveralRangesComeInParts) {
  send("PUT", "/bucket");
  for (const std::size_t size : {std::size_t{10}, (std::size_t{17} << 20) + 5}) {
    const std::string data = bytes_of(size);
    Outgoing put = outgoing("PUT", "/bucket/key", data);
    add(put, "Content-Type", "text/plain");
    ASSERT_EQ(send(put).status, 200);
    for (const char* method : {"GET", "HEAD"}) {
      Outgoing ranged = outgoing(method, "/bucket/key");
      add(ranged, "Range", "bytes=-3,0-0,2-4");
      const Answer got = send(ranged);
      EXPECT_EQ(got.status, 206);
      EXPECT_EQ(got.header("Content-Range"), "");
      const std::string type = got.header("Content-Type");
      ASSERT_TRUE(type.starts_with("multipart/byteranges; boundary=")) << type;
      const std::string line = "--" + type.substr(type.find('=') + 1);
      const auto part = [&](std::size_t offset, std::size_t bytes) {
        return fmt::format(
            "{}\r\nContent-Type: text/plain\r\nContent-Range: bytes {}-{}/{}\r\n\r\n{}\r\n", line,
            offset, offset + bytes - 1, size, data.substr(offset, bytes));
      };
      const std::string whole = part(size - 3, 3) + part(0, 1) + part(2, 3) + line + "--\r\n";
      EXPECT_EQ(got.announced, whole.size());
      EXPECT_EQ(got.body, method == std::string_view("GET") ? whole : "");
    }
  }
}

TEST_F(GatewayTest, SeveralRangesOfWhatIsEncodedAreTheWhole) {
  send("PUT", "/bucket");
  Outgoing put = outgoing("PUT", "/bucket/key", "0123456789");
  add(put, "Content-Encoding", "gzip");
  ASSERT_EQ(send(put).status, 200);
  Outgoing ranged = outgoing("GET", "/bucket/key");
  add(ranged, "Range", "bytes=0-0,2-4");
  EXPECT_EQ(send(ranged).status, 200);
  EXPECT_EQ(send(ranged).body, "0123456789");
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

TEST_F(GatewayTest, ACustomersKeyDoesNotFitAnObjectThatIsNotEncrypted) {
  options.sse_c_over_http = true;
  send("PUT", "/bucket");
  send("PUT", "/bucket/k", "v");
  const auto ask = [&](std::string method, std::string target) {
    Outgoing request = outgoing(std::move(method), std::move(target));
    add(request, "x-amz-server-side-encryption-customer-algorithm", "AES256");
    add(request, "x-amz-server-side-encryption-customer-key",
        "MTIzNDU2NzgxMjM0NTY3ODEyMzQ1Njc4MTIzNDU2Nzg=");
    add(request, "x-amz-server-side-encryption-customer-key-MD5", "iZOTDiccmYWzBNgyOdDHDQ==");
    add(request, "x-amz-object-attributes", "ETag");
    return send(request);
  };
  for (const char* target : {"/bucket/k", "/bucket/k?attributes"}) {
    const Answer got = ask("GET", target);
    EXPECT_EQ(got.status, 400);
    EXPECT_EQ(got.element("Code"), "InvalidRequest");
    EXPECT_EQ(got.element("Message"),
              "The encryption parameters are not applicable to this object.");
  }
  EXPECT_EQ(ask("HEAD", "/bucket/k").status, 400);
  EXPECT_EQ(ask("GET", "/bucket/missing").element("Code"), "NoSuchKey");
  EXPECT_EQ(ask("HEAD", "/bucket/missing").status, 404);
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

TEST_F(GatewayTest, AnAnswerOfSeveralRangesThatBreaksOffIsCutShort) {
  send("PUT", "/bucket");
  const std::string data = bytes_of(1 << 20);
  ASSERT_EQ(send("PUT", "/bucket/k", data).status, 200);
  Outgoing ranged = outgoing("GET", "/bucket/k");
  add(ranged, "Range", "bytes=0-9,600000-600009");
  volumes.reads = 0;
  volumes.corrupt_read = 0;
  EXPECT_EQ(send(ranged).status, 500);
  volumes.reads = 0;
  volumes.corrupt_read = 1;
  const Answer got = send(ranged);
  EXPECT_EQ(got.status, 206);
  EXPECT_TRUE(got.cut_short);
  EXPECT_TRUE(got.body.ends_with(data.substr(0, 10))) << "nothing follows the last bytes";
}

TEST_F(GatewayTest, WhatTheVolumesLendIsSentInPlaceOfACopy) {
  send("PUT", "/bucket");
  const std::string data = bytes_of((10 << 20) + 77);  // two needles
  send("PUT", "/bucket/k", data);
  volumes.pins = true;
  volumes.reads = 0;
  EXPECT_TRUE(send("GET", "/bucket/k").body == data);
  EXPECT_EQ(volumes.pinned, data.size());
  EXPECT_EQ(volumes.reads, 0);
  for (const auto& [first, last] :
       std::vector<std::pair<std::size_t, std::size_t>>{{0, 0},
                                                        {65'536, 131'071},
                                                        {65'535, 1'000'000},
                                                        {500'000, 9'000'000},
                                                        {8'388'607, 8'388'608},
                                                        {3, data.size() - 1}}) {
    Outgoing request = outgoing("GET", "/bucket/k");
    add(request, "Range", "bytes=" + std::to_string(first) + "-" + std::to_string(last));
    const Answer got = send(std::move(request));
    EXPECT_EQ(got.status, 206);
    EXPECT_TRUE(got.body == data.substr(first, last - first + 1)) << first << " to " << last;
  }
  EXPECT_GT(volumes.reads, 0);
}

}  // namespace
}  // namespace kelp::s3::test
