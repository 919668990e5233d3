#include "server/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <set>

#include "base/config_value.h"
#include "net/network.h"
#include "server/toml_text.h"
#include "wire/node_http.h"

namespace kelp::server {
namespace {

using std::chrono::nanoseconds;

Result<void> read(std::string& value, std::string_view text) {
  value = text;
  return {};
}

Result<void> read(bool& value, std::string_view text) {
  value = text == "true";
  if (value || text == "false") return {};
  return Error(Errc::kInvalidArgument, fmt::format("'{}' is neither true nor false", text));
}

Result<void> read(nanoseconds& value, std::string_view text) {
  KELP_TRY(value, parse_duration(text));
  return {};
}

Result<void> read(std::uint64_t& value, std::string_view text) {
  KELP_TRY(value, parse_bytes(text));
  return {};
}

Result<void> read(double& value, std::string_view text) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc{} && end == text.data() + text.size()) return {};
  return Error(Errc::kInvalidArgument, fmt::format("'{}' is not a number", text));
}

Result<void> read_count(std::uint64_t& value, std::string_view text) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code == std::errc{} && end == text.data() + text.size()) return {};
  return Error(Errc::kInvalidArgument, fmt::format("'{}' is not a whole number", text));
}

Result<void> read(std::vector<std::string>& value, std::string_view text) {
  value.clear();
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) value.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return {};
}

std::string print(const std::string& value) {
  return toml_quoted(value);
}

std::string print(bool value) {
  return value ? "true" : "false";
}

std::string print(double value) {
  return fmt::format("{}", value);
}

std::string print(std::uint64_t value) {
  constexpr std::array<std::pair<std::string_view, unsigned>, 3> kUnits = {
      {{"GiB", 30}, {"MiB", 20}, {"KiB", 10}}};
  for (const auto& [unit, shift] : kUnits) {
    if (value >= 1ULL << shift && value % (1ULL << shift) == 0) {
      return fmt::format("\"{}{}\"", value >> shift, unit);
    }
  }
  return fmt::format("{}", value);
}

