#include "master/core/plans.h"

#include <fmt/format.h>

#include <algorithm>

#include "master/core/balance.h"
#include "wire/collections.h"

namespace kelp::master {
namespace {

/// The members that have no usable copy and are not expected to have one again soon.
std::vector<NodeNumber> lost_members(const PlacementView& view, const SurveyedVolume& volume) {
  std::vector<NodeNumber> lost;
  for (std::size_t i = 0; i < volume.record->members.size(); ++i) {
    const NodeNumber member = volume.record->members[i];
    if ((volume.healthy_bits >> i & 1U) != 0) continue;
    if (!view.topology.alive(member, view.now)) {
      const auto node = view.state.nodes.find(member);
      const bool maintained =
          node != view.state.nodes.end() && node->second.intent == NodeIntent::kMaintenance;
      if (maintained || !view.topology.dead(member, view.now)) continue;
    }
    lost.push_back(member);
  }
  return lost;
}

/// A volume that needs a copy, and how badly.
struct Need {
  const SurveyedVolume* volume = nullptr;
  std::vector<NodeNumber> lost;
};

std::vector<Need> needs(const PlacementView& view, const Survey& survey) {
  std::vector<Need> out;
  for (const SurveyedVolume& volume : survey.volumes()) {
    if (volume.whole() || volume.healthy < volume.least || !volume.quiet) continue;
    Need need{&volume, lost_members(view, volume)};
    if (!need.lost.empty() || volume.members < volume.wanted) out.push_back(std::move(need));
  }
  std::ranges::sort(out, {}, [](const Need& need) {
    return std::pair(need.volume->healthy - need.volume->least, need.volume->id);
  });
  return out;
}

/// A move of `volume` off the first of its members that `leaves`, if there is one and it can be.
template <typename Leaves>
void plan_leaving(const PlacementView& view, const SurveyedVolume& volume, Leaves leaves,
                  JobBudget& budget, std::vector<StartJob>& out) {
  const auto member = std::ranges::find_if(volume.record->members, leaves);
  if (member == volume.record->members.end() || !volume.movable()) return;
  const auto to =
      choose_replacement(view, *volume.record, {*member}, volume.bytes, volume.id.value);
  if (!to.has_value()) return;
  const JobRecord job{JobKind::kMove, JobStep::kFreeze, volume.id, *member, *to};
  if (!budget.allows(job, *volume.record)) return;
  budget.take(job, *volume.record);
  out.push_back({job, volume.record->generation, {}});
}

void plan_draining(const PlacementView& view, const Survey& survey, JobBudget& budget,
                   std::vector<StartJob>& out) {
  const auto draining = [&view](NodeNumber member) {
    return view.state.nodes.at(member).intent == NodeIntent::kDraining;
  };
  if (std::ranges::none_of(view.state.nodes, draining, [](const auto& node) { return node.first; }))
    return;
  for (const SurveyedVolume& volume : survey.volumes()) {
    if (budget.spent()) return;
    plan_leaving(view, volume, draining, budget, out);
  }
}

/// What is to lie on another tier than it does. Storage classes are not looked at: a change of
/// theirs moves nothing by itself.
void plan_tiers(const PlacementView& view, const Survey& survey, JobBudget& budget,
                std::vector<StartJob>& out) {
  for (const SurveyedVolume& volume : survey.volumes()) {
    if (budget.spent()) return;
    const std::string& tier = volume.record->tier;
    if (tier.empty()) continue;
    const auto elsewhere = [&view, &tier](NodeNumber member) {
      return !carries(view.state.nodes.at(member).identity, tier);
    };
    plan_leaving(view, volume, elsewhere, budget, out);
  }
}

/// Servers that fail together are not heard to within this.
constexpr std::chrono::seconds kMoment{2};

/// Another member is about to count as lost as well: one job for both is worth the moment, after
/// which it does or is heard again.
bool loses_more_soon(const PlacementView& view, const SurveyedVolume& volume) {
  for (const NodeNumber member : volume.record->members) {
    const auto node = view.state.nodes.find(member);
    const bool maintained =
        node != view.state.nodes.end() && node->second.intent == NodeIntent::kMaintenance;
    if (!maintained && !view.topology.dead(member, view.now) &&
        view.topology.dead(member, view.now + kMoment)) {
      return true;
    }
  }
  return false;
}

/// Where more shards of a volume are missing than the one that `job` makes at `job.to`: who gets
/// them from the same reading of the others. As far as nodes are found that may do more; what
/// remains has another job. `left`: the volume without the `lost` members.
void add_targets(const PlacementView& view, const SurveyedVolume& volume,
                 std::vector<NodeNumber> lost, VolumeRecord left, const JobBudget& budget,
                 JobRecord& job) {
  VolumeRecord taken = *volume.record;  // nobody of these is chosen
  std::vector<NodeNumber> targets;
  std::vector<std::uint8_t> shards;
  std::optional<NodeNumber> next = job.to;
  while (next.has_value()) {
    add_member(taken, *next, 0);
    if (budget.has_room(*next)) {
      targets.push_back(*next);
      shards.push_back(missing_shard(left));
      add_member(left, *next, shards.back());
      if (left.members.size() >= volume.wanted) break;
    } else {
      lost.push_back(*next);
    }
    const auto another = choose_replacement(view, taken, lost, volume.bytes, volume.id.value);
    next = another.has_value() ? std::optional(*another) : std::nullopt;
  }
  if (targets.size() < 2) return;
  job.targets = std::move(targets);
  job.shards = std::move(shards);
}

}  // namespace

std::uint32_t healthy_copies(const PlacementView& view, VolumeId id, const VolumeRecord& volume) {
  return static_cast<std::uint32_t>(std::ranges::count_if(volume.members, [&](NodeNumber member) {
    const ObservedCopy* copy = view.topology.trusted(member, id, volume, view.now);
    return copy != nullptr && !copy->read_only;
  }));
}

std::vector<StartJob> plan_repairs(const PlacementView& view, const Survey& survey,
                                   const PlanOptions& options) {
  std::vector<StartJob> out;
  if (view.state.jobs_paused && !options.although_paused) return out;
  JobBudget budget(view, options);
  for (const Need& need : needs(view, survey)) {
    if (budget.spent()) break;
    const SurveyedVolume& volume = *need.volume;
    VolumeRecord left = *volume.record;
    for (const NodeNumber member : need.lost) erase_member(left, member);
    if (volume.job || volume.rests || left.members.size() < volume.least ||
        !budget.has_room(left.members.front())) {
      continue;
    }
    const bool together = options.together && left.scheme.parity > 1;
    if (together && loses_more_soon(view, volume)) continue;
    const auto to =
        choose_replacement(view, *volume.record, need.lost, volume.bytes, volume.id.value);
    if (!to.has_value()) continue;
    JobRecord job{JobKind::kRepair, JobStep::kFreeze, volume.id, std::nullopt, *to};
    if (!budget.allows(job, left)) continue;
    if (together) add_targets(view, volume, need.lost, left, budget, job);
    budget.take(job, left);
    out.push_back({job, volume.record->generation, need.lost});
  }
  return out;
}

std::vector<StartJob> plan_moves(const PlacementView& view, const Survey& survey,
                                 const PlanOptions& options) {
  std::vector<StartJob> out;
  if (view.state.jobs_paused && !options.although_paused) return out;
  if (!needs(view, survey).empty()) return out;
  JobBudget budget(view, options);
  plan_draining(view, survey, budget, out);
  if (out.empty()) plan_tiers(view, survey, budget, out);
  if (out.empty()) plan_balance(view, survey, options, budget, out);
  return out;
}

namespace {

/// Whether all members of a full volume can be given new ones beside what they have. `part`: what
/// each of them has.
Result<void> check_full(const SurveyedVolume& volume, std::string_view part) {
  std::string why;
  if (volume.record->phase != VolumePhase::kSealed) {
    why = "still takes needles";
  } else if (volume.job) {
    why = "has a job under way";
  } else if (!volume.movable() || !volume.whole()) {
    why = fmt::format("lacks a {}, or its last job failed", part);
  }
  if (why.empty()) return {};
  return Error(Errc::kConflict, fmt::format("volume {} {}", volume.id.value, why));
}

/// `bytes` of needles on each of them.
Result<StartJob> plan_new_members(const PlacementView& view, const SurveyedVolume& volume,
                                  JobKind kind, const VolumeShape& shape, std::uint64_t bytes) {
  KELP_TRY(std::vector<NodeNumber> targets,
           choose_members(view, shape, bytes_on_member(shape.scheme, bytes), volume.id.value));
  JobRecord job{kind, JobStep::kFreeze, volume.id, std::nullopt, targets.front()};
  job.scheme = shape.scheme;
  job.spread = shape.spread;
  job.targets = std::move(targets);
  return StartJob{std::move(job), volume.record->generation, {}};
}

}  // namespace

Result<StartJob> plan_seal(const PlacementView& view, const SurveyedVolume& volume,
                           EcScheme scheme) {
  const VolumeRecord& record = *volume.record;
  const auto refuse = [&volume](std::string_view why) {
    return Error(Errc::kConflict, fmt::format("volume {} {}", volume.id.value, why));
  };
  KELP_CHECK(check_scheme(scheme));
  if (record.scheme) return refuse("lies in shards already");
  if (record.collection == kFidCollection) return refuse("is read by file id, as shards are not");
  KELP_CHECK(check_full(volume, "copy"));
  const VolumeShape shape{.scheme = scheme, .tag = tag_of(view.options, record)};
  return plan_new_members(view, volume, JobKind::kSeal, shape, volume.bytes);
}

Result<StartJob> plan_recode(const PlacementView& view, const SurveyedVolume& volume,
                             EcScheme scheme, std::optional<Spread> spread) {
  const VolumeRecord& record = *volume.record;
  const StorageLayout& layout = view.options.layout_of(record.collection);
  const auto refuse = [&volume](std::string_view why) {
    return Error(Errc::kConflict, fmt::format("volume {} {}", volume.id.value, why));
  };
  if (!record.scheme) return refuse("lies in copies");
  if (scheme) {
    KELP_CHECK(check_scheme(scheme));
  } else if (layout.seal) {
    return refuse(fmt::format("would be sealed again at once: its storage class has seal = {}",
                              to_string(layout.seal)));
  }
  if (record.scheme == scheme) return refuse(fmt::format("is {} already", to_string(scheme)));
  KELP_CHECK(check_full(volume, "shard"));
  VolumeShape shape{.scheme = scheme, .tag = tag_of(view.options, record)};
  if (!scheme) shape.spread = spread.value_or(layout.spread);
  if (copies_of(shape.spread) > kMostCopies) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("a volume has at most {} copies", kMostCopies));
  }
  const std::uint64_t bytes = volume.bytes * record.scheme.data;
  return plan_new_members(view, volume, JobKind::kRecode, shape, bytes);
}

