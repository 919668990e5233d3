#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/net/http_test_support.h"

namespace kelp::test {
namespace {

using std::chrono::milliseconds;
using DrainingHttp = HttpServerTest;

TEST_F(DrainingHttp, ClosesSilentAndIdleConnectionsAtOnce) {
  start();
  RawClient silent(port());
  RawClient idle(port());
  EXPECT_EQ(idle.ask(get("/a")).status, 200);
  eventually(
      [this] { return metrics.text().find("kelp_test_http_connections 2") != std::string::npos; });
  runtime.run(server().drain(std::chrono::hours(1)));
  EXPECT_TRUE(silent.sees_close());
  EXPECT_TRUE(idle.sees_close());
  EXPECT_NE(metrics.text().find("kelp_test_http_connections 0"), std::string::npos);
}

TEST_F(DrainingHttp, LetsBusyRequestsFinishAndThenCloses) {
  start();
  RawClient busy(port());
  RawClient idle(port());
  RawClient next_to_it(port());
  for (RawClient* client : {&idle, &next_to_it}) EXPECT_EQ(client->ask(get("/a")).status, 200);
  busy.send(get("/wait") + get("/never"));
  handler.waiting.acquire();
  std::thread draining([this] { runtime.run(server().drain(std::chrono::hours(1))); });
  eventually([this] {  // the listener closes first
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool refused = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0;
    ::close(fd);
    return refused;
  });
  // Connections go to the two workers in turn: each has one that tells that it was asked to end.
  EXPECT_TRUE(idle.sees_close());
  EXPECT_TRUE(next_to_it.sees_close());
  handler.release();
  const Answer answer = busy.receive();
  EXPECT_EQ(answer.body, "released");
  busy.finish_sending();
  EXPECT_TRUE(busy.sees_close());
  draining.join();
  EXPECT_EQ(handler.handled, 3);
}

TEST_F(DrainingHttp, CancelsWhatIsBusyAfterTheGrace) {
  start();
  RawClient waiting(port());
  waiting.send(get("/wait"));
  handler.waiting.acquire();
  RawClient uploading(port());
  uploading.send("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  RawClient not_reading(port());
  not_reading.send(get("/flood"));
  RawClient half_head(port());
  half_head.send("GET / HT");
  eventually([this] { return handler.handled == 3; });
  runtime.run(server().drain(milliseconds(20)));
  eventually([this] { return handler.body_errors == 1 && handler.write_failed; });
  EXPECT_TRUE(waiting.sees_close());
  EXPECT_TRUE(half_head.sees_close());
}

TEST_F(DrainingHttp, AnswersEveryRequestThatItTook) {
  start();
  std::atomic<int> answered = 0;
  std::vector<std::unique_ptr<RawClient>> connected;
  for (int i = 0; i < 8; ++i) connected.push_back(std::make_unique<RawClient>(port()));
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&answered, &client = *connected[i]] {
      while (client.ask(get("/a")).status == 200) ++answered;
    });
  }
  eventually([&] { return answered > 200; });
  runtime.run(server().drain(std::chrono::hours(1)));
  for (auto& client : clients) client.join();
  EXPECT_EQ(handler.handled, answered);
}

TEST_F(DrainingHttp, RetiredItAnswersEverybodyOnceMore) {
  start();
  RawClient kept(port());
  EXPECT_EQ(kept.ask(get("/a")).status, 200);
  server().retire();
  RawClient fresh(port());
  for (RawClient* client : {&kept, &fresh}) {
    const Answer last = client->ask(get("/a"));
    EXPECT_EQ(last.status, 200);
    EXPECT_TRUE(last.closes());
    EXPECT_TRUE(client->sees_close());
  }
  runtime.run(server().drain(milliseconds(0)));
}

TEST_F(DrainingHttp, MayBeRepeated) {
  start();
  runtime.run(server().drain(milliseconds(0)));
  runtime.run(server().drain(milliseconds(0)));
}

}  // namespace
}  // namespace kelp::test
