#include "server/data_dir.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/encoding.h"
#include "crypto/random.h"
#include "crypto/uuid.h"
#include "server/toml_text.h"

namespace kelp::server {
namespace {

constexpr std::int64_t kFormat = 1;
constexpr std::uint64_t kFileLimitBytes = 64 * 1024;
constexpr std::size_t kAccessKeyCharacters = 20;
constexpr std::size_t kSecretKeyCharacters = 40;
constexpr std::size_t kClusterSecretBytes = 32;

std::string cluster_path(const std::string& dir) {
  return dir + "/cluster";
}
std::string credentials_path(const std::string& dir) {
  return dir + "/credentials";
}

Result<toml::table> parse_file(const std::string& path, std::string_view text) {
  auto table = parse_toml(text, path);
  if (table.has_value()) return table;
  return Error(Errc::kCorruption, table.error().detail());
}

Result<std::string> text_field(const toml::table& table, const std::string& path,
                               std::string_view name) {
  const auto value = table[name].value<std::string>();
  if (value && !value->empty()) return *value;
  return Error(Errc::kCorruption, fmt::format("{}: {} is missing", path, name));
}

Result<void> read_cluster(const std::string& path, std::string_view text, ClusterIdentity& out) {
  KELP_TRY(const toml::table table, parse_file(path, text));
  const auto format = table["format"].value<std::int64_t>();
  if (!format) return Error(Errc::kCorruption, fmt::format("{}: format is missing", path));
  if (*format != kFormat) {
    return Error(Errc::kUnimplemented, fmt::format("{} has format {}, this program knows format {}",
                                                   path, *format, kFormat));
  }
  KELP_TRY(out.cluster_id, text_field(table, path, "cluster_id"));
  KELP_TRY(const std::string hex, text_field(table, path, "cluster_secret"));
  auto secret = hex_decode(hex);
  if (!secret.has_value() || secret->size() != kClusterSecretBytes) {
    return Error(Errc::kCorruption, fmt::format("{}: cluster_secret is not {} bytes of hex", path,
                                                kClusterSecretBytes));
  }
  out.cluster_secret = *std::move(secret);
  return {};
}

/// Nothing when there is no such file.
Result<std::optional<std::string>> read_optional(FileIo& io, const std::string& path) {
  auto text = read_whole_file(io, path, kFileLimitBytes);
  if (text.has_value()) return std::optional<std::string>(*std::move(text));
  if (text.error().code() == Errc::kNotFound) return std::optional<std::string>();
  return std::move(text).error();
}

Result<std::optional<KeyPair>> read_credentials(FileIo& io, const std::string& dir) {
  const std::string path = credentials_path(dir);
  KELP_TRY(const auto text, read_optional(io, path));
  if (!text) return std::optional<KeyPair>();
  KELP_TRY(const toml::table table, parse_file(path, *text));
  KeyPair keys;
  KELP_TRY(keys.access_key, text_field(table, path, "access_key"));
  KELP_TRY(keys.secret_key, text_field(table, path, "secret_key"));
  return std::optional<KeyPair>(std::move(keys));
}

Result<void> write_credentials(FileIo& io, const std::string& dir, const KeyPair& keys) {
  return write_file_atomically(
      io, credentials_path(dir),
      fmt::format("# The administrator's key pair. Keep it secret.\n"
                  "access_key = {}\nsecret_key = {}\n",
                  toml_quoted(keys.access_key), toml_quoted(keys.secret_key)));
}

Result<void> write_cluster(FileIo& io, const std::string& dir, const ClusterIdentity& identity) {
  return write_file_atomically(
      io, cluster_path(dir),
      fmt::format("# Made by kelp at its first start. Do not edit; keep it secret.\n"
                  "format = {}\ncluster_id = \"{}\"\ncluster_secret = \"{}\"\n",
                  kFormat, identity.cluster_id, hex_encode(identity.cluster_secret)));
}

Result<void> refuse_leftovers(FileIo& io, const std::string& dir) {
  for (const std::string& room : {master_dir(dir), volume_dir(dir), filer_dir(dir)}) {
    KELP_TRY(const bool there, io.exists(room));
    if (there) {
      return Error(Errc::kPrecondition,
                   fmt::format("{} is there, but {} is missing: this is not a whole Kelp directory",
                               room, cluster_path(dir)));
    }
  }
  return {};
}

/// Credentials first: with `cluster` there, everything is there.
Result<void> create(FileIo& io, const std::string& dir, const std::optional<KeyPair>& given,
                    ClusterIdentity& identity) {
  KELP_CHECK(refuse_leftovers(io, dir));
  identity.cluster_id = random_uuid();
  identity.cluster_secret.resize(kClusterSecretBytes);
  random_bytes(std::as_writable_bytes(std::span(identity.cluster_secret)));
  identity.admin =
      given ? *given
            : KeyPair{random_token(kAccessKeyCharacters), random_token(kSecretKeyCharacters)};
  KELP_CHECK(write_credentials(io, dir, identity.admin));
  return write_cluster(io, dir, identity);
}

}  // namespace

Result<DataDir> open_data_dir(FileIo& io, const std::string& dir,
                              const std::optional<KeyPair>& given, bool may_create) {
  KELP_TRY(const bool known, io.exists(cluster_path(dir)));
  if (!known && !may_create) {
    return Error(Errc::kNotFound, fmt::format("{} is not a Kelp directory", dir));
  }
  DataDir opened;
  KELP_CHECK(io.make_dirs(dir));
  KELP_TRY(opened.lock, io.lock_dir(dir));
  KELP_TRY(const auto text, read_optional(io, cluster_path(dir)));
  if (!text) {
    opened.first_start = true;
    KELP_CHECK(create(io, dir, given, opened.identity));
    return opened;
  }
  KELP_CHECK(read_cluster(cluster_path(dir), *text, opened.identity));
  KELP_TRY(const auto stored, read_credentials(io, dir));
  if (!given && !stored) {
    return Error(Errc::kPrecondition,
                 fmt::format("{} is missing: put it back, or set KELP_ACCESS_KEY and "
                             "KELP_SECRET_KEY",
                             credentials_path(dir)));
  }
  opened.identity.admin = given ? *given : *stored;
  return opened;
}

Result<ClusterIdentity> read_cluster_file(FileIo& io, const std::string& path,
                                          const std::optional<KeyPair>& given) {
  KELP_TRY(const auto text, read_optional(io, path));
  if (!text) return Error(Errc::kNotFound, fmt::format("{} is not there", path));
  ClusterIdentity identity;
  KELP_CHECK(read_cluster(path, *text, identity));
  if (given) {
    identity.admin = *given;
    return identity;
  }
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
  KELP_TRY(const auto stored, read_credentials(io, folder));
  if (stored) identity.admin = *stored;
  return identity;
}

Result<DataDir> join_data_dir(FileIo& io, const std::string& dir, const ClusterIdentity& identity) {
  DataDir opened;
  KELP_CHECK(io.make_dirs(dir));
  KELP_TRY(opened.lock, io.lock_dir(dir));
  KELP_TRY(const auto text, read_optional(io, cluster_path(dir)));
  opened.first_start = !text.has_value();
  if (opened.first_start) {
    KELP_CHECK(refuse_leftovers(io, dir));
    KELP_CHECK(write_cluster(io, dir, identity));
  } else {
    KELP_CHECK(read_cluster(cluster_path(dir), *text, opened.identity));
    if (opened.identity.cluster_id != identity.cluster_id) {
      return Error(Errc::kPermissionDenied,
                   fmt::format("{} belongs to cluster {}, this is cluster {}", dir,
                               opened.identity.cluster_id, identity.cluster_id));
    }
  }
  opened.identity = identity;
  return opened;
}

Result<std::string> read_secret(FileIo& io, const std::string& path, const char* variable) {
  constexpr std::size_t kMostBytes = 4096;
  if (path.empty()) {
    const char* given = std::getenv(variable);
    return std::string(given == nullptr ? "" : given);
  }
  KELP_TRY(std::string secret, read_whole_file(io, path, kMostBytes));
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  return secret;
}

}  // namespace kelp::server
