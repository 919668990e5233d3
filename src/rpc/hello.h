#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace kelp {

/// Who may talk on the internal ports: everyone with this secret of this cluster.
struct RpcIdentity {
  std::string cluster_id;
  std::string secret;  ///< At least 16 bytes. Never sent, never logged.
};

/// Fills a buffer with random bytes: crypto/random.h in the process, the seed in the simulation.
using RandomBytes = std::function<void(MutableByteSpan)>;

inline constexpr std::size_t kNonceBytes = 32;
/// Nothing longer is taken from a peer that has not proved itself.
inline constexpr std::uint32_t kHelloLimitBytes = 512;

/// The handshake, before any other frame: both sides prove that they have the secret, over nonces
/// of both (RFC 2104 HMAC-SHA-256; docs/formats/rpc-frame.md). Each class is one side; pure.
///
///     client                                server
///     open(cluster, nonce)            ->
///                                     <-    answer(cluster, nonce, server's proof)
///     confirm(client's proof)         ->
///                                     <-    welcome, or a kError frame and the end
class ClientHello {
 public:
  ClientHello(const RpcIdentity& identity, const RandomBytes& random);
  /// The first message.
  [[nodiscard]] std::string open() const;
  /// Checks the server's message and gives the second of ours. kUnauthenticated (its proof is
  /// wrong), kPermissionDenied (another cluster), kCorruption.
  [[nodiscard]] Result<std::string> confirm(std::string_view answer) const;

 private:
  RpcIdentity identity_;
  std::string nonce_;
};

/// The server's side; see ClientHello.
class ServerHello {
 public:
  ServerHello(const RpcIdentity& identity, const RandomBytes& random);
  /// The message that answers `open`. kPermissionDenied (another cluster), kCorruption.
  [[nodiscard]] Result<std::string> answer(std::string_view open);
  /// Checks the client's proof. kUnauthenticated, kCorruption.
  [[nodiscard]] Result<void> accept(std::string_view confirm) const;

 private:
  RpcIdentity identity_;
  std::string nonce_;
  std::string client_nonce_;
};

}  // namespace kelp
