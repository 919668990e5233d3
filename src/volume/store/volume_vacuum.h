#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/background_budget.h"
#include "async/timers.h"
#include "volume/store/volume_file.h"

namespace kelp {

/// What a vacuum works with; all outlive it.
struct VacuumSeams {
  Timers& timers;
  BackgroundBudget& budget;
  /// Where the new log lies until it takes over: there, empty, in the volumes' file system.
  std::string folder;
  /// Refuses when the disk has no room for so many more bytes; blocks.
  std::function<Result<void>(std::uint64_t)> check_room;
};

/// Gives the room of removed needles back: copies the live ones into a new log, which then takes
/// the old one's name (docs/formats/volume.md, "Vacuum"). Reads never wait; they end in the log in
/// which they began. Writes go on in the old log, and what they did is done to the new one too,
/// until a moment when none is under way: then new ones wait for some syncs and go on in the new
/// log. A crash at any time leaves one log with everything that was acknowledged.
///
/// Call copy(), close_source() and switch_over() in this order, and end() in the end, however it
/// went. One vacuum of a volume at a time.
class VolumeVacuum {
 public:
  /// Needles to take instead of those that are damaged in `source`, as read_needles() gives them.
  using Replacements = std::map<NeedleKey, std::string>;
  VolumeVacuum(std::shared_ptr<VolumeFile> source, VacuumSeams seams, Replacements replacements);

  /// Copies the needles, each verified as it is read, within the budget. kCorruption for a damaged
  /// one without a replacement: the log stays as it is, because it may be all that can be saved.
  Task<Result<void>> copy();
  /// Waits for a moment without an upload under way, closes the old log and makes the new one equal
  /// to it, durably. kUnavailable when there was no such moment for a long time.
  Task<Result<void>> close_source();
  /// Gives the new log the old one's name, has `publish` put it where requests find the volume, and
  /// opens it. Blocks. Nobody may rename or remove files of the volume meanwhile. An error of the
  /// disk makes the volume read-only: which log a start will find is not known; both have
  /// everything.
  Result<void> switch_over(const std::function<void(std::shared_ptr<VolumeFile>)>& publish);
  /// Opens the old log again and removes the new one, unless it took over.
  Task<void> end();

  [[nodiscard]] std::uint64_t copied_bytes() const { return copied_bytes_; }

 private:
  /// Needles as they will lie in the new log, one behind the other.
  struct Batch {
    std::string images;
    std::vector<IndexEntry> placed;
  };

  Result<void> begin();
  Task<Result<void>> copy_entries(std::vector<IndexEntry> entries);
  Result<void> copy_some(std::span<const IndexEntry> entries);
  Result<bool> append_image(const IndexEntry& entry, Batch& batch);
  Result<void> read_image(const IndexEntry& entry, LogStream& log, MutableByteSpan image,
                          std::uint32_t& seed);
  Result<void> write_batch(const Batch& batch);
  Task<Result<std::size_t>> catch_up();
  Result<void> bury(const std::vector<NeedleKey>& keys);
  bool try_close();
  Result<void> seal_copy();
  Result<void> rename_copy();
  void open_gate();
  void remove_copy();

  const std::shared_ptr<VolumeFile> source_;
  const VacuumSeams seams_;
  const Replacements replacements_;
  const std::string path_;  ///< Of the new log until it takes over.
  std::shared_ptr<VolumeFile> copy_;
  LogStream stream_;  ///< Of the old log.
  std::uint64_t copied_bytes_ = 0;
  std::uint64_t unsynced_bytes_ = 0;
  bool hurry_ = false;  ///< The old log is closed: writers wait.
  bool switched_ = false;
};

}  // namespace kelp
