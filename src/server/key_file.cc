#include "server/key_file.h"

#include <fmt/format.h>

#include "base/log.h"
#include "crypto/uuid.h"
#include "server/data_dir.h"
#include "server/vault_keys.h"

namespace kelp::server {
namespace {

constexpr std::uint64_t kMostBytes = 16 << 20;

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

std::string key_ring_path(const Config& config) {
  if (!config.s3.keyring.empty()) return config.s3.keyring;
  const std::string& cluster = config.cluster.file;
  return (cluster.empty() ? config.dir : folder_of(cluster)) + "/keyring";
}

Result<s3::KeyRing> read_key_ring(FileIo& io, const std::string& path) {
  KELP_TRY(const std::string text, read_whole_file(io, path, kMostBytes));
  auto ring = s3::KeyRing::parse(text);
  if (ring) return ring;
  return Error(ring.error().code(), fmt::format("{}: {}", path, ring.error().detail()));
}

Result<void> write_key_ring(FileIo& io, const std::string& path, const s3::KeyRing& ring) {
  return write_file_atomically(io, path, ring.text());
}

Result<void> make_key_ring(FileIo& io, const std::string& path) {
  KELP_TRY(const bool there, io.exists(path));
  if (there) return Error(Errc::kAlreadyExists, fmt::format("{} is there already", path));
  return write_key_ring(io, path,
                        s3::KeyRing::make(random_uuid(), SecretKey::draw(), SecretKey::draw()));
}

Result<void> change_key_ring(FileIo& io, const std::string& path,
                             const std::function<Result<void>(s3::KeyRing&)>& change) {
  const std::string lock_folder = path + ".lock";
  KELP_CHECK(io.make_dirs(lock_folder));
  KELP_TRY(const auto lock, io.lock_dir(lock_folder));
  KELP_TRY(s3::KeyRing ring, read_key_ring(io, path));
  KELP_CHECK(change(ring));
  return write_key_ring(io, path, ring);
}

Result<std::unique_ptr<KeyFile>> KeyFile::open(FileIo& io, Clock& clock, const Config& config,
                                               bool may_create) {
  std::unique_ptr<KeyFile> file(new KeyFile(io, key_ring_path(config)));
  const bool vault = !config.s3.vault_address.empty();
  KELP_CHECK(file->read_ring(config, may_create && !vault));
  if (vault) {
    file->vault_pool_ = make_thread_pool({.threads = 8, .queue_limit = 512});
    file->vault_ = make_vault_keys(config, io, clock, *file->vault_pool_, file->keys_.get());
  }
  return file;
}

Result<void> KeyFile::read_ring(const Config& config, bool may_create) {
  KELP_TRY(const bool there, io_.exists(path_));
  if (!there && config.s3.keyring.empty()) {
    if (!may_create) return {};
    KELP_CHECK(make_key_ring(io_, path_));
    logger("server").info("keyring_made path={}", log_value(path_));
  }
  KELP_TRY(s3::KeyRing ring, read_key_ring(io_, path_));
  keys_ = std::make_unique<s3::LocalKeys>(std::move(ring));
  return {};
}

void KeyFile::reload() {
  if (keys_ == nullptr) return;
  auto ring = read_key_ring(io_, path_);
  if (!ring) {
    logger("server").error("keyring_reload_failed error={}", log_value(ring.error().message()));
    return;
  }
  keys_->replace(*std::move(ring));
  logger("server").info("keyring_reloaded path={}", log_value(path_));
}

}  // namespace kelp::server
