#include "server/remote_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>
#include <utility>

#include "base/config_value.h"
#include "s3gw/core/storage_class.h"
#include "server/toml_text.h"
#include "wire/remote_volume.h"

namespace kelp::server {
namespace {

constexpr std::string_view kWord =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/// The keys whose values are text.
constexpr std::pair<std::string_view, std::string RemoteConfig::*> kTexts[] = {
    {"endpoint", &RemoteConfig::endpoint},     {"region", &RemoteConfig::region},
    {"bucket", &RemoteConfig::bucket},         {"prefix", &RemoteConfig::prefix},
    {"access_key", &RemoteConfig::access_key}, {"secret_file", &RemoteConfig::secret_file},
    {"ca_file", &RemoteConfig::ca_file}};

bool is_word(std::string_view text, std::string_view besides = "") {
  return text.find_first_not_of(std::string(kWord).append(besides)) == std::string_view::npos;
}

bool is_endpoint(std::string_view text) {
  const std::size_t scheme = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : 0;
  return scheme != 0 && text.size() > scheme &&
         text.find_first_of("/?#@ \t", scheme) == std::string_view::npos;
}

Result<void> check_remote(const RemoteConfig& remote) {
  const auto refuse = [](std::string_view why) {
    return Error(Errc::kInvalidArgument, std::string(why));
  };
  if (!is_word(remote.name)) return refuse("its name has letters, digits and -_ only");
  if (remote.id < 1 || remote.id > kMostRemotes) return refuse("id is a number from 1 to 65534");
  if (!is_endpoint(remote.endpoint)) return refuse("endpoint is not https://host:port");
  if (remote.bucket.empty() || !is_word(remote.bucket, "."))
    return refuse("bucket is no bucket's name");
  if (!is_word(remote.prefix, "./") || remote.prefix.starts_with('/') ||
      remote.prefix.contains("//") || remote.prefix.contains("..")) {
    return refuse("prefix has letters, digits and .-_/ only, and does not begin with a slash");
  }
  if (remote.region.empty() || !is_word(remote.region)) return refuse("region is no region's name");
  if (remote.access_key.empty() || !is_word(remote.access_key, ".")) {
    return refuse("access_key has letters, digits and .-_ only");
  }
  if (remote.timeout < std::chrono::milliseconds(100) || remote.timeout > std::chrono::minutes(5)) {
    return refuse("timeout lies between 100ms and 5m");
  }
  for (const std::string& each : remote.classes) {
    if (each == "STANDARD" || !s3::is_storage_class(each)) {
      return refuse(fmt::format("'{}' is no storage class of S3 besides STANDARD", each));
    }
  }
  return {};
}

}  // namespace

Result<bool> set_remote_value(RemoteConfig& to, std::string_view name, const std::string& text) {
  const auto* const known = std::ranges::find(kTexts, name, [](const auto& e) { return e.first; });
  if (known != std::end(kTexts)) {
    to.*known->second = text;
  } else if (name == "classes") {
    to.classes = split_words(text);
  } else if (name == "id") {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), to.id);
    if (code != std::errc() || end != text.data() + text.size()) {
      return Error(Errc::kInvalidArgument, "id is a number");
    }
  } else if (name == "timeout") {
    KELP_TRY(to.timeout, parse_duration(text));
  } else {
    return false;
  }
  return true;
}

Result<void> check_remotes(std::span<const RemoteConfig> remotes,
                           std::span<const StorageClassConfig> local) {
  std::set<std::uint64_t> ids;
  std::set<std::string_view> classes;
  for (const StorageClassConfig& each : local) classes.insert(each.name);
  for (const RemoteConfig& each : remotes) {
    Result<void> checked = check_remote(each);
    if (checked && !ids.insert(each.id).second) {
      checked = Error(Errc::kInvalidArgument, "another one has its id");
    }
    for (const std::string& name : each.classes) {
      if (!checked || classes.insert(name).second) continue;
      checked = Error(Errc::kInvalidArgument, fmt::format("class {} lies elsewhere already", name));
    }
    if (!checked) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("remote '{}': {}", each.name, checked.error().detail()));
    }
  }
  return {};
}

std::string print_remotes(std::span<const RemoteConfig> remotes) {
  std::string out;
  for (const RemoteConfig& each : remotes) {
    out += fmt::format("\n[remote.{}]\nid = {}\nclasses = {}\n", each.name, each.id,
                       toml_value(each.classes));
    for (const auto& [key, member] : kTexts) {
      const std::string& text = each.*member;
      if (!text.empty()) out += fmt::format("{} = {}\n", key, toml_quoted(text));
    }
    out += fmt::format("timeout = {}\n", toml_value(each.timeout));
  }
  return out;
}

}  // namespace kelp::server
