#pragma once

#include "async/awaitable.h"
#include "crypto/aead.h"
#include "kelp/result.h"
#include "wire/encryption.h"

namespace kelp::s3 {

/// Keeps the master keys of SSE-S3 and SSE-KMS and wraps the keys of objects with them: a key ring
/// on this machine (local_keys.h), or a service elsewhere. Safe from any io thread.
class KeyService {
 public:
  virtual ~KeyService() = default;
  /// `how` says the kind, what the client called the key (empty: the default one) and the context;
  /// comes back with the key's name and `object_key` wrapped. kNotFound: no such key.
  virtual Task<Result<Encryption>> wrap(Encryption how, SecretKey object_key) = 0;
  /// What wrap() was given. kNotFound: the key is not there any more; kCorruption: it opens nothing
  /// of this.
  virtual Task<Result<SecretKey>> unwrap(Encryption how) = 0;
};

}  // namespace kelp::s3
