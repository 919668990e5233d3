#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kelp/result.h"
#include "notify/core/target_config.h"
#include "server/disk_list.h"
#include "server/remote_config.h"
#include "server/storage_classes.h"
#include "wire/cluster.h"

namespace kelp::server {

/// Another account beside the administrator's. TOML only: [[s3.identity]].
struct IdentityConfig {
  std::string name;        ///< Unique; the account's id is derived from it.
  std::string access_key;  ///< 3 to 128 characters of A-Z a-z 0-9 . _ -
  std::string secret_key;  ///< 8 to 128 printable characters.
};

/// The S3 front.
struct S3Config {
  std::string listen = "127.0.0.1:8333";  ///< address:port; port 0 takes a free one.
  std::string tls_listen;                 ///< A second listener with TLS; empty: none.
  std::string tls_cert;                   ///< PEM file with the chain.
  std::string tls_key;                    ///< PEM file.
  std::string tls_dir;                    ///< More pairs for other names; empty: none.
  std::vector<std::string> domains;       ///< <bucket>.<domain> names a bucket.
  std::string region;                     ///< Signatures must name it; empty: any.
  std::string defaults = "modern";        ///< Of new buckets: "modern" or "classic".
  std::string keyring;  ///< Master keys of encryption; empty: beside the cluster's file.
  bool encrypt_by_default = false;  ///< SSE-S3 where neither request nor bucket says anything.
  bool sse_c_over_http = false;     ///< Customers' keys are taken without TLS too.
  bool signature_v2 = false;        ///< SigV2 in the Authorization header is taken.
  bool iceberg = false;             ///< The Iceberg REST catalog is at /iceberg/v1/.
  std::vector<IdentityConfig> identities;
  std::string identities_file;  ///< Users in the form of SeaweedFS's s3.json; empty: none.

  bool allow_demo_keys = false;  ///< The key pair of the compose file for laptops is taken.
  std::vector<std::string> website_domains;  ///< <bucket>.<domain> is that bucket's website.
  std::vector<std::string> trusted_proxies;  ///< Addresses and ranges of addresses.
  std::vector<std::string> external_urls;    ///< "https://s3.example.com/store".

  std::string audit_log;                   ///< File of a line for each request; empty: none.
  std::uint64_t access_log_seconds = 300;  ///< How long lines of access logs gather; 1 to 3600.
  std::vector<std::string> limits;         ///< "key.per_second=100": s3gw/request_limits.h.
  bool limits_shared = false;              ///< `limits` are of all gateways together.
  std::uint64_t bucket_metrics = 0;        ///< So many buckets have their own; at most 10,000.

  /// Where notifications may go. TOML only: [s3.notify.NAME], the same on gateways and filers.
  std::vector<notify::TargetConfig> notify;

  /// Storage classes whose objects must be restored to be read: GLACIER, DEEP_ARCHIVE.
  std::vector<std::string> archive_classes{"GLACIER", "DEEP_ARCHIVE"};
  std::chrono::nanoseconds restore_time{0};  ///< How long a restore takes; at most 7d.

  std::vector<std::string> outgoing_allow;  ///< Ranges of addresses: policy/outgoing.h.
  std::vector<std::string> outgoing_deny;

