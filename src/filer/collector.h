#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "async/timers.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "client/volume_admin.h"
#include "client/volume_client.h"
#include "filer/probe.h"
#include "filer/references.h"
#include "kv/kv_async.h"

namespace kelp {

/// How often the collector works and how long it leaves things alone.
struct CollectorOptions {
  std::chrono::nanoseconds interval = std::chrono::seconds(10);
  /// How long a needle stays after the metadata ceased to name it, so that reads under way end.
  std::chrono::nanoseconds quarantine = std::chrono::seconds(60);
  /// Between walks over all metadata and needles in search of what nothing names: orphans,
  /// left-over parts, finished uploads, events and the journal's records past their time. The first
  /// round walks: it finds what a crash left.
  std::chrono::nanoseconds orphan_interval = std::chrono::minutes(10);
  /// Between walks that look for them in remotes (wire/remote_volume.h) too, where a listing costs
  /// money. The first walk does.
  std::chrono::nanoseconds remote_interval = std::chrono::hours(24);
  /// As FilerOptions::finished_memory.
  std::chrono::nanoseconds finished_memory = std::chrono::days(7);
  /// How long the store's journal keeps a record; 0: only what is left of ended ones is cut.
  std::chrono::nanoseconds journal_keep{0};
  /// Of several collectors on one store: who this is (random); they take turns. 0: it is alone.
  std::uint64_t holder = 0;
};

/// What the collector needs; all must outlive it.
struct CollectorSeams {
  KvStore& store;
  WorkPool& pool;
  Clock& clock;
  Timers& timers;
  VolumeClient& volumes;
  VolumeAdmin& volume_admin;
  /// Every needle below this key that the metadata does not name is garbage
  /// (KeyLeases::oldest_provisional, MasterControl::key_floor). 0: nothing is known to be. A walk
  /// begins by making it the key floor (core/key_floor.h), so that one that is too high refuses
  /// writes and loses nothing.
  std::function<NeedleKey()> oldest_provisional;
  Metrics& metrics;
};

/// What a round did.
struct Collected {
  std::uint64_t needles_removed = 0;
  std::uint64_t left_over_parts = 0;
  std::uint64_t dropped_rows = 0;  ///< Of buckets that were dropped.
  std::uint64_t annotations_removed = 0;
  std::uint64_t finished_expired = 0;
  std::uint64_t event_cuts = 0;    ///< Commits that took away events kept long enough.
  std::uint64_t journal_cuts = 0;  ///< The same of the journal.
  std::uint64_t orphans_buried = 0;
};

/// A needle whose time has come.
struct DeadNeedle {
  FileId fid;
  bool shared = false;  ///< It had more than one name.
  std::string row_key;  ///< Its dead row's.
};

/// Takes back the room of what nothing names any more. It never deletes what a walk found: orphans
/// are queued as dead first, and go when their quarantine ends.
class Collector {
 public:
  explicit Collector(CollectorSeams seams, CollectorOptions options = {});

  /// Works round after round until cancelled; owned by the caller's TaskGroup. Logs a round that
  /// fails and goes on.
  Task<void> run();

  /// One round: removes the dead whose quarantine is over; `with_walks` searches for what nothing
  /// names first. Removed needles are gone from the volumes before their dead rows go: a crash
  /// repeats work and forgets none. A volume that fails is left out of the round, its dead rows
  /// stay queued for the next; the first time is logged. The dead are removed even when the search
  /// fails; then this answers how it failed.
  Task<Result<Collected>> collect(bool with_walks);

 private:
  Task<Result<bool>> is_our_turn();
  Task<Result<void>> walk(Collected& done);
  Task<Result<std::uint64_t>> remove_dead();
  Task<Result<std::uint64_t>> remove_needles(std::vector<DeadNeedle> needles,
                                             std::set<VolumeId>& left_out);
  Task<Result<void>> count_dead();
  Task<Result<std::uint64_t>> expire_finished(char kind);
  Task<Result<std::uint64_t>> bury_orphans();
  bool looks_into_remotes();
  Task<Result<std::uint64_t>> bury_orphans_of(VolumeId volume, std::vector<NamedNeedle> named,
                                              NeedleKey floor);
  Task<Result<std::uint64_t>> bury_all(std::vector<Chunk> orphans);
  Task<Result<NeedleKey>> raise_key_floor(NeedleKey least);
  void failed(VolumeId volume, const Error& error);
  void worked(VolumeId volume);

  const CollectorSeams seams_;
  const CollectorOptions options_;
  KvAsync kv_;
  FilerProbe probe_;
  std::set<VolumeId> failing_;          ///< Left out when they were last needed.
  std::optional<MonoTime> remotes_at_;  ///< When remotes are due to be looked into; empty: now.
};

}  // namespace kelp
