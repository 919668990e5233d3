#include "raft/node/wal_format.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc.h"

namespace kelp::raft {
namespace {

constexpr std::string_view kSegmentMagic = "KRLG";
constexpr std::string_view kFrameMagic = "KRFR";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kSectorBytes = 512;
/// What fills a frame up: not zero, so that a lost sector shows.
constexpr char kPadding = '\xff';

enum class RecordType : std::uint8_t { kEntry = 1, kHardState = 2, kReset = 3, kPosition = 4 };

bool is_zeros(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

/// A frame's header belongs to one place of one segment.
std::uint32_t header_crc(const SegmentHeader& segment, std::uint64_t offset,
                         std::string_view header) {
  std::string seed;
  ByteWriter writer(seed);
  writer.fixed(segment.salt);
  writer.fixed(segment.segment);
  writer.fixed(offset);
  return crc32c(as_bytes(header.substr(0, kFrameHeaderBytes - kCrcBytes)), crc32c(as_bytes(seed)));
}

/// Some sector's part of `frame`, which stands at `offset`, is zeros.
bool has_hole(std::string_view frame, std::uint64_t offset) {
  while (!frame.empty()) {
    const auto part = std::min<std::size_t>(frame.size(), kSectorBytes - offset % kSectorBytes);
    if (is_zeros(frame.substr(0, part))) return true;
    frame.remove_prefix(part);
    offset += part;
  }
  return false;
}

LogPosition read_position(ByteReader& reader) {
  LogPosition at;
  at.index = LogIndex{reader.varint()};
  at.term = Term{reader.varint()};
  return at;
}

Entry read_entry(ByteReader& reader) {
  Entry entry;
  entry.index = LogIndex{reader.varint()};
  entry.term = Term{reader.varint()};
  entry.kind = static_cast<EntryKind>(reader.fixed<std::uint8_t>());
  entry.data = reader.text();
  return entry;
}

HardState read_hard_state(ByteReader& reader) {
  HardState hard;
  hard.term = Term{reader.varint()};
  if (reader.fixed<std::uint8_t>() != 0) hard.vote = NodeId{reader.varint()};
  hard.commit = LogIndex{reader.varint()};
  return hard;
}

}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  KELP_ASSERT(header.cluster_id.size() <= kMaxClusterIdBytes, "a cluster id is a UUID");
  std::string out(kSegmentMagic);
  ByteWriter writer(out);
  writer.fixed(kVersion);
  writer.fixed(header.segment);
  writer.fixed(header.node.value);
  writer.fixed(header.first_frame);
  writer.fixed(header.salt);
  writer.text(header.cluster_id);
  out.resize(kSegmentHeaderBytes - kCrcBytes, '\0');
  writer.fixed(crc32c(as_bytes(out)));
  return out;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < kSegmentHeaderBytes || !bytes.starts_with(kSegmentMagic)) {
    return Error(Errc::kCorruption, "its header is not one of a raft log");
  }
  bytes = bytes.substr(0, kSegmentHeaderBytes);
  ByteReader reader(bytes.substr(kSegmentMagic.size()));
  const auto version = reader.fixed<std::uint32_t>();
  if (version != kVersion) {
    return Error(version > kVersion ? Errc::kUnimplemented : Errc::kCorruption,
                 fmt::format("raft log has format {}, this program knows {}", version, kVersion));
  }
  ByteReader crc(bytes.substr(kSegmentHeaderBytes - kCrcBytes));
  const bool matches = crc.fixed<std::uint32_t>() ==
                       crc32c(as_bytes(bytes.substr(0, kSegmentHeaderBytes - kCrcBytes)));
  if (!matches) return Error(Errc::kCorruption, "its header does not match its checksum");
  SegmentHeader header;
  header.segment = reader.fixed<std::uint64_t>();
  header.node = NodeId{reader.fixed<std::uint64_t>()};
  header.first_frame = reader.fixed<std::uint64_t>();
  header.salt = reader.fixed<std::uint64_t>();
  header.cluster_id = reader.text();
  if (reader.failed()) return Error(Errc::kCorruption, "its header is malformed");
  return header;
}

void FrameBuilder::entry(const Entry& entry) {
  ByteWriter writer(bytes_);
  writer.fixed(static_cast<std::uint8_t>(RecordType::kEntry));
  writer.varint(entry.index.value);
  writer.varint(entry.term.value);
  writer.fixed(static_cast<std::uint8_t>(entry.kind));
  writer.text(entry.data);
}

void FrameBuilder::hard_state(const HardState& hard) {
  ByteWriter writer(bytes_);
  writer.fixed(static_cast<std::uint8_t>(RecordType::kHardState));
  writer.varint(hard.term.value);
  writer.fixed(static_cast<std::uint8_t>(hard.vote ? 1 : 0));
  if (hard.vote) writer.varint(hard.vote->value);
  writer.varint(hard.commit.value);
}

void FrameBuilder::reset(LogPosition at) {
  ByteWriter writer(bytes_);
  writer.fixed(static_cast<std::uint8_t>(RecordType::kReset));
  writer.varint(at.index.value);
  writer.varint(at.term.value);
}

void FrameBuilder::position(LogPosition at) {
  ByteWriter writer(bytes_);
  writer.fixed(static_cast<std::uint8_t>(RecordType::kPosition));
  writer.varint(at.index.value);
  writer.varint(at.term.value);
}

