#include "master/core/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kelp::master {
namespace {

ObservedCopy observed(const VolumeStatus& status) {
  return {.volume = status.volume,
          .generation = status.generation,
          .file_bytes = status.file_bytes,
          .live_bytes = status.live_bytes,
          .needles = status.needle_count,
          .read_only = status.read_only,
          .frozen = status.frozen};
}

std::uint64_t hash_of_copy(const ObservedCopy& copy) {
  VolumeStatus status;
  status.volume = copy.volume;
  status.generation = copy.generation;
  status.file_bytes = copy.file_bytes;
  status.live_bytes = copy.live_bytes;
  status.needle_count = copy.needles;
  status.read_only = copy.read_only;
  status.frozen = copy.frozen;
  return hash_of(status);
}

auto position(std::vector<ObservedCopy>& copies, VolumeId volume) {
  return std::ranges::lower_bound(copies, volume, {}, &ObservedCopy::volume);
}

/// Merges what changed, and its share of the hash.
void merge(ObservedNode& node, const Heartbeat& beat) {
  for (const VolumeStatus& status : beat.status.volumes) {
    const ObservedCopy copy = observed(status);
    const auto at = position(node.copies, copy.volume);
    node.volumes_hash += hash_of_copy(copy);
    if (at != node.copies.end() && at->volume == copy.volume) {
      node.volumes_hash -= hash_of_copy(*at);
      *at = copy;
    } else {
      node.copies.insert(at, copy);
    }
  }
  for (const VolumeId gone : beat.gone) {
    const auto at = position(node.copies, gone);
    if (at == node.copies.end() || at->volume != gone) continue;
    node.volumes_hash -= hash_of_copy(*at);
    node.copies.erase(at);
  }
}

}  // namespace

const ObservedCopy* ObservedNode::find(VolumeId volume) const {
  const auto at = std::ranges::lower_bound(copies, volume, {}, &ObservedCopy::volume);
  return at != copies.end() && at->volume == volume ? &*at : nullptr;
}

void Topology::reset(MonoTime now) {
  since_ = now;
  nodes_.clear();
  at_.clear();
}

Result<void> Topology::check_single(NodeNumber number, const Heartbeat& beat,
                                    const std::string& address, MonoTime now) const {
  const ObservedNode* node = find(number);
  const MonoTime heard = node == nullptr ? since_ : node->heard;
  const bool same =
      node == nullptr ? beat.identity.address == address : node->process == beat.process;
  if (same || now - heard > options_.suspect_after) return {};
  const auto ago = std::chrono::duration_cast<std::chrono::milliseconds>(now - heard).count();
  if (node == nullptr) {
    return Error(Errc::kConflict,
                 fmt::format("node {} is registered at {}, and this master leads for {} ms only: "
                             "it waits whether that one is still there",
                             beat.identity.node_id, address, ago));
  }
  return Error(Errc::kConflict,
               fmt::format("node {} is in use by another process, at {}, that was heard {} ms ago: "
                           "two servers have the same id on their disks. Give the one that was "
                           "copied an empty directory",
                           beat.identity.node_id, address, ago));
}

Result<HeartbeatAnswer> Topology::take(NodeNumber number, const Heartbeat& beat, MonoTime now) {
  KELP_CHECK(check_single(number, beat, beat.identity.address, now));
  ObservedNode& node = nodes_[number];
  const bool known = node.process != 0;
  const bool silent = now - node.heard > options_.suspect_after;
  if (!known || silent || node.process != beat.process) {
    if (now - node.first_heard > options_.flap_window) node.flaps = 0;
    if (known) ++node.flaps;
    node.first_heard = now;
  }
  const bool follows = node.process == beat.process && beat.sequence == node.sequence + 1;
  node.node_id = beat.identity.node_id;
  node.address = beat.identity.address;
  if (const NodeNumber last = std::exchange(at_[node.address], number); last != number) {
    const auto former = nodes_.find(last);
    const bool here = former != nodes_.end() && former->second.address == node.address;
    if (here) former->second.complete = false;
  }
  node.process = beat.process;
  node.sequence = beat.sequence;
  node.heard = now;
  node.total_bytes = beat.status.total_bytes;
  node.free_bytes = beat.status.free_bytes;
  node.write_time = std::chrono::microseconds(beat.status.write_micros);
  judge_disk(number, node, now);
  if (beat.full) {
    node.copies.clear();
    node.copies.reserve(beat.status.volumes.size());
    node.volumes_hash = 0;
    merge(node, beat);
    node.complete = node.volumes_hash == beat.volumes_hash;
  } else if (node.complete && follows) {
    merge(node, beat);
    node.complete = node.volumes_hash == beat.volumes_hash;
  } else {
    node.complete = false;
  }
  HeartbeatAnswer answer;
  answer.send_full = !node.complete;
  return answer;
}