std::vector<StartJob> plan_seals(const PlacementView& view, const Survey& survey,
                                 const PlanOptions& options) {
  std::vector<StartJob> out;
  if (view.state.jobs_paused && !options.although_paused) return out;
  for (const auto& [id, job] : view.state.jobs) {
    if (packs(job.kind)) return out;
  }
  if (!needs(view, survey).empty()) return out;
  JobBudget budget(view, options);
  for (const SurveyedVolume& volume : survey.volumes()) {
    const VolumeRecord& record = *volume.record;
    const EcScheme scheme = view.options.layout_of(record.collection).seal;
    if (!scheme || record.scheme || record.phase != VolumePhase::kSealed) continue;
    auto start = plan_seal(view, volume, scheme);
    if (!start.has_value() || !budget.allows(start->job, record)) continue;
    out.push_back(*std::move(start));
    break;
  }
  return out;
}

namespace {

/// Bytes that come free when every member packs the volume anew; 0: not worth it, or not all of
/// them say so.
std::uint64_t gain_of(const VolumeRecord& volume, const std::map<NodeNumber, SparseVolume>& said,
                      std::uint32_t percent) {
  std::uint64_t gain = UINT64_MAX;
  for (const NodeNumber member : volume.members) {
    const auto word = said.find(member);
    if (word == said.end()) return 0;
    const SparseVolume& found = word->second;
    if (found.garbage_bytes * 100 < found.extent_bytes * percent) return 0;
    gain = std::min(gain, found.garbage_bytes);
  }
  return gain;
}

}  // namespace

