#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "base/log.h"
#include "base/log_format.h"
#include "kelp/version.h"
#include "server/commands.h"

namespace kelp::server {
namespace {

std::optional<KeyPair> pair_of(const char* access_name, const char* secret_name) {
  const char* access = std::getenv(access_name);
  const char* secret = std::getenv(secret_name);
  if (access == nullptr || secret == nullptr || *access == 0 || *secret == 0) return std::nullopt;
  return KeyPair{access, secret};
}

}  // namespace

std::optional<KeyPair> keys_of_environment() {
  if (auto keys = pair_of("KELP_ACCESS_KEY", "KELP_SECRET_KEY")) return keys;
  return pair_of("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
}

Result<void> begin_log(const Config& config) {
  if (config.log_format == "json") log_as_json();
  return set_log_level(config.log_level);
}

void log_started(std::string_view role, const Addresses& addresses) {
  std::string text = fmt::format("started role={} version={}", role, kVersion);
  const auto add = [&text](std::string_view name, const std::string& address) {
    if (!address.empty()) text += fmt::format(" {}={}", name, log_value(address));
  };
  add("s3", addresses.s3);
  add("s3_tls", addresses.s3_tls);
  add("files", addresses.files);
  add("files_tls", addresses.files_tls);
  add("admin", addresses.admin);
  add("master_http", addresses.master_http);
  add("volume_http", addresses.volume_http);
  add("rpc", addresses.rpc);
  logger("server").info("{}", text);
}

Result<void> write_ready_file(FileIo& io, const std::string& path, const Addresses& addresses) {
  return write_file_atomically(
      io, path,
      fmt::format(
          "{{\"s3\": \"{}\", \"s3_tls\": \"{}\", \"files\": \"{}\", \"files_tls\": \"{}\", "
          "\"admin\": \"{}\", "
          "\"master_http\": \"{}\", \"volume_http\": \"{}\", \"rpc\": \"{}\", \"pid\": {}}}\n",
          addresses.s3, addresses.s3_tls, addresses.files, addresses.files_tls, addresses.admin,
          addresses.master_http, addresses.volume_http, addresses.rpc, getpid()));
}

}  // namespace kelp::server
