#pragma once

#include <memory>
#include <string_view>

#include "kelp/result.h"

struct evp_pkey_st;

namespace kelp {

/// A public key that signatures of JSON Web Tokens are verified with. Immutable; thread-safe.
class PublicKey {
 public:
  /// RSA of 2048 to 8192 bits; modulus and exponent big-endian. kInvalidArgument for another.
  [[nodiscard]] static Result<PublicKey> rsa(std::string_view modulus, std::string_view exponent);
  /// A point of the curve P-256, each coordinate 32 bytes big-endian. kInvalidArgument for one that
  /// does not lie on it.
  [[nodiscard]] static Result<PublicKey> p256(std::string_view x, std::string_view y);

  /// Whether it is of RSA, for RS256; else of P-256, for ES256.
  [[nodiscard]] bool is_rsa() const { return rsa_; }
  /// Whether `signature` is the key's of the SHA-256 of `text`: RSASSA-PKCS1-v1_5 (RS256), or r and
  /// s of 32 bytes each (ES256). RFC 7518 sections 3.3 and 3.4.
  [[nodiscard]] bool verify(std::string_view text, std::string_view signature) const;

 private:
  PublicKey(std::shared_ptr<evp_pkey_st> key, bool rsa) : key_(std::move(key)), rsa_(rsa) {}

  std::shared_ptr<evp_pkey_st> key_;
  bool rsa_;
};

}  // namespace kelp