bool Topology::lags(NodeNumber number, const ObservedNode& node, MonoTime now) const {
  if (node.write_time < options_.slow_least) return false;
  std::vector<std::chrono::microseconds> others;
  for (const auto& [other, seen] : nodes_) {
    if (other != number && seen.write_time.count() > 0 && alive(other, now)) {
      others.push_back(seen.write_time);
    }
  }
  if (others.empty()) return false;
  const auto middle = others.begin() + static_cast<std::ptrdiff_t>(others.size() / 2);
  std::ranges::nth_element(others, middle);
  return node.write_time >= *middle * options_.slow_factor;
}

void Topology::judge_disk(NodeNumber number, ObservedNode& node, MonoTime now) {
  if (!lags(number, node, now)) {
    node.slow_since.reset();
  } else if (!node.slow_since.has_value()) {
    node.slow_since = now;
  }
  // Once is not enough: when all become slow, one is the first to say so.
  if (node.slow_since.has_value() && now - *node.slow_since >= options_.slow_after) {
    node.slow_until = now + options_.slow_hold;
  } else if (node.slow_until.has_value() && now >= *node.slow_until) {
    node.slow_until.reset();
  }
}

void Topology::assume(NodeNumber number, VolumeId volume, Generation generation, bool frozen) {
  const auto found = nodes_.find(number);
  if (found == nodes_.end()) return;
  ObservedNode& node = found->second;
  auto at = position(node.copies, volume);
  if (at == node.copies.end() || at->volume != volume) {
    ObservedCopy made;
    made.volume = volume;
    at = node.copies.insert(at, made);
  } else {
    node.volumes_hash -= hash_of_copy(*at);
  }
  at->generation = generation;
  at->frozen = frozen;
  node.volumes_hash += hash_of_copy(*at);
}

const ObservedNode* Topology::find(NodeNumber number) const {
  const auto found = nodes_.find(number);
  return found == nodes_.end() ? nullptr : &found->second;
}

bool Topology::alive(NodeNumber number, MonoTime now) const {
  const ObservedNode* node = find(number);
  return node != nullptr && node->complete && now - node->heard <= options_.suspect_after;
}

bool Topology::steady(NodeNumber number, MonoTime now) const {
  if (!alive(number, now)) return false;
  const ObservedNode& node = *find(number);
  return node.flaps < options_.flap_limit || now - node.first_heard >= options_.flap_hold;
}

bool Topology::slow(NodeNumber number, MonoTime now) const {
  const ObservedNode* node = find(number);
  return node != nullptr && now < node->slow_until.value_or(MonoTime::min());
}

bool Topology::any_slow(MonoTime now) const {
  return std::ranges::any_of(nodes_, [now](const auto& item) {
    return now < item.second.slow_until.value_or(MonoTime::min());
  });
}

bool Topology::dead(NodeNumber number, MonoTime now) const {
  const ObservedNode* node = find(number);
  const MonoTime heard = node == nullptr ? since_ : std::max(node->heard, since_);
  return now - heard > options_.dead_after;
}

const ObservedCopy* Topology::trusted(NodeNumber number, VolumeId volume,
                                      const VolumeRecord& record, MonoTime now) const {
  if (!alive(number, now)) return nullptr;
  const ObservedCopy* copy = find(number)->find(volume);
  return copy != nullptr && copy->generation == record.generation ? copy : nullptr;
}

}  // namespace kelp::master
