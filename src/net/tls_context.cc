// Whom TLS believes and what it shows: the contexts of net/tls.h.

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <climits>
#include <ctime>
#include <string_view>

#include "net/tls.h"

namespace kelp {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

/// The oldest of OpenSSL's errors; empties its queue.
std::string openssl_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  return text;
}

/// ALPN: http/1.1 or nothing that we speak (RFC 7301 section 3.2).
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_bytes,
                    const unsigned char* offered, unsigned offered_bytes, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_bytes, kOurs, sizeof kOurs - 1, offered, offered_bytes);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// A daemon has nobody to ask for a pass phrase; without this OpenSSL asks the terminal.
int no_pass_phrase(char*, int, int, void*) {
  return -1;
}

/// Sessions are resumed only where the certificate is the one that they began with.
void bind_sessions(SSL_CTX* context) {
  unsigned char print[EVP_MAX_MD_SIZE];
  unsigned bytes = 0;
  X509_digest(SSL_CTX_get0_certificate(context), EVP_sha256(), print, &bytes);
  SSL_CTX_set_session_id_context(context, print, bytes);
}

Bio bio_of(std::string_view text) {
  const int bytes = text.size() > INT_MAX ? 0 : static_cast<int>(text.size());
  return {BIO_new_mem_buf(text.data(), bytes), &BIO_free};
}

/// The next certificate; null at the end, and at what is none.
Certificate next_certificate(BIO* from) {
  return {PEM_read_bio_X509(from, nullptr, &no_pass_phrase, nullptr), &X509_free};
}

Error unusable(std::string_view what) {
  return {Errc::kInvalidArgument, fmt::format("{}: {}", what, openssl_error())};
}

Result<void> use_certificate(SSL_CTX* context, const std::string& pem) {
  const Bio text = bio_of(pem);
  const Certificate own = next_certificate(text.get());
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return unusable("certificate");
  while (const Certificate link = next_certificate(text.get())) {
    if (SSL_CTX_add1_chain_cert(context, link.get()) != 1) return unusable("certificate");
  }
  ERR_clear_error();
  return {};
}

Result<void> use_key(SSL_CTX* context, const std::string& pem) {
  const Bio text = bio_of(pem);
  const Key key(PEM_read_bio_PrivateKey(text.get(), nullptr, &no_pass_phrase, nullptr),
                &EVP_PKEY_free);
  if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return unusable("key");
  }
  return {};
}

Result<void> use_authorities(SSL_CTX* context, const std::string& pem) {
  const Bio text = bio_of(pem);
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);  // an intermediate authority will do
  int count = 0;
  while (const Certificate authority = next_certificate(text.get())) {
    if (X509_STORE_add_cert(store, authority.get()) != 1) return unusable("ca");
    // Servers tell whose certificates they take.
    if (SSL_CTX_add_client_CA(context, authority.get()) != 1) return unusable("ca");
    ++count;
  }
  if (count == 0) return unusable("ca");
  ERR_clear_error();
  return {};
}

}  // namespace

Result<TlsContext> load_tls_context(const std::string& certificate_file,
                                    const std::string& key_file) {
  const TlsContext context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (!context) return Error(Errc::kInternal, openssl_error());
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_alpn_select_cb(raw, &choose_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(raw, &no_pass_phrase);
  if (SSL_CTX_use_certificate_chain_file(raw, certificate_file.c_str()) != 1) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("certificate {}: {}", certificate_file, openssl_error()));
  }
  if (SSL_CTX_use_PrivateKey_file(raw, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(raw) != 1) {
    return Error(Errc::kInvalidArgument, fmt::format("key {}: {}", key_file, openssl_error()));
  }
  bind_sessions(raw);
  return context;
}

Result<TlsContext> make_member_context(const TlsMember& member) {
  const TlsContext context(SSL_CTX_new(TLS_method()), &SSL_CTX_free);
  if (!context) return Error(Errc::kInternal, openssl_error());
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  // What is near is quick with AES; the other is for machines without its instructions.
  SSL_CTX_set_ciphersuites(raw,
                           "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                           "TLS_CHACHA20_POLY1305_SHA256");
  KELP_CHECK(use_certificate(raw, member.certificate));
  KELP_CHECK(use_key(raw, member.key));
  KELP_CHECK(use_authorities(raw, member.authorities));
  return context;
}

std::int64_t certificate_expiry(const TlsContext& context) {
  const X509* const certificate = SSL_CTX_get0_certificate(context.get());
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) {
    return 0;
  }
  return ::timegm(&end);
}

}  // namespace kelp
