#include "net/tls.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <climits>
#include <ctime>
#include <string_view>

namespace kelp {
namespace {

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

int int_size(std::size_t bytes) {
  return static_cast<int>(std::min<std::size_t>(bytes, INT_MAX));
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
  if (SSL_CTX_use_certificate_chain_file(raw, certificate_file.c_str()) != 1) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("certificate {}: {}", certificate_file, openssl_error()));
  }
  if (SSL_CTX_use_PrivateKey_file(raw, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(raw) != 1) {
    return Error(Errc::kInvalidArgument, fmt::format("key {}: {}", key_file, openssl_error()));
  }
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

std::unique_ptr<TlsSession> TlsSession::create(const TlsContext& context) {
  SSL* const session = SSL_new(context.get());
  BIO* const input = BIO_new(BIO_s_mem());
  BIO* const output = BIO_new(BIO_s_mem());
  if (session == nullptr || input == nullptr || output == nullptr) {
    SSL_free(session);
    BIO_free(input);
    BIO_free(output);
    return nullptr;
  }
  BIO_set_mem_eof_return(input, -1);  // empty means "later", not "ended"
  SSL_set_bio(session, input, output);
  SSL_set_accept_state(session);
  return std::unique_ptr<TlsSession>(new TlsSession(session, input, output));
}

TlsSession::TlsSession(ssl_st* session, bio_st* input, bio_st* output)
    : session_(session), input_(input), output_(output) {}

TlsSession::~TlsSession() {
  SSL_free(session_);
}

void TlsSession::feed(ByteSpan bytes) {
  BIO_write(input_, bytes.data(), int_size(bytes.size()));
}

TlsSession::Status TlsSession::status_of(int result) const {
  const int error = SSL_get_error(session_, result);
  ERR_clear_error();
  switch (error) {
    case SSL_ERROR_NONE:
      return Status::kOk;
    case SSL_ERROR_WANT_READ:
      return Status::kWantInput;
    case SSL_ERROR_ZERO_RETURN:
      return Status::kClosed;
    default:
      return Status::kFailed;
  }
}

TlsSession::Status TlsSession::handshake() {
  ERR_clear_error();
  return status_of(SSL_do_handshake(session_));
}

TlsSession::Status TlsSession::read(MutableByteSpan into, std::size_t& bytes) {
  ERR_clear_error();
  bytes = 0;
  while (bytes < into.size()) {
    const auto rest = into.subspan(bytes);
    const int result = SSL_read(session_, rest.data(), int_size(rest.size()));
    if (result <= 0) return bytes > 0 ? Status::kOk : status_of(result);
    bytes += static_cast<std::size_t>(result);
  }
  return Status::kOk;
}

TlsSession::Status TlsSession::write(ByteSpan bytes) {
  ERR_clear_error();
  while (!bytes.empty()) {
    const int result = SSL_write(session_, bytes.data(), int_size(bytes.size()));
    if (result <= 0) return status_of(result);
    bytes = bytes.subspan(static_cast<std::size_t>(result));
  }
  return Status::kOk;
}

void TlsSession::shutdown() {
  if (SSL_is_init_finished(session_)) SSL_shutdown(session_);
  ERR_clear_error();
}

ByteSpan TlsSession::pending() const {
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(output_, &data);
  const std::string_view all(data, bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
  return as_bytes(all.substr(sent_bytes_));
}

void TlsSession::sent(std::size_t bytes) {
  sent_bytes_ += bytes;
  if (!pending().empty()) return;
  static_cast<void>(BIO_reset(output_));
  sent_bytes_ = 0;
}

}  // namespace kelp
