#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "net/send_pieces.h"

struct ssl_ctx_st;
struct ssl_st;
struct bio_st;

namespace kelp {

/// TLS settings with certificate and key. Immutable, shared by its sessions. Thread-safe.
using TlsContext = std::shared_ptr<ssl_ctx_st>;

/// Those of a server for the public: TLS 1.2 and later, ALPN http/1.1, no certificates of clients.
/// Reads a PEM chain and its key. kInvalidArgument, naming the file, when one cannot be used.
[[nodiscard]] Result<TlsContext> load_tls_context(const std::string& certificate_file,
                                                  const std::string& key_file);

/// What a member of a closed circle shows, and whom it believes; PEM texts.
struct TlsMember {
  std::string certificate;  ///< Its own, with the chain to an authority.
  std::string key;          ///< Of its own certificate; without a pass phrase.
  std::string authorities;  ///< Who may have signed the certificates of the others; one or more.
};

/// Both sides of a connection among members: TLS 1.3 only, both show certificates that are valid
/// now and signed by one of the authorities, no session is resumed (each connection is proved
/// anew). kInvalidArgument saying which of the three cannot be used and why.
[[nodiscard]] Result<TlsContext> make_member_context(const TlsMember& member);

/// When the certificate of `context` ends, in seconds since 1970; 0 when it does not say.
[[nodiscard]] std::int64_t certificate_expiry(const TlsContext& context);

/// Why a session failed.
enum class TlsFailure : std::uint8_t {
  kProtocol,       ///< Whatever has no value of its own.
  kNotTls,         ///< The peer does not speak TLS.
  kNoCertificate,  ///< The peer shows none.
  kExpired,        ///< Its certificate has ended, or begins later.
  kUntrusted,      ///< Its certificate is of no authority of ours, or for another purpose.
  kWrongName,      ///< Its certificate is for others.
  kRefused         ///< The peer says that it does not want us.
};

/// One side of one TLS connection, without any I/O: bytes from the socket go in at feed(), bytes
/// for the socket come out at pending(). One thread at a time.
class TlsSession {
 public:
  enum class Status {
    kOk,
    kWantInput,  ///< Needs more from the peer: send pending(), then feed().
    kClosed,     ///< The peer said that it sends no more.
    kFailed,     ///< See failure(); send pending() (an alert) and close.
  };
  enum class Side : std::uint8_t { kServer, kClient };

  /// `peer_name`: a DNS name or IP address that the peer's certificate must be for (RFC 6125, only
  /// alternative names count); empty: any. nullptr when OpenSSL has no memory.
  [[nodiscard]] static std::unique_ptr<TlsSession> create(const TlsContext& context,
                                                          Side side = Side::kServer,
                                                          const std::string& peer_name = {});
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
  /// Encrypts up to `room` bytes off the front of `pieces`. Short pieces share a record: a head
  /// travels with its body.
  [[nodiscard]] Status encrypt_some(SendPieces& pieces, std::size_t room);
  /// Puts the closing alert into pending().
  void shutdown();
  /// What is to be sent; valid until the next call.
  [[nodiscard]] ByteSpan pending() const;
  /// The first `bytes` of pending() were sent.
  void sent(std::size_t bytes);
  /// Exchanges pending() for an empty buffer: what is in `out` stays valid whatever is called.
  void take_pending(std::vector<std::byte>& out);

  /// After kFailed.
  [[nodiscard]] TlsFailure failure() const { return failure_; }
  /// The same in OpenSSL's words.
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  TlsSession() = default;
  [[nodiscard]] Status status_of(int result);
  void note_failure();
  static int write_bio(bio_st* bio, const char* data, int bytes);
  static int read_bio(bio_st* bio, char* out, int bytes);
  static bio_st* make_bio(TlsSession& session);

  ssl_st* session_ = nullptr;
  std::vector<std::byte> input_;
  std::size_t read_bytes_ = 0;  ///< Of input_.
  std::vector<std::byte> output_;
  std::size_t sent_bytes_ = 0;  ///< Of output_.
  TlsFailure failure_ = TlsFailure::kProtocol;
  std::string why_;
};

}  // namespace kelp
