#include "volume/store/log_scan.h"

#include <fmt/core.h>

#include <algorithm>

namespace kelp {
namespace {

constexpr std::size_t kSequentialBytes = 1 << 20;
constexpr std::size_t kJumpBytes = 16 * 1024;

/// A stretch of the file in memory that moves with the scan.
class LogWindow {
 public:
  LogWindow(File& file, std::uint64_t file_bytes) : file_(file), file_bytes_(file_bytes) {}

  /// Bytes from `offset` on: at least `wanted`, or fewer at the end of the file.
  Result<ByteSpan> at(std::uint64_t offset, std::size_t wanted) {
    if (offset >= file_bytes_) return ByteSpan{};
    wanted = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, file_bytes_ - offset));
    if (offset < begin_ || offset + wanted > begin_ + bytes_.size()) {
      KELP_CHECK(load(offset, wanted));
    }
    return std::as_bytes(std::span(bytes_)).subspan(offset - begin_);
  }

 private:
  Result<void> load(std::uint64_t offset, std::size_t wanted) {
    // Small needles are read in large strides, large ones only at their ends.
    const bool jump = offset > begin_ + bytes_.size() + kSequentialBytes;
    const std::uint64_t size = std::min<std::uint64_t>(
        std::max(wanted, jump ? kJumpBytes : kSequentialBytes), file_bytes_ - offset);
    bytes_.resize(size);
    KELP_TRY(const std::size_t got,
             file_.read_at(offset, std::as_writable_bytes(std::span(bytes_))));
    if (got != size) {
      bytes_.clear();
      return Error(Errc::kIo, fmt::format("log: {} of {} bytes at {}", got, size, offset));
    }
    begin_ = offset;
    return {};
  }

  File& file_;
  const std::uint64_t file_bytes_;
  std::uint64_t begin_ = 0;
  std::vector<char> bytes_;
};

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

void apply(const NeedleHeader& header, std::uint64_t offset, VolumeIndex& index, LogScan& scan) {
  if (header.tombstone) {
    ++scan.tombstones;
    index.erase(header.key);
    return;
  }
  ++scan.needles;
  index.insert(header.key, {.offset = offset,
                            .bytes = static_cast<std::uint32_t>(layout_of(header).total_bytes)});
}

}  // namespace

Result<LogScan> scan_log(File& file, const NeedleSeed& seed, std::uint64_t from,
                         std::uint64_t file_bytes, VolumeIndex& index) {
  LogScan scan;
  LogWindow window(file, file_bytes);
  std::uint64_t at = from;
  while (at < file_bytes) {
    KELP_TRY(ByteSpan bytes, window.at(at, kNeedleHeaderBytes + kMaxBackPointerBytes));
    const auto header = decode_needle_header(bytes, seed.at(at));
    if (!header.has_value()) {
      if (header.error().code() == Errc::kUnimplemented) return header.error();
      const std::uint64_t next = std::min(next_magic(bytes, at), file_bytes);
      scan.skipped_bytes += next - at;
      at = next;
      continue;
    }
    const NeedleLayout layout = layout_of(*header);
    const std::string head(
        as_text(bytes.first(std::min<std::size_t>(bytes.size(), layout.body_offset))));
    KELP_TRY(const ByteSpan trailer, window.at(at + layout.trailer_offset, layout.trailer_bytes));
    if (needle_trailer_matches(*header, as_bytes(head), trailer)) {
      apply(*header, at, index, scan);
    } else {
      ++scan.unfinished;
      scan.skipped_bytes += layout.total_bytes;
    }
    // Also an unfinished needle owns its room for good: others lie behind it.
    at += layout.total_bytes;
  }
  scan.end = (at + kNeedleAlignment - 1) / kNeedleAlignment * kNeedleAlignment;
  return scan;
}

}  // namespace kelp
