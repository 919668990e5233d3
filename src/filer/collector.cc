#include "filer/collector.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/log.h"
#include "filer/annotation_sweep.h"
#include "filer/collector_turn.h"
#include "filer/core/key_floor.h"
#include "filer/core/keys.h"
#include "filer/core/manifest.h"
#include "filer/core/object_commit.h"
#include "filer/core/rows.h"
#include "filer/core/shares.h"
#include "filer/dropped_buckets.h"
#include "filer/event_cuts.h"
#include "filer/journal.h"
#include "filer/left_overs.h"
#include "filer/row_walk.h"
#include "wire/collections.h"
#include "wire/remote_volume.h"

namespace kelp {
namespace {

constexpr std::uint64_t kDroppedRows = 100'000;  // Of a round: the dead wait that long.
constexpr std::size_t kRowsPerCommit = 1000;
constexpr std::size_t kRowsPerRead = 10'000;
constexpr std::size_t kUnfolded = 4000;  // Writes of a commit that takes manifests apart.
constexpr std::size_t kMostCounted = 10'000;
constexpr int kMaxAttempts = 100;

/// A page of rows whose time has come.
struct ExpiredPage {
  std::vector<std::string> row_keys;
  std::string next;  ///< Where to go on; empty at the end.
};

/// When what such a row remembers happened.
Result<WallTime> remembered_since(char kind, std::string_view row) {
  if (kind == keys::kRenamed) {
    KELP_TRY(const RenamedRow renamed, decode_renamed(row));
    return renamed.finished;
  }
  KELP_TRY(const FinishedRow finished, decode_finished(row));
  return finished.finished;
}

/// Of the rows that begin with what `from` begins with.
Result<ExpiredPage> find_expired(KvStore& store, const std::string& from, WallTime before) {
  ExpiredPage page;
  const char kind = from.front();
  const KvRange all = keys::within(std::string(1, kind));
  KELP_TRY(auto rows, store.scan({from, all.end}, kRowsPerRead));
  if (rows.size() == kRowsPerRead) page.next = rows.back().first + '\0';
  for (auto& [key, value] : rows) {
    KELP_TRY(const WallTime since, remembered_since(kind, value));
    if (since < before) page.row_keys.push_back(std::move(key));
  }
  return page;
}

/// A page of dead rows.
struct DeadPage {
  std::vector<DeadNeedle> doomed;
  /// Takes away the rows whose needles others name still. Conditions: their counts are what was
  /// read.
  KvBatch drops;
  /// Takes manifests apart that have no name any more, and so get none again.
  KvBatch unfolds;
  std::set<NeedleKey> unfolded;  ///< These.
  std::string next;              ///< Where to go on; empty at the end.
};

/// What a manifest lists dies with it, and did so as long ago.
Result<void> unfold(DeadNeedle dead, WallTime since, KvStore& store, DeadPage& page) {
  if (page.unfolded.insert(dead.fid.key).second) {  // A shared one may have several dead rows.
    KELP_CHECK(unfold_dead(store, dead.fid.key.value, since, page.unfolds));
  }
  page.unfolds.writes.push_back(KvWrite::remove(std::move(dead.row_key)));
  return {};
}

/// Only with its last name a needle dies. A shared one without a count was removed with another of
/// its names.
Result<void> sort_in(DeadNeedle dead, WallTime since, KvStore& store, DeadPage& page) {
  const bool manifest = dead.fid.volume == kManifests;
  if (dead.shared) {
    std::string share = keys::share(dead.fid);
    KELP_TRY(auto counted, store.get(share));
    KELP_TRY(const std::int64_t count, decode_counter(counted));
    if (still_named(count)) {
      page.drops.conditions.push_back(KvCondition::unchanged(std::move(share), std::move(counted)));
      page.drops.writes.push_back(KvWrite::remove(std::move(dead.row_key)));
      return {};
    }
    if (manifest) page.unfolds.writes.push_back(KvWrite::remove(std::move(share)));
  }
  if (manifest) return unfold(std::move(dead), since, store, page);
  page.doomed.push_back(std::move(dead));
  return {};
}

Result<DeadPage> find_dead(KvStore& store, const KvRange& range) {
  KELP_TRY(auto rows, store.scan(range, kRowsPerCommit));
  DeadPage page;
  if (rows.size() == kRowsPerCommit) page.next = rows.back().first + '\0';
  for (auto& [key, value] : rows) {
    KELP_TRY(const keys::DeadRowKey at, keys::parse_dead(key));
    KELP_TRY(const DeadRow dead, decode_dead(value));
    if (page.unfolds.writes.size() >= kUnfolded) {
      page.next = std::move(key);
      break;
    }
    KELP_CHECK(sort_in({at.fid, dead.shared, std::move(key)}, at.since, store, page));
  }
  return page;
}

/// Needles of one volume, or manifests, below `floor` that `named` (its own, ascending) does not
/// name.
std::vector<Chunk> orphans_in(VolumeId volume, const std::vector<NeedleInfo>& needles,
                              const std::vector<NamedNeedle>& named, NeedleKey floor) {
  std::vector<Chunk> orphans;
  auto at = named.begin();
  for (const NeedleInfo& needle : needles) {
    if (needle.key >= floor) break;
    at = std::lower_bound(at, named.end(), needle.key,
                          [](const NamedNeedle& a, NeedleKey key) { return a.fid.key < key; });
    if (at != named.end() && at->fid.key == needle.key) continue;
    orphans.push_back({{volume, needle.key, needle.cookie}, needle.body_bytes});
  }
  return orphans;
}

}  // namespace

Collector::Collector(CollectorSeams seams, CollectorOptions options)
    : seams_(std::move(seams)),
      options_(options),
      kv_(seams_.store, seams_.pool),
      probe_(seams_.metrics) {}

Task<void> Collector::run() {
  MonoTime walk_at = seams_.clock.mono();
  while (!co_await was_cancelled()) {
    const MonoTime began = seams_.clock.mono();
    const bool with_walks = began >= walk_at;
    const auto ours = co_await is_our_turn();
    Result<Collected> collected = Collected{};
    if (!ours) {
      collected = ours.error();
    } else if (*ours) {
      collected = co_await collect(with_walks);
      if (collected && with_walks) walk_at = began + options_.orphan_interval;
    }
    if (!collected && collected.error().code() != Errc::kCancelled) {
      probe_.failed_rounds.Increment();
      logger("filer").warn("collect_failed error={}", log_value(collected.error().message()));
    }
    if (co_await was_cancelled()) co_return;
    const auto slept = co_await seams_.timers.sleep_until(seams_.clock.mono() + options_.interval);
    if (!slept) co_return;
  }
}

/// A turn outlasts some rounds, so that whoever has it keeps it.
Task<Result<bool>> Collector::is_our_turn() {
  if (options_.holder == 0) co_return true;
  const CollectorTurn turn{options_.holder, 3 * options_.interval + std::chrono::seconds(10)};
  co_return co_await take_turn(kv_, turn, seams_.clock.wall());
}

Task<Result<Collected>> Collector::collect(bool with_walks) {
  Collected done;
  // A walk that fails, as on a full disk, must not keep the dead from making room.
  Result<void> walked;
  if (with_walks) walked = co_await walk(done);
  KELP_CO_TRY(done.dropped_rows, co_await sweep_dropped_buckets(kv_, kDroppedRows, seams_.clock));
  probe_.dropped_rows.Increment(static_cast<double>(done.dropped_rows));
  KELP_CO_TRY(done.annotations_removed,
              co_await sweep_annotations(kv_, kDroppedRows, seams_.clock));
  probe_.annotations_removed.Increment(static_cast<double>(done.annotations_removed));
  KELP_CO_TRY(done.needles_removed, co_await remove_dead());
  KELP_CO_CHECK(co_await count_dead());
  KELP_CO_CHECK(walked);
  co_return done;
}

Task<Result<void>> Collector::walk(Collected& done) {
  KELP_CO_TRY(done.left_over_parts, co_await sweep_left_over_parts(
                                        kv_, std::string(1, keys::kUpload), seams_.clock.wall()));
  KELP_CO_TRY(const std::uint64_t uploads, co_await expire_finished(keys::kFinished));
  KELP_CO_TRY(const std::uint64_t renames, co_await expire_finished(keys::kRenamed));
  done.finished_expired = uploads + renames;
  KELP_CO_TRY(done.event_cuts, co_await cut_event_logs(kv_, seams_.clock));
  // Another filer may keep a journal where this one would not: its records are that one's to cut.
  const auto keep = options_.journal_keep;
  const WallTime cut = keep.count() > 0 ? seams_.clock.wall() - keep : WallTime{};
  KELP_CO_TRY(done.journal_cuts, co_await cut_old_journal(kv_, cut));
  KELP_CO_TRY(done.orphans_buried, co_await bury_orphans());
  probe_.left_over_parts.Increment(static_cast<double>(done.left_over_parts));
  probe_.orphans_buried.Increment(static_cast<double>(done.orphans_buried));
  if (done.orphans_buried + done.left_over_parts > 0) {
    logger("filer").info("found_garbage orphans={} left_over_parts={}", done.orphans_buried,
                         done.left_over_parts);
  }
  co_return Result<void>();
}

Task<Result<std::uint64_t>> Collector::remove_dead() {
  KvRange range = keys::dead_until(seams_.clock.wall() - options_.quarantine);
  std::set<VolumeId> left_out;
  std::uint64_t removed = 0;
  while (!range.begin.empty()) {
    if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "collection cancelled");
    std::move_only_function<Result<DeadPage>(KvStore&)> find = [&range](KvStore& store) {
      return find_dead(store, range);
    };
    KELP_CO_TRY(DeadPage page, co_await kv_.read<DeadPage>(std::move(find)));
    range.begin = std::move(page.next);
    for (KvBatch* const batch : {&page.drops, &page.unfolds}) {
      if (batch->writes.empty()) continue;
      const Result<void> committed = co_await kv_.commit(std::move(*batch));
      // One lost or won a name meanwhile: the next round looks again.
      if (!committed && committed.error().code() != Errc::kPrecondition) {
        co_return committed.error();
      }
    }
    KELP_CO_TRY(const std::uint64_t count,
                co_await remove_needles(std::move(page.doomed), left_out));
    removed += count;
    probe_.needles_removed.Increment(static_cast<double>(count));
  }
  co_return removed;
}

