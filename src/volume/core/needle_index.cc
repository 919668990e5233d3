#include "volume/core/needle_index.h"

#include <algorithm>

namespace kelp {

NeedleIndex::NeedleIndex(VolumeIndex needles)
    : recent_(std::move(needles)), size_(recent_.size()), live_bytes_(recent_.live_bytes()) {}

NeedleIndex::NeedleIndex(std::shared_ptr<const IndexSource> file)
    : file_(std::move(file)),
      size_(file_->header().needles),
      live_bytes_(file_->header().live_bytes) {}

std::optional<std::optional<NeedlePlace>> NeedleIndex::find_at_once(NeedleKey key) const {
  if (const auto place = recent_.find(key)) return place;
  const bool outside =
      file_ == nullptr || file_->header().needles == 0 || key.value > file_->header().last_key;
  if (outside || gone_.contains(key.value)) return std::optional<NeedlePlace>();
  return std::nullopt;
}

Result<std::optional<NeedlePlace>> NeedleIndex::find(NeedleKey key) const {
  if (const auto known = find_at_once(key)) return *known;
  return file_->find(key);
}

void NeedleIndex::add(NeedleKey key, NeedlePlace place) {
  if (!recent_.insert(key, place)) return;
  ++size_;
  live_bytes_ += place.bytes;
}

Result<bool> NeedleIndex::insert(NeedleKey key, NeedlePlace place) {
  KELP_TRY(const auto there, find(key));
  if (there.has_value()) return false;
  add(key, place);
  return true;
}

Result<std::optional<NeedlePlace>> NeedleIndex::erase(NeedleKey key) {
  KELP_TRY(const auto place, find(key));
  if (place.has_value()) bury(key, *place);
  return place;
}

bool NeedleIndex::erase_known(const IndexEntry& entry) {
  const auto there = find(entry.key);
  // A file that cannot be read has what was found there.
  if (there.has_value() && !there->has_value()) return false;
  bury(entry.key, there.has_value() ? **there : entry.place);
  return true;
}

/// `key` is there.
void NeedleIndex::bury(NeedleKey key, NeedlePlace place) {
  if (!recent_.erase(key).has_value()) gone_.insert(key.value);
  --size_;
  live_bytes_ -= place.bytes;
}

Result<std::vector<IndexEntry>> NeedleIndex::list(std::optional<NeedleKey> after,
                                                  std::size_t limit) const {
  std::vector<IndexEntry> recent = recent_.list(after, limit);
  if (file_ == nullptr || limit == 0) return recent;
  std::vector<IndexEntry> out;
  auto next = recent.cbegin();
  while (out.size() < limit && (!after.has_value() || after->value < UINT64_MAX)) {
    const NeedleKey from{after.has_value() ? after->value + 1 : 0};
    KELP_TRY(const auto page, file_->list(from));
    if (page.empty()) break;
    for (const IndexEntry& entry : page) {
      for (; next != recent.cend() && next->key < entry.key; ++next) out.push_back(*next);
      if (!gone_.contains(entry.key.value)) out.push_back(entry);
    }
    after = page.back().key;
  }
  for (; next != recent.cend() && out.size() < limit; ++next) out.push_back(*next);
  out.resize(std::min(out.size(), limit));
  return out;
}

bool NeedleIndex::may_have_over(NeedleKey key) const {
  const bool in_file =
      file_ != nullptr && file_->header().needles > 0 && file_->header().last_key > key.value;
  return in_file || !recent_.list(key, 1).empty();
}

std::size_t NeedleIndex::memory_bytes() const {
  return recent_.memory_bytes() + gone_.bucket_count() * (sizeof(std::uint64_t) + 1) +
         (file_ == nullptr ? 0 : file_->memory_bytes());
}

Result<NeedleIndex> NeedleIndex::over(std::shared_ptr<const IndexSource> file,
                                      std::span<const NeedleKey> changed) const {
  NeedleIndex out(std::move(file));
  for (const NeedleKey key : changed) {
    KELP_TRY(const auto now, find(key));
    KELP_TRY(const auto then, out.find(key));
    if (now == then) continue;
    if (then.has_value()) out.bury(key, *then);
    if (now.has_value()) out.add(key, *now);
  }
  return out;
}

}  // namespace kelp
