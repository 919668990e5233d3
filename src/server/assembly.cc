#include "server/assembly.h"

#include <fmt/format.h>

#include <algorithm>

#include "filer/core/keys.h"
#include "net/network.h"
#include "server/engines.h"
#include "server/process.h"
#include "wire/lease_token.h"
#include "wire/node_http.h"
#include "wire/removal_token.h"

namespace kelp::server {
namespace {

constexpr std::uint64_t kLeaseBytes = 256ULL << 20;
constexpr std::uint64_t kKvReserveBytes = 64ULL << 20;

}  // namespace

std::size_t io_threads(const Config& config) {
  if (config.threads.io_threads > 0) return config.threads.io_threads;
  return std::min<std::size_t>(core_count(), 4);
}

std::size_t hash_threads() {
  return std::min<std::size_t>(core_count(), 16);
}

std::chrono::milliseconds milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time);
}

FilerMemory filer_memory(const Config& config) {
  const std::uint64_t sixteenth = config.filer.memory / 16;
  FilerMemory memory{.cache = 4 * sixteenth,
                     .write_buffer = sixteenth,
                     .queue = 2 * sixteenth,
                     .calls = 3 * sixteenth};
  if (!is_embedded(config)) {
    memory.calls += memory.cache;
    memory.cache = memory.write_buffer = 0;
  }
  return memory;
}

RocksKvOptions kv_options(const Config& config, const DiskSpace& disk) {
  RocksKvOptions options;
  options.path = filer_dir(config.dir);
  options.sync = config.durability == "synced";
  const FilerMemory memory = filer_memory(config);
  options.cache_bytes = memory.cache;
  options.write_buffer_bytes = memory.write_buffer;
  options.queue_bytes = memory.queue;
  options.bulk_prefix = kBulkPrefix;
  options.bulk_prefixes = kBulkPrefixes;
  // Below the volumes' reserve (which is at most 1/20 of the disk), so that what deletes still
  // commits when data no longer fits, and data is refused before its commit would be.
  options.reserve_bytes =
      std::min({kKvReserveBytes, config.volume.reserve / 2, disk.total_bytes / 40});
  return options;
}

VolumeServiceOptions volume_options(const Config& config, const ClusterIdentity& identity) {
  VolumeServiceOptions options;
  options.directory = volume_dir(config.dir);
  options.cluster_id = identity.cluster_id;
  options.sync = config.durability == "synced";
  // The master seals at size_limit; leases that are out by then may still fill.
  options.volume_limit_bytes = 2 * config.volume.size_limit + 2 * kLeaseBytes;
  options.reserve_bytes = config.volume.reserve;
  options.direct_io = config.volume.direct_io;
  options.index_on_disk = config.volume.index_on_disk;
  return options;
}

UpkeepOptions upkeep_options(const Config& config) {
  UpkeepOptions options;
  options.vacuum_garbage = config.volume.vacuum_garbage;
  options.scrub_period = config.volume.scrub_period;
  return options;
}

master::MasterOptions master_options(const Config& config, const ClusterIdentity& identity) {
  master::MasterOptions options;
  options.dir = master_dir(config.dir);
  options.tick = std::chrono::milliseconds(20);  // a group of one leads after the first
  options.cluster_id = identity.cluster_id;
  options.cluster_secret = identity.cluster_secret;
  options.placement.volume_size_limit = config.volume.size_limit;
  options.placement.writable_volumes = static_cast<std::uint32_t>(config.volume.writable);
  options.placement.share_hosts = config.master.share_hosts;
  options.placement.standard = layout_of(config.master.standard);
  for (const StorageClassConfig& each : config.master.classes) {
    options.placement.classes.emplace(each.name, layout_of(each));
  }
  options.plan.balance_bytes = config.volume.size_limit / 16;
  options.plan.together = config.master.repair_together;
  options.liveness.dead_after = milliseconds(config.master.repair_after);
  options.key_grace = std::chrono::duration_cast<std::chrono::seconds>(config.master.key_grace);
  options.placement.free_reserve_bytes = 0;  // the volume server keeps its reserve back itself
  return options;
}

master::MasterHttpOptions master_http_options(const Config& config) {
  return {.open = config.master.http_open,
          .spread = *parse_spread(config.master.standard.spread),
          .volume_size_limit = config.volume.size_limit};
}

webdav::WebDavOptions webdav_options(const Config& config) {
  return {.replication = config.master.standard.spread};
}

KeyLeaseOptions lease_options(const Config& config) {
  KeyLeaseOptions options;
  options.bytes = std::min(kLeaseBytes, config.volume.size_limit / 8);
  return options;
}

Result<std::unique_ptr<s3::AuditLog>> open_audit_log(const Config& config, FileIo& io,
                                                     WorkPool& pool, Metrics& metrics) {
  if (config.s3.audit_log.empty()) return std::unique_ptr<s3::AuditLog>();
  return s3::AuditLog::open(io, pool, metrics, config.s3.audit_log);
}