/// Removes needles, volume by volume, and the rows of what is gone. A volume that fails joins
/// `left_out`, which are not asked.
Task<Result<std::uint64_t>> Collector::remove_needles(std::vector<DeadNeedle> needles,
                                                      std::set<VolumeId>& left_out) {
  struct Doomed {
    std::vector<FileId> fids;
    std::vector<KvWrite> writes;
  };
  std::map<VolumeId, Doomed> by_volume;
  for (DeadNeedle& needle : needles) {
    if (left_out.contains(needle.fid.volume)) continue;
    Doomed& doomed = by_volume[needle.fid.volume];
    doomed.fids.push_back(needle.fid);
    doomed.writes.push_back(KvWrite::remove(std::move(needle.row_key)));
    if (needle.shared) doomed.writes.push_back(KvWrite::remove(keys::share(needle.fid)));
  }
  KvBatch batch;
  std::uint64_t count = 0;
  for (auto& [volume, doomed] : by_volume) {
    const std::size_t size = doomed.fids.size();
    const auto gone = co_await seams_.volumes.remove(std::move(doomed.fids));
    if (!gone && gone.error().code() == Errc::kCancelled) co_return gone.error();
    if (!gone) {
      left_out.insert(volume);
      failed(volume, gone.error());
      continue;
    }
    worked(volume);
    count += size;
    std::ranges::move(doomed.writes, std::back_inserter(batch.writes));
  }
  if (!batch.writes.empty()) {
    KELP_CO_CHECK(co_await kv_.commit(std::move(batch)));
  }
  co_return count;
}

