#include "volume/store/log_walk.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

namespace kelp {
namespace {

constexpr std::size_t kSequentialBytes = 1 << 20;
constexpr std::size_t kJumpBytes = 16 * 1024;

/// The next multiple of 8 behind `offset`, within what `bytes` (from `offset` on) shows, where a
/// header could begin.
std::uint64_t next_magic(ByteSpan bytes, std::uint64_t offset) {
  std::size_t at = kNeedleAlignment;
  for (; at + sizeof kNeedleMagic <= bytes.size(); at += kNeedleAlignment) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    if (word == kNeedleMagic) break;
  }
  return offset + at;
}

}  // namespace

Result<std::optional<LogStep>> LogWalk::next() {
  if (at_ >= file_bytes_) return std::nullopt;
  LogStep step{.offset = at_};
  KELP_TRY(const ByteSpan bytes, window(at_, kNeedleHeaderBytes + kMaxBackPointerBytes));
  const auto header = decode_needle_header(bytes, seed_.at(at_));
  if (!header.has_value()) {
    if (header.error().code() == Errc::kUnimplemented) return header.error();
    KELP_TRY(step, gap());
    at_ += step.bytes;
    return step;
  }
  const NeedleLayout layout = layout_of(*header);
  const std::string head(
      as_text(bytes.first(std::min<std::size_t>(bytes.size(), layout.body_offset))));
  KELP_TRY(const ByteSpan trailer, window(at_ + layout.trailer_offset, layout.trailer_bytes));
  step.trailer_matches = needle_trailer_matches(*header, as_bytes(head), trailer);
  step.header = *header;
  step.back_pointer = head.substr(kNeedleHeaderBytes);
  // Also an unfinished needle owns its room for good: others lie behind it.
  step.bytes = layout.total_bytes;
  at_ += step.bytes;
  return step;
}

/// Everything up to the next header that checks.
Result<LogStep> LogWalk::gap() {
  std::uint64_t at = at_;
  while (at < file_bytes_) {
    KELP_TRY(const ByteSpan bytes, window(at, kNeedleHeaderBytes));
    const auto header = decode_needle_header(bytes, seed_.at(at));
    if (header.has_value() || header.error().code() == Errc::kUnimplemented) break;
    at = std::min(next_magic(bytes, at), file_bytes_);
  }
  return LogStep{.offset = at_, .bytes = at - at_};
}

/// Bytes from `offset` on: at least `wanted`, or fewer at the end of the file.
Result<ByteSpan> LogWalk::window(std::uint64_t offset, std::size_t wanted) {
  if (offset >= file_bytes_) return ByteSpan{};
  wanted = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, file_bytes_ - offset));
  if (offset < window_begin_ || offset + wanted > window_begin_ + window_.size()) {
    KELP_CHECK(load(offset, wanted));
  }
  return std::as_bytes(std::span(window_)).subspan(offset - window_begin_);
}

Result<void> LogWalk::load(std::uint64_t offset, std::size_t wanted) {
  // Small needles are read in large strides, large ones only at their ends.
  const bool jump = offset > window_begin_ + window_.size() + kSequentialBytes;
  const std::uint64_t size = std::min<std::uint64_t>(
      std::max(wanted, jump ? kJumpBytes : kSequentialBytes), file_bytes_ - offset);
  window_.resize(size);
  auto got = file_.read_at(offset, std::as_writable_bytes(std::span(window_)));
  if (got.has_value() && *got != size) {
    got = Error(Errc::kIo, fmt::format("log: {} of {} bytes at {}", *got, size, offset));
  }
  if (!got.has_value()) {
    window_.clear();
    return got.error();
  }
  window_begin_ = offset;
  return {};
}

}  // namespace kelp