  std::string vault_address;  ///< "https://host:8200": master keys are there; empty: in the ring.
  std::string vault_token_file;
  std::string vault_mount = "transit";
  std::string vault_prefix = "kelp-";  ///< In front of the keys' names there.
  std::string vault_ca_file;           ///< PEM; empty: the system's.
  std::chrono::nanoseconds vault_timeout = std::chrono::seconds(2);  ///< 50ms to 30s.
};

/// What bounds clients.
struct LimitsConfig {
  std::uint64_t connections = 8192;       ///< Per listener; 1 to 1,000,000.
  std::uint64_t body_memory = 64u << 20;  ///< Bytes of bodies on their way; 4 MiB to 64 GiB.
  std::chrono::nanoseconds head_timeout = std::chrono::seconds(10);
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(75);
  std::chrono::nanoseconds progress_timeout = std::chrono::seconds(30);
  std::uint64_t minimum_body_rate = 1024;  ///< Bytes a second.
};

/// Threads and the end of the process.
struct ThreadsConfig {
  std::uint64_t io_threads = 0;    ///< 1 to 64; 0: one a core, at most 4.
  std::uint64_t disk_threads = 8;  ///< 1 to 256: blocking file and metadata work.
  std::chrono::nanoseconds drain_grace = std::chrono::seconds(10);  ///< At SIGTERM.
  std::chrono::nanoseconds drain_delay{0};  ///< Before it: balancers learn that we leave.
};

/// Which cluster a daemon belongs to, and where the others are.
struct ClusterConfig {
  std::string file;                  ///< Made by `kelp cluster init`; empty: DIR/cluster.
  std::vector<std::string> masters;  ///< "id=host:port" of each master's rpc.
  std::vector<std::string> filers;   ///< host:port of each filer's rpc; for gateways.
  std::string tls_cert;              ///< PEM file: daemons speak TLS with each other; empty: TCP.
  std::string tls_key;               ///< PEM file.
  std::string tls_ca;                ///< PEM file: who signed the certificates of the others.
  std::string tls_name;              ///< What all certificates are for; empty: each for its host.
};

/// One of the masters.
struct MasterConfig {
  std::uint64_t id = 1;                    ///< Of this one, from 1; never used for another disk.
  std::string listen = "127.0.0.1:19333";  ///< Of its rpc.
  std::string http_listen;                 ///< Of its HTTP; empty: none.
  bool http_open = false;                  ///< Others than this machine may change things over it.
  bool join = false;                       ///< Waits to be added to a group that exists.
  StorageClassConfig standard;
  std::vector<StorageClassConfig> classes;  ///< The others. TOML only: [[master.class]].
  std::chrono::nanoseconds repair_after = std::chrono::seconds(30);  ///< Silence, 1s to 24h.
  std::chrono::nanoseconds key_grace = std::chrono::hours(24);  ///< From lease to commit, at most.
  bool share_hosts = false;  ///< One machine may have more of a volume than may be lost.
  /// Lost shards of a volume are made in one pass; not while masters of before are in the group.
  bool repair_together = true;
};

/// A filer's own.
struct FilerConfig {
  std::string listen = "127.0.0.1:18888";  ///< Of its rpc.
  std::string engine = "rocksdb";          ///< Or one that several filers may share.
  std::string engine_url;                  ///< Where that is; without a password.
  std::string engine_password_file;        ///< Empty: KELP_ENGINE_PASSWORD, if it is set.
  bool allow_unsafe_engine = false;        ///< Goes on with one that may lose acknowledged data.
  std::uint64_t memory = 256u << 20;  ///< Bytes of all that it holds (assembly.h); 64 MiB to 1 TiB.
  /// How long the journal keeps what commits changed; 1m to 365d; 0: there is none.
  std::chrono::nanoseconds journal_keep{0};
  std::uint64_t bucket_limit = 10'000;  ///< Of one account, at most 1,000,000; 0: no limit.
  std::string http_listen;   ///< Files over HTTP and WebDAV; `kelp server` and gateways; empty: no.
  std::string https_listen;  ///< The same with TLS, by the certificates of S3.

