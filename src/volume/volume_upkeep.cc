#include "volume/volume_upkeep.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
#include "volume/store/volume_file.h"
#include "volume/store/volume_scrub.h"

namespace kelp {
namespace {

constexpr std::chrono::minutes kRest{10};         ///< After something failed with a volume.
constexpr std::chrono::minutes kSaveInterval{1};  ///< Between stores of the cursor.
constexpr int kMostTries = 30;  ///< To go on with a volume; pauses of 45 s in all.
constexpr std::chrono::milliseconds kTryPause{100};
constexpr std::uint64_t kLookShare = 100;  ///< See collect_extents_once().
constexpr std::uint64_t kStubBytes = 256;  ///< About.
constexpr VolumeId kAllDone{UINT32_MAX};   ///< A cursor that waits for the next pass.
constexpr std::size_t kMostHealed = 1024;  ///< Needles of a volume at a time.
constexpr std::uint64_t kMostHealedBytes = 256ULL << 20;
constexpr std::uint64_t kCursorLimitBytes = 64;

std::chrono::nanoseconds seconds_of(double seconds) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

double to_seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

VolumeUpkeep::VolumeUpkeep(VolumeService& service, UpkeepOptions options)
    : service_(service), options_(std::move(options)) {}

Task<void> VolumeUpkeep::run_vacuum() {
  const VolumeServiceParts& parts = service_.parts_;
  auto clear = [this] { return service_.clear_vacuum(); };
  if (const auto cleared = co_await offload<void>(parts.pool, std::move(clear));
      !cleared.has_value()) {
    logger("volume").warn("vacuum_not_cleared error={}", log_value(cleared.error().message()));
  }
  while (true) {
    const MonoTime next = parts.clock.mono() + options_.vacuum_interval;
    if (!(co_await parts.timers->sleep_until(next)).has_value()) co_return;
    co_await heal_once();
    co_await collect_extents_once();
    co_await vacuum_once();
  }
}

Task<void> VolumeUpkeep::mend_indexes() {
  for (const auto& volume : service_.all()) {
    if (!volume->index_damaged()) continue;
    auto mend = [volume] { return volume->rewrite_snapshot(); };
    const auto mended = co_await offload<void>(service_.parts_.pool, std::move(mend));
    if (!mended.has_value())
      failed("index_not_mended", volume->superblock().volume, mended.error());
  }
}

Task<void> VolumeUpkeep::collect_extents_once() {
  for (const auto& volume : service_.all()) {
    const VolumeId id = volume->superblock().volume;
    const std::uint64_t needles = volume->status().needle_count;
    if (!volume->holds_extents() || rests(id)) continue;
    // A look reads every stub: one for each hundredth that was removed.
    const Generation made = volume->superblock().generation;
    const auto known = looked_.find(id);
    if (known != looked_.end() && known->second.made == made &&
        needles + known->second.needles / kLookShare >= known->second.needles) {
      continue;
    }
    const auto paid = co_await service_.parts_.background->take(needles * kStubBytes);
    if (!paid.has_value()) co_return;  // cancelled
    const auto dropped = co_await service_.drop_dead_extents(id);
    if (dropped.has_value()) {
      looked_[id] = {made, needles - std::min<std::uint64_t>(needles, *dropped)};
    } else {
      failed("extents_not_dropped", id, dropped.error());
    }
  }
}

Task<void> VolumeUpkeep::vacuum_once() {
  if (options_.vacuum_garbage >= 1) co_return;
  std::set<VolumeId> not_these;
  for (const auto& each : resting_) {
    if (rests(each.first)) not_these.insert(each.first);
  }
  auto choose = [this, &not_these]() -> Result<std::optional<VolumeId>> {
    KELP_CHECK(service_.measure_disk());
    return service_.choose_vacuum(options_.vacuum_garbage, not_these);
  };
  const auto chosen =
      co_await offload<std::optional<VolumeId>>(service_.parts_.pool, std::move(choose));
  const bool no_room = !chosen.has_value() && chosen.error().code() == Errc::kNoSpace;
  if (!chosen.has_value() && !(no_room && told_no_room_)) {
    logger("volume").warn("vacuum_not_possible error={}", log_value(chosen.error().detail()));
  }
  told_no_room_ = no_room;
  if (!chosen.has_value() || !chosen->has_value()) co_return;
  const auto outcome = co_await service_.vacuum(**chosen);
  if (!outcome.has_value()) failed("vacuum_failed", **chosen, outcome.error());
}

Task<void> VolumeUpkeep::heal_once() {
  co_await mend_indexes();
  for (const DamagedVolume& damaged : service_.damaged()) {
    if (rests(damaged.volume) || (!damaged.needles.empty() && !options_.fetch)) continue;
    const auto healed = co_await heal(damaged);
    if (!healed.has_value()) failed("heal_failed", damaged.volume, healed.error());
  }
}

Task<Result<void>> VolumeUpkeep::heal(DamagedVolume damaged) {
  if (damaged.needles.size() > kMostHealed) {
    co_return Error(Errc::kCorruption,
                    fmt::format("{} needles are damaged: replace the disk, and let the volume be "
                                "copied from another member",
                                damaged.needles.size()));
  }
  std::map<NeedleKey, std::string> sound;
  std::uint64_t bytes = 0;
  for (const NeedleKey key : damaged.needles) {
    KELP_CO_TRY(std::string image, co_await options_.fetch(damaged.volume, key));
    bytes += image.size();
    if (bytes > kMostHealedBytes) {
      co_return Error(Errc::kResourceExhausted, "the damaged needles are too large to be held");
    }
    sound.emplace(key, std::move(image));
  }
  KELP_CO_CHECK(co_await service_.vacuum(damaged.volume, std::move(sound)));
  service_.shared_->probe.healed_needles.Increment(static_cast<double>(damaged.needles.size()));
  logger("volume").warn("volume_healed volume={} needles={} superblock={}", damaged.volume.value,
                        damaged.needles.size(), damaged.superblock);
  co_return Result<void>();
}

bool VolumeUpkeep::rests(VolumeId volume) {
  const auto found = resting_.find(volume);
  return found != resting_.end() && found->second > service_.parts_.clock.mono();
}

void VolumeUpkeep::failed(std::string_view event, VolumeId volume, const Error& error) {
  if (error.code() == Errc::kCancelled) return;
  resting_[volume] = service_.parts_.clock.mono() + kRest;
  logger("volume").warn("{} volume={} error={}", event, volume.value, log_value(error.message()));
}

Task<void> VolumeUpkeep::run_scrub() {
  if (options_.scrub_period.count() == 0) co_return;
  paced_ = true;
  if (const auto loaded = co_await load_cursor(); !loaded.has_value()) {
    logger("volume").error("scrub_off error={}", log_value(loaded.error().message()));
    co_return;
  }
  while (true) {
    if (cursor_.volume != kAllDone) {
      ScrubPass pass;
      const auto outcome = co_await scrub_rest(pass);
      // A pass over nothing, as on a fresh server, is not worth the syncs.
      if (pass.needles_bytes > 0) co_await save_cursor();
      if (!outcome.has_value()) co_return;  // cancelled
    }
    co_await wait_for_next_pass();
    if (cursor_.volume == kAllDone) co_return;  // cancelled
  }
}

/// Begins a pass when that of the cursor is nine tenths of a period old.
Task<void> VolumeUpkeep::wait_for_next_pass() {
  const VolumeServiceParts& parts = service_.parts_;
  const std::int64_t age = parts.clock.wall().time_since_epoch().count() - cursor_.began_ns;
  const std::chrono::nanoseconds due = options_.scrub_period / 10 * 9;
  // A clock that was set back makes no pass wait longer than that.
  const std::chrono::nanoseconds wait(std::clamp<std::int64_t>(due.count() - age, 0, due.count()));
  if (!(co_await parts.timers->sleep_until(parts.clock.mono() + wait)).has_value()) co_return;
  cursor_ = {.began_ns = parts.clock.wall().time_since_epoch().count()};
}

Task<Result<ScrubPass>> VolumeUpkeep::scrub_once() {
  ScrubPass pass;
  cursor_ = {};
  paced_ = false;
  KELP_CO_CHECK(co_await scrub_rest(pass));
  co_return pass;
}

/// The volumes from the cursor on. kCancelled.
Task<Result<void>> VolumeUpkeep::scrub_rest(ScrubPass& pass) {
  while (true) {
    std::optional<VolumeId> next;
    for (const auto& volume : service_.all()) {
      const VolumeId id = volume->superblock().volume;
      if (id >= cursor_.volume && (!next.has_value() || id < *next)) next = id;
    }
    if (!next.has_value()) break;
    if (*next != cursor_.volume) {
      cursor_.volume = *next;
      cursor_.after = NeedleKey{};
    }
    set_rate();
    KELP_CO_CHECK(co_await scrub_volume(pass));
    cursor_.volume = VolumeId{next->value + 1};
    cursor_.after = NeedleKey{};
  }
  cursor_.volume = kAllDone;
  service_.shared_->probe.scrub_passes.Increment();
  logger("volume").info("scrub_pass_ended damaged={}", pass.damaged);
  co_return Result<void>();
}

/// The volume at the cursor, in whichever log it goes on meanwhile. One that cannot be looked at
/// does not hold up the others. kCancelled.
Task<Result<void>> VolumeUpkeep::scrub_volume(ScrubPass& pass) {
  int tries = 0;
  while (true) {
    const auto volume = service_.find(cursor_.volume);
    if (!volume.has_value()) co_return Result<void>();  // it went away, or was refused at start
    const NeedleKey from = cursor_.after;
    const auto outcome = co_await scrub_log(*volume, pass);
    if (outcome.has_value() || outcome.error().code() == Errc::kCancelled) co_return outcome;
    tries = cursor_.after == from ? tries + 1 : 1;
    if (tries == kMostTries) {
      logger("volume").warn("scrub_skipped volume={} error={}", cursor_.volume.value,
                            log_value(outcome.error().message()));
      co_return Result<void>();
    }
    const MonoTime later = service_.parts_.clock.mono() + tries * kTryPause;
    KELP_CO_CHECK(co_await service_.parts_.timers->sleep_until(later));
  }
}

Task<Result<void>> VolumeUpkeep::scrub_log(std::shared_ptr<VolumeFile> volume, ScrubPass& pass) {
  const VolumeServiceParts& parts = service_.parts_;
  auto begin = [volume] { return VolumeScrub::begin(volume); };
  KELP_CO_TRY(VolumeScrub scrub, co_await offload<VolumeScrub>(parts.pool, std::move(begin)));
  pass.damaged += scrub.damaged();
  while (true) {
    auto look = [&scrub, after = cursor_.after] { return scrub.step(after); };
    KELP_CO_TRY(const ScrubStep step, co_await offload<ScrubStep>(parts.pool, std::move(look)));
    if (!step.last.has_value()) co_return Result<void>();
    cursor_.after = *step.last;
    pass.damaged += step.damaged;
    pass.needles_bytes += step.bytes;
    service_.shared_->probe.scrubbed_bytes.Increment(static_cast<double>(step.bytes));
    KELP_CO_CHECK(co_await parts.background->take(step.bytes));
    if (!paced_) continue;
    const MonoTime now = parts.clock.mono();
    next_step_ = std::max(next_step_, now) + seconds_of(static_cast<double>(step.bytes) / rate_);
    if (now - saved_ >= kSaveInterval) {
      co_await save_cursor();
      set_rate();
    }
    KELP_CO_CHECK(co_await parts.timers->sleep_until(next_step_));
  }
}

/// What is left, in the time that is left of eight tenths of the period.
void VolumeUpkeep::set_rate() {
  std::uint64_t left = 0;
  for (const auto& volume : service_.all()) {
    const VolumeStatus status = volume->status();
    if (status.volume >= cursor_.volume) left += status.live_bytes;
  }
  const std::int64_t age =
      service_.parts_.clock.wall().time_since_epoch().count() - cursor_.began_ns;
  const auto time = to_seconds(options_.scrub_period / 10 * 8 - std::chrono::nanoseconds(age));
  rate_ = std::max(static_cast<double>(options_.scrub_least_rate),
                   static_cast<double>(left) / std::max(time, 1.0));
}

Task<Result<void>> VolumeUpkeep::load_cursor() {
  auto load = [this]() -> Result<ScrubCursor> {
    KELP_TRY(const std::string bytes,
             read_whole_file(service_.parts_.io, service_.scrub_path(), kCursorLimitBytes));
    return decode_scrub_cursor(bytes);
  };
  const auto loaded = co_await offload<ScrubCursor>(service_.parts_.pool, std::move(load));
  saved_ = service_.parts_.clock.mono();
  if (!loaded.has_value() && loaded.error().code() == Errc::kUnimplemented) {
    co_return loaded.error();
  }
  // Without one, or with a damaged one, a pass begins: nothing is lost but work.
  const std::int64_t now = service_.parts_.clock.wall().time_since_epoch().count();
  cursor_ = loaded.has_value() ? *loaded : ScrubCursor{.began_ns = now};
  cursor_.began_ns = std::min(cursor_.began_ns, now);
  co_return Result<void>();
}

Task<void> VolumeUpkeep::save_cursor() {
  auto save = [this, bytes = encode_scrub_cursor(cursor_)]() -> Result<void> {
    KELP_CHECK(service_.check_home());
    return write_file_atomically(service_.parts_.io, service_.scrub_path(), bytes);
  };
  const auto saved = co_await offload<void>(service_.parts_.pool, std::move(save));
  saved_ = service_.parts_.clock.mono();
  if (saved.has_value()) co_return;
  logger("volume").warn("scrub_cursor_not_stored error={}", log_value(saved.error().message()));
}

}  // namespace kelp
