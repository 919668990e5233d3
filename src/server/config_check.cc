// What a configuration must satisfy besides that its values can be read.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>

#include "net/network.h"
#include "policy/condition_value.h"
#include "s3gw/core/external_url.h"
#include "s3gw/request_limits.h"
#include "server/config.h"
#include "server/toml_text.h"
#include "wire/node_http.h"

namespace kelp::server {
namespace {

using std::chrono::nanoseconds;

/// Collects what the checks of one Config share.
class Checker {
 public:
  Checker(const Config& config, const Origins& origins) : config_(config), origins_(origins) {}

  /// kInvalidArgument naming the key, its value, what is wrong, and where it was set.
  Result<void> refuse(std::string_view key, std::string_view why) const {
    const auto origin = origins_.find(key);
    const Setting* setting = find_setting(key);
    return Error(Errc::kInvalidArgument,
                 fmt::format("{} = {} ({}): {}", key, setting ? setting->get(config_) : "",
                             origin == origins_.end() ? "default" : origin->second, why));
  }
  template <typename T>
  Result<void> range(std::string_view key, T value, T low, T high) const {
    if (value >= low && value <= high) return {};
    return refuse(key,
                  fmt::format("must lie between {} and {}", toml_value(low), toml_value(high)));
  }
  Result<void> one_of(std::string_view key, std::string_view value,
                      std::initializer_list<std::string_view> known) const {
    if (std::ranges::find(known, value) != known.end()) return {};
    return refuse(key, fmt::format("must be one of {}", fmt::join(known, ", ")));
  }
  Result<void> address(std::string_view key, const std::string& value, bool may_be_empty) const {
    if (value.empty() && may_be_empty) return {};
    if (const auto parsed = parse_host_port(value); !parsed.has_value()) {
      return refuse(key, parsed.error().detail());
    }
    return {};
  }

