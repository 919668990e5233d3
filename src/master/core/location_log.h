#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>

#include "base/ids.h"

namespace kelp::master {

/// Which volumes changed when, so that whoever follows the locations is told only of those. The
/// sequence is the Raft log's index, so it means the same on every master. Not thread-safe.
class LocationLog {
 public:
  /// Forgets everything: whoever asks is told all. `now` is the newest sequence.
  void reset(std::uint64_t now);
  /// `volume` changed at `sequence`; sequences never fall.
  void note(std::uint64_t sequence, VolumeId volume);
  /// The newest sequence noted.
  [[nodiscard]] std::uint64_t newest() const { return newest_; }
  /// Whether since(after) is known.
  [[nodiscard]] bool knows(std::uint64_t after) const {
    return after >= known_from_ && after <= newest_;
  }
  /// What changed after `after`; nothing when that is not known any more.
  [[nodiscard]] std::optional<std::set<VolumeId>> since(std::uint64_t after) const;

 private:
  struct Change {
    std::uint64_t sequence;
    VolumeId volume;
  };
  static constexpr std::size_t kLimit = 65'536;
  std::deque<Change> changes_;
  std::uint64_t known_from_ = 0;  ///< Changes after this are in changes_.
  std::uint64_t newest_ = 0;
};

}  // namespace kelp::master
