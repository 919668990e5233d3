#include "lifecycle/key_judge.h"

#include <algorithm>

namespace kelp::lifecycle {

std::optional<Verdict> KeyJudge::when_due(Act act, const std::optional<Due>& due) const {
  if (!due || due->at > now_) return std::nullopt;
  return Verdict{act, *due};
}

void KeyJudge::begin(std::string_view key) {
  key_ = key;
  first_.reset();
  older_ = 0;
  any_ = false;
}

std::optional<Verdict> KeyJudge::take(const Version& version) {
  const WallTime since = newer_modified_;
  newer_modified_ = version.modified;
  const std::uint64_t size_bytes = version.delete_marker ? 0 : version.size_bytes;
  const Subject subject{.key = key_, .size_bytes = size_bytes, .tags = version.tags};
  if (!any_) {
    any_ = true;
    first_ = judge_first(version, subject);
    return std::nullopt;
  }
  const auto newer = static_cast<std::uint32_t>(std::min<std::uint64_t>(older_++, UINT32_MAX));
  const auto gone =
      when_due(Act::kRemoveVersion, noncurrent_expiry(rules_, subject, since, newer, calendar_));
  if (gone || version.delete_marker) return gone;
  return when_due(Act::kMove, noncurrent_move(rules_, subject, version.storage_class, since, newer,
                                              calendar_, now_));
}

std::optional<Verdict> KeyJudge::judge_first(const Version& version, const Subject& subject) const {
  if (version.delete_marker) {
    return when_due(Act::kRemoveMarker, marker_expiry(rules_, key_, version.modified, calendar_));
  }
  const auto gone = when_due(Act::kExpire, expiry(rules_, subject, version.modified, calendar_));
  if (gone) return gone;
  return when_due(Act::kMove,
                  move(rules_, subject, version.storage_class, version.modified, calendar_, now_));
}

std::optional<Verdict> KeyJudge::end() {
  if (first_ && first_->act == Act::kRemoveMarker && older_ > 0) return std::nullopt;
  return first_;
}

}  // namespace kelp::lifecycle
