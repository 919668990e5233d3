#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "master/core/commands.h"
#include "master/core/survey.h"
#include "wire/packed_place.h"

namespace kelp::master {

/// How much is done at a time.
struct PlanOptions {
  std::uint32_t jobs_per_node = 2;  ///< That read from or write to it.
  std::uint32_t jobs = 16;          ///< In all.
  /// The fullest and the emptiest node may differ by so much of the mean before volumes move, in
  /// percent of used bytes.
  std::uint32_t balance_percent = 5;
  /// Nor do they for less than this many bytes.
  std::uint64_t balance_bytes = 512ULL << 20;
  /// One job makes several lost shards of a volume, from one reading of the others. Masters of
  /// before do not know such jobs.
  bool together = true;
  /// A packed volume is packed anew when so much of its extents comes free by that, in percent.
  std::uint32_t repack_percent = 30;
  bool although_paused = false;  ///< An operator asks: paused jobs are no obstacle.
};

// Each takes a Survey of the same view.

/// Jobs to start now, so that volumes with too few healthy copies get them back: what has least
/// redundancy left first. A member counts as lost when its node is dead, its copy is of another
/// generation or gone, or read-only; a node in maintenance is waited for. Nothing while jobs are
/// paused. Pure.
[[nodiscard]] std::vector<StartJob> plan_repairs(const PlacementView& view, const Survey& survey,
                                                 const PlanOptions& options);

/// Jobs that take volumes off draining nodes, then those that bring volumes to their tier, then
/// those that even the nodes' used bytes out.
/// Nothing while a repair is needed or jobs are paused. Pure.
[[nodiscard]] std::vector<StartJob> plan_moves(const PlacementView& view, const Survey& survey,
                                               const PlanOptions& options);

/// The job that turns the copies of a volume into shards of `scheme`, on nodes with its tag.
/// kConflict for a volume that is not full, lies in shards already, holds files (kFidCollection),
/// has a job or lacks a copy;
/// errors of choose_members(). Pure.
[[nodiscard]] Result<StartJob> plan_seal(const PlacementView& view, const SurveyedVolume& volume,
                                         EcScheme scheme);
/// The job that turns the shards of a full volume into those of another scheme, or with the scheme
/// {} into copies, as far apart as `spread` or the layout of its storage class asks; on nodes with
/// its tag. kConflict for a volume that is not full, lies in copies or like that already, has a
/// job, lacks a shard, or would be sealed again at once (StorageLayout::seal); errors of
/// choose_members(). Pure.
[[nodiscard]] Result<StartJob> plan_recode(const PlacementView& view, const SurveyedVolume& volume,
                                           EcScheme scheme, std::optional<Spread> spread);
/// The next full volume of a storage class whose volumes are sealed (StorageLayout::seal), one at
/// a time. Nothing while a repair is needed or jobs are paused. Pure.
[[nodiscard]] std::vector<StartJob> plan_seals(const PlacementView& view, const Survey& survey,
                                               const PlanOptions& options);

/// What servers said of a packed volume (VolumeReplicas::sparse_volumes).
struct SparseReport {
  Generation generation;  ///< It was in when they were asked: in another one it counts no more.
  std::map<NodeNumber, SparseVolume> said;
};
using SparseReports = std::map<VolumeId, SparseReport>;
/// The job that has a packed volume packed anew where it lies: that of which most comes free, by
/// all its members' word; one at a time, and none beside a seal. Nothing while a repair is needed
/// or jobs are paused. Pure.
[[nodiscard]] std::vector<StartJob> plan_repacks(const PlacementView& view, const Survey& survey,
                                                 const SparseReports& reports,
                                                 const PlanOptions& options);

/// Copies that may be removed: their volume has all its copies elsewhere in the newest generation,
/// alive, and no job. A volume that was never decided on is left alone (it may be all that is left
/// of a lost state). Pure.
[[nodiscard]] std::vector<StrayCopy> plan_retirements(const Survey& survey);

/// Healthy copies of a volume: alive, trusted, not read-only.
[[nodiscard]] std::uint32_t healthy_copies(const PlacementView& view, VolumeId id,
                                           const VolumeRecord& volume);

}  // namespace kelp::master