std::string print(nanoseconds value) {
  constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> kUnits = {
      {{"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000}, {"ms", 1'000'000}}};
  for (const auto& [unit, factor] : kUnits) {
    if (value.count() != 0 && value.count() % factor == 0) {
      return fmt::format("\"{}{}\"", value.count() / factor, unit);
    }
  }
  return fmt::format("\"{}ns\"", value.count());
}

std::string print(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const auto& value : values) out += (out.size() > 1 ? ", " : "") + toml_quoted(value);
  return out + "]";
}

#define KELP_COUNT(name, field, text)                                                 \
  Setting {                                                                           \
    name, text, [](Config& c, std::string_view v) { return read_count(c.field, v); }, \
        [](const Config& c) { return fmt::format("{}", c.field); }                    \
  }
#define KELP_SETTING(name, field, text)                                         \
  Setting {                                                                     \
    name, text, [](Config& c, std::string_view v) { return read(c.field, v); }, \
        [](const Config& c) { return print(c.field); }                          \
  }

constexpr std::array kSettings = {
    KELP_SETTING("dir", dir, "where everything is kept"),
    KELP_SETTING("durability", durability,
                 "\"synced\": acknowledged when on stable storage; \"os\": when in the page cache"),
    KELP_SETTING("log.level", log_level, "trace, debug, info, warn or error"),
    KELP_SETTING("admin.listen", admin_listen,
                 "address:port of /metrics, /healthz and /readyz; empty: none"),
    KELP_SETTING("s3.listen", s3.listen, "address:port; port 0 takes a free one"),
    KELP_SETTING("s3.tls_listen", s3.tls_listen, "address:port of a second listener, with TLS"),
    KELP_SETTING("s3.tls_cert", s3.tls_cert, "PEM file with the certificate chain"),
    KELP_SETTING("s3.tls_key", s3.tls_key, "PEM file with the key"),
    KELP_SETTING("s3.domain", s3.domains, "<bucket>.<domain> names a bucket; several with commas"),
    KELP_SETTING("s3.region", s3.region, "the region that signatures must name; empty: any"),
    KELP_COUNT("server.io_threads", threads.io_threads, "1 to 64; 0: one a core, at most 4"),
    KELP_COUNT("server.disk_threads", threads.disk_threads, "1 to 256"),
    KELP_SETTING("server.rpc_listen", rpc_listen,
                 "address:port where kelp shell and kelp meta reach kelp server; empty: none"),
    KELP_SETTING("server.drain_grace", threads.drain_grace,
                 "time that requests have to end after SIGTERM, 0 to 1h"),
    KELP_COUNT("limits.connections", limits.connections, "a listener, 1 to 1000000"),
    KELP_SETTING("limits.body_memory", limits.body_memory,
                 "memory for bodies on their way, 4MiB to 64GiB"),
    KELP_SETTING("limits.head_timeout", limits.head_timeout, "for a request's head, 100ms to 1h"),
    KELP_SETTING("limits.idle_timeout", limits.idle_timeout, "between requests, 100ms to 1h"),
    KELP_SETTING("limits.progress_timeout", limits.progress_timeout,
                 "without progress of a body, 100ms to 1h"),
    KELP_SETTING("limits.minimum_body_rate", limits.minimum_body_rate,
                 "bytes a second; slower bodies are refused"),
    KELP_SETTING("volume.size_limit", volume.size_limit, "a volume is sealed at it, 1MiB to 1TiB"),
    KELP_SETTING("volume.reserve", volume.reserve,
                 "free disk that writes leave; at most a twentieth of the disk"),
    KELP_SETTING("volume.background_rate", volume.background_rate,
                 "bytes a second that vacuum, scrub and copies read or write on a volume "
                 "server, 4MiB to 1TiB; less while clients are served; 0: no limit"),
    KELP_SETTING("volume.vacuum_garbage", volume.vacuum_garbage,
                 "part of a volume's room that may be garbage, 0.05 to 1; 1: no vacuum"),
    KELP_SETTING("volume.scrub_period", volume.scrub_period,
                 "time in which every byte is read and compared once, 1h to 365d; 0: never"),
    KELP_COUNT("volume.writable", volume.writable,
               "volumes that take data at once, 0 to 16; 0: one a node"),
    KELP_SETTING("volume.listen", volume.listen, "address:port of a volume server's rpc"),
    KELP_SETTING("volume.address", volume.address, "host:port where others reach it"),
    KELP_SETTING("volume.http_listen", volume.http_listen,
                 "address:port of needles by file id over HTTP; empty: none"),
    KELP_SETTING("volume.http_address", volume.http_address, "host:port where clients reach it"),
    KELP_SETTING("volume.data_centre", volume.data_centre, "where the volume server stands"),
    KELP_SETTING("volume.rack", volume.rack, "where in the data centre"),
    KELP_SETTING("volume.tags", volume.tags, "words for placement; several with commas"),
    KELP_SETTING("volume.host", volume.host,
                 "the machine, of which one may fail with all of its disks; empty: its name, when "
                 "there are several [[volume.disk]]"),
    KELP_SETTING("cluster.file", cluster.file, "made by `kelp cluster init`; empty: DIR/cluster"),
    KELP_SETTING("cluster.masters", cluster.masters, "id=host:port of each master, with commas"),
    KELP_SETTING("cluster.filers", cluster.filers, "host:port of each filer, with commas"),
    KELP_COUNT("master.id", master.id, "of this master, from 1"),
    KELP_SETTING("master.listen", master.listen, "address:port of a master's rpc"),
    KELP_SETTING("master.http_listen", master.http_listen,
                 "address:port of the masters' HTTP for scripts; empty: none"),
    KELP_SETTING("master.http_open", master.http_open,
                 "true: not only this machine may change things over it"),
    KELP_SETTING("master.join", master.join, "true: waits to be added to a group that exists"),
    KELP_SETTING("master.spread", master.standard.spread,
                 "copies in other data centres, other racks, on other nodes: three digits"),
    KELP_SETTING("master.large", master.standard.large,
                 "\"ec(4,2)\": large needles in 4 shards of data and 2 of parity, each on another "
                 "node; empty: in copies"),
    KELP_SETTING("master.large_from", master.standard.large_from,
                 "bytes of a large needle, 64KiB to 8MiB"),
    KELP_SETTING(
        "master.seal", master.standard.seal,
        "\"ec(4,2)\": full volumes of small needles become shards; empty: they stay copies"),
    KELP_SETTING("master.tag", master.standard.tag,
                 "the one of volume.tags that servers of new data carry; empty: any"),
    KELP_SETTING("master.repair_after", master.repair_after,
                 "silence of a volume server before its volumes are repaired, 1s to 24h"),
    KELP_SETTING("master.share_hosts", master.share_hosts,
                 "true: a volume may have more members on one machine than it can lose"),
    KELP_SETTING("master.key_grace", master.key_grace,
                 "from the lease of a key to its commit at most, 10s to 48h"),
    KELP_SETTING("filer.listen", filer.listen, "address:port of a filer's rpc"),
    KELP_SETTING("filer.engine", filer.engine,
                 "\"rocksdb\" (embedded), \"postgresql\", \"etcd\" or \"redis\""),
    KELP_SETTING("filer.engine_url", filer.engine_url,
                 "where that engine is: docs/operations/metadata-engines.md; without a password"),
    KELP_SETTING("filer.engine_password_file", filer.engine_password_file,
                 "its one line is the password; empty: KELP_ENGINE_PASSWORD, if it is set"),
    KELP_SETTING("filer.allow_unsafe_engine", filer.allow_unsafe_engine,
                 "true: go on with an engine that may lose acknowledged data"),
    KELP_SETTING("filer.memory", filer.memory, "all that the filer may hold, 64MiB to 1TiB"),
    KELP_SETTING("filer.journal_keep", filer.journal_keep,
                 "how far back increments of metadata reach, 1m to 365d; 0: no journal is kept"),
    KELP_SETTING("filer.http_listen", filer.http_listen,
                 "address:port of files over HTTP and WebDAV, of kelp server and kelp s3; empty: "
                 "none"),
    KELP_SETTING("filer.https_listen", filer.https_listen,
                 "the same with TLS, by s3.tls_cert and s3.tls_key"),
    KELP_SETTING("collector.interval", collector.interval, "between collections, 10ms to 24h"),
    KELP_SETTING("collector.quarantine", collector.quarantine,
                 "from unreachable to removed, 0 to 30d"),
    KELP_SETTING("collector.orphan_interval", collector.orphan_interval,
                 "between walks in search of what nothing names, 1s to 30d"),
};
#undef KELP_SETTING
#undef KELP_COUNT

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
    return refuse(key, fmt::format("must lie between {} and {}", print(low), print(high)));
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

Result<void> check_ranges(const Config& config, const Checker& check) {
  const nanoseconds tenth = std::chrono::milliseconds(100);
  const nanoseconds hour = std::chrono::hours(1);
  const nanoseconds none{0};
  const LimitsConfig& limits = config.limits;
  KELP_CHECK(check.range<std::uint64_t>("server.io_threads", config.threads.io_threads, 0, 64));
  KELP_CHECK(
      check.range<std::uint64_t>("server.disk_threads", config.threads.disk_threads, 1, 256));
  KELP_CHECK(check.range("server.drain_grace", config.threads.drain_grace, none, hour));
  KELP_CHECK(check.range<std::uint64_t>("limits.connections", limits.connections, 1, 1'000'000));
  KELP_CHECK(check.range<std::uint64_t>("master.large_from", config.master.standard.large_from,
                                        64 * 1024, 8 * kMiB));
  KELP_CHECK(check.range("limits.body_memory", limits.body_memory, 4 * kMiB, 64 * kGiB));
  KELP_CHECK(check.range("limits.head_timeout", limits.head_timeout, tenth, hour));
  KELP_CHECK(check.range("limits.idle_timeout", limits.idle_timeout, tenth, hour));
  KELP_CHECK(check.range("limits.progress_timeout", limits.progress_timeout, tenth, hour));
  KELP_CHECK(
      check.range<std::uint64_t>("limits.minimum_body_rate", limits.minimum_body_rate, 0, kGiB));
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

Result<void> check_cluster(const Config& config, const Checker& check) {
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

Result<void> check_domain(const std::string& domain, const Checker& check) {
  const auto fits = [](unsigned char c) {
    return std::islower(c) || std::isdigit(c) || c == '.' || c == '-';
  };
  if (!domain.empty() && domain.size() <= 253 && domain.front() != '.' &&
      std::ranges::all_of(domain, fits)) {
    return {};
  }
  return check.refuse("s3.domain", "a domain is lower-case letters, digits, dots and hyphens");
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

std::span<const Setting> settings() {
  return kSettings;
}

const Setting* find_setting(std::string_view key) {
  const auto found = std::ranges::find(kSettings, key, &Setting::key);
  return found == kSettings.end() ? nullptr : &*found;
}

std::string environment_name(std::string_view key) {
  std::string name = "KELP_";
  for (const char c : key) {
    name.push_back(c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  }
  return name;
}

Result<void> check_config(const Config& config, const Origins& origins) {
  const Checker check(config, origins);
  KELP_CHECK(
      check.one_of("log.level", config.log_level, {"trace", "debug", "info", "warn", "error"}));
  KELP_CHECK(check.one_of("durability", config.durability, {"synced", "os"}));
  KELP_CHECK(check.address("s3.listen", config.s3.listen, false));
  KELP_CHECK(check.address("s3.tls_listen", config.s3.tls_listen, true));
  KELP_CHECK(check.address("admin.listen", config.admin_listen, true));
  if (!config.s3.tls_listen.empty() && (config.s3.tls_cert.empty() || config.s3.tls_key.empty())) {
    return check.refuse("s3.tls_listen", "needs s3.tls_cert and s3.tls_key");
  }
  if (!config.filer.https_listen.empty() &&
      (config.s3.tls_cert.empty() || config.s3.tls_key.empty())) {
    return check.refuse("filer.https_listen", "needs s3.tls_cert and s3.tls_key");
  }
  for (const auto& domain : config.s3.domains) {
    KELP_CHECK(check_domain(domain, check));
  }
  KELP_CHECK(check_cluster(config, check));
  KELP_CHECK(check_ranges(config, check));
  KELP_CHECK(check_classes(config.master.classes));
  KELP_CHECK(check_disks(config.volume.disks));
  return check_identities(config.s3.identities);
}

bool uses_tls(const Config& config) {
  return !config.s3.tls_listen.empty() || !config.filer.https_listen.empty();
}

std::string print_config(const Config& config, const Origins& origins) {
  std::string out;
  for (const Setting& setting : kSettings) {
    const auto origin = origins.find(setting.key);
    out += fmt::format("{} = {}  # {}\n", setting.key, setting.get(config),
                       origin == origins.end() ? "default" : origin->second);
  }
  for (const IdentityConfig& identity : config.s3.identities) {
    out += fmt::format("\n[[s3.identity]]\nname = {}\naccess_key = {}\n# secret_key is not shown\n",
                       toml_quoted(identity.name), toml_quoted(identity.access_key));
  }
  return out + print_classes(config.master.classes) + print_disks(config.volume.disks);
}

}  // namespace kelp::server
