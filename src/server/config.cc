#include "server/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/config_value.h"
#include "server/notify_targets.h"
#include "server/toml_text.h"

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
  value = split_words(text);
  return {};
}

#define KELP_COUNT(name, field, text)                                                 \
  Setting {                                                                           \
    name, text, [](Config& c, std::string_view v) { return read_count(c.field, v); }, \
        [](const Config& c) { return fmt::format("{}", c.field); }                    \
  }
#define KELP_SETTING(name, field, text)                                         \
  Setting {                                                                     \
    name, text, [](Config& c, std::string_view v) { return read(c.field, v); }, \
        [](const Config& c) { return toml_value(c.field); }                     \
  }

constexpr std::array kSettings = {
    KELP_SETTING("dir", dir, "where everything is kept"),
    KELP_SETTING("durability", durability,
                 "\"synced\": acknowledged when on stable storage; \"os\": when in the page cache"),
    KELP_SETTING("log.level", log_level, "trace, debug, info, warn or error"),
    KELP_SETTING("log.format", log_format, "text or json; json: one object a line"),
    KELP_SETTING("admin.listen", admin_listen,
                 "address:port of /metrics, /healthz and /readyz; empty: none"),
    KELP_SETTING("s3.listen", s3.listen, "address:port; port 0 takes a free one"),
    KELP_SETTING("s3.tls_listen", s3.tls_listen, "address:port of a second listener, with TLS"),
    KELP_SETTING("s3.tls_cert", s3.tls_cert, "PEM file with the certificate chain"),
    KELP_SETTING("s3.tls_key", s3.tls_key, "PEM file with the key"),
    KELP_SETTING("s3.tls_dir", s3.tls_dir,
                 "folder with NAME.crt and NAME.key for each further name; empty: none"),
    KELP_SETTING("s3.domain", s3.domains, "<bucket>.<domain> names a bucket; several with commas"),
    KELP_SETTING(
        "s3.identities_file", s3.identities_file,
        "users in the form of SeaweedFS's s3.json, read again when it changes; empty: none"),
    KELP_SETTING("s3.region", s3.region, "the region that signatures must name; empty: any"),
    KELP_SETTING("s3.defaults", s3.defaults,
                 "of new buckets: modern (shut to the public, no lists) or classic"),
    KELP_SETTING("s3.keyring", s3.keyring,
                 "file with the master keys of encryption; empty: keyring beside cluster.file"),
    KELP_SETTING("s3.encrypt_by_default", s3.encrypt_by_default,
                 "true: SSE-S3 where neither request nor bucket says how to encrypt"),
    KELP_SETTING("s3.sse_c_over_http", s3.sse_c_over_http,
                 "true: customers' keys (SSE-C) are taken over http too"),
    KELP_SETTING("s3.signature_v2", s3.signature_v2,
                 "true: requests signed with SigV2 in the Authorization header are taken"),
    KELP_SETTING("s3.iceberg", s3.iceberg, "true: the Iceberg REST catalog is at /iceberg/v1/"),
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
    KELP_SETTING("volume.index_on_disk", volume.index_on_disk,
                 "true: indexes of volumes stay on disk and take next to no memory"),
    KELP_SETTING("volume.direct_io", volume.direct_io,
                 "true: vacuum and copies push nothing out of the page cache"),
    KELP_SETTING("volume.cache", volume.cache,
                 "directory on an SSD, of what is read often from slower disks; empty: none"),
    KELP_SETTING("volume.cache_size", volume.cache_size, "bytes of it, 16MiB to 16TiB"),
    KELP_SETTING("volume.cache_tags", volume.cache_tags,
                 "directories that carry one of these tags are cached; empty: all"),
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
    KELP_SETTING("master.repair_together", master.repair_together,
                 "true: several lost shards of a volume are made from one reading of the others"),
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
    KELP_COUNT("filer.bucket_limit", filer.bucket_limit,
               "buckets of one account, 0 to 1000000; 0: no limit"),
    KELP_SETTING("filer.journal_keep", filer.journal_keep,
                 "how far back increments of metadata reach, 1m to 365d; 0: no journal is kept"),
    KELP_SETTING("filer.http_listen", filer.http_listen,
                 "address:port of files over HTTP and WebDAV, of kelp server and kelp s3; empty: "
                 "none"),
    KELP_SETTING("filer.https_listen", filer.https_listen,
                 "the same with TLS, by the certificates of S3"),
    KELP_SETTING("collector.interval", collector.interval, "between collections, 10ms to 24h"),
    KELP_SETTING("collector.quarantine", collector.quarantine,
                 "from unreachable to removed, 0 to 30d"),
    KELP_SETTING("collector.orphan_interval", collector.orphan_interval,
                 "between walks in search of what nothing names, 1s to 30d"),
    KELP_SETTING("collector.remote_interval", collector.remote_interval,
                 "between those of them that look into remotes too; 1s to 365d"),

    KELP_SETTING("s3.allow_demo_keys", s3.allow_demo_keys,
                 "true: the secret key that is printed in Kelp's documentation is taken"),
    KELP_SETTING("s3.website_domains", s3.website_domains,
                 "<bucket>.<domain> is that bucket's website; several with commas; empty: none"),
    KELP_SETTING("s3.trusted_proxies", s3.trusted_proxies,
                 "addresses or ranges (10.0.0.0/8) whose X-Forwarded-For says who asks"),
    KELP_SETTING("s3.external_urls", s3.external_urls,
                 "what clients call the gateway behind a proxy that says another host or leaves a "
                 "part of the path away; several with commas"),

    KELP_SETTING(
        "s3.audit_log", s3.audit_log,
        "file that gets a line of JSON for each request; opened anew on SIGHUP; empty: none"),
    KELP_COUNT("s3.access_log_seconds", s3.access_log_seconds,
               "between a bucket's access logs, 1 to 3600"),
    KELP_SETTING("s3.limits", s3.limits,
                 "503 SlowDown past them: key|bucket|gateway.per_second|at_once=N, with commas"),
    KELP_SETTING("s3.limits_shared", s3.limits_shared,
                 "true: s3.limits are of all gateways together; each has an equal share"),
    KELP_COUNT("s3.bucket_metrics", s3.bucket_metrics,
               "so many buckets have metrics of their own, 0 to 10000"),
    KELP_SETTING("filer.lifecycle_interval", filer.lifecycle_interval,
                 "between passes over the lifecycle rules of all buckets, 100ms to 7d; 0: none"),
    KELP_SETTING(
        "filer.lifecycle_debug_day", filer.lifecycle_debug_day,
        "a day of lifecycle rules, 100ms to 24h, of filers and gateways alike: REMOVES DATA "
        "SOONER, for tests; 0: a day"),
    KELP_SETTING("s3.archive_classes", s3.archive_classes,
                 "classes whose objects must be restored to be read: GLACIER, DEEP_ARCHIVE; empty: "
                 "none, all are read at once"),
    KELP_SETTING("s3.restore_time", s3.restore_time,
                 "how long a restore of an archived object takes, 0 to 7d"),
    KELP_SETTING("filer.inventory_interval", filer.inventory_interval,
                 "between two looks at which inventory lists are due, 100ms to 24h; 0: none"),
    KELP_SETTING("server.drain_delay", threads.drain_delay,
                 "after SIGTERM requests are still taken for so long, each the last of its "
                 "connection, 0 to 1h"),
    KELP_SETTING("cluster.tls_cert", cluster.tls_cert,
                 "PEM file with this daemon's certificate: all daemons speak TLS with each other"),
    KELP_SETTING("cluster.tls_key", cluster.tls_key, "PEM file with its key"),
    KELP_SETTING("cluster.tls_ca", cluster.tls_ca,
                 "PEM file with the authorities that sign the daemons' certificates"),
    KELP_SETTING("cluster.tls_name", cluster.tls_name,
                 "the one name that every daemon's certificate is for; empty: each for its host"),
    KELP_SETTING("s3.outgoing_allow", s3.outgoing_allow,
                 "addresses or ranges that identity providers may have though they are refused"),
    KELP_SETTING("s3.outgoing_deny", s3.outgoing_deny,
                 "addresses or ranges that identity providers may not have"),
    KELP_SETTING("s3.vault_address", s3.vault_address,
                 "https://host:port of a Vault or OpenBao that has the master keys; empty: none"),
    KELP_SETTING("s3.vault_token_file", s3.vault_token_file, "file with the token for it"),
    KELP_SETTING("s3.vault_mount", s3.vault_mount, "where its transit engine is mounted"),
    KELP_SETTING("s3.vault_prefix", s3.vault_prefix, "in front of the names that its keys have"),
    KELP_SETTING("s3.vault_ca_file", s3.vault_ca_file,
                 "certificates to trust (PEM); empty: the system's"),
    KELP_SETTING("s3.vault_timeout", s3.vault_timeout, "of one request to it, 50ms to 30s"),
};
#undef KELP_SETTING
#undef KELP_COUNT

}  // namespace

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
  return out + print_classes(config.master.classes) + print_disks(config.volume.disks) +
         print_notify(config.s3.notify) + print_remotes(config.remotes);
}

}  // namespace kelp::server
