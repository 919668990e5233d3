// What VolumeService does for vacuum (store/volume_vacuum.h).

#include <fmt/core.h>

#include "base/log.h"
#include "volume/core/superblock.h"
#include "volume/core/vacuum_plan.h"
#include "volume/store/volume_file.h"
#include "volume/store/volume_vacuum.h"
#include "volume/volume_service.h"

namespace kelp {

Task<Result<void>> VolumeService::vacuum(VolumeId volume,
                                         std::map<NeedleKey, std::string> replacements) {
  if (parts_.timers == nullptr || parts_.background == nullptr) {
    co_return Error(Errc::kUnimplemented, "this server does no background work");
  }
  KELP_CO_TRY(const VolumePtr source, find(volume));
  if (vacuuming_.exchange(true)) {
    co_return Error(Errc::kResourceExhausted, "another volume is being vacuumed");
  }
  VacuumSeams seams{.timers = *parts_.timers,
                    .budget = *parts_.background,
                    .folder = vacuum_folder(),
                    .check_room = [this](std::uint64_t bytes) { return check_vacuum_room(bytes); }};
  VolumeVacuum job(source, std::move(seams), std::move(replacements));
  const Result<void> outcome = co_await run_vacuum(source, job);
  co_await job.end();
  vacuuming_ = false;
  if (!outcome.has_value()) co_return outcome;
  shared_->probe.vacuumed_volumes.Increment();
  shared_->probe.vacuumed_bytes.Increment(static_cast<double>(job.copied_bytes()));
  logger("volume").info(
      "volume_vacuumed volume={} log_bytes_before={} log_bytes={} copied_bytes={}", volume.value,
      source->status().file_bytes, source->successor_of()->status().file_bytes, job.copied_bytes());
  co_return outcome;
}

Task<Result<void>> VolumeService::run_vacuum(VolumePtr source, VolumeVacuum& job) {
  auto check = [this, source]() -> Result<void> {
    KELP_CHECK(source->check_writable());
    KELP_CHECK(check_home());
    KELP_CHECK(clear_vacuum());
    KELP_CHECK(parts_.io.make_dirs(vacuum_folder()));
    return check_vacuum_room(source->status().live_bytes + kSuperblockBytes);
  };
  KELP_CO_CHECK(co_await offload<void>(parts_.pool, std::move(check)));
  KELP_CO_CHECK(co_await job.copy());
  KELP_CO_CHECK(co_await job.close_source());
  auto switch_it = [this, source, &job] { return switch_log(source, job); };
  co_return co_await offload<void>(parts_.pool, std::move(switch_it));
}

Result<void> VolumeService::switch_log(const VolumePtr& source, VolumeVacuum& job) {
  const std::lock_guard creating(create_mutex_);
  KELP_CHECK(check_home());
  const VolumeId volume = source->superblock().volume;
  KELP_TRY(const VolumePtr here, find(volume));
  if (here != source) {
    return Error(Errc::kConflict,
                 fmt::format("volume {} was replaced by another copy", volume.value));
  }
  VolumePtr fresh;
  KELP_CHECK(job.switch_over([&](VolumePtr made) {
    fresh = made;
    const std::unique_lock lock(volumes_mutex_);
    volumes_[volume] = std::move(made);
  }));
  // Without them nothing is lost: the next start reads the log, the next look measures it.
  (void)fresh->measure_disk();
  if (auto written = fresh->write_snapshot(); !written.has_value()) {
    logger("volume").warn("snapshot_failed volume={} error={}", volume.value,
                          log_value(written.error().message()));
  }
  return {};
}

/// Removes what a crash left of a vacuum: it may be the room that the next one needs.
Result<void> VolumeService::clear_vacuum() {
  const std::string folder = vacuum_folder();
  KELP_TRY(const bool exists, parts_.io.exists(folder));
  if (!exists) return {};
  KELP_TRY(const auto names, parts_.io.list(folder));
  for (const std::string& name : names) {
    KELP_CHECK(parts_.io.remove(fmt::format("{}/{}", folder, name)));
  }
  return {};
}

/// Free bytes that a new log may take: half of the reserve stays for tombstones and metadata.
Result<std::uint64_t> VolumeService::vacuum_room() {
  KELP_TRY(const DiskSpace disk, parts_.io.space(options_.directory));
  const std::uint64_t kept = reserve_of(options_, disk) / 2 + shared_->reserved_bytes.load();
  return disk.free_bytes - std::min(disk.free_bytes, kept);
}

Result<void> VolumeService::check_vacuum_room(std::uint64_t bytes) {
  KELP_TRY(const std::uint64_t room, vacuum_room());
  if (bytes <= room) return {};
  return Error(Errc::kNoSpace, fmt::format("{}: vacuum needs {} bytes, it may take {}",
                                           options_.directory, bytes, room));
}

std::vector<DamagedVolume> VolumeService::damaged() const {
  std::vector<DamagedVolume> out;
  for (const VolumePtr& volume : all()) {
    DamagedVolume damaged{volume->superblock().volume, volume->damaged(),
                          volume->superblock_damaged()};
    if (damaged.superblock || !damaged.needles.empty()) out.push_back(std::move(damaged));
  }
  return out;
}

Result<void> VolumeService::measure_disk() {
  for (const VolumePtr& volume : all()) {
    KELP_CHECK(volume->measure_disk());
  }
  return {};
}

Result<std::optional<VolumeId>> VolumeService::choose_vacuum(double garbage,
                                                             const std::set<VolumeId>& not_these) {
  KELP_TRY(const std::uint64_t room, vacuum_room());
  std::vector<VacuumCandidate> candidates;
  for (const VolumePtr& volume : all()) {
    const VolumeStatus status = volume->status();
    if (status.read_only || status.frozen || not_these.contains(status.volume)) continue;
    candidates.push_back({status.volume, volume->disk_bytes(), status.live_bytes});
  }
  const VacuumRule rule{.garbage = garbage,
                        .least_bytes = options_.vacuum_least_bytes,
                        .room_bytes = room - std::min<std::uint64_t>(room, kSuperblockBytes)};
  const VacuumChoice choice = kelp::choose_vacuum(candidates, rule);
  if (!choice.volume.has_value() && choice.too_large.has_value()) {
    return Error(Errc::kNoSpace,
                 fmt::format("vacuum needs {} bytes for the live needles of volume {}, it may take "
                             "{}: make room, or delete more of it",
                             choice.too_large->live_bytes, choice.too_large->volume.value, room));
  }
  return choice.volume;
}

}  // namespace kelp
