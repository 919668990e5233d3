#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdio>
#include <ctime>
#include <thread>

#include "net/tls.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/net/http_test_support.h"

namespace kelp::test {
namespace {

/// Writes a self-signed ECDSA certificate and its key.
void write_certificate(const std::string& certificate_file, const std::string& key_file,
                       long serial, long seconds = 3600) {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), seconds);
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("kelp test"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  std::FILE* file = std::fopen(certificate_file.c_str(), "w");
  PEM_write_X509(file, certificate);
  std::fclose(file);
  file = std::fopen(key_file.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

/// A blocking TLS client on top of the raw one.
class TlsClient {
 public:
  TlsClient(std::uint16_t port, int highest_version, const std::string& protocol = "http/1.1")
      : raw_(port), context_(SSL_CTX_new(TLS_client_method())), session_(SSL_new(context_)) {
    const std::string offered = static_cast<char>(protocol.size()) + protocol;
    SSL_set_alpn_protos(session_, reinterpret_cast<const unsigned char*>(offered.data()),
                        static_cast<unsigned>(offered.size()));
    SSL_set_max_proto_version(session_, highest_version);
    SSL_set_fd(session_, raw_.fd());
    connected = SSL_connect(session_) == 1;
  }
  ~TlsClient() {
    SSL_free(session_);
    SSL_CTX_free(context_);
  }
  bool send(const std::string& bytes) {
    return SSL_write(session_, bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  std::string receive(std::size_t at_least) {
    std::string all;
    char piece[16384];
    while (all.size() < at_least) {
      const int bytes = SSL_read(session_, piece, sizeof piece);
      if (bytes <= 0) break;
      all.append(piece, static_cast<std::size_t>(bytes));
    }
    return all;
  }
  bool sees_clean_close() {
    char byte = 0;
    return SSL_read(session_, &byte, 1) <= 0 &&
           (SSL_get_shutdown(session_) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  long serial() {
    X509* const peer = SSL_get1_peer_certificate(session_);
    const long number = ASN1_INTEGER_get(X509_get0_serialNumber(peer));
    X509_free(peer);
    return number;
  }
  RawClient& raw() { return raw_; }
  bool connected = false;

 private:
  RawClient raw_;
  SSL_CTX* context_;
  SSL* session_;
};

class ServingTls : public HttpServerTest {
 protected:
  void start_tls(HttpServerOptions options = {}) {
    write_certificate(certificate_, key_, 1);
    options.certificate_file = certificate_;
    options.key_file = key_;
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