std::vector<StartJob> plan_repacks(const PlacementView& view, const Survey& survey,
                                   const SparseReports& reports, const PlanOptions& options) {
  std::vector<StartJob> out;
  if (reports.empty() || (view.state.jobs_paused && !options.although_paused)) return out;
  const auto packing = [](const auto& job) { return packs(job.second.kind); };
  if (std::ranges::any_of(view.state.jobs, packing) || !needs(view, survey).empty()) return out;
  const JobBudget budget(view, options);
  std::uint64_t most = 0;
  for (const auto& [id, report] : reports) {
    const SurveyedVolume* const volume = survey.find(id);
    if (volume == nullptr || !volume->movable() || !volume->whole()) continue;
    const VolumeRecord& record = *volume->record;
    if (record.generation != report.generation) continue;
    const std::uint64_t gain = gain_of(record, report.said, options.repack_percent);
    if (!record.scheme || record.phase != VolumePhase::kSealed || gain <= most) continue;
    JobRecord job{JobKind::kRepack, JobStep::kFreeze, id, std::nullopt, {}};
    job.scheme = record.scheme;
    job.targets.resize(record.members.size());
    for (std::size_t i = 0; i < record.members.size(); ++i) {
      job.targets[record.shards[i]] = record.members[i];
    }
    job.to = job.targets.front();
    if (!budget.allows(job, record)) continue;
    most = gain;
    out.assign(1, {std::move(job), record.generation, {}});
  }
  return out;
}

std::vector<StrayCopy> plan_retirements(const Survey& survey) {
  std::vector<StrayCopy> out;
  for (const StrayCopy& stray : survey.strays()) {
    const SurveyedVolume& volume = *survey.find(stray.volume);
    if (volume.job || !volume.quiet || volume.members < volume.wanted ||
        volume.healthy < volume.wanted) {
      continue;
    }
    out.push_back(stray);
  }
  return out;
}

}  // namespace kelp::master
