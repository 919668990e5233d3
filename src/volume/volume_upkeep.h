#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "volume/core/scrub_cursor.h"
#include "volume/volume_service.h"

namespace kelp {

/// What a volume server does for its volumes by itself.
struct UpkeepOptions {
  double vacuum_garbage = 0.3;  ///< Of the room that a log takes, over 0; from 1 on: no vacuum.
  std::chrono::nanoseconds vacuum_interval = std::chrono::seconds(10);  ///< Between looks.
  /// Every byte is read once in this time; 0: never.
  std::chrono::nanoseconds scrub_period = std::chrono::days(14);
  std::uint64_t scrub_least_rate = 1 << 20;  ///< Bytes a second; little data is soon through.
  /// A needle as another member of the volume has it (VolumeReplicas::read_needle), to heal a
  /// damaged one; null: there are no other copies.
  std::function<Task<Result<std::string>>(VolumeId, NeedleKey)> fetch;
};

/// What a scrub found.
struct ScrubPass {
  std::uint64_t needles_bytes = 0;
  std::uint32_t damaged = 0;  ///< Needles, superblocks and snapshots that were not known before.
};

/// Looks after the volumes of a server without being asked: gives the room of removed needles back,
/// reads everything from time to time, heals what is damaged from other copies. All of it within
/// the service's budget. One executor.
class VolumeUpkeep {
 public:
  /// `service` has a budget and timers, and outlives this.
  VolumeUpkeep(VolumeService& service, UpkeepOptions options);

  /// Heals and vacuums until cancelled.
  Task<void> run_vacuum();
  /// Scrubs pass after pass until cancelled; a pass goes on where the last process left it.
  Task<void> run_scrub();

  /// One pass over all volumes from the beginning, without a pace of its own.
  Task<Result<ScrubPass>> scrub_once();
  /// Vacuums the volume for which it is worth most, if there is one.
  Task<void> vacuum_once();
  /// Drops the extents of packed volumes from which everything was removed, where one needle in a
  /// hundred was removed since the last look.
  Task<void> collect_extents_once();
  /// Copies each volume with damage anew, with sound needles instead of the damaged ones.
  Task<void> mend_indexes();
  Task<void> heal_once();

 private:
  Task<Result<void>> scrub_rest(ScrubPass& pass);
  Task<Result<void>> scrub_volume(ScrubPass& pass);
  Task<Result<void>> scrub_log(std::shared_ptr<VolumeFile> volume, ScrubPass& pass);
  Task<Result<void>> heal(DamagedVolume damaged);
  Task<void> wait_for_next_pass();
  Task<Result<void>> load_cursor();
  Task<void> save_cursor();
  void set_rate();
  void failed(std::string_view event, VolumeId volume, const Error& error);
  [[nodiscard]] bool rests(VolumeId volume);

  VolumeService& service_;
  const UpkeepOptions options_;
  ScrubCursor cursor_;
  bool paced_ = false;  ///< Else as fast as the budget allows, and the cursor is not kept.
  double rate_ = 0;     ///< Bytes a second that get the pass through in time.
  MonoTime next_step_{};
  MonoTime saved_{};
  std::map<VolumeId, MonoTime> resting_;  ///< Volumes with which something failed, until when.
  /// A packed volume, when last looked at.
  struct Looked {
    Generation made;  ///< Of its log.
    std::uint64_t needles = 0;
  };
  std::map<VolumeId, Looked> looked_;
  bool told_no_room_ = false;
};

}  // namespace kelp
