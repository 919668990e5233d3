#pragma once

#include <functional>
#include <memory>
#include <string>

#include "async/work_pool.h"
#include "base/clock.h"
#include "os/file_io.h"
#include "s3gw/local_keys.h"
#include "server/config.h"

namespace kelp::server {

/// Where the key ring of a gateway is (docs/formats/keyring.md): s3.keyring, else `keyring` beside
/// cluster.file, else in the directory.
[[nodiscard]] std::string key_ring_path(const Config& config);

/// kNotFound when there is none; else as KeyRing::parse(), naming the file.
[[nodiscard]] Result<s3::KeyRing> read_key_ring(FileIo& io, const std::string& path);
/// Whole or not at all; only its owner can read it.
[[nodiscard]] Result<void> write_key_ring(FileIo& io, const std::string& path,
                                          const s3::KeyRing& ring);
/// A new ring of random keys at `path`, where none is. kAlreadyExists.
[[nodiscard]] Result<void> make_key_ring(FileIo& io, const std::string& path);

/// Reads the ring, lets `change` work on it and writes it back. Nobody else's change is lost: the
/// file is locked meanwhile. kUnavailable when somebody has the lock; else what `change` answers.
[[nodiscard]] Result<void> change_key_ring(FileIo& io, const std::string& path,
                                           const std::function<Result<void>(s3::KeyRing&)>& change);

/// The keys of a gateway, out of its file, or of a Vault where s3.vault_address says one.
class KeyFile {
 public:
  /// Where s3.keyring is not set and there is no file: makes one when `may_create` and no Vault is
  /// configured, else the gateway has no ring. Errors: those of read_key_ring().
  [[nodiscard]] static Result<std::unique_ptr<KeyFile>> open(FileIo& io, Clock& clock,
                                                             const Config& config, bool may_create);
  /// Null when there are none.
  [[nodiscard]] s3::KeyService* keys() {
    return vault_ != nullptr ? vault_.get() : static_cast<s3::KeyService*>(keys_.get());
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Reads the file again, if there are keys; one that does not read is logged and the ring before
  /// stays. Blocks.
  void reload();

 private:
  KeyFile(FileIo& io, std::string path) : io_(io), path_(std::move(path)) {}
  Result<void> read_ring(const Config& config, bool may_create);

  FileIo& io_;
  const std::string path_;
  std::unique_ptr<s3::LocalKeys> keys_;
  std::unique_ptr<WorkPool> vault_pool_;  ///< Waits for the Vault.
  std::unique_ptr<s3::KeyService> vault_;
};

}  // namespace kelp::server
