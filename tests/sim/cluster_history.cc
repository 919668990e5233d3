#include "tests/sim/cluster_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace kelp::test {
namespace {

constexpr std::size_t kViolationsKept = 20;

}  // namespace

std::string body_of(const FileId& fid, std::uint64_t bytes) {
  Rng rng(fid.key.value * 0x9e3779b97f4a7c15 + fid.cookie.value + fid.volume.value);
  std::string body(bytes, '\0');
  for (std::size_t at = 0; at < body.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = rng.next();
    std::memcpy(body.data() + at, &word, std::min(sizeof word, body.size() - at));
  }
  return body;
}

void ClusterHistory::violated(std::string what) {
  if (violations.size() < kViolationsKept) violations.push_back(std::move(what));
}

// --- Raft: figure 3.2 of the thesis, as far as messages show it

void ClusterHistory::sent(const raft::Message& message, MonoTime now) {
  const auto* append = std::get_if<raft::AppendRequest>(&message.body);
  if (append == nullptr) return;
  lead(message, now);
  auto& log = logs_[message.term];
  for (const raft::Entry& entry : append->entries) {
    const auto [known, added] =
        entries_.try_emplace(std::pair(entry.index, entry.term), entry.data);
    if (!added && known->second != entry.data) {
      violated(fmt::format("entry {} of term {} differs", entry.index.value, entry.term.value));
    }
    log[entry.index] = entry.term;
  }
  for (auto at = log.begin(); at != log.end() && at->first <= append->commit;) {
    const auto [known, added] = committed_.try_emplace(at->first, at->second);
    if (!added && known->second != at->second) {
      violated(fmt::format("entry {} was committed in term {} and is of term {}", at->first.value,
                           known->second.value, at->second.value));
    }
    at = log.erase(at);
  }
}

void ClusterHistory::lead(const raft::Message& message, MonoTime now) {
  const auto [known, added] =
      leads_.try_emplace(message.term, Lead{message.term, message.from, now});
  if (!added && known->second.master != message.from) {
    violated(fmt::format("term {} has two leaders: {} and {}", message.term.value,
                         known->second.master.value, message.from.value));
  }
}

void ClusterHistory::forget_raft() {
  leads_.clear();
  entries_.clear();
  logs_.clear();
  committed_.clear();
}

std::optional<ClusterHistory::Lead> ClusterHistory::newest_lead() const {
  if (leads_.empty()) return std::nullopt;
  return leads_.rbegin()->second;
}

// --- keys and needles

void ClusterHistory::leased(const WriteLease& lease, const std::string& master) {
  const std::uint64_t first = lease.first_key.value;
  const std::uint64_t end = first + lease.key_count;
  const auto next = leased_.lower_bound(first);
  const bool overlaps = (next != leased_.end() && next->first < end) ||
                        (next != leased_.begin() && std::prev(next)->second > first);
  if (overlaps) violated(fmt::format("{} leased keys {} to {} again", master, first, end - 1));
  leased_[first] = std::max(leased_[first], end);
}

void ClusterHistory::begun(const FileId& fid, std::uint64_t bytes) {
  if (!needles_.try_emplace(fid.key, Needle{fid, bytes, false}).second) {
    violated(fmt::format("key {} was handed out twice", fid.key.value));
  }
  keys_.push_back(fid.key);
}

void ClusterHistory::acknowledged(const FileId& fid) {
  ++acks_;
  needles_.at(fid.key).acknowledged = true;
}

void ClusterHistory::read(const FileId& fid, std::uint64_t offset, std::string_view bytes,
                          const std::string& where) {
  ++reads_;
  const Needle& needle = needles_.at(fid.key);
  if (body_of(fid, needle.bytes).substr(offset, bytes.size()) == bytes) return;
  violated(fmt::format("needle {} has other bytes at {}", to_string(fid), where));
}

const ClusterHistory::Needle* ClusterHistory::any(Rng& rng) const {
  if (keys_.empty()) return nullptr;
  return &needles_.at(keys_[rng.below(keys_.size())]);
}

}  // namespace kelp::test
