#include "master/core/survey.h"

#include <algorithm>
#include <span>
#include <utility>

namespace kelp::master {

Survey::Survey(const PlacementView& view, const std::set<VolumeId>& resting)
    : places_(view.state.next_volume.value) {
  volumes_.reserve(view.state.volumes.size());
  for (const auto& [id, record] : view.state.volumes) {
    volumes_.push_back({.id = id,
                        .record = &record,
                        .members = static_cast<std::uint8_t>(record.members.size()),
                        .wanted = static_cast<std::uint8_t>(wanted_members(record)),
                        .least = static_cast<std::uint8_t>(least_members(record)),
                        .quiet = record.phase != VolumePhase::kCreating && !record.frozen});
    places_.at(id.value) = static_cast<std::uint32_t>(volumes_.size());
  }
  for (const auto& [id, job] : view.state.jobs) {
    if (SurveyedVolume* volume = place_of(job.volume)) volume->job = true;
  }
  for (const VolumeId id : resting) {
    if (SurveyedVolume* volume = place_of(id)) volume->rests = true;
  }
  note_copies(view);
}

/// A stretch of volumes at a time, through the copies of every node: what a stretch touches fits
/// the processor's cache, a whole pass for each node would not.
void Survey::note_copies(const PlacementView& view) {
  constexpr std::size_t kStretch = 4096;
  struct Cursor {
    NodeNumber node;
    bool alive;
    std::span<const ObservedCopy> left;
  };
  std::vector<Cursor> cursors;
  for (const auto& [number, node] : view.topology.nodes()) {
    cursors.push_back({number, view.topology.alive(number, view.now), node.copies});
  }
  for (std::size_t begin = 0; begin < volumes_.size(); begin += kStretch) {
    const VolumeId last = volumes_[std::min(begin + kStretch, volumes_.size()) - 1].id;
    for (Cursor& cursor : cursors) {
      auto& left = cursor.left;
      for (; !left.empty() && left.front().volume <= last; left = left.subspan(1)) {
        note(left.front(), cursor.node, cursor.alive);
      }
    }
  }
}

const SurveyedVolume* Survey::find(VolumeId id) const {
  if (id.value >= places_.size() || places_[id.value] == 0) return nullptr;
  return &volumes_[places_[id.value] - 1];
}

SurveyedVolume* Survey::place_of(VolumeId id) {
  return const_cast<SurveyedVolume*>(std::as_const(*this).find(id));
}

void Survey::note(const ObservedCopy& copy, NodeNumber node, bool alive) {
  SurveyedVolume* const found = place_of(copy.volume);
  if (found == nullptr) return;
  SurveyedVolume& volume = *found;
  const auto& members = volume.record->members;
  const auto member = std::ranges::find(members, node);
  if (member == members.end()) {
    if (!alive) return;
    const StrayCopy stray{node, copy.volume, copy.generation};
    if (copy.generation < volume.record->generation) {
      strays_.push_back(stray);
    } else if (!volume.job && !volume.record->frozen) {
      unexplained_.push_back(stray);
    }
    return;
  }
  volume.bytes = std::max(volume.bytes, copy.file_bytes);
  if (!alive || copy.read_only || copy.generation != volume.record->generation) return;
  ++volume.healthy;
  volume.healthy_bits |= 1U << (member - members.begin());
}

}  // namespace kelp::master
