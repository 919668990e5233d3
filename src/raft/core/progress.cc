#include "raft/core/progress.h"

#include <algorithm>

#include "base/assert.h"
#include "raft/core/log_view.h"

namespace kelp::raft {

bool Progress::may_send(std::uint32_t window) const {
  switch (state_) {
    case State::kProbe:
      return !probe_sent_;
    case State::kReplicate:
      return window_.size() < window;
    case State::kSnapshot:
      return false;
  }
  return false;
}

void Progress::sent(LogIndex last) {
  KELP_ASSERT(last >= next_ && state_ != State::kSnapshot, "only new entries are sent");
  if (state_ == State::kProbe) {
    probe_sent_ = true;
    return;
  }
  next_ = after(last);
  window_.push_back(last);
}

void Progress::offered_snapshot(LogIndex index) {
  state_ = State::kSnapshot;
  snapshot_ = index;
  window_.clear();
}

bool Progress::accepted(LogIndex match) {
  const bool grew = match > match_;
  match_ = std::max(match_, match);
  next_ = std::max(next_, after(match_));
  while (!window_.empty() && window_.front() <= match_) window_.pop_front();
  if (state_ == State::kProbe || (state_ == State::kSnapshot && match_ >= snapshot_)) {
    state_ = State::kReplicate;
    probe_sent_ = false;
  }
  return grew;
}

bool Progress::is_news(LogIndex hint) const {
  return state_ != State::kSnapshot && hint >= match_ && hint < before(next_);
}

void Progress::refused(LogIndex agreed) {
  probe(std::max(after(agreed), after(match_)));
}

void Progress::lost() {
  if (state_ == State::kReplicate) probe(after(match_));
}

void Progress::snapshot_ended(bool succeeded) {
  if (state_ != State::kSnapshot) return;
  probe(after(succeeded ? std::max(snapshot_, match_) : match_));
  probe_sent_ = true;
}

void Progress::probe(LogIndex next) {
  state_ = State::kProbe;
  next_ = next;
  probe_sent_ = false;
  window_.clear();
}

}  // namespace kelp::raft
