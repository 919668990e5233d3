#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "master/core/placement.h"

namespace kelp::master {

/// A volume with what its members' copies come to. Says itself what a pass over all of them asks,
/// so that `record` is looked up for few.
struct SurveyedVolume {
  VolumeId id;
  std::uint32_t healthy = 0;  ///< Members with a copy that is alive, trusted, not read-only.
  const VolumeRecord* record = nullptr;
  std::uint64_t bytes = 0;         ///< Of the longest copy that a member was heard to have.
  std::uint32_t healthy_bits = 0;  ///< By place in `record->members`, the first one lowest.
  std::uint8_t members = 0;        ///< How many.
  std::uint8_t wanted = 0;         ///< How many its spread or scheme asks for.
  std::uint8_t least = 1;          ///< Without so many healthy ones nothing is left.
  bool job = false;                ///< One is under way.
  bool rests = false;              ///< No new one for a while: the last one was in vain.
  bool quiet = false;              ///< Made, and not frozen.

  /// Every member has a healthy copy, and there are enough.
  [[nodiscard]] bool whole() const { return healthy == members && members >= wanted; }
  /// Anybody may touch it now: no copy is missing, no job, no rest.
  [[nodiscard]] bool movable() const { return quiet && !job && !rests && healthy == members; }
};

/// A copy that no decision names.
struct StrayCopy {
  NodeNumber node;
  VolumeId volume;
  Generation generation;
  friend auto operator<=>(const StrayCopy&, const StrayCopy&) = default;
};

/// All volumes and copies looked at once, for the plans: a pass over a million copies takes some
/// milliseconds, a search for each of them a hundred times that. Valid while nothing of its view
/// changes. Pure.
class Survey {
 public:
  /// `resting`: volumes that no new job is to begin with.
  explicit Survey(const PlacementView& view, const std::set<VolumeId>& resting = {});
  /// By id.
  [[nodiscard]] const std::vector<SurveyedVolume>& volumes() const { return volumes_; }
  /// What living nodes have of volumes whose members they are not, in an older generation.
  [[nodiscard]] const std::vector<StrayCopy>& strays() const { return strays_; }
  /// The same in no older generation, while no job is making or removing copies of that volume:
  /// somebody put them there. Nobody reads or writes them.
  [[nodiscard]] const std::vector<StrayCopy>& unexplained() const { return unexplained_; }
  /// Null for a volume that was never decided on.
  [[nodiscard]] const SurveyedVolume* find(VolumeId id) const;

 private:
  [[nodiscard]] SurveyedVolume* place_of(VolumeId id);
  void note_copies(const PlacementView& view);
  void note(const ObservedCopy& copy, NodeNumber node, bool alive);

  std::vector<SurveyedVolume> volumes_;
  std::vector<StrayCopy> strays_;
  std::vector<StrayCopy> unexplained_;
  /// By volume id: one more than the place in volumes_; 0: none.
  std::vector<std::uint32_t> places_;
};

}  // namespace kelp::master
