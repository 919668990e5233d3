#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>
#include <thread>

#include "net/tls.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/net/tls_test_support.h"

namespace kelp::test {
namespace {

class ServingTls : public HttpServerTest {
 protected:
  void start_tls(HttpServerOptions options = {}) {
    write_certificate(certificate_, key_, 1);
    options.tls = {.certificate = certificate_, .key = key_, .dir = {}};
    start(std::move(options));
  }
  TempDir dir_;
  const std::string certificate_ = dir_.path() + "/cert.pem";
  const std::string key_ = dir_.path() + "/key.pem";
};

TEST_F(ServingTls, AnswersOverBothVersions) {
  start_tls();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(port(), version);
    ASSERT_TRUE(client.connected);
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(client.send(put("/echo", "secret body")));
      EXPECT_TRUE(client.receive(1).ends_with("secret body"));
    }
    client.send(get("/a", "Connection: close\r\n"));
    EXPECT_NE(client.receive(1).find("200 OK"), std::string::npos);
    EXPECT_TRUE(client.sees_clean_close());
  }
}

TEST_F(ServingTls, MovesLargeBodiesBothWays) {
  start_tls();
  TlsClient client(port(), TLS1_3_VERSION);
  ASSERT_TRUE(client.connected);
  std::string body(3'000'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 11 + (i >> 8));
  client.send(put("/echo", body));
  EXPECT_TRUE(client.receive(body.size() + 50).ends_with(body));
  client.send(get("/flood"));
  EXPECT_GT(client.receive(std::size_t{64} << 20).size(), std::size_t{64} << 20);
}

TEST_F(ServingTls, RefusesOldVersionsAndOtherProtocols) {
  start_tls();
  EXPECT_FALSE(TlsClient(port(), TLS1_1_VERSION).connected);
  EXPECT_FALSE(TlsClient(port(), TLS1_3_VERSION, "h2").connected);
  EXPECT_TRUE(TlsClient(port(), TLS1_3_VERSION).connected);
}

TEST_F(ServingTls, ClosesOnPlainHttpAndOnASilentPeer) {
  start_tls({.head_timeout = std::chrono::milliseconds(30)});
  RawClient plain(port());
  plain.send(get("/a"));
  EXPECT_EQ(plain.receive_all().find("HTTP/"), std::string::npos);
  RawClient silent(port());
  EXPECT_TRUE(silent.sees_close());
  EXPECT_EQ(handler.handled, 0);
}

TEST_F(ServingTls, ReloadsTheCertificateForNewConnections) {
  start_tls();
  TlsClient before(port(), TLS1_3_VERSION);
  ASSERT_TRUE(before.connected);
  EXPECT_EQ(before.serial(), 1);
  write_certificate(certificate_, key_, 2);
  EXPECT_TRUE(server().reload_tls());
  EXPECT_EQ(TlsClient(port(), TLS1_3_VERSION).serial(), 2);
  EXPECT_TRUE(before.send(get("/a"))) << "old connections go on";
  EXPECT_NE(before.receive(1).find("200 OK"), std::string::npos);
  std::fclose(std::fopen(key_.c_str(), "w"));
  const auto failed = server().reload_tls();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(TlsClient(port(), TLS1_3_VERSION).serial(), 2);
}

TEST_F(ServingTls, TellsWhenTheCertificateInUseEnds) {
  start_tls();
  const auto left_seconds = [this] {
    const std::string name = "\nkelp_test_http_certificate_expiry_timestamp_seconds ";
    const std::string text = metrics.text();
    const auto at = text.find(name);
    EXPECT_NE(at, std::string::npos);
    return std::stod(text.substr(at + name.size())) - static_cast<double>(std::time(nullptr));
  };
  EXPECT_NEAR(left_seconds(), 3600, 60);
  write_certificate(certificate_, key_, 2, 86400);
  EXPECT_TRUE(server().reload_tls());
  EXPECT_NEAR(left_seconds(), 86400, 60);
}

TEST_F(ServingTls, DrainsConnectionsInTheHandshake) {
  start_tls();
  RawClient silent(port());
  TlsClient idle(port(), TLS1_3_VERSION);
  EXPECT_TRUE(idle.send(get("/a")));
  idle.receive(1);
  runtime.run(server().drain(std::chrono::milliseconds(10)));
  EXPECT_TRUE(silent.sees_close());
}

TEST(LoadTls, NamesTheFileThatIsMissing) {
  const auto context = load_tls_context("/nonexistent/cert.pem", "/nonexistent/key.pem");
  ASSERT_FALSE(context);
  EXPECT_NE(context.error().detail().find("/nonexistent/cert.pem"), std::string::npos);
}

}  // namespace
}  // namespace kelp::test
