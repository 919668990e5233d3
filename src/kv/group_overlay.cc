#include "kv/group_overlay.h"

namespace kelp {

void GroupOverlay::clear() {
  changes_.clear();
  removed_.clear();
  order_ = 0;
}

void GroupOverlay::put(std::string_view key, std::string_view value) {
  changes_.insert_or_assign(key, Change{.order = ++order_, .present = true, .value = value});
}

void GroupOverlay::put_counter(std::string_view key, std::int64_t counter) {
  changes_.insert_or_assign(
      key, Change{.order = ++order_, .present = true, .is_counter = true, .counter = counter});
}

void GroupOverlay::remove(std::string_view key) {
  changes_.insert_or_assign(key, Change{.order = ++order_});
}

void GroupOverlay::remove_range(std::string_view begin, std::string_view end) {
  if (begin < end) removed_.push_back({.order = ++order_, .begin = begin, .end = end});
}

GroupOverlay::Found GroupOverlay::find(std::string_view key) const {
  const auto found = changes_.find(key);
  if (found == changes_.end()) {
    return {.row = removed_later(key, 0) ? Row::kAbsent : Row::kUntouched, .value = {}};
  }
  const Change& change = found->second;
  if (!change.present || removed_later(key, change.order))
    return {.row = Row::kAbsent, .value = {}};
  if (!change.is_counter) return {.row = Row::kPresent, .value = change.value};
  return {.row = Row::kPresent,
          .value = {reinterpret_cast<const char*>(&change.counter), sizeof change.counter}};
}

bool GroupOverlay::any_present(std::string_view begin, std::string_view end) const {
  for (const auto& [key, change] : changes_) {
    if (change.present && key >= begin && key < end && !removed_later(key, change.order))
      return true;
  }
  return false;
}

bool GroupOverlay::removed_later(std::string_view key, std::uint32_t order) const {
  for (const RemovedRange& range : removed_) {
    if (range.order > order && key >= range.begin && key < range.end) return true;
  }
  return false;
}

}  // namespace kelp
