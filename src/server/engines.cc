#include "server/engines.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <future>

#include "base/bytes.h"
#include "base/crc.h"
#include "base/log.h"
#include "crypto/random.h"
#include "filer/core/keys.h"
#include "filer/journal.h"
#include "filer/meta_copy.h"
#include "kv/etcd_kv.h"
#include "kv/postgres_kv.h"
#include "kv/redis_kv.h"
#include "kv/rocks_kv.h"
#include "server/assembly.h"

namespace kelp::server {
namespace {

constexpr const char* kPasswordVariable = "KELP_ENGINE_PASSWORD";

/// An engine that is a server of its own.
struct RemoteKind {
  std::string_view name;
  Result<std::unique_ptr<KvStore>> (*open)(RemoteKvOptions options, const Clock& clock);
  std::string_view promise;
  std::uint64_t inline_limit_bytes;  ///< Bodies up to this travel in the metadata commit.
};

constexpr std::array kRemoteKinds = {
    RemoteKind{"postgresql", open_postgres_kv,
               "synced on the primary, linearizable; several filers", 8192},
    RemoteKind{"etcd", open_etcd_kv, "synced on a majority, linearizable; several filers", 1024},
    RemoteKind{"redis", open_redis_kv,
               "synced on one server, linearizable, in its memory; several filers", 1024},
};

const RemoteKind* find_kind(std::string_view name) {
  for (const RemoteKind& kind : kRemoteKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

/// Two clusters on one engine would take each other's rows for their own: the first one's name is
/// kept there.
Result<void> claim(KvStore& store, const ClusterIdentity& identity) {
  const std::string key = keys::cluster();
  KvBatch batch;
  batch.conditions.push_back(KvCondition::absent(key));
  batch.writes.push_back(KvWrite::put(key, identity.cluster_id));
  std::promise<Result<void>> done;
  store.commit(std::move(batch), [&done](Result<void> outcome) { done.set_value(outcome); });
  if (const auto outcome = done.get_future().get();
      outcome || outcome.error().code() != Errc::kPrecondition) {
    return outcome;
  }
  KELP_TRY(const auto owner, store.get(key));
  if (owner == identity.cluster_id) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("the metadata at filer.engine_url is that of cluster {}, this is {}",
                           owner.value_or(""), identity.cluster_id));
}

/// Filers that share an engine count in rows of their own, so that they do not wait for each other:
/// one of 256, by where they are. Two on one row are slower and as right.
std::uint8_t counter_shard(const Config& config) {
  std::array<char, 256> host{};
  static_cast<void>(::gethostname(host.data(), host.size() - 1));
  const std::string name = fmt::format("{}/{}/{}", host.data(), config.dir, config.filer.listen);
  return static_cast<std::uint8_t>(crc32c(as_bytes(name)));
}

Result<std::unique_ptr<KvStore>> open_remote(const RemoteKind* kind, const Config& config,
                                             const ClusterIdentity& identity, FileIo& io,
                                             Clock& clock) {
  RemoteKvOptions options;
  options.url = config.filer.engine_url;
  KELP_TRY(options.password, read_secret(io, config.filer.engine_password_file, kPasswordVariable));
  random_bytes(std::as_writable_bytes(std::span(&options.writer, 1)));
  options.writer = (options.writer >> 1) | 1;
  options.allow_unsafe = config.filer.allow_unsafe_engine;
  options.queue_bytes = filer_memory(config).queue;
  options.stamped_prefix = kJournalPrefix;
  KELP_TRY(auto store, kind->open(std::move(options), clock));
  KELP_CHECK(claim(*store, identity));
  logger("server").info("metadata_engine engine={} promise={}", kind->name,
                        log_value(kind->promise));
  return store;
}

Result<std::unique_ptr<KvStore>> open_embedded(const Config& config, FileIo& io) {
  KELP_TRY(const DiskSpace disk, io.space(config.dir));
  return open_rocks_kv(kv_options(config, disk));
}

Result<std::unique_ptr<KvStore>> journaled(std::unique_ptr<KvStore> store, const Config& config,
                                           const Clock& clock) {
  const std::chrono::nanoseconds keep = config.filer.journal_keep;
  if (keep > config.collector.quarantine) {
    logger("server").warn(
        "journal_outlasts_quarantine filer.journal_keep={}s collector.quarantine={}s what={}",
        std::chrono::ceil<std::chrono::seconds>(keep).count(),
        std::chrono::floor<std::chrono::seconds>(config.collector.quarantine).count(),
        log_value("restored metadata may name bytes that were removed"));
  }
  const JournalOptions options{
      .on = keep.count() > 0, .stream = random_u64() | 1, .shared = !is_embedded(config)};
  return open_journal(std::move(store), options, clock);
}

}  // namespace

Result<std::unique_ptr<KvStore>> open_engine(const Config& config, const ClusterIdentity& identity,
                                             FileIo& io, Clock& clock, EngineUse use) {
  const RemoteKind* kind = find_kind(config.filer.engine);
  KELP_TRY(auto store, kind == nullptr ? open_embedded(config, io)
                                       : open_remote(kind, config, identity, io, clock));
  if (use == EngineUse::kLoad) return store;
  KELP_CHECK(check_loaded(*store));
  if (use == EngineUse::kRead) return store;
  return journaled(std::move(store), config, clock);
}

bool is_embedded(const Config& config) {
  return find_kind(config.filer.engine) == nullptr;
}

FilerOptions filer_options(const Config& config, MemoryBudget& memory) {
  FilerOptions options;
  options.memory = &memory;
  options.event_stream = random_u64();
  options.bucket_limit = static_cast<std::uint32_t>(config.filer.bucket_limit);
  if (const RemoteKind* kind = find_kind(config.filer.engine)) {
    options.inline_limit_bytes = kind->inline_limit_bytes;
    options.counter_shard = counter_shard(config);
  }
  return options;
}

}  // namespace kelp::server