std::string FrameBuilder::finish(const SegmentHeader& segment, std::uint64_t offset,
                                 std::uint64_t number) {
  KELP_ASSERT(offset % kFrameAlignment == 0, "frames are aligned");
  const std::size_t payload_bytes = bytes_.size() - kFrameHeaderBytes;
  KELP_ASSERT(payload_bytes <= UINT32_MAX, "a frame's length has 32 bits");
  // At least one byte of padding: the last byte is never zero.
  const std::size_t whole = (bytes_.size() / kFrameAlignment + 1) * kFrameAlignment;
  bytes_.resize(whole, kPadding);
  std::string header(kFrameMagic);
  ByteWriter writer(header);
  writer.fixed(static_cast<std::uint32_t>(payload_bytes));
  writer.fixed(number);
  writer.fixed(crc32c(as_bytes(std::string_view(bytes_).substr(kFrameHeaderBytes))));
  writer.fixed(std::uint64_t{0});
  writer.fixed(header_crc(segment, offset, header));
  std::ranges::copy(header, bytes_.begin());
  return std::move(bytes_);
}

Result<void> LogReplay::take(std::string_view payload) {
  ByteReader reader(payload);
  while (reader.remaining() > 0 && !reader.failed()) {
    const auto type = static_cast<RecordType>(reader.fixed<std::uint8_t>());
    switch (type) {
      case RecordType::kEntry: {
        Entry entry = read_entry(reader);
        if (!reader.failed()) {
          KELP_CHECK(take_entry(std::move(entry)));
        }
        break;
      }
      case RecordType::kHardState:
        hard_ = read_hard_state(reader);
        break;
      case RecordType::kReset:
        base_ = read_position(reader);
        entries_.clear();
        break;
      case RecordType::kPosition: {
        KELP_CHECK(take_position(read_position(reader)));
        break;
      }
      default:
        return Error(Errc::kCorruption, fmt::format("a record of type {}", int(type)));
    }
  }
  return reader.finish("a frame of the raft log");
}

Result<void> LogReplay::take_entry(Entry entry) {
  if (entry.kind < EntryKind::kCommand || entry.kind > EntryKind::kNothing) {
    return Error(Errc::kCorruption, fmt::format("an entry of kind {}", int(entry.kind)));
  }
  if (!base_ || entry.index > LogIndex{last().index.value + 1} || entry.index.value == 0) {
    return Error(Errc::kCorruption, fmt::format("entry {} follows {}", entry.index.value,
                                                base_ ? last().index.value : 0));
  }
  if (entry.index <= base_->index) {
    // What it replaces is behind a snapshot, in segments that are gone: the log begins anew.
    base_ = LogPosition{.index = LogIndex{entry.index.value - 1}, .term = Term{}};
    entries_.clear();
  } else {
    entries_.resize(entry.index.value - base_->index.value - 1);
  }
  entries_.push_back(std::move(entry));
  return {};
}

Result<void> LogReplay::take_position(LogPosition at) {
  if (!base_) {
    base_ = at;
    return {};
  }
  if (last() == at) return {};
  return Error(Errc::kCorruption,
               fmt::format("the log before ends at entry {} of term {}, not at {} of term {}",
                           last().index.value, last().term.value, at.index.value, at.term.value));
}

LogPosition LogReplay::last() const {
  if (!entries_.empty()) return {.index = entries_.back().index, .term = entries_.back().term};
  return base_.value_or(LogPosition{});
}

FrameRead read_frame(const SegmentHeader& segment, std::string_view segment_bytes,
                     std::uint64_t offset) {
  const std::string_view rest = segment_bytes.substr(std::min(offset, segment_bytes.size()));
  if (rest.size() < kFrameHeaderBytes) return {.state = FrameState::kShort};
  ByteReader reader(rest);
  const bool magic = reader.raw(kFrameMagic.size()) == kFrameMagic;
  const std::uint64_t payload_bytes = reader.fixed<std::uint32_t>();
  const auto number = reader.fixed<std::uint64_t>();
  const auto payload_crc = reader.fixed<std::uint32_t>();
  static_cast<void>(reader.fixed<std::uint64_t>());
  if (!magic || reader.fixed<std::uint32_t>() != header_crc(segment, offset, rest)) {
    const bool lost = is_zeros(rest.substr(0, kFrameHeaderBytes));
    return {.state = lost ? FrameState::kHole : FrameState::kBad};
  }
  const std::uint64_t bytes =
      ((kFrameHeaderBytes + payload_bytes) / kFrameAlignment + 1) * kFrameAlignment;
  if (bytes > rest.size()) return {.state = FrameState::kShort};
  const std::string_view frame = rest.substr(0, bytes);
  if (crc32c(as_bytes(frame.substr(kFrameHeaderBytes))) != payload_crc) {
    return {.state = has_hole(frame, offset) ? FrameState::kHole : FrameState::kBad};
  }
  return {.state = FrameState::kWhole,
          .number = number,
          .bytes = bytes,
          .payload = frame.substr(kFrameHeaderBytes, payload_bytes)};
}

std::optional<std::uint64_t> find_frame(const SegmentHeader& segment,
                                        std::string_view segment_bytes, std::uint64_t offset) {
  for (; offset + kFrameHeaderBytes <= segment_bytes.size(); offset += kFrameAlignment) {
    if (!segment_bytes.substr(offset).starts_with(kFrameMagic)) continue;
    if (read_frame(segment, segment_bytes, offset).state == FrameState::kWhole) return offset;
  }
  return std::nullopt;
}

}  // namespace kelp::raft