 private:
  const Config& config_;
  const Origins& origins_;
};

constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kGiB = 1ULL << 30;

Result<void> check_lifecycle(const Config& config, const Checker& check) {
  const nanoseconds tenth = std::chrono::milliseconds(100);
  const FilerConfig& filer = config.filer;
  if (filer.lifecycle_interval.count() != 0) {
    KELP_CHECK(check.range<nanoseconds>("filer.lifecycle_interval", filer.lifecycle_interval, tenth,
                                        std::chrono::days(7)));
  }
  if (filer.lifecycle_debug_day.count() != 0) {
    KELP_CHECK(check.range<nanoseconds>("filer.lifecycle_debug_day", filer.lifecycle_debug_day,
                                        tenth, std::chrono::days(1)));
  }
  if (filer.inventory_interval.count() != 0) {
    KELP_CHECK(check.range<nanoseconds>("filer.inventory_interval", filer.inventory_interval, tenth,
                                        std::chrono::days(1)));
  }
  return {};
}

Result<void> check_ranges(const Config& config, const Checker& check) {
  const nanoseconds tenth = std::chrono::milliseconds(100);
  const nanoseconds hour = std::chrono::hours(1);
  const nanoseconds none{0};
  const LimitsConfig& limits = config.limits;
  KELP_CHECK(check.range<std::uint64_t>("server.io_threads", config.threads.io_threads, 0, 64));
  KELP_CHECK(
      check.range<std::uint64_t>("server.disk_threads", config.threads.disk_threads, 1, 256));
  KELP_CHECK(check.range("server.drain_grace", config.threads.drain_grace, none, hour));
  KELP_CHECK(check.range("server.drain_delay", config.threads.drain_delay, none, hour));
  KELP_CHECK(
      check.range<std::uint64_t>("s3.access_log_seconds", config.s3.access_log_seconds, 1, 3600));
  KELP_CHECK(check.range<nanoseconds>("s3.restore_time", config.s3.restore_time, none,
                                      std::chrono::days(7)));
  KELP_CHECK(check.range<nanoseconds>("s3.vault_timeout", config.s3.vault_timeout,
                                      std::chrono::milliseconds(50), std::chrono::seconds(30)));
  for (const std::string& each : config.s3.archive_classes) {
    KELP_CHECK(check.one_of("s3.archive_classes", each, {"GLACIER", "DEEP_ARCHIVE"}));
  }
  KELP_CHECK(check.range<std::uint64_t>("s3.bucket_metrics", config.s3.bucket_metrics, 0, 10'000));
  KELP_CHECK(check.range<std::uint64_t>("limits.connections", limits.connections, 1, 1'000'000));
  KELP_CHECK(check.range<std::uint64_t>("master.large_from", config.master.standard.large_from,
                                        64 * 1024, 8 * kMiB));
  KELP_CHECK(check.range("limits.body_memory", limits.body_memory, 4 * kMiB, 64 * kGiB));
  KELP_CHECK(check.range("limits.head_timeout", limits.head_timeout, tenth, hour));
  KELP_CHECK(check.range("limits.idle_timeout", limits.idle_timeout, tenth, hour));
  KELP_CHECK(check.range("limits.progress_timeout", limits.progress_timeout, tenth, hour));
  KELP_CHECK(
      check.range<std::uint64_t>("limits.minimum_body_rate", limits.minimum_body_rate, 0, kGiB));
  KELP_CHECK(
      check.range<std::uint64_t>("filer.bucket_limit", config.filer.bucket_limit, 0, 1'000'000));
  KELP_CHECK(check.range("filer.memory", config.filer.memory, 64 * kMiB, 1024 * kGiB));
  KELP_CHECK(check.range("volume.size_limit", config.volume.size_limit, kMiB, 1024 * kGiB));
  KELP_CHECK(check.range<std::uint64_t>("volume.reserve", config.volume.reserve, 0, 1024 * kGiB));
  if (config.volume.background_rate > 0) {
    KELP_CHECK(check.range("volume.background_rate", config.volume.background_rate, 4 * kMiB,
                           1024 * kGiB));
  }
  KELP_CHECK(check.range("volume.vacuum_garbage", config.volume.vacuum_garbage, 0.05, 1.0));
  if (config.volume.scrub_period.count() > 0) {
    KELP_CHECK(check.range<nanoseconds>("volume.scrub_period", config.volume.scrub_period,
                                        std::chrono::hours(1), std::chrono::days(365)));
  }
  if (config.filer.journal_keep.count() > 0) {
    KELP_CHECK(check.range<nanoseconds>("filer.journal_keep", config.filer.journal_keep,
                                        std::chrono::minutes(1), std::chrono::days(365)));
  }
  KELP_CHECK(check_lifecycle(config, check));
  KELP_CHECK(check.range<std::uint64_t>("volume.writable", config.volume.writable, 0, 16));
  KELP_CHECK(check.range<nanoseconds>("master.repair_after", config.master.repair_after,
                                      std::chrono::seconds(1), std::chrono::hours(24)));
  KELP_CHECK(check.range<nanoseconds>("master.key_grace", config.master.key_grace,
                                      std::chrono::seconds(10), std::chrono::hours(48)));
  KELP_CHECK(check.range<std::uint64_t>("master.id", config.master.id, 1, 1'000'000));
  KELP_CHECK(check.range<nanoseconds>("collector.interval", config.collector.interval,
                                      std::chrono::milliseconds(10), std::chrono::hours(24)));
  KELP_CHECK(check.range<nanoseconds>("collector.orphan_interval", config.collector.orphan_interval,
                                      std::chrono::seconds(1), std::chrono::days(30)));
  KELP_CHECK(check.range<nanoseconds>("collector.remote_interval", config.collector.remote_interval,
                                      std::chrono::seconds(1), std::chrono::days(365)));
  return check.range<nanoseconds>("collector.quarantine", config.collector.quarantine, none,
                                  std::chrono::days(30));
}

/// Whether `url` carries a password: `://user:password@`, or a parameter.
bool has_password(std::string_view url) {
  if (url.find("password=") != std::string_view::npos) return true;
  for (std::size_t scheme = url.find("://"); scheme != std::string_view::npos;
       scheme = url.find("://", scheme + 3)) {
    const std::string_view rest = url.substr(scheme + 3);
    const std::string_view place = rest.substr(0, rest.find_first_of("/,"));
    const std::size_t at = place.rfind('@');
    const std::size_t colon = place.find(':');
    if (at != std::string_view::npos && colon < at) return true;
  }
  return false;
}

Result<void> check_engine(const Config& config, const Checker& check) {
  KELP_CHECK(check.one_of("filer.engine", config.filer.engine,
                          {"rocksdb", "postgresql", "etcd", "redis"}));
  if (has_password(config.filer.engine_url)) {
    return Error(Errc::kInvalidArgument,
                 "filer.engine_url holds a password, which would be printed and logged: give it in "
                 "filer.engine_password_file or KELP_ENGINE_PASSWORD");
  }
  if ((config.filer.engine == "rocksdb") != config.filer.engine_url.empty()) {
    return check.refuse("filer.engine_url", config.filer.engine == "rocksdb"
                                                ? "rocksdb is embedded and has none"
                                                : "this engine needs one");
  }
  return {};
}

/// All of certificate, key and authorities, or none of them.
Result<void> check_cluster_tls(const ClusterConfig& cluster, const Checker& check) {
  const std::pair<std::string_view, const std::string*> files[] = {
      {"cluster.tls_cert", &cluster.tls_cert},
      {"cluster.tls_key", &cluster.tls_key},
      {"cluster.tls_ca", &cluster.tls_ca}};
  const auto is_set = [](const auto& file) { return !file.second->empty(); };
  if (std::ranges::none_of(files, is_set)) return {};
  for (const auto& file : files) {
    if (is_set(file)) continue;
    return check.refuse(file.first,
                        "TLS among daemons needs cluster.tls_cert, cluster.tls_key and "
                        "cluster.tls_ca");
  }
  return {};
}

Result<void> check_cluster(const Config& config, const Checker& check) {
  KELP_CHECK(check_cluster_tls(config.cluster, check));
  KELP_CHECK(check.address("server.rpc_listen", config.rpc_listen, true));
  KELP_CHECK(check.address("master.listen", config.master.listen, false));
  KELP_CHECK(check.address("master.http_listen", config.master.http_listen, true));
  KELP_CHECK(check.address("volume.listen", config.volume.listen, false));
  KELP_CHECK(check.address("volume.address", config.volume.address, true));
  KELP_CHECK(check.address("volume.http_listen", config.volume.http_listen, true));
  KELP_CHECK(check.address("volume.http_address", config.volume.http_address, true));
  for (const std::string& tag : config.volume.tags) {
    if (http_address_of({tag}).empty()) continue;
    return check.refuse("volume.tags",
                        "a word that begins with http= says where a server's HTTP is");
  }
  KELP_CHECK(check.address("filer.listen", config.filer.listen, false));
  KELP_CHECK(check.address("filer.http_listen", config.filer.http_listen, true));
  KELP_CHECK(check.address("filer.https_listen", config.filer.https_listen, true));
  KELP_CHECK(check_engine(config, check));
  for (const auto& filer : config.cluster.filers) {
    KELP_CHECK(check.address("cluster.filers", filer, false));
  }
  if (const auto masters = parse_masters(config.cluster.masters); !masters.has_value()) {
    return check.refuse("cluster.masters", masters.error().detail());
  }
  if (const auto spread = parse_spread(config.master.standard.spread); !spread.has_value()) {
    return check.refuse("master.spread", spread.error().detail());
  }
  if (const auto& large = config.master.standard.large; !large.empty()) {
    if (const auto scheme = parse_ec_scheme(large); !scheme.has_value()) {
      return check.refuse("master.large", scheme.error().detail());
    }
  }
  if (const auto& seal = config.master.standard.seal; !seal.empty()) {
    if (const auto scheme = parse_ec_scheme(seal); !scheme.has_value()) {
      return check.refuse("master.seal", scheme.error().detail());
    }
  }
  return {};
}

Result<void> check_cache(const Config& config, const Checker& check) {
  const VolumeConfig& volume = config.volume;
  if (volume.cache.empty()) return {};
  if (!volume.cache.starts_with('/') || (volume.cache.size() > 1 && volume.cache.ends_with('/'))) {
    return check.refuse("volume.cache", "begins with a slash and does not end with one");
  }
  const auto& disks = volume.disks;
  if (volume.cache == config.dir ||
      std::ranges::find(disks, volume.cache, &VolumeDiskConfig::path) != disks.end()) {
    return check.refuse("volume.cache", "is a directory of volumes");
  }
  return check.range("volume.cache_size", volume.cache_size, 16 * kMiB, 16 * 1024 * kGiB);
}

Result<void> check_domain(std::string_view key, const std::string& domain, const Checker& check) {
  const auto fits = [](unsigned char c) {
    return std::islower(c) || std::isdigit(c) || c == '.' || c == '-';
  };
  if (!domain.empty() && domain.size() <= 253 && domain.front() != '.' &&
      std::ranges::all_of(domain, fits)) {
    return {};
  }
  return check.refuse(key, "a domain is lower-case letters, digits, dots and hyphens");
}

Result<void> check_vault(const S3Config& s3, const Checker& check) {
  const std::string_view address = s3.vault_address;
  if (address.empty()) return {};
  const std::size_t scheme = address.starts_with("https://")  ? 8
                             : address.starts_with("http://") ? 7
                                                              : 0;
  if (scheme == 0 || address.size() == scheme ||
      address.find_first_of("/?#@ \t", scheme) != std::string_view::npos) {
    return check.refuse("s3.vault_address", "is not https://host:port");
  }
  if (s3.vault_token_file.empty()) {
    return check.refuse("s3.vault_token_file", "s3.vault_address needs it");
  }
  constexpr std::string_view kName =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (s3.vault_mount.empty() || s3.vault_mount.starts_with('/') || s3.vault_mount.ends_with('/') ||
      s3.vault_mount.find_first_not_of(std::string(kName) + "/") != std::string::npos) {
    return check.refuse("s3.vault_mount", "is a path as transit or team/transit");
  }
  if (s3.vault_prefix.find_first_not_of(kName) != std::string::npos) {
    return check.refuse("s3.vault_prefix", "has letters, digits and -_. only");
  }
  return {};
}

Result<void> check_websites(const S3Config& s3, const Checker& check) {
  for (const auto& domain : s3.website_domains) {
    KELP_CHECK(check_domain("s3.website_domains", domain, check));
    if (std::ranges::find(s3.domains, domain) == s3.domains.end()) continue;
    return check.refuse("s3.website_domains", "is in s3.domain: one name cannot be both");
  }
  return {};
}

Result<void> check_identities(const std::vector<IdentityConfig>& identities) {
  const auto key_fits = [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '_' || c == '-';
  };
  const auto prints = [](unsigned char c) { return c > ' ' && c < 0x7f; };
  std::set<std::string_view> names{"admin"};
  std::set<std::string_view> keys;
  for (const IdentityConfig& identity : identities) {
    const auto refuse = [&identity](std::string_view why) {
      return Error(Errc::kInvalidArgument, fmt::format("s3.identity '{}': {}", identity.name, why));
    };
    if (identity.name.empty() || identity.name.size() > 64) return refuse("name has 1 to 64 bytes");
    if (!names.insert(identity.name).second) return refuse("the name is taken");
    if (identity.access_key.size() < 3 || identity.access_key.size() > 128 ||
        !std::ranges::all_of(identity.access_key, key_fits)) {
      return refuse("access_key has 3 to 128 characters of A-Z a-z 0-9 . _ -");
    }
    if (!keys.insert(identity.access_key).second) return refuse("the access_key is taken");
    if (identity.secret_key.size() < 8 || identity.secret_key.size() > 128 ||
        !std::ranges::all_of(identity.secret_key, prints)) {
      return refuse("secret_key has 8 to 128 printable characters");
    }
  }
  return {};
}

}  // namespace

Result<std::map<std::uint64_t, std::string>> parse_masters(
    const std::vector<std::string>& masters) {
  std::map<std::uint64_t, std::string> out;
  for (const std::string& master : masters) {
    const std::size_t equals = master.find('=');
    std::uint64_t id = 0;
    const auto [end, code] =
        std::from_chars(master.data(), master.data() + std::min(equals, master.size()), id);
    if (equals == std::string::npos || code != std::errc{} || end != master.data() + equals ||
        id == 0) {
      return Error(Errc::kInvalidArgument, fmt::format("'{}' is not id=host:port", master));
    }
    std::string address = master.substr(equals + 1);
    KELP_TRY([[maybe_unused]] const HostPort at, parse_host_port(address));
    if (!out.emplace(id, std::move(address)).second) {
      return Error(Errc::kInvalidArgument, fmt::format("two masters have the id {}", id));
    }
  }
  return out;
}

Result<Spread> parse_spread(std::string_view text) {
  const auto digit = [text](std::size_t at) { return static_cast<std::uint8_t>(text[at] - '0'); };
  const bool digits =
      text.size() == 3 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '7'; });
  if (!digits || digit(0) + digit(1) + digit(2) > 7) {
    return Error(Errc::kInvalidArgument,
                 "must be three digits whose sum is at most 7: copies in other data centres, in "
                 "other racks, on other nodes");
  }
  return Spread{digit(0), digit(1), digit(2)};
}

Result<void> check_config(const Config& config, const Origins& origins) {
  const Checker check(config, origins);
  KELP_CHECK(
      check.one_of("log.level", config.log_level, {"trace", "debug", "info", "warn", "error"}));
  KELP_CHECK(check.one_of("log.format", config.log_format, {"text", "json"}));
  KELP_CHECK(check.one_of("durability", config.durability, {"synced", "os"}));
  KELP_CHECK(check.one_of("s3.defaults", config.s3.defaults, {"modern", "classic"}));
  KELP_CHECK(check.address("s3.listen", config.s3.listen, false));
  KELP_CHECK(check.address("s3.tls_listen", config.s3.tls_listen, true));
  KELP_CHECK(check.address("admin.listen", config.admin_listen, true));
  const bool half = config.s3.tls_cert.empty() != config.s3.tls_key.empty();
  if (uses_tls(config) && (half || (config.s3.tls_cert.empty() && config.s3.tls_dir.empty()))) {
    return check.refuse(config.s3.tls_listen.empty() ? "filer.https_listen" : "s3.tls_listen",
                        "needs s3.tls_cert and s3.tls_key, or s3.tls_dir");
  }
  for (const auto& domain : config.s3.domains) {
    KELP_CHECK(check_domain("s3.domain", domain, check));
  }
  KELP_CHECK(check_websites(config.s3, check));
  KELP_CHECK(check_vault(config.s3, check));
  for (const auto& url : config.s3.external_urls) {
    if (s3::parse_external_url(url)) continue;
    return check.refuse("s3.external_urls",
                        fmt::format("'{}' is no address as https://s3.example.com/store", url));
  }
  for (const auto& range : config.s3.trusted_proxies) {
    if (policy::parse_range(range)) continue;
    return check.refuse("s3.trusted_proxies",
                        fmt::format("'{}' is neither an address nor a range as 10.0.0.0/8", range));
  }
  const std::pair<std::string_view, const std::vector<std::string>&> outgoing[] = {
      {"s3.outgoing_allow", config.s3.outgoing_allow},
      {"s3.outgoing_deny", config.s3.outgoing_deny}};
  for (const auto& [key, ranges] : outgoing) {
    for (const auto& range : ranges) {
      if (policy::parse_range(range)) continue;
      return check.refuse(
          key, fmt::format("'{}' is neither an address nor a range as 10.0.0.0/8", range));
    }
  }
  if (const auto limits = s3::parse_limits(config.s3.limits); !limits) {
    return check.refuse("s3.limits", limits.error().detail());
  }
  KELP_CHECK(check_cluster(config, check));
  KELP_CHECK(check_ranges(config, check));
  KELP_CHECK(check_classes(config.master.classes));
  KELP_CHECK(check_remotes(config.remotes, config.master.classes));
  KELP_CHECK(check_disks(config.volume.disks));
  KELP_CHECK(check_cache(config, check));
  KELP_CHECK(notify::check_targets(config.s3.notify));
  return check_identities(config.s3.identities);
}

}  // namespace kelp::server
