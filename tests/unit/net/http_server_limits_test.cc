#include <gtest/gtest.h>

#include "tests/unit/net/http_test_support.h"

namespace kelp::test {
namespace {

using std::chrono::milliseconds;
using LimitingHttp = HttpServerTest;

TEST_F(LimitingHttp, ASlowHeadGets408) {
  start({.head_timeout = milliseconds(30)});
  RawClient client(port());
  client.send("GET /a HTTP/1.1\r\nHost:");
  const Answer answer = client.receive();
  EXPECT_EQ(answer.status, 408);
  EXPECT_TRUE(answer.closes());
  EXPECT_EQ(handler.handled, 0);
}

TEST_F(LimitingHttp, AHeadThatTricklesGets408) {
  start({.head_timeout = milliseconds(50)});
  RawClient client(port());
  client.send("GET /a HTTP/1.1\r\n");
  while (client.send("X: y\r\n")) {
    char byte = 0;
    if (::recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) break;
    ::usleep(5000);
  }
  EXPECT_EQ(client.receive().status, 408);
}

TEST_F(LimitingHttp, AnIdleConnectionIsClosedSilently) {
  start({.idle_timeout = milliseconds(30)});
  RawClient fresh(port());
  EXPECT_TRUE(fresh.sees_close());
  RawClient used(port());
  EXPECT_EQ(used.ask(get("/a")).status, 200);
  EXPECT_TRUE(used.sees_close());
}

TEST_F(LimitingHttp, AStalledBodyIsToldToTheHandler) {
  start({.progress_timeout = milliseconds(30)});
  RawClient client(port());
  client.send("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  const Answer answer = client.receive();
  EXPECT_EQ(answer.status, 408);
  EXPECT_TRUE(answer.closes());
  EXPECT_EQ(handler.last_reason, static_cast<int>(Reason::kBodyTooSlow));
  EXPECT_EQ(handler.last_code, static_cast<int>(Errc::kDeadlineExceeded));
}

TEST_F(LimitingHttp, ABodyThatTricklesIsTooSlow) {
  start({.progress_timeout = milliseconds(200), .minimum_body_rate = 1 << 20});
  RawClient client(port());
  client.send("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  while (client.send("x")) {
    char byte = 0;
    if (::recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) break;
    ::usleep(5000);
  }
  EXPECT_EQ(client.receive().status, 408);
  EXPECT_EQ(handler.last_reason, static_cast<int>(Reason::kBodyTooSlow));
}

TEST_F(LimitingHttp, APeerThatDoesNotReadIsLeft) {
  start({.progress_timeout = milliseconds(50)});
  RawClient client(port());
  client.send(get("/flood"));
  eventually([this] { return handler.write_failed.load(); });
  EXPECT_EQ(handler.last_code, static_cast<int>(Errc::kDeadlineExceeded));
}

TEST_F(LimitingHttp, ConnectionsPastTheLimitGet503) {
  start({.connection_limit = 2});
  RawClient first(port());
  RawClient second(port());
  EXPECT_EQ(first.ask(get("/a")).status, 200);
  EXPECT_EQ(second.ask(get("/a")).status, 200);
  RawClient third(port());
  const Answer answer = third.receive();
  EXPECT_EQ(answer.status, 503);
  EXPECT_TRUE(answer.closes());
  EXPECT_TRUE(third.sees_close());
  EXPECT_NE(metrics.text().find("kelp_test_http_refused_connections_total 1"), std::string::npos);
  first.close();
  // Room again as soon as the server has noticed.
  eventually(
      [this] { return metrics.text().find("kelp_test_http_connections 1") != std::string::npos; });
  RawClient fourth(port());
  EXPECT_EQ(fourth.ask(get("/a")).status, 200);
}

TEST_F(LimitingHttp, LargeHeadsGetTheirStatus) {
  start({.head_limit_bytes = 9000, .header_count_limit = 3});
  const auto status_of = [this](const std::string& request) {
    RawClient client(port());
    return client.ask(request).status;
  };
  EXPECT_EQ(status_of(get("/a", "X: " + std::string(9000, 'a') + "\r\n")), 431);
  EXPECT_EQ(status_of(get("/a", "A: 1\r\nB: 2\r\nC: 3\r\n")), 431);
  EXPECT_EQ(status_of(get("/" + std::string(8300, 'a'))), 414);
  EXPECT_EQ(status_of("GET /a HTTP/3.0\r\n\r\n"), 505);
  EXPECT_EQ(status_of(get("/a", "A: 1\r\nB: 2\r\n")), 200);
  EXPECT_EQ(status_of(get("/a", "Expect: more\r\n")), 417);
}

TEST_F(LimitingHttp, TheLargestHeadStillLeavesRoomForAChunkedBody) {
  start();
  RawClient client(port());
  const std::string fill(16 * 1024 - 80, 'a');
  const std::string request =
      "PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nX: " + fill + "\r\n\r\n";
  // Behind another request, so that the head does not begin at the buffer's start.
  client.send(get("/first") + request);
  EXPECT_EQ(client.receive().body, "/first");
  for (int i = 0; i < 3000; ++i) client.send("5\r\nabcde\r\n");
  EXPECT_EQ(client.ask("0\r\n\r\n").body.size(), 15'000U);
}

TEST(ServeHttp, RefusesABadAddressAndATakenPort) {
  Runtime runtime(1);
  ScriptedHandler handler;
  Metrics metrics;
  const auto bad = serve_http(runtime, handler, metrics, {.address = "nowhere"}, "kelp_test_http");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), Errc::kInvalidArgument);
  auto first = serve_http(runtime, handler, metrics, {}, "kelp_test_http");
  ASSERT_TRUE(first);
  const auto second =
      serve_http(runtime, handler, metrics, {.port = (*first)->port()}, "kelp_test_http");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Errc::kUnavailable);
  runtime.run((*first)->drain(milliseconds(0)));
}

TEST(ServeHttp, ListensOnIpv6AndReportsPlainIpv4Peers) {
  Runtime runtime(1);
  ScriptedHandler handler;
  Metrics metrics;
  auto server = serve_http(runtime, handler, metrics, {.address = "::"}, "kelp_test_http");
  if (!server) GTEST_SKIP() << "no IPv6 here: " << server.error().message();
  {
    RawClient client((*server)->port());
    EXPECT_TRUE(client.ask(get("/a")).has("X-Remote: 127.0.0.1\r\n"));
  }
  runtime.run((*server)->drain(milliseconds(0)));
}

}  // namespace
}  // namespace kelp::test
