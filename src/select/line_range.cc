#include "select/line_range.h"

#include <algorithm>
#include <utility>

namespace kelp::select {

std::optional<ByteStretch> resolve(const ScanRange& range, std::uint64_t object_bytes) {
  ByteStretch stretch{.begin = 0, .end = object_bytes};
  if (range.first) {
    stretch.begin = *range.first;
    if (range.last && *range.last < object_bytes) stretch.end = *range.last + 1;
  } else if (range.last) {
    stretch.begin = object_bytes - std::min(object_bytes, *range.last);
  }
  if (stretch.begin == 0 && object_bytes == 0) return stretch;
  if (stretch.begin >= stretch.end) return std::nullopt;
  return stretch;
}

LineRange::LineRange(std::string delimiter, ByteStretch stretch)
    : delimiter_(std::move(delimiter)),
      stretch_(stretch),
      position_(stretch.begin - std::min<std::uint64_t>(stretch.begin, delimiter_.size())),
      skipping_(stretch.begin > 0) {}

std::optional<std::size_t> LineRange::find_end(std::string_view bytes, std::uint64_t least) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    tail_ += bytes[i];
    if (tail_.size() > delimiter_.size()) tail_.erase(0, 1);
    if (tail_ == delimiter_ && position_ + i + 1 >= least) return i + 1;
  }
  return std::nullopt;
}

std::string_view LineRange::filter(std::string_view bytes) {
  if (complete_) return {};
  if (skipping_) {
    const auto end = find_end(bytes, stretch_.begin);
    const std::size_t gone = end.value_or(bytes.size());
    position_ += gone;
    bytes.remove_prefix(gone);
    complete_ = position_ >= stretch_.end;
    if (!end || complete_) return {};
    skipping_ = false;
  }
  // A record that begins at the end of the stretch is not in it.
  const std::uint64_t near =
      stretch_.end - std::min<std::uint64_t>(stretch_.end, delimiter_.size());
  std::size_t kept = 0;
  if (position_ < near) {
    kept = static_cast<std::size_t>(std::min<std::uint64_t>(near - position_, bytes.size()));
    tail_.clear();
    position_ += kept;
  }
  const std::string_view rest = bytes.substr(kept);
  const auto end = find_end(rest, stretch_.end);
  position_ += end.value_or(rest.size());
  complete_ = end.has_value();
  return bytes.substr(0, kept + end.value_or(rest.size()));
}

}  // namespace kelp::select