void Collector::failed(VolumeId volume, const Error& error) {
  if (!failing_.insert(volume).second) return;
  probe_.failing_volumes.Set(static_cast<double>(failing_.size()));
  logger("filer").warn("volume_left_out volume={} error={}", volume.value,
                       log_value(error.message()));
}

void Collector::worked(VolumeId volume) {
  if (failing_.erase(volume) == 0) return;
  probe_.failing_volumes.Set(static_cast<double>(failing_.size()));
  logger("filer").info("volume_works_again volume={}", volume.value);
}

Task<Result<void>> Collector::count_dead() {
  std::move_only_function<Result<std::size_t>(KvStore&)> count =
      [](KvStore& store) -> Result<std::size_t> {
    KELP_TRY(const auto rows, store.scan(keys::within(std::string(1, keys::kDead)), kMostCounted));
    return rows.size();
  };
  KELP_CO_TRY(const std::size_t dead, co_await kv_.read<std::size_t>(std::move(count)));
  probe_.dead_needles.Set(static_cast<double>(dead));
  co_return Result<void>();
}

Task<Result<std::uint64_t>> Collector::expire_finished(char kind) {
  const WallTime before = seams_.clock.wall() - options_.finished_memory;
  std::uint64_t expired = 0;
  for (std::string from(1, kind); !from.empty();) {
    if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "collection cancelled");
    std::move_only_function<Result<ExpiredPage>(KvStore&)> find = [&from, before](KvStore& store) {
      return find_expired(store, from, before);
    };
    KELP_CO_TRY(ExpiredPage page, co_await kv_.read<ExpiredPage>(std::move(find)));
    from = std::move(page.next);
    if (page.row_keys.empty()) continue;
    KvBatch batch;
    for (std::string& key : page.row_keys) batch.writes.push_back(KvWrite::remove(std::move(key)));
    KELP_CO_CHECK(co_await kv_.commit(std::move(batch)));
    expired += page.row_keys.size();
  }
  co_return expired;
}

