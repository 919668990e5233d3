// Keys of identity providers: fetched when they are needed, and not more often.

#include "iam/web_keys.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "tests/support/run_coro.h"
#include "tests/unit/iam/iam_parts.h"

namespace kelp::iam::test {
namespace {

using kelp::test::run_coro;

class WebKeysTest : public testing::Test {
 protected:
  WebKeys::Fetch fetching() {
    return [this](const std::string& url) -> Result<std::string> {
      asked_.push_back(url);
      if (down_) return Error(Errc::kUnavailable, "down");
      if (url.ends_with("/openid-configuration")) return about_;
      return std::string(R"({"keys":[{"kid":"k","kty":"EC","crv":"P-256",)"
                         R"("x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                         R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
    };
  }
  std::size_t keys(const std::string& id = "k") {
    const auto got = run_coro(web_keys_.keys_of("idp.example.com/realm", id));
    return got ? got->size() : 0;
  }

  std::vector<std::string> asked_;
  bool down_ = false;
  std::string about_ = R"({"issuer":"https://idp.example.com/realm",)"
                       R"("jwks_uri":"https://idp.example.com/keys"})";
  MovedClock clock_;
  DirectPool pool_;
  WebKeys web_keys_{clock_, pool_, fetching()};
};

TEST_F(WebKeysTest, AreWhereTheProviderSays) {
  EXPECT_EQ(keys(), 1U);
  EXPECT_EQ(asked_, (std::vector<std::string>{
                        "https://idp.example.com/realm/.well-known/openid-configuration",
                        "https://idp.example.com/keys"}));
}

TEST_F(WebKeysTest, AreKeptForAWhile) {
  keys();
  clock_.advance(std::chrono::minutes(9));
  EXPECT_EQ(keys(), 1U);
  EXPECT_EQ(asked_.size(), 2U);
  clock_.advance(std::chrono::minutes(2));
  EXPECT_EQ(keys(), 1U);
  EXPECT_EQ(asked_.size(), 4U);
}

TEST_F(WebKeysTest, ANewOneIsLookedForButNotAtOnceAgain) {
  keys();
  keys("new");
  EXPECT_EQ(asked_.size(), 2U) << "strangers must not make us ask each time";
  clock_.advance(std::chrono::seconds(30));
  keys("new");
  EXPECT_EQ(asked_.size(), 4U);
}

TEST_F(WebKeysTest, WhatCannotBeHadIsAnError) {
  down_ = true;
  EXPECT_FALSE(run_coro(web_keys_.keys_of("idp.example.com/realm", "k")));
  down_ = false;
  EXPECT_EQ(keys(), 0U) << "strangers must not make us ask each time";
  EXPECT_EQ(asked_.size(), 1U);
  clock_.advance(std::chrono::seconds(30));
  EXPECT_EQ(keys(), 1U);
}

TEST_F(WebKeysTest, TheDescriptionIsTheProvidersOwn) {
  for (const char* const bad :
       {"[]", "{}", R"({"jwks_uri":"https://idp.example.com/keys"})",
        R"({"issuer":"https://other","jwks_uri":"https://idp.example.com/keys"})",
        R"({"issuer":"https://idp.example.com/realm","jwks_uri":"http://idp.example.com/keys"})",
        R"({"issuer":"https://idp.example.com/realm","jwks_uri":"http://127.0.0.1/keys"})",
        R"({"issuer":"https://idp.example.com/realm","jwks_uri":"file:///etc/passwd"})"}) {
    about_ = bad;
    asked_.clear();
    clock_.advance(std::chrono::seconds(30));
    EXPECT_FALSE(run_coro(web_keys_.keys_of("idp.example.com/realm", "k"))) << bad;
    EXPECT_EQ(asked_.size(), 1U) << bad;
  }
}

/// A listener on an address of this machine that counts who comes, and answers each `answer`.
class Canary {
 public:
  explicit Canary(const char* address, std::string answer = "") : answer_(std::move(answer)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, address, &at.sin_addr), 1);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    EXPECT_EQ(::listen(socket_, 8), 0);
    socklen_t size = sizeof(at);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    port_ = std::to_string(ntohs(at.sin_port));
    if (!answer_.empty()) thread_ = std::thread([this] { answer_one(); });
  }
  ~Canary() {
    ::shutdown(socket_, SHUT_RDWR);  // Wakes the thread, if nobody came.
    if (thread_.joinable()) thread_.join();
    ::close(socket_);
  }
  Canary(const Canary&) = delete;
  Canary& operator=(const Canary&) = delete;

  [[nodiscard]] const std::string& port() const { return port_; }
  /// Whether somebody waits to be heard.
  [[nodiscard]] bool sang() const {
    pollfd waits{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&waits, 1, 0) == 1;
  }

 private:
  void answer_one() {
    const int peer = ::accept(socket_, nullptr, nullptr);
    char asked[4096];
    (void)::recv(peer, asked, sizeof(asked), 0);
    (void)::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    ::close(peer);
  }

  const int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string answer_;
  std::string port_;
  std::thread thread_;
};

policy::OutgoingRules allowing(std::string_view range) {
  return {.allowed = {*policy::parse_range(range)}, .denied = {}};
}

TEST(FetchTest, ThisMachineIsNotCalledByAddressOrByName) {
  const Canary canary("127.0.0.1");
  for (const std::string host :
       {"127.0.0.1", "localhost", "127.1", "2130706433", "0.0.0.0", "[::ffff:127.0.0.1]", "[::]"}) {
    const auto refused = fetch("http://" + host + ":" + canary.port() + "/", {});
    ASSERT_FALSE(refused) << host;
    EXPECT_EQ(refused.error().code(), Errc::kPermissionDenied) << refused.error().message();
    EXPECT_FALSE(canary.sang()) << host;
  }
  const auto elsewhere = fetch("http://127.0.0.1:" + canary.port() + "/", allowing("127.0.0.2"));
  EXPECT_FALSE(elsewhere);
  EXPECT_FALSE(canary.sang());
}

TEST(FetchTest, MetadataServicesAreNotCalled) {
  for (const std::string host : {"169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"}) {
    for (const std::string scheme : {"http://", "https://"}) {
      const auto refused = fetch(scheme + host + "/latest/meta-data/", {});
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code(), Errc::kPermissionDenied) << refused.error().message();
    }
  }
}

TEST(FetchTest, WhoIsAllowedIsCalledAndSendsNobodyElsewhere) {
  const Canary good("127.0.0.1", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const auto got = fetch("http://localhost:" + good.port() + "/", allowing("127.0.0.0/8"));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(*got, "ok");
  const Canary behind("127.0.0.1");
  const Canary sends("127.0.0.1", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:" +
                                      behind.port() + "/\r\nContent-Length: 0\r\n\r\n");
  EXPECT_FALSE(fetch("http://127.0.0.1:" + sends.port() + "/", allowing("127.0.0.0/8")));
  EXPECT_FALSE(behind.sang());
}

TEST(FetchTest, OtherSchemesAreNone) {
  for (const char* url : {"file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/",
                          "dict://127.0.0.1:11211/stat"}) {
    const auto refused = fetch(url, allowing("127.0.0.0/8"));
    ASSERT_FALSE(refused) << url;
    EXPECT_EQ(refused.error().code(), Errc::kInvalidArgument) << url;
  }
}

}  // namespace
}  // namespace kelp::iam::test
