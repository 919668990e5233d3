#include "s3gw/local_keys.h"

#include <utility>

#include "crypto/random.h"

namespace kelp::s3 {

LocalKeys::LocalKeys(KeyRing ring) : ring_(std::make_shared<const KeyRing>(std::move(ring))) {}

void LocalKeys::replace(KeyRing ring) {
  auto next = std::make_shared<const KeyRing>(std::move(ring));
  const std::scoped_lock lock(mutex_);
  ring_ = std::move(next);
}

std::shared_ptr<const KeyRing> LocalKeys::ring() const {
  const std::scoped_lock lock(mutex_);
  return ring_;
}

Task<Result<Encryption>> LocalKeys::wrap(Encryption how, SecretKey object_key) {
  WrapSalt salt;
  random_bytes(salt);
  co_return ring()->wrap(std::move(how), object_key, salt);
}

Task<Result<SecretKey>> LocalKeys::unwrap(Encryption how) {
  co_return ring()->unwrap(how);
}

}  // namespace kelp::s3
