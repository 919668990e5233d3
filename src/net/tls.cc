#include "net/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <utility>

namespace kelp {
namespace {

constexpr std::size_t kRecordBytes = 16 * 1024;  // TLS's own largest

int int_size(std::size_t bytes) {
  return static_cast<int>(std::min<std::size_t>(bytes, INT_MAX));
}

/// Whether `name` could be set as what the peer's certificate must be for.
bool expect_name(SSL* session, const std::string& name) {
  X509_VERIFY_PARAM* const param = SSL_get0_param(session);
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) == 1) return true;
  ERR_clear_error();
  return SSL_set1_host(session, name.c_str()) == 1;
}

TlsFailure failure_of_certificate(long verified) {
  switch (verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return TlsFailure::kExpired;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return TlsFailure::kWrongName;
    default:
      return TlsFailure::kUntrusted;
  }
}

TlsFailure failure_of_reason(int reason) {
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TlsFailure::kNoCertificate;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_RECORD_LENGTH_MISMATCH:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
      return TlsFailure::kNotTls;
    default:
      // An alert of the peer is counted from here on (RFC 8446 section 6).
      return reason >= SSL_AD_REASON_OFFSET ? TlsFailure::kRefused : TlsFailure::kProtocol;
  }
}

}  // namespace

int TlsSession::write_bio(bio_st* bio, const char* data, int bytes) {
  auto& output = static_cast<TlsSession*>(BIO_get_data(bio))->output_;
  const auto* const from = reinterpret_cast<const std::byte*>(data);
  output.insert(output.end(), from, from + bytes);
  return bytes;
}

/// Empty means "later", not "ended".
int TlsSession::read_bio(bio_st* bio, char* out, int bytes) {
  auto& session = *static_cast<TlsSession*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const std::size_t count =
      std::min(static_cast<std::size_t>(bytes), session.input_.size() - session.read_bytes_);
  if (count == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::memcpy(out, session.input_.data() + session.read_bytes_, count);
  session.read_bytes_ += count;
  return static_cast<int>(count);
}

/// OpenSSL's own memory BIO wipes all of its room whenever it is empty: dear for small messages
/// after a large one.
bio_st* TlsSession::make_bio(TlsSession& session) {
  static BIO_METHOD* const kMethod = [] {
    BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kelp");
    BIO_meth_set_write(method, &write_bio);
    BIO_meth_set_read(method, &read_bio);
    BIO_meth_set_ctrl(method, [](BIO*, int command, long, void*) -> long {
      return command == BIO_CTRL_FLUSH ? 1 : 0;
    });
    return method;
  }();
  BIO* const bio = BIO_new(kMethod);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &session);
  BIO_set_init(bio, 1);
  return bio;
}

std::unique_ptr<TlsSession> TlsSession::create(const TlsContext& context, Side side,
                                               const std::string& peer_name) {
  std::unique_ptr<TlsSession> made(new TlsSession());
  made->session_ = SSL_new(context.get());
  BIO* const bio = make_bio(*made);
  if (made->session_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    return nullptr;
  }
  SSL_set_bio(made->session_, bio, bio);
  if (side == Side::kServer) {
    SSL_set_accept_state(made->session_);
  } else {
    SSL_set_connect_state(made->session_);
  }
  if (!peer_name.empty() && !expect_name(made->session_, peer_name)) return nullptr;
  return made;
}

TlsSession::~TlsSession() {
  SSL_free(session_);
}

void TlsSession::feed(ByteSpan bytes) {
  if (read_bytes_ == input_.size()) {
    input_.clear();
    read_bytes_ = 0;
  }
  input_.insert(input_.end(), bytes.begin(), bytes.end());
}

TlsSession::Status TlsSession::status_of(int result) {
  switch (SSL_get_error(session_, result)) {
    case SSL_ERROR_NONE:
      return Status::kOk;
    case SSL_ERROR_WANT_READ:
      return Status::kWantInput;
    case SSL_ERROR_ZERO_RETURN:
      return Status::kClosed;
    default:
      note_failure();
      return Status::kFailed;
  }
}

void TlsSession::note_failure() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    const long verified = SSL_get_verify_result(session_);
    failure_ = failure_of_certificate(verified);
    why_ = X509_verify_cert_error_string(verified);
    return;
  }
  failure_ = failure_of_reason(ERR_GET_REASON(code));
  const char* const reason = ERR_reason_error_string(code);
  why_ = reason == nullptr ? "the protocol was broken" : reason;
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

TlsSession::Status TlsSession::encrypt_some(SendPieces& pieces, std::size_t room) {
  while (room > 0 && !pieces.empty()) {
    std::array<std::byte, kRecordBytes> record;
    std::size_t filled = 0;
    while (!pieces.empty() && filled + pieces.front().size() <= record.size()) {
      std::memcpy(record.data() + filled, pieces.front().data(), pieces.front().size());
      filled += pieces.front().size();
      take_front(pieces, pieces.front().size());
    }
    const std::size_t large =
        filled > 0 || pieces.empty() ? 0 : std::min(room, pieces.front().size());
    const ByteSpan slice = large > 0 ? pieces.front().first(large) : ByteSpan(record).first(filled);
    const Status status = write(slice);
    if (status != Status::kOk) return status;
    if (large > 0) take_front(pieces, large);
    room -= std::min(room, slice.size());
  }
  return Status::kOk;
}

void TlsSession::shutdown() {
  if (SSL_is_init_finished(session_)) SSL_shutdown(session_);
  ERR_clear_error();
}

ByteSpan TlsSession::pending() const {
  return ByteSpan(output_).subspan(sent_bytes_);
}

void TlsSession::sent(std::size_t bytes) {
  sent_bytes_ += bytes;
  if (!pending().empty()) return;
  output_.clear();
  sent_bytes_ = 0;
}

void TlsSession::take_pending(std::vector<std::byte>& out) {
  out.clear();
  out.swap(output_);
  out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(sent_bytes_));
  sent_bytes_ = 0;
}

}  // namespace kelp
