#include "filer/lifecycle_runner.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "filer/core/keys.h"
#include "filer/row_walk.h"

namespace kelp {
namespace {

constexpr std::size_t kBucketsPerRead = 1000;
constexpr int kShareOfTime = 10;
constexpr std::chrono::seconds kLook{10};  // Whether it is time; not less often.
constexpr std::chrono::seconds kSave{5};   // How far a pass came.
constexpr std::size_t kNoEnd = SIZE_MAX;

std::string place_row() {
  return keys::job("lifecycle");
}

/// What a read found to do.
struct FoundPage {
  FoundRules rules;
  ExpiryPage page;
};

}  // namespace

LifecycleRunner::Probe::Probe(Metrics& metrics)
    : expired(metrics.counter("kelp_filer_lifecycle_expired_total",
                              "Current versions that lifecycle rules deleted")),
      removed(metrics.counter("kelp_filer_lifecycle_removed_total",
                              "Versions that were not current and that lifecycle rules removed")),
      markers(metrics.counter("kelp_filer_lifecycle_markers_total",
                              "Lone delete markers that lifecycle rules removed")),
      uploads(metrics.counter("kelp_filer_lifecycle_uploads_total",
                              "Multipart uploads that lifecycle rules aborted")),
      moved(metrics.counter("kelp_filer_lifecycle_moved_total",
                            "Versions that lifecycle rules moved to another storage class")),
      moved_bytes(metrics.counter("kelp_filer_lifecycle_moved_bytes_total",
                                  "Bytes that were copied for that")),
      locked(metrics.counter("kelp_filer_lifecycle_locked_total",
                             "Versions that were due and that object lock kept, in each pass")),
      rows(metrics.counter("kelp_filer_lifecycle_rows_total",
                           "Versions and uploads that lifecycle rules were asked about")),
      passes(metrics.counter("kelp_filer_lifecycle_passes_total",
                             "Passes over all buckets with lifecycle rules")),
      failures(metrics.counter("kelp_filer_lifecycle_failures_total",
                               "Passes of the lifecycle that broke off")),
      unknown(metrics.gauge("kelp_filer_lifecycle_unknown_rules",
                            "Buckets whose lifecycle rules are not understood and not applied")) {}

LifecycleRunner::LifecycleRunner(LifecycleSeams seams, LifecycleOptions options)
    : seams_(seams),
      options_(options),
      kv_(seams_.store, seams_.pool),
      turn_(kv_, options_.holder, keys::job("lifecycle.turn")),
      probe_(seams_.metrics) {}

Task<void> LifecycleRunner::run() {
  while (!co_await was_cancelled()) {
    const auto time = co_await is_time();
    Result<bool> over = false;
    if (!time) {
      over = time.error();
    } else if (*time) {
      over = co_await go_on(kNoEnd);
    }
    if (!over && over.error().code() != Errc::kCancelled) {
      probe_.failures.Increment();
      logger("filer").warn("lifecycle_failed error={}", log_value(over.error().message()));
    }
    if (co_await was_cancelled()) co_return;
    const auto pause = std::min<std::chrono::nanoseconds>(kLook, options_.interval);
    if (!co_await seams_.timers.sleep_until(seams_.clock.mono() + pause)) co_return;
  }
}

Task<Result<bool>> LifecycleRunner::is_time() {
  KELP_CO_TRY(const LifecycleRow place, co_await load());
  const WallTime now = seams_.clock.wall();
  const WallTime ended = std::max(place.ended, idle_since_);
  const bool soon = ended <= now && now < ended + options_.interval;
  if (!place.under_way && soon) co_return false;
  co_return co_await turn_.is_ours(seams_.clock);
}

Task<Result<LifecycleRow>> LifecycleRunner::load() {
  KELP_CO_TRY(const auto row, co_await kv_.get(place_row()));
  if (!row) co_return LifecycleRow{};
  co_return decode_lifecycle(*row);
}

Task<Result<void>> LifecycleRunner::save(LifecycleRow place) {
  KvBatch batch;
  batch.writes.push_back(KvWrite::put(place_row(), encode_lifecycle(place)));
  co_return co_await kv_.commit(std::move(batch));
}

Task<Result<bool>> LifecycleRunner::go_on(std::size_t pages) {
  KELP_CO_TRY(LifecycleRow place, co_await load());
  if (!place.under_way) {
    any_rules_ = false;
    unknown_ = 0;
  } else {
    any_rules_ = true;
  }
  place.under_way = true;
  MonoTime saved = seams_.clock.mono();
  for (std::size_t done = 0; done < pages; ++done) {
    if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "lifecycle cancelled");
    KELP_CO_TRY(const bool ours, co_await turn_.is_ours(seams_.clock));
    if (!ours) co_return false;
    const MonoTime began = seams_.clock.mono();
    KELP_CO_TRY(place, co_await one_page(std::move(place)));
    if (!place.under_way) break;
    const MonoTime now = seams_.clock.mono();
    if (any_rules_ && now - saved >= kSave) {
      KELP_CO_CHECK(co_await save(place));
      saved = now;
    }
    if (now == began) continue;
    const auto slept = co_await seams_.timers.sleep_until(now + (kShareOfTime - 1) * (now - began));
    if (!slept) co_return slept.error();
  }
  if (!place.under_way) {
    place.ended = seams_.clock.wall();
    idle_since_ = place.ended;
    probe_.passes.Increment();
    probe_.unknown.Set(static_cast<double>(unknown_));
  }
  if (any_rules_) {
    KELP_CO_CHECK(co_await save(place));
  }
  co_return !place.under_way;
}

