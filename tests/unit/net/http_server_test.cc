#include <gtest/gtest.h>

#include <thread>

#include "net/http_client.h"
#include "tests/unit/net/http_test_support.h"

namespace kelp::test {
namespace {

using ServingHttp = HttpServerTest;

TEST_F(ServingHttp, KeepsAConnectionForManyRequests) {
  start();
  RawClient client(port());
  for (int i = 0; i < 50; ++i) {
    const Answer answer = client.ask(get("/a" + std::to_string(i)));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "/a" + std::to_string(i));
    EXPECT_FALSE(answer.closes());
    EXPECT_TRUE(answer.has("\r\nDate: "));
    EXPECT_TRUE(answer.has("X-Remote: 127.0.0.1\r\n"));
  }
  EXPECT_TRUE(client.ask(get("/last", "Connection: close\r\n")).closes());
  EXPECT_TRUE(client.sees_close());
  EXPECT_FALSE(client.was_reset());
}

TEST_F(ServingHttp, AnswersAThousandPipelinedRequestsInOrder) {
  start();
  RawClient client(port());
  std::string requests;
  for (int i = 0; i < 1000; ++i) {
    requests += i % 3 == 0   ? put("/echo", "body " + std::to_string(i))
                : i % 3 == 1 ? get("/p" + std::to_string(i))
                             : put_chunked("/echo", "3\r\nabc\r\n0\r\n\r\n");
  }
  std::thread sender([&] { client.send(requests); });
  for (int i = 0; i < 1000; ++i) {
    const Answer answer = client.receive();
    ASSERT_EQ(answer.status, 200);
    ASSERT_EQ(answer.body, i % 3 == 0   ? "body " + std::to_string(i)
                           : i % 3 == 1 ? "/p" + std::to_string(i)
                                        : "abc");
  }
  sender.join();
}

TEST_F(ServingHttp, AcceptsARequestByteByByte) {
  start();
  RawClient client(port());
  for (const char c : put_chunked("/echo", "3;e=f\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n")) {
    client.send({&c, 1});
  }
  EXPECT_EQ(client.receive().body, "abcde");
  for (const char c : put("/echo", "whole")) client.send({&c, 1});
  EXPECT_EQ(client.receive().body, "whole");
}

TEST_F(ServingHttp, TakesLargeBodiesInEitherFraming) {
  start();
  RawClient client(port());
  std::string body(5'000'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7 + (i >> 9));
  std::thread plain([&] { client.send(put("/echo", body)); });
  EXPECT_TRUE(client.receive().body == body);
  plain.join();
  std::string framed;
  for (std::size_t at = 0, size = 1; at < body.size(); size = size * 5 % 70'001 + 1) {
    const std::string piece = body.substr(at, size);
    char line[32];
    std::snprintf(line, sizeof line, "%zx\r\n", piece.size());
    framed += line + piece + "\r\n";
    at += piece.size();
  }
  std::thread chunked([&] { client.send(put_chunked("/echo", framed + "0\r\n\r\n")); });
  EXPECT_TRUE(client.receive().body == body);
  chunked.join();
  EXPECT_EQ(client.ask(get("/next")).body, "/next");
}

TEST_F(ServingHttp, SaysContinueWhenTheBodyIsWanted) {
  start();
  RawClient client(port());
  client.send("PUT /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(client.receive(false).status, 100);
  const Answer answer = client.ask("abc");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "abc");
  EXPECT_FALSE(answer.closes());
  EXPECT_EQ(client.ask(get("/next")).body, "/next");
}

TEST_F(ServingHttp, ClosesWhenAContinueIsRefused) {
  start();
  RawClient client(port());
  client.send("PUT /deny HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  const Answer answer = client.receive();
  EXPECT_EQ(answer.status, 403);
  EXPECT_TRUE(answer.closes());
  // A client that sends its body all the same must not be reset before it reads the answer.
  EXPECT_TRUE(client.send("abc"));
  client.finish_sending();
  EXPECT_TRUE(client.sees_close());
  EXPECT_FALSE(client.was_reset());
}

TEST_F(ServingHttp, SaysContinueForAnEmptyBodyToo) {
  start();
  RawClient client(port());
  client.send("PUT /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client.receive(false).status, 100);
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_EQ(client.ask(get("/next")).body, "/next");
}

TEST_F(ServingHttp, NeedsNoContinueWhenTheBodyIsThere) {
  start();
  RawClient client(port());
  EXPECT_EQ(client.ask(put("/echo", "abc", "Expect: 100-continue\r\n")).status, 200);
}

TEST_F(ServingHttp, DropsASmallUnreadBodyAndGoesOn) {
  start();
  RawClient client(port());
  const Answer answer = client.ask(put("/deny", std::string(300'000, 'x')));
  EXPECT_EQ(answer.status, 403);
  EXPECT_FALSE(answer.closes());
  EXPECT_EQ(client.ask(get("/next")).body, "/next");
  EXPECT_EQ(client.ask(put_chunked("/deny", "5\r\nabcde\r\n0\r\n\r\n")).status, 403);
  EXPECT_EQ(client.ask(get("/next")).body, "/next");
}

TEST_F(ServingHttp, ClosesRatherThanDropALargeUnreadBody) {
  start({.drain_limit_bytes = 1000});
  RawClient client(port());
  client.send("PUT /deny HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_TRUE(client.receive().closes());
  RawClient chunked(port());
  chunked.send(put_chunked("/deny", "1000\r\n" + std::string(4096, 'x') + "\r\n"));
  EXPECT_EQ(chunked.receive().status, 403);
  chunked.finish_sending();
  EXPECT_TRUE(chunked.sees_close());
}

TEST_F(ServingHttp, APeerThatSendsAllBeforeItReadsGetsItsAnswer) {
  start({.drain_limit_bytes = 1000});
  RawClient client(port());
  EXPECT_TRUE(client.send(put("/deny", std::string(20'000'000, 'x'))));
  EXPECT_EQ(client.receive().status, 403);
}

TEST_F(ServingHttp, Answers500WhenTheHandlerDoesNot) {
  start();
  for (const char* path : {"/none", "/throw", "/start-only"}) {
    RawClient client(port());
    const Answer answer = client.ask(get(path));
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_EQ(answer.body, "refused 500");
    EXPECT_TRUE(answer.closes());
    EXPECT_TRUE(client.sees_close());
  }
  EXPECT_NE(metrics.text().find("kelp_test_http_failed_handlers_total 3"), std::string::npos);
  EXPECT_NE(metrics.text().find("kelp_test_http_requests_total{status=\"5xx\"} 3"),
            std::string::npos);
}

TEST_F(ServingHttp, CutsTheConnectionWhenAnAnswerIsShort) {
  start();
  RawClient client(port());
  const Answer answer = client.ask(get("/short"));
  EXPECT_EQ(answer.body, "12345");
  EXPECT_TRUE(client.sees_close());
  EXPECT_TRUE(handler.finish_failed);
}

TEST_F(ServingHttp, NeverSendsMoreThanAnnounced) {
  start();
  RawClient client(port());
  EXPECT_EQ(client.ask(get("/long")).status, 500);
  RawClient twice(port());
  EXPECT_EQ(twice.ask(get("/twice")).body, "a");
  EXPECT_TRUE(twice.sees_close());
}

TEST_F(ServingHttp, SendsPiecesInTheFramingThatFits) {
  start();
  RawClient client(port());
  const Answer known = client.ask(get("/pieces"));
  EXPECT_TRUE(known.has("Content-Length: 6\r\n"));
  EXPECT_EQ(known.body, "abcdef");
  const Answer unknown = client.ask(get("/unknown-length"));
  EXPECT_TRUE(unknown.has("Transfer-Encoding: chunked\r\n"));
  EXPECT_EQ(unknown.body, "abcdef");
  const Answer old = client.ask("GET /unknown-length HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_FALSE(old.has("Transfer-Encoding"));
  EXPECT_TRUE(old.closes());
  EXPECT_EQ(old.body, "abcdef");
}

TEST_F(ServingHttp, SendsNoBodyWhereNoneMayBe) {
  start();
  RawClient client(port());
  for (const char* path : {"/head", "/anything", "/pieces", "/unknown-length"}) {
    client.send("HEAD " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(client.receive(false).status, 200) << path;
  }
  client.send("HEAD /head HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(client.receive(false).has("Content-Length: 1234\r\n"));
  client.send(get("/304"));
  EXPECT_FALSE(client.receive(false).has("Content-Length"));
  client.send(get("/204"));
  EXPECT_FALSE(client.receive(false).has("Content-Length"));
  EXPECT_EQ(client.ask(get("/next")).body, "/next");
}

TEST_F(ServingHttp, Speaks10) {
  start();
  RawClient once(port());
  EXPECT_TRUE(once.ask("GET /healthz HTTP/1.0\r\n\r\n").closes());
  EXPECT_TRUE(once.sees_close());
  RawClient kept(port());
  const Answer answer = kept.ask("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(answer.has("Connection: keep-alive\r\n"));
  EXPECT_EQ(kept.ask("GET /b HTTP/1.0\r\n\r\n").body, "/b");
}

TEST_F(ServingHttp, ClosesWhenTheHandlerSaysSo) {
  start();
  RawClient client(port());
  EXPECT_TRUE(client.ask(get("/close")).closes());
  EXPECT_TRUE(client.sees_close());
}

TEST_F(ServingHttp, TellsTheHandlerOfABodyThatEndsEarly) {
  start();
  RawClient client(port());
  client.send("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  client.finish_sending();
  const Answer answer = client.receive();
  EXPECT_EQ(answer.status, 400);
  EXPECT_TRUE(answer.closes());
  EXPECT_EQ(handler.last_reason, static_cast<int>(Reason::kBodyTruncated));
  RawClient gone(port());
  gone.send("PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc");
  gone.close();
  eventually([this] { return handler.body_errors == 2; });
}

TEST_F(ServingHttp, TellsTheHandlerOfBrokenChunksAndCloses) {
  start();
  for (const char* framed : {"0x3\r\nabc\r\n0\r\n\r\n", "3\nabc\n0\n\n", "3\r\nabcX\r\n0\r\n\r\n",
                             "10000000000000003\r\nabc\r\n0\r\n\r\n"}) {
    RawClient client(port());
    const Answer answer = client.ask(put_chunked("/echo", framed) + get("/smuggled"));
    EXPECT_EQ(answer.status, 400);
    EXPECT_TRUE(answer.closes());
    client.finish_sending();
    EXPECT_TRUE(client.sees_close()) << "a second answer";
  }
}

TEST_F(ServingHttp, RefusesABadHeadOnceAndForAll) {
  start();
  for (const char* lines : {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                            "Content-Length: 3, 3\r\n", "X : y\r\n"}) {
    RawClient client(port());
    const Answer answer = client.ask(get("/a", lines) + get("/smuggled"));
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, "refused 400");
    EXPECT_TRUE(answer.has("Content-Type: text/plain\r\n"));
    EXPECT_TRUE(answer.closes());
    client.finish_sending();
    EXPECT_TRUE(client.sees_close());
  }
  EXPECT_EQ(handler.handled, 0);
  EXPECT_NE(metrics.text().find("kelp_test_http_refused_heads_total 3"), std::string::npos);
}

TEST_F(ServingHttp, SurvivesAPeerThatLeavesInTheAnswer) {
  start();
  {
    RawClient client(port());
    client.send(get("/flood"));
    EXPECT_EQ(client.receive(false).status, 200);
  }
  eventually([this] { return handler.write_failed.load(); });
  EXPECT_EQ(handler.last_code, static_cast<int>(Errc::kUnavailable));
  RawClient next(port());
  EXPECT_EQ(next.ask(get("/a")).status, 200);
}

TEST_F(ServingHttp, SendsLargeAnswersToASlowReader) {
  start();
  RawClient client(port());
  const Answer answer = client.ask(get("/flood"));
  EXPECT_EQ(answer.body.size(), std::size_t{64} << 20);
  EXPECT_EQ(client.ask(get("/next")).body, "/next");
}

TEST_F(ServingHttp, ServesTheProbeClient) {
  start();
  std::optional<Result<HttpClientResponse>> answer;
  const auto ask = [](std::uint16_t at,
                      std::optional<Result<HttpClientResponse>>* out) -> Task<void> {
    out->emplace(co_await http_get("127.0.0.1", at, "/healthz", std::chrono::seconds(20)));
  };
  runtime.run(ask(port(), &answer));
  ASSERT_TRUE(answer->has_value()) << answer->error().message();
  EXPECT_EQ((*answer)->status, 200);
  EXPECT_EQ((*answer)->body, "/healthz");
  const std::uint16_t closed = port();
  stop();
  runtime.run(ask(closed, &answer));
  ASSERT_FALSE(answer->has_value());
  EXPECT_EQ(answer->error().code(), Errc::kUnavailable);
}

}  // namespace
}  // namespace kelp::test