static std::vector<policy::AddressRange> ranges_of(const std::vector<std::string>& texts) {
  std::vector<policy::AddressRange> ranges;
  for (const std::string& text : texts) {
    if (const auto range = policy::parse_range(text)) ranges.push_back(*range);
  }
  return ranges;
}

std::unique_ptr<iam::WebKeys> make_web_keys(const Config& config, Clock& clock, WorkPool& pool) {
  policy::OutgoingRules rules{.allowed = ranges_of(config.s3.outgoing_allow),
                              .denied = ranges_of(config.s3.outgoing_deny)};
  auto fetch = [rules = std::move(rules)](const std::string& url) {
    return iam::fetch(url, rules);
  };
  return std::make_unique<iam::WebKeys>(clock, pool, std::move(fetch));
}

s3::GatewayOptions gateway_options(const Config& config, std::function<Task<bool>()> ready) {
  s3::GatewayOptions options;
  options.region = config.s3.region;
  options.encrypt_by_default = config.s3.encrypt_by_default;
  options.sse_c_over_http = config.s3.sse_c_over_http;
  options.signature_v2 = config.s3.signature_v2;
  options.domains = config.s3.domains;
  options.website_domains = config.s3.website_domains;
  options.trusted_proxies = ranges_of(config.s3.trusted_proxies);
  for (const std::string& url : config.s3.external_urls) {
    if (auto external = s3::parse_external_url(url)) {
      options.external_urls.push_back(*std::move(external));
    }
  }
  options.access_log_period = std::chrono::seconds(config.s3.access_log_seconds);
  options.bucket_metrics = config.s3.bucket_metrics;
  if (const auto limits = s3::parse_limits(config.s3.limits)) options.limits = *limits;
  options.body_memory_bytes = config.limits.body_memory;
  options.classic_buckets = config.s3.defaults == "classic";
  for (const notify::TargetConfig& target : config.s3.notify) {
    options.notify_targets.push_back(target.name);
  }
  options.ready = std::move(ready);
  options.lifecycle_calendar = lifecycle_calendar(config);
  options.archive_classes = config.s3.archive_classes;
  options.restore_time = config.s3.restore_time;
  return options;
}

CollectorOptions collector_options(const Config& config, std::uint64_t holder) {
  CollectorOptions options;
  if (config.filer.engine != "rocksdb") options.holder = holder;
  options.interval = config.collector.interval;
  options.quarantine = config.collector.quarantine;
  options.orphan_interval = config.collector.orphan_interval;
  options.remote_interval = config.collector.remote_interval;
  options.journal_keep = config.filer.journal_keep;
  return options;
}

lifecycle::Calendar lifecycle_calendar(const Config& config) {
  const auto day = config.filer.lifecycle_debug_day;
  return day.count() == 0 ? lifecycle::Calendar{} : lifecycle::Calendar{.day = day};
}

LifecycleOptions lifecycle_options(const Config& config, std::uint64_t holder) {
  LifecycleOptions options;
  if (config.filer.engine != "rocksdb") options.holder = holder;
  options.interval = config.filer.lifecycle_interval;
  options.calendar = lifecycle_calendar(config);
  return options;
}

InventoryOptions inventory_options(const Config& config, std::uint64_t holder) {
  InventoryOptions options;
  if (config.filer.engine != "rocksdb") options.holder = holder;
  options.interval = config.filer.inventory_interval;
  options.calendar = lifecycle_calendar(config);
  return options;
}

Result<HttpServerOptions> http_options(const Config& config, const std::string& address) {
  KELP_TRY(const HostPort at, parse_host_port(address));
  HttpServerOptions options;
  options.address = at.host;
  options.port = at.port;
  options.connection_limit = config.limits.connections;
  options.head_timeout = milliseconds(config.limits.head_timeout);
  options.idle_timeout = milliseconds(config.limits.idle_timeout);
  options.progress_timeout = milliseconds(config.limits.progress_timeout);
  options.minimum_body_rate = config.limits.minimum_body_rate;
  return options;
}

std::string bound_address(const std::string& listen, std::uint16_t port) {
  return fmt::format("{}:{}", listen.substr(0, listen.rfind(':')), port);
}

std::vector<std::string> node_tags(std::vector<std::string> tags, const std::string& http) {
  if (!http.empty()) tags.push_back(fmt::format("{}{}", kHttpTag, http));
  return tags;
}

std::function<std::string(const FileId&)> removal_signer(const ClusterIdentity& identity,
                                                         Clock& clock) {
  static constexpr std::chrono::minutes kLifetime{10};
  return [secret = identity.cluster_secret, &clock](const FileId& fid) {
    return sign_removal(secret, fid, clock.wall() + kLifetime);
  };
}

std::function<Result<void>(const OpenNeedle&)> token_check(const ClusterIdentity& identity,
                                                           Clock& clock) {
  return [secret = identity.cluster_secret, &clock](const OpenNeedle& needle) {
    const auto claims =
        verify_lease(secret, needle.token, needle.fid, needle.generation, clock.wall());
    return claims.has_value() ? Result<void>() : Result<void>(claims.error());
  };
}

}  // namespace kelp::server
