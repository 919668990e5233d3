#pragma once

#include <functional>
#include <string>

#include "client/key_leases.h"
#include "filer/collector.h"
#include "filer/inventory_runner.h"
#include "filer/lifecycle_runner.h"
#include "iam/web_keys.h"
#include "kv/rocks_kv.h"
#include "master/http/master_http.h"
#include "master/master_context.h"
#include "net/http_server.h"
#include "s3gw/audit_log.h"
#include "s3gw/gateway.h"
#include "server/config.h"
#include "server/data_dir.h"
#include "server/readiness.h"
#include "volume/volume_upkeep.h"
#include "webdav/webdav.h"

namespace kelp::server {

// What the rooms are told, made of what was configured.

/// One a core, at most 4, unless it was configured.
[[nodiscard]] std::size_t io_threads(const Config& config);
/// One a core, at most 16.
[[nodiscard]] std::size_t hash_threads();
[[nodiscard]] std::chrono::milliseconds milliseconds(std::chrono::nanoseconds time);

/// How filer.memory is divided; what is left over is for the program itself.
struct FilerMemory {
  std::uint64_t cache = 0;         ///< Of the embedded engine: rows and blocks.
  std::uint64_t write_buffer = 0;  ///< Of it, five at most.
  std::uint64_t queue = 0;         ///< Commits that wait.
  std::uint64_t calls = 0;  ///< Calls under way; of an engine elsewhere the cache's share too.
};
/// The shares of this filer.memory, by the engine.
[[nodiscard]] FilerMemory filer_memory(const Config& config);

/// `disk` is that of the directory.
[[nodiscard]] RocksKvOptions kv_options(const Config& config, const DiskSpace& disk);
[[nodiscard]] VolumeServiceOptions volume_options(const Config& config,
                                                  const ClusterIdentity& identity);
/// Without other members to heal from.
[[nodiscard]] UpkeepOptions upkeep_options(const Config& config);
[[nodiscard]] master::MasterOptions master_options(const Config& config,
                                                   const ClusterIdentity& identity);
[[nodiscard]] master::MasterHttpOptions master_http_options(const Config& config);
[[nodiscard]] webdav::WebDavOptions webdav_options(const Config& config);
[[nodiscard]] KeyLeaseOptions lease_options(const Config& config);
/// The audit log of s3.audit_log; null when there is to be none. Errors: those of its open().
[[nodiscard]] Result<std::unique_ptr<s3::AuditLog>> open_audit_log(const Config& config, FileIo& io,
                                                                   WorkPool& pool,
                                                                   Metrics& metrics);
/// Keys of identity providers, fetched as s3.outgoing_allow and s3.outgoing_deny let them be.
[[nodiscard]] std::unique_ptr<iam::WebKeys> make_web_keys(const Config& config, Clock& clock,
                                                          WorkPool& pool);
[[nodiscard]] s3::GatewayOptions gateway_options(const Config& config,
                                                 std::function<Task<bool>()> ready);
/// `holder`: CollectorOptions::holder, for a store that is shared.
[[nodiscard]] CollectorOptions collector_options(const Config& config, std::uint64_t holder);
/// How long days of lifecycle rules are.
[[nodiscard]] lifecycle::Calendar lifecycle_calendar(const Config& config);
/// `holder`: as of collector_options().
[[nodiscard]] LifecycleOptions lifecycle_options(const Config& config, std::uint64_t holder);
/// The same.
[[nodiscard]] InventoryOptions inventory_options(const Config& config, std::uint64_t holder);
/// kInvalidArgument when `address` is not host:port.
[[nodiscard]] Result<HttpServerOptions> http_options(const Config& config,
                                                     const std::string& address);
/// What a node whose HTTP clients reach at `http` tells the masters: its tags, and where that is.
/// Empty: it has no HTTP.
[[nodiscard]] std::vector<std::string> node_tags(std::vector<std::string> tags,
                                                 const std::string& http);
/// Allows to remove a needle for some minutes.
[[nodiscard]] std::function<std::string(const FileId&)> removal_signer(
    const ClusterIdentity& identity, Clock& clock);
/// Says whether a needle's token was signed with the cluster's secret and covers it.
[[nodiscard]] std::function<Result<void>(const OpenNeedle&)> token_check(
    const ClusterIdentity& identity, Clock& clock);
/// `listen` with the port that was taken.
[[nodiscard]] std::string bound_address(const std::string& listen, std::uint16_t port);

}  // namespace kelp::server
