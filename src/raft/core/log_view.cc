#include "raft/core/log_view.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"

namespace kelp::raft {

LogView::LogView(LogIndex base, Term base_term, std::vector<Entry> entries)
    : base_(base),
      base_term_(base_term),
      entries_(std::make_move_iterator(entries.begin()), std::make_move_iterator(entries.end())),
      handed_(last()),
      stored_(last()) {}

Term LogView::last_term() const {
  return entries_.empty() ? base_term_ : entries_.back().term;
}

std::optional<Term> LogView::term_at(LogIndex index) const {
  if (index == base_) return base_term_;
  if (index < base_ || index > last()) return std::nullopt;
  return at(index).term;
}

const Entry& LogView::at(LogIndex index) const {
  KELP_ASSERT(index > base_ && index <= last(), "an entry was asked for that is not in the log");
  return entries_[index.value - base_.value - 1];
}

LogIndex LogView::newest_of_term(LogIndex limit, Term term) const {
  limit = std::clamp(limit, base_, last());
  const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(limit.value - base_.value);
  const auto past = std::partition_point(entries_.begin(), end,
                                         [&](const Entry& entry) { return entry.term <= term; });
  return LogIndex{base_.value + static_cast<std::uint64_t>(past - entries_.begin())};
}

std::vector<Entry> LogView::copy(LogIndex from, LogIndex to) const {
  if (from > to) return {};
  KELP_ASSERT(from > base_ && to <= last(), "entries were asked for that are not in the log");
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(from.value - base_.value - 1);
  return {begin, begin + static_cast<std::ptrdiff_t>(to.value - from.value + 1)};
}

std::vector<Entry> LogView::copy_bytes(LogIndex from, std::uint64_t bytes) const {
  if (from > last()) return {};
  LogIndex to = from;
  std::uint64_t sum = at(from).data.size();
  while (to < last()) {
    sum += at(after(to)).data.size();
    if (sum > bytes) break;
    to = after(to);
  }
  return copy(from, to);
}

void LogView::append(Entry entry) {
  KELP_ASSERT(entry.index == after(last()), "the log has no gaps");
  KELP_ASSERT(entry.term >= last_term(), "terms never fall along the log");
  entries_.push_back(std::move(entry));
}

void LogView::truncate_from(LogIndex index) {
  KELP_ASSERT(index > base_, "what is compacted was committed");
  while (last() >= index) entries_.pop_back();
  handed_ = std::min(handed_, last());
  stored_ = std::min(stored_, last());
  for (Flight& flight : flights_) flight.last = std::min(flight.last, last());
}

void LogView::compact(LogIndex index) {
  if (index <= base_) return;
  const Term term = at(index).term;
  entries_.erase(entries_.begin(),
                 entries_.begin() + static_cast<std::ptrdiff_t>(index.value - base_.value));
  base_ = index;
  base_term_ = term;
}

void LogView::reset(LogIndex base, Term base_term) {
  entries_.clear();
  base_ = base;
  base_term_ = base_term;
  handed_ = base;
  stored_ = LogIndex{};
  for (Flight& flight : flights_) flight.last = LogIndex{};
  reset_ = true;
}

void LogView::covered(LogIndex index) {
  stored_ = std::max(stored_, index);
}

std::vector<Entry> LogView::hand_out(std::uint64_t sequence) {
  if (!has_unstored()) return {};
  std::vector<Entry> entries = copy(after(handed_), last());
  handed_ = last();
  reset_ = false;
  flights_.push_back({sequence, handed_});
  return entries;
}

void LogView::stored(std::uint64_t sequence) {
  while (!flights_.empty() && flights_.front().sequence <= sequence) {
    stored_ = std::max(stored_, flights_.front().last);
    flights_.pop_front();
  }
}

}  // namespace kelp::raft
