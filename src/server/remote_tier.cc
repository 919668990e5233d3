#include "server/remote_tier.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "async/measured_pool.h"
#include "server/assembly.h"
#include "server/remote_s3.h"
#include "wire/remote_volume.h"

namespace kelp::server {
namespace {

/// Calls of one remote at once, and that wait for it.
constexpr std::size_t kCalls = 16;
constexpr std::size_t kWaiting = 1024;
/// For bodies on their way to one, at least: a needle of 8 MiB must fit.
constexpr std::uint64_t kLeastMemory = 16 << 20;

Result<std::string> secret_of(const RemoteConfig& remote, FileIo& io) {
  auto secret = read_secret(io, remote.secret_file, kRemoteSecretVariable);
  if (secret && !secret->empty()) return secret;
  return Error(Errc::kInvalidArgument,
               fmt::format("remote '{}' has no secret key: {}", remote.name,
                           secret ? fmt::format("say secret_file, or set {}", kRemoteSecretVariable)
                                  : secret.error().detail()));
}

}  // namespace

Result<std::unique_ptr<RemoteTier>> RemoteTier::open(const Config& config,
                                                     const ClusterIdentity& identity, FileIo& io,
                                                     Clock& clock, Metrics& metrics,
                                                     RemoteTierSeams seams) {
  std::vector<std::unique_ptr<Remote>> all;
  for (const RemoteConfig& each : config.remotes) {
    KELP_TRY(std::string secret, secret_of(each, io));
    // Clusters may share a bucket: each has the part that its name says.
    RemoteS3Parts bucket{
        .endpoint = each.endpoint,
        .bucket = each.bucket,
        .prefix = fmt::format("{}{}/{}/", each.prefix, identity.cluster_id, each.id),
        .ca_file = each.ca_file,
        .keys = {each.access_key, std::move(secret), each.region},
        .timeout = milliseconds(each.timeout),
        .clock = clock};
    RemoteParts parts{.volume = remote_volume(static_cast<std::uint32_t>(each.id)),
                      .name = each.name,
                      .classes = each.classes,
                      .bucket = make_remote_s3(std::move(bucket)),
                      .clock = clock,
                      .patience = each.timeout,
                      .pool = make_measured_pool({.threads = kCalls, .queue_limit = kWaiting},
                                                 {metrics, clock, "remote", ""}),
                      .upload_bytes = std::max(config.limits.body_memory, kLeastMemory)};
    all.push_back(std::make_unique<Remote>(std::move(parts), metrics));
  }
  return std::unique_ptr<RemoteTier>(new RemoteTier(std::move(all), seams));
}

}  // namespace kelp::server