/// Where to go on; no longer under way at the end.
Task<Result<LifecycleRow>> LifecycleRunner::one_page(LifecycleRow place) {
  const JudgedAt at{options_.calendar, seams_.clock.wall()};
  std::move_only_function<Result<FoundPage>(KvStore&)> find =
      [&place, at, limits = options_.limits](KvStore& store) -> Result<FoundPage> {
    FoundPage found;
    KELP_TRY(found.rules, find_rules(store, place.bucket, kBucketsPerRead));
    if (!found.rules.found) return found;
    KELP_TRY(found.page, find_doomed(store, *found.rules.found, place, at, limits));
    return found;
  };
  KELP_CO_TRY(FoundPage found, co_await kv_.read<FoundPage>(std::move(find)));
  for (const std::string& bucket : found.rules.unknown) {
    logger("filer").error("lifecycle_unknown {}", bucket);
    ++unknown_;
  }
  if (!found.rules.found) {
    place = LifecycleRow{.ended = place.ended,
                         .under_way = !found.rules.next.empty(),
                         .bucket = std::move(found.rules.next),
                         .after = {}};
    co_return place;
  }
  any_rules_ = true;
  probe_.rows.Increment(static_cast<double>(found.page.rows));
  probe_.locked.Increment(static_cast<double>(found.page.locked));
  co_return co_await apply(*std::move(found.rules.found), std::move(found.page), std::move(place));
}

Task<Result<LifecycleRow>> LifecycleRunner::apply(RuledBucket ruled, ExpiryPage page,
                                                  LifecycleRow place) {
  std::uint64_t gone = 0;
  if (!page.doomed.empty()) {
    Expire request{ruled.bucket.name, ruled.bucket.id, ruled.rules_row, std::move(page.doomed)};
    const auto expired = co_await seams_.filer.expire(std::move(request));
    // Other rules, or another bucket: judge it anew.
    if (!expired && expired.error().reason() == Reason::kConditionConflict) co_return place;
    KELP_CO_CHECK(expired);
    probe_.expired.Increment(static_cast<double>(expired->expired));
    probe_.removed.Increment(static_cast<double>(expired->removed));
    probe_.markers.Increment(static_cast<double>(expired->markers));
    probe_.locked.Increment(static_cast<double>(expired->locked));
    gone = expired->expired + expired->removed + expired->markers;
  }
  KELP_CO_TRY(const std::uint64_t moved, co_await move_all(ruled, std::move(page.moves)));
  gone += moved;
  KELP_CO_CHECK(co_await abort_uploads(std::move(ruled), std::move(page.uploads)));
  if (page.cut && gone == 0) page.next.after.push_back('\0');
  co_return std::move(page.next);
}

