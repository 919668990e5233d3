#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <string>

#include "tests/unit/net/http_test_support.h"

namespace kelp::test {

/// Writes a self-signed ECDSA certificate and its key. `names`: "DNS:a.test,DNS:*.b.test", or none.
inline void write_certificate(const std::string& certificate_file, const std::string& key_file,
                              long serial, long seconds = 3600, const std::string& names = {}) {
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
  if (!names.empty()) {
    X509_EXTENSION* const more =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
    X509_add_ext(certificate, more, -1);
    X509_EXTENSION_free(more);
  }
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
  TlsClient(std::uint16_t port, int highest_version, const std::string& protocol = "http/1.1",
            const std::string& asked_name = {})
      : raw_(port), context_(SSL_CTX_new(TLS_client_method())), session_(SSL_new(context_)) {
    const std::string offered = static_cast<char>(protocol.size()) + protocol;
    SSL_set_alpn_protos(session_, reinterpret_cast<const unsigned char*>(offered.data()),
                        static_cast<unsigned>(offered.size()));
    SSL_set_max_proto_version(session_, highest_version);
    if (!asked_name.empty()) SSL_set_tlsext_host_name(session_, asked_name.c_str());
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

}  // namespace kelp::test
