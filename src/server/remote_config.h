#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"
#include "server/storage_classes.h"

namespace kelp::server {

/// A bucket of another S3 that storage classes lie in. TOML only: [remote.NAME], the same on
/// gateways and filers.
struct RemoteConfig {
  std::string name;
  std::uint64_t id = 0;              ///< 1 to 65534; stored with each object: never of another one.
  std::vector<std::string> classes;  ///< None: it is only read and emptied.
  std::string endpoint;              ///< "https://host:port".
  std::string region = "us-east-1";
  std::string bucket;
  std::string prefix;  ///< In front of all names there.
  std::string access_key;
  std::string secret_file;  ///< Its one line is the secret key; empty: kRemoteSecretVariable.
  std::string ca_file;      ///< PEM; empty: the system's.
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);  ///< Without a byte; 100ms to 5m.
};

/// The secret key of remotes that name no file.
inline constexpr const char* kRemoteSecretVariable = "KELP_REMOTE_SECRET_KEY";

/// The keys of a [remote.NAME] table, for errors.
inline constexpr std::string_view kRemoteFields =
    "id, classes, endpoint, region, bucket, prefix, access_key, secret_file, ca_file and timeout";

/// Sets what the TOML key `name` means. False: there is no such key. kInvalidArgument when `text`
/// cannot be read.
[[nodiscard]] Result<bool> set_remote_value(RemoteConfig& to, std::string_view name,
                                            const std::string& text);

/// kInvalidArgument, naming the remote, for values out of range or form, for an id that is there
/// twice, for a class that lies in another one or is one of `local`.
[[nodiscard]] Result<void> check_remotes(std::span<const RemoteConfig> remotes,
                                         std::span<const StorageClassConfig> local);

/// Each as a [remote.NAME] table.
[[nodiscard]] std::string print_remotes(std::span<const RemoteConfig> remotes);

}  // namespace kelp::server