/// How many did. What fails with one is left to the next pass, and keeps no other.
Task<Result<std::uint64_t>> LifecycleRunner::move_all(RuledBucket ruled,
                                                      std::vector<Doomed> moves) {
  std::uint64_t count = 0;
  std::optional<Error> failure;
  for (Doomed& each : moves) {
    if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "lifecycle cancelled");
    const auto moved = co_await move(ruled, std::move(each));
    if (moved) {
      count += *moved ? 1 : 0;
    } else if (moved.error().code() == Errc::kCancelled) {
      co_return moved.error();
    } else {
      failure = moved.error();
    }
  }
  probe_.moved.Increment(static_cast<double>(count));
  if (failure) {
    probe_.failures.Increment();
    logger("filer").warn("lifecycle_move_failed bucket={} error={}", ruled.bucket.name,
                         log_value(failure->message()));
  }
  co_return count;
}

Task<Result<bool>> LifecycleRunner::move(RuledBucket ruled, Doomed moved) {
  KELP_CO_TRY(const ObjectEntry entry, decode_entry(moved.row.second));
  MoveClass request{ruled.bucket.name, ruled.bucket.id, ruled.rules_row, std::move(moved), {}};
  MovedBody copy;
  bool stays = entry.layout.chunks.empty();
  if (!stays && seams_.mover == nullptr) co_return false;
  if (!stays) {
    KELP_CO_TRY(stays,
                co_await seams_.mover->lie_alike(entry.headers.storage_class, request.moved.to));
  }
  if (!stays) {
    BodyToMove body{ruled.bucket.id, ruled.bucket.name, request.moved.key, {}, request.moved.to};
    for (const Chunk& chunk : entry.layout.chunks) {
      if (!chunk.is_manifest()) {
        body.chunks.push_back(chunk);
        continue;
      }
      KELP_CO_TRY(auto listed, co_await seams_.filer.get_manifest(chunk.fid.key.value));
      body.chunks.insert(body.chunks.end(), listed.begin(), listed.end());
    }
    KELP_CO_TRY(copy, co_await seams_.mover->copy(std::move(body)));
    request.chunks = copy.chunks;
  }
  const auto done = co_await seams_.filer.move_class(std::move(request));
  if (!done && done.error().reason() == Reason::kKeyTooOld) seams_.mover->forget_keys();
  if (!done && done.error().reason() == Reason::kConditionConflict) co_return false;
  KELP_CO_CHECK(done);
  std::uint64_t bytes = 0;
  for (const Chunk& chunk : copy.chunks) bytes += chunk.size_bytes;
  if (*done) probe_.moved_bytes.Increment(static_cast<double>(bytes));
  co_return *done;
}

Task<Result<void>> LifecycleRunner::abort_uploads(RuledBucket ruled,
                                                  std::vector<UploadName> uploads) {
  for (UploadName& upload : uploads) {
    const auto aborted = co_await seams_.filer.expire_upload(std::move(upload), ruled.rules_row);
    if (aborted) {
      probe_.uploads.Increment();
      continue;
    }
    const Errc code = aborted.error().code();
    // It is completed or aborted, or the next pass has other rules.
    if (code != Errc::kNotFound && code != Errc::kConflict) co_return aborted.error();
  }
  co_return Result<void>();
}

}  // namespace kelp