  /// Between passes that apply the lifecycle rules of all buckets, 100ms to 7d; 0: they are not.
  std::chrono::nanoseconds lifecycle_interval = std::chrono::hours(1);
  /// For tests of rules: how long a day of theirs is, 100ms to 1d; 0: as long as days are.
  std::chrono::nanoseconds lifecycle_debug_day{0};
  /// Between two looks at which inventory lists are due, 100ms to 1d; 0: none are made.
  std::chrono::nanoseconds inventory_interval = std::chrono::minutes(10);
};

/// Where object bytes go.
struct VolumeConfig {
  std::string listen = "127.0.0.1:18080";  ///< Of its rpc.
  std::string address;                     ///< Where others reach it; empty: `listen`.
  std::string http_listen;                 ///< Of its HTTP by file id; empty: none.
  std::string http_address;                ///< Where clients reach that; empty: `http_listen`.
  std::string data_centre = "default";
  std::string rack = "default";
  std::vector<std::string> tags;
  std::string host;                     ///< The machine; empty: its name, with several disks.
  std::vector<VolumeDiskConfig> disks;  ///< Instead of DIR. TOML only: [[volume.disk]].
  bool index_on_disk = false;           ///< Indexes of volumes stay there.
  bool direct_io = false;               ///< Vacuum and copies pass the page cache by.
  std::string cache;                    ///< Directory on a quicker disk; empty: no cache.
  std::uint64_t cache_size = 0;         ///< Bytes of it; with `cache` 16 MiB to 16 TiB.
  std::vector<std::string> cache_tags{"hdd"};  ///< One of them has what is cached; empty: all.
  std::uint64_t size_limit = 8ULL << 30;  ///< Bytes at which a volume is sealed; 1 MiB to 1 TiB.
  std::uint64_t reserve = 1ULL << 30;     ///< Free bytes of the disk that writes leave; at most a
                                          ///< twentieth of the disk is kept.
  /// Bytes a second of background work on a volume server; 0 (no limit) or 4 MiB to 1 TiB.
  std::uint64_t background_rate = 64ULL << 20;
  double vacuum_garbage = 0.3;  ///< Of a volume's room on the disk, 0.05 to 1; 1: no vacuum.
  std::chrono::nanoseconds scrub_period = std::chrono::days(14);  ///< 1h to 365d; 0: no scrub.
  std::uint64_t writable = 1;  ///< Volumes that take data at once; 1 to 16. In a
                               ///< cluster 0: one for each node.
};

/// Taking back what nothing names.
struct CollectorConfig {
  std::chrono::nanoseconds interval = std::chrono::seconds(10);
  /// From unreachable to removed, so that reads under way end.
  std::chrono::nanoseconds quarantine = std::chrono::seconds(60);
  /// Between walks in search of needles that nothing names.
  std::chrono::nanoseconds orphan_interval = std::chrono::minutes(10);
  /// Between those that look into remotes too.
  std::chrono::nanoseconds remote_interval = std::chrono::hours(24);
};

/// Everything that can be set, with its defaults; checked once, before start.
struct Config {
  std::string dir;
  std::string log_level = "info";
  std::string log_format = "text";    ///< "text", or "json": one object a line.
  std::string durability = "synced";  ///< "synced", or "os": acknowledged from the page cache.
  std::string admin_listen = "127.0.0.1:28333";
  std::string rpc_listen;  ///< Of `kelp server`: where `kelp shell` reaches it; empty: nowhere.
  S3Config s3;
  LimitsConfig limits;
  ThreadsConfig threads;
  ClusterConfig cluster;
  MasterConfig master;
  VolumeConfig volume;
  FilerConfig filer;
  CollectorConfig collector;
  std::vector<RemoteConfig> remotes;  ///< TOML only: [remote.NAME].
};

/// Where a value came from, by key; keys that are not in it have their default.
using Origins = std::map<std::string, std::string, std::less<>>;

/// One thing that can be set: a name for TOML and --set, and its environment variable.
struct Setting {
  std::string_view key;   ///< e.g. "s3.listen".
  std::string_view help;  ///< One line: what, unit, range.
  Result<void> (*set)(Config& config, std::string_view text);
  std::string (*get)(const Config& config);
};

/// "1=host:port" and so on; kInvalidArgument for anything else, and for an id that is there twice.
[[nodiscard]] Result<std::map<std::uint64_t, std::string>> parse_masters(
    const std::vector<std::string>& masters);
/// "001"; kInvalidArgument for anything else, and for more than 8 copies.
[[nodiscard]] Result<Spread> parse_spread(std::string_view text);

/// All settings, in the order they are printed.
[[nodiscard]] std::span<const Setting> settings();
/// Null when there is none.
[[nodiscard]] const Setting* find_setting(std::string_view key);
/// "s3.listen" to "KELP_S3_LISTEN".
[[nodiscard]] std::string environment_name(std::string_view key);

/// Compares each value with its range and the values with each other. kInvalidArgument naming key,
/// value, range and origin.
[[nodiscard]] Result<void> check_config(const Config& config, const Origins& origins);

/// Whether some listener has TLS: certificate and key are read, and watched.
[[nodiscard]] bool uses_tls(const Config& config);

/// The effective values as TOML, each with its origin as a comment. Secrets are left out.
[[nodiscard]] std::string print_config(const Config& config, const Origins& origins);

}  // namespace kelp::server
