#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/aead.h"
#include "kelp/result.h"
#include "s3gw/core/key_wrap.h"
#include "wire/encryption.h"

namespace kelp::s3 {

/// The key of SSE-S3; no client can name it.
inline constexpr std::string_view kS3KeyId = "s3";
/// The key of SSE-KMS where a client names none.
inline constexpr std::string_view kDefaultKmsAlias = "aws/s3";

/// Master keys with their versions, and names for them: what docs/formats/keyring.md keeps. A
/// value; never log one.
class KeyRing {
 public:
  /// One version of a key is used for what is written, the newest; the others for what they
  /// wrapped.
  struct Key {
    std::vector<SecretKey> versions;  ///< The first one is version 1; at least one.
  };

  /// One for SSE-S3 and one behind `alias/aws/s3`, which is called `kms_id`.
  [[nodiscard]] static KeyRing make(const std::string& kms_id, const SecretKey& s3,
                                    const SecretKey& kms);
  /// kCorruption, or kUnimplemented naming both versions for a newer one; never quotes the text.
  [[nodiscard]] static Result<KeyRing> parse(std::string_view text);
  /// What parse() reads. Secret.
  [[nodiscard]] std::string text() const;

  /// kInvalidArgument for an id that cannot be one; kAlreadyExists.
  [[nodiscard]] Result<void> add(std::string_view id, const SecretKey& key);
  /// `key` becomes the newest version. Returns its number; kNotFound.
  [[nodiscard]] Result<std::uint32_t> rotate(std::string_view id, const SecretKey& key);
  /// `alias`, without "alias/", means `id` from now on. kInvalidArgument; kNotFound.
  [[nodiscard]] Result<void> point(std::string_view alias, std::string_view id);

  /// The key that a client means by an id, an ARN, "alias/…", or by nothing: its id. kNotFound.
  [[nodiscard]] Result<std::string> resolve(std::string_view name) const;

  /// Fills in what `how`, of kS3 or kKms, lacks: the key that is meant, by the name that clients
  /// are told, and `object_key`, wrapped with its newest version.
  /// kNotFound.
  [[nodiscard]] Result<Encryption> wrap(Encryption how, const SecretKey& object_key,
                                        const WrapSalt& salt) const;
  /// kNotFound: the key or its version is not in the ring; kCorruption: it is not the one, or
  /// `how` is not what it was.
  [[nodiscard]] Result<SecretKey> unwrap(const Encryption& how) const;

  [[nodiscard]] const std::map<std::string, Key, std::less<>>& keys() const { return keys_; }
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& aliases() const {
    return aliases_;
  }

 private:
  std::map<std::string, Key, std::less<>> keys_;
  std::map<std::string, std::string, std::less<>> aliases_;  ///< To the id.
};

/// What a client calls a key, without the front of an ARN: an id, or "alias/…". Region and account
/// of the ARN are not ours to know.
[[nodiscard]] std::string_view key_name(std::string_view name);
/// The name by which AWS would know a key of the ring.
[[nodiscard]] std::string key_arn(std::string_view id);

}  // namespace kelp::s3
