#pragma once

#include <memory>
#include <mutex>

#include "s3gw/core/key_ring.h"
#include "s3gw/key_service.h"

namespace kelp::s3 {

/// Master keys out of a key ring in memory.
class LocalKeys final : public KeyService {
 public:
  explicit LocalKeys(KeyRing ring);
  /// From now on `ring` is used; calls under way go on with the one before. Any thread.
  void replace(KeyRing ring);

  Task<Result<Encryption>> wrap(Encryption how, SecretKey object_key) override;
  Task<Result<SecretKey>> unwrap(Encryption how) override;

 private:
  [[nodiscard]] std::shared_ptr<const KeyRing> ring() const;

  mutable std::mutex mutex_;  ///< A leaf.
  std::shared_ptr<const KeyRing> ring_;
};

}  // namespace kelp::s3