// The order is what makes this safe. First the key floor: needles below it are named by the
// metadata now, or never will be. Then all names at one point in time, in which a chunk on its way
// from a part to an object or to the dead stands exactly once. Then the needles: one whose dead row
// was gone by then is gone from its volume too.
Task<Result<std::uint64_t>> Collector::bury_orphans() {
  const NeedleKey oldest_provisional = seams_.oldest_provisional();
  if (oldest_provisional == NeedleKey(0)) co_return std::uint64_t{0};
  KELP_CO_TRY(const NeedleKey floor, co_await raise_key_floor(oldest_provisional));
  KELP_CO_TRY(const References names, co_await read_references(kv_, false));
  KELP_CO_TRY(const NodeStatus node, co_await seams_.volume_admin.status());
  // A manifest is made with its name, and shared only by what names it: no floor is needed.
  KELP_CO_TRY(
      std::uint64_t buried,
      co_await bury_all(orphans_in(kManifests, names.manifests, named_in(names.needles, kManifests),
                                   NeedleKey(UINT64_MAX))));
  const bool with_remotes = looks_into_remotes();
  for (const VolumeStatus& volume : node.volumes) {
    if (volume.collection == kFidCollection) continue;  // theirs who know the file ids
    if (is_remote(volume.volume) && !with_remotes) continue;
    auto named = named_in(names.needles, volume.volume);
    KELP_CO_TRY(const std::uint64_t found,
                co_await bury_orphans_of(volume.volume, std::move(named), floor));
    buried += found;
  }
  co_return buried;
}

/// Whether it is time for that again; then it is not for a while.
bool Collector::looks_into_remotes() {
  const MonoTime now = seams_.clock.mono();
  if (remotes_at_ && now < *remotes_at_) return false;
  remotes_at_ = now + options_.remote_interval;
  return true;
}

/// Makes the key floor at least `least`. Returns it, as committed.
Task<Result<NeedleKey>> Collector::raise_key_floor(NeedleKey least) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    KELP_CO_TRY(auto row, co_await kv_.get(keys::key_floor()));
    KELP_CO_TRY(const NeedleKey floor, key_floor_of(row));
    if (floor >= least) co_return floor;
    KvBatch batch;
    batch.conditions.push_back(key_floor_is(std::move(row)));
    batch.writes.push_back(KvWrite::put(keys::key_floor(), encode_key_floor(least)));
    const Result<void> committed = co_await kv_.commit(std::move(batch));
    if (committed) co_return least;
    if (committed.error().code() != Errc::kPrecondition) co_return committed.error();
  }
  co_return Error(Errc::kUnavailable, "others keep raising the key floor");
}

/// 0 for a volume that cannot be listed; `named`: its own, ascending.
Task<Result<std::uint64_t>> Collector::bury_orphans_of(VolumeId volume,
                                                       std::vector<NamedNeedle> named,
                                                       NeedleKey floor) {
  const auto needles = co_await read_needles(seams_.volume_admin, volume);
  if (!needles && needles.error().code() == Errc::kCancelled) co_return needles.error();
  if (!needles) {
    failed(volume, needles.error());
    co_return std::uint64_t{0};
  }
  co_return co_await bury_all(orphans_in(volume, *needles, named, floor));
}

Task<Result<std::uint64_t>> Collector::bury_all(std::vector<Chunk> orphans) {
  for (std::size_t from = 0; from < orphans.size(); from += kRowsPerCommit) {
    const std::size_t to = std::min(orphans.size(), from + kRowsPerCommit);
    const std::vector<Chunk> some(orphans.begin() + from, orphans.begin() + to);
    KvBatch batch;
    bury(some, seams_.clock.wall(), batch);
    KELP_CO_CHECK(co_await kv_.commit(std::move(batch)));
  }
  co_return orphans.size();
}

}  // namespace kelp
