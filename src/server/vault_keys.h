#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "async/work_pool.h"
#include "base/clock.h"
#include "os/file_io.h"
#include "s3gw/key_service.h"
#include "server/config.h"

namespace kelp::server {

/// What a server of keys answered.
struct VaultAnswer {
  long status = 0;
  std::string body;
};

/// What VaultKeys works with; all must outlive it. `pool` may be kept waiting for seconds.
struct VaultParts {
  WorkPool& pool;
  Clock& clock;
  std::chrono::nanoseconds patience;  ///< Behind it a request makes no other attempt.
  std::string prefix;                 ///< In front of a key's id: its name in the transit engine.
  /// POSTs `json` to the transit engine's `path` ("encrypt/NAME"). Blocks. kUnavailable.
  std::function<Result<VaultAnswer>(const std::string& path, const std::string& json)> post;
  s3::KeyService* before = nullptr;  ///< Opens what a key ring wrapped; null: there was none.
};

/// Master keys in the transit engine of HashiCorp Vault or OpenBao: they never leave it. The keys
/// of objects are wrapped by it, bound to the kind of encryption, the key's id and the context, as
/// a key ring binds them; nothing is kept here. A request that gets no answer, or 5xx or 429, is
/// made three times at most. Errors of both calls besides those of KeyService: kUnavailable.
///
/// Source   Vault's HTTP API, "Transit secrets engine": encrypt and decrypt with associated_data.
class VaultKeys final : public s3::KeyService {
 public:
  explicit VaultKeys(VaultParts parts) : parts_(std::move(parts)) {}

  Task<Result<Encryption>> wrap(Encryption how, SecretKey object_key) override;
  Task<Result<SecretKey>> unwrap(Encryption how) override;

 private:
  struct Asked {
    VaultAnswer answer;
    std::string text;  ///< Of the member that was asked for, when the status is 200.
  };
  Task<Result<Asked>> ask(std::string path, std::string json, std::string member);

  const VaultParts parts_;
};

/// Those of s3.vault_address; null when it is empty. The token is read from s3.vault_token_file
/// anew for each request. `io`, `clock`, `pool` and `before` must outlive them.
[[nodiscard]] std::unique_ptr<s3::KeyService> make_vault_keys(const Config& config, FileIo& io,
                                                              Clock& clock, WorkPool& pool,
                                                              s3::KeyService* before);

}  // namespace kelp::server
