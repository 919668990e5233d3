#pragma once

#include <cstdint>
#include <string>

namespace kelp {

/// Who has the key that an object's bytes can be read with. Values are stored: never renumber.
enum class EncryptionKind : std::uint8_t {
  kNone = 0,
  kS3 = 1,       ///< Kelp, for whoever may read the object: SSE-S3.
  kKms = 2,      ///< A key that the client named: SSE-KMS.
  kCustomer = 3  ///< The client, who brings it with every request: SSE-C.
};

/// How the bytes of an object, or of the parts of an upload, are encrypted. Nothing of it is
/// secret.
struct Encryption {
  EncryptionKind kind = EncryptionKind::kNone;
  bool bucket_key = false;  ///< kKms: the request or the bucket asked for a bucket key.
  std::string key_id;       ///< kKms: as the request named the key, or its ARN. Else empty.
  std::string context;      ///< kKms: the encryption context as it was sent, decoded; may be empty.
  /// The object's own key, encrypted with that of `kind`. Bytes for whoever wrapped it; not empty.
  std::string wrapped_key;
  [[nodiscard]] bool any() const { return kind != EncryptionKind::kNone; }
  friend bool operator==(const Encryption&, const Encryption&) = default;
};

}  // namespace kelp
