#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"

struct ssl_ctx_st;
struct ssl_st;
struct bio_st;

namespace kelp {

/// A server's TLS settings with certificate and key: TLS 1.2 and later, ALPN http/1.1. Immutable,
/// shared by its sessions. Thread-safe.
using TlsContext = std::shared_ptr<ssl_ctx_st>;

/// Reads a PEM chain and its key. kInvalidArgument, naming the file, when one cannot be used.
[[nodiscard]] Result<TlsContext> load_tls_context(const std::string& certificate_file,
                                                  const std::string& key_file);

/// When the certificate of `context` ends, in seconds since 1970; 0 when it does not say.
[[nodiscard]] std::int64_t certificate_expiry(const TlsContext& context);

/// The server's side of one TLS connection, without any I/O: bytes from the socket go in at feed(),
/// bytes for the socket come out at pending(). One thread at a time.
class TlsSession {
 public:
  enum class Status {
    kOk,
    kWantInput,  ///< Needs more from the peer: send pending(), then feed().
    kClosed,     ///< The peer said that it sends no more.
    kFailed,     ///< The protocol was broken; send pending() (an alert) and close.
  };

  /// nullptr when OpenSSL has no memory.
  [[nodiscard]] static std::unique_ptr<TlsSession> create(const TlsContext& context);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Hands over bytes that came from the socket; they are copied.
  void feed(ByteSpan bytes);
  [[nodiscard]] Status handshake();
  /// Decrypts into `into`; `bytes` is how much.
  [[nodiscard]] Status read(MutableByteSpan into, std::size_t& bytes);
  /// Encrypts all of `bytes` into pending().
  [[nodiscard]] Status write(ByteSpan bytes);
  /// Puts the closing alert into pending().
  void shutdown();
  /// What is to be sent; valid until the next call.
  [[nodiscard]] ByteSpan pending() const;
  /// The first `bytes` of pending() were sent.
  void sent(std::size_t bytes);

 private:
  explicit TlsSession(ssl_st* session, bio_st* input, bio_st* output);
  [[nodiscard]] Status status_of(int result) const;

  ssl_st* session_;
  bio_st* input_;               ///< Owned by session_.
  bio_st* output_;              ///< Owned by session_.
  std::size_t sent_bytes_ = 0;  ///< Of what output_ holds.
};

}  // namespace kelp
