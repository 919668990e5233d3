#include "volume/core/index_snapshot.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/crc.h"
#include "volume/core/superblock.h"

namespace kelp {
namespace {

constexpr std::string_view kMagic = "KELPIDX\n";
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kBlockHeadBytes = 12;  ///< First key and count.
constexpr std::size_t kRowBytes = 12;
constexpr std::size_t kPutBytes = 1 << 20;
static_assert(kBlockHeadBytes + kIndexBlockRows * kRowBytes + kCrcBytes <= kIndexBlockBytes);

Error corrupt(std::string_view what) {
  return {Errc::kCorruption, fmt::format("index snapshot: {}", what)};
}

/// CRC of any length: one call takes at most 2 GiB.
std::uint32_t crc_of(std::string_view bytes) {
  std::uint32_t crc = 0;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, kPutBytes);
    crc = crc32c(as_bytes(piece), crc);
    bytes.remove_prefix(piece.size());
  }
  return crc;
}

/// Fills `out` with zeros up to a whole block and ends it with its checksum.
void seal_block(std::string& out) {
  out.resize(kIndexBlockBytes - kCrcBytes, '\0');
  ByteWriter(out).fixed(crc_of(out));
}

bool checks(ByteSpan block) {
  if (block.size() != kIndexBlockBytes) return false;
  ByteReader tail(block.last(kCrcBytes));
  return tail.fixed<std::uint32_t>() == crc32c(block.first(kIndexBlockBytes - kCrcBytes));
}

/// The rows of a block that checks.
struct Rows {
  std::uint64_t base = 0;
  const std::byte* rows = nullptr;
  std::size_t count = 0;

  [[nodiscard]] std::uint32_t delta(std::size_t row) const {
    std::uint32_t out = 0;
    std::memcpy(&out, rows + row * kRowBytes, sizeof out);
    return out;
  }
  [[nodiscard]] std::uint64_t place(std::size_t row) const {
    std::uint64_t out = 0;
    std::memcpy(&out, rows + row * kRowBytes + sizeof(std::uint32_t), sizeof out);
    return out;
  }
};

Result<Rows> rows_of(ByteSpan block) {
  if (!checks(block)) return corrupt("a block does not check");
  ByteReader reader(block);
  Rows rows;
  rows.base = reader.fixed<std::uint64_t>();
  rows.count = reader.fixed<std::uint32_t>();
  if (rows.count == 0 || rows.count > kIndexBlockRows) return corrupt("a block's count");
  rows.rows = block.data() + kBlockHeadBytes;
  return rows;
}

/// A place that a needle can have.
bool plausible(std::uint64_t packed) {
  const NeedlePlace place = unpack_place(packed);
  return place.offset >= kSuperblockBytes && place.bytes > 0;
}

}  // namespace

std::uint64_t IndexSnapshotHeader::file_bytes() const {
  return kIndexBlockBytes * (1 + blocks) + sizeof(std::uint64_t) * blocks + kCrcBytes;
}

IndexSnapshotWriter::IndexSnapshotWriter(const IndexSnapshotHeader& header, Put put)
    : header_(header), put_(std::move(put)) {
  header_.needles = header_.live_bytes = header_.log_bytes = header_.last_key = header_.blocks = 0;
}

Result<void> IndexSnapshotWriter::add(const IndexEntry& entry) {
  const std::uint64_t key = entry.key.value;
  KELP_ASSERT(header_.needles == 0 || key > header_.last_key, "keys ascend");
  const bool full = rows_.size() == kIndexBlockRows * kRowBytes;
  if (!rows_.empty() && (full || key - base_ > UINT32_MAX)) end_block();
  if (rows_.empty()) base_ = key;
  ByteWriter writer(rows_);
  writer.fixed(static_cast<std::uint32_t>(key - base_));
  writer.fixed(pack(entry.place));
  header_.last_key = key;
  ++header_.needles;
  header_.live_bytes += entry.place.bytes;
  header_.log_bytes = std::max(header_.log_bytes, entry.place.offset + entry.place.bytes);
  if (blocks_.size() < kPutBytes) return {};
  return put_blocks();
}

void IndexSnapshotWriter::end_block() {
  std::string block;
  block.reserve(kIndexBlockBytes);
  ByteWriter writer(block);
  writer.fixed(base_);
  writer.fixed(static_cast<std::uint32_t>(rows_.size() / kRowBytes));
  writer.raw(rows_);
  seal_block(block);
  blocks_ += block;
  ByteWriter(firsts_).fixed(base_);
  ++header_.blocks;
  rows_.clear();
}

Result<void> IndexSnapshotWriter::put_blocks() {
  KELP_CHECK(put_(blocks_at_, blocks_));
  blocks_at_ += blocks_.size();
  blocks_.clear();
  return {};
}

Result<void> IndexSnapshotWriter::finish() {
  if (!rows_.empty()) end_block();
  KELP_CHECK(put_blocks());
  ByteWriter(firsts_).fixed(crc_of(firsts_));
  KELP_CHECK(put_(blocks_at_, firsts_));
  std::string head;
  ByteWriter writer(head);
  writer.raw(kMagic);
  writer.fixed(kIndexSnapshotVersion);
  writer.fixed(header_.volume.value);
  writer.fixed(header_.generation.value);
  writer.fixed(std::uint32_t{0});
  writer.raw(as_text(header_.salt));
  writer.fixed(header_.covered_bytes);
  writer.fixed(header_.needles);
  writer.fixed(header_.live_bytes);
  writer.fixed(header_.log_bytes);
  writer.fixed(header_.last_key);
  writer.fixed(header_.blocks);
  seal_block(head);
  return put_(0, head);
}

Result<IndexSnapshotHeader> decode_index_header(ByteSpan bytes) {
  ByteReader reader(bytes);
  if (reader.raw(kMagic.size()) != kMagic) return corrupt("wrong magic");
  const auto version = reader.fixed<std::uint32_t>();
  if (version != kIndexSnapshotVersion && !reader.failed()) {
    return Error(Errc::kUnimplemented,
                 fmt::format("index snapshot of format version {}, this program knows version {}",
                             version, kIndexSnapshotVersion));
  }
  if (!checks(bytes)) return corrupt("the header does not check");
  IndexSnapshotHeader header;
  header.volume = VolumeId{reader.fixed<std::uint32_t>()};
  header.generation = Generation{reader.fixed<std::uint32_t>()};
  if (reader.fixed<std::uint32_t>() != 0) return corrupt("reserved bytes are in use");
  std::ranges::copy(as_bytes(reader.raw(16)), header.salt.begin());
  header.covered_bytes = reader.fixed<std::uint64_t>();
  header.needles = reader.fixed<std::uint64_t>();
  header.live_bytes = reader.fixed<std::uint64_t>();
  header.log_bytes = reader.fixed<std::uint64_t>();
  header.last_key = reader.fixed<std::uint64_t>();
  header.blocks = reader.fixed<std::uint64_t>();
  if (header.blocks > header.needles || header.needles > header.blocks * kIndexBlockRows) {
    return corrupt("needles and blocks do not go together");
  }
  return header;
}

Result<std::vector<std::uint64_t>> decode_index_firsts(const IndexSnapshotHeader& header,
                                                       ByteSpan bytes) {
  if (bytes.size() != header.blocks * sizeof(std::uint64_t) + kCrcBytes) {
    return corrupt("first keys are cut short");
  }
  const std::string_view text = as_text(bytes.first(bytes.size() - kCrcBytes));
  ByteReader tail(bytes.last(kCrcBytes));
  if (tail.fixed<std::uint32_t>() != crc_of(text)) return corrupt("first keys do not check");
  std::vector<std::uint64_t> firsts(header.blocks);
  std::memcpy(firsts.data(), text.data(), text.size());
  const auto falls = [](std::uint64_t before, std::uint64_t after) { return after <= before; };
  if (std::ranges::adjacent_find(firsts, falls) != firsts.end()) {
    return corrupt("first keys do not ascend");
  }
  return firsts;
}

Result<void> decode_index_block(ByteSpan block, std::vector<IndexEntry>& entries) {
  KELP_TRY(const Rows rows, rows_of(block));
  for (std::size_t row = 0; row < rows.count; ++row) {
    const std::uint32_t delta = rows.delta(row);
    const bool ascends = row == 0 ? delta == 0 : delta > rows.delta(row - 1);
    if (!ascends || delta > UINT64_MAX - rows.base) return corrupt("keys do not ascend");
    if (!plausible(rows.place(row))) return corrupt("an impossible place");
    entries.push_back({NeedleKey{rows.base + delta}, unpack_place(rows.place(row))});
  }
  return {};
}

Result<std::optional<NeedlePlace>> find_in_index_block(ByteSpan block, NeedleKey key) {
  KELP_TRY(const Rows rows, rows_of(block));
  if (key.value < rows.base || key.value - rows.base > UINT32_MAX) return std::nullopt;
  const auto wanted = static_cast<std::uint32_t>(key.value - rows.base);
  std::size_t begin = 0;
  std::size_t end = rows.count;
  while (begin < end) {
    const std::size_t middle = (begin + end) / 2;
    if (rows.delta(middle) < wanted) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  if (begin == rows.count || rows.delta(begin) != wanted) return std::nullopt;
  if (!plausible(rows.place(begin))) return corrupt("an impossible place");
  return unpack_place(rows.place(begin));
}

std::string encode_index_snapshot(const IndexSnapshotHeader& header,
                                  std::span<const IndexEntry> entries) {
  std::string out;
  auto put = [&out](std::uint64_t offset, std::string_view bytes) -> Result<void> {
    out.resize(std::max<std::size_t>(out.size(), offset + bytes.size()));
    std::ranges::copy(bytes, out.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  };
  IndexSnapshotWriter writer(header, put);
  Result<void> written;
  for (const IndexEntry& entry : entries) {
    if (written.has_value()) written = writer.add(entry);
  }
  if (written.has_value()) written = writer.finish();
  KELP_ASSERT(written.has_value(), "memory takes what is put into it");
  return out;
}

Result<IndexSnapshot> decode_index_snapshot(std::string_view bytes) {
  ByteSpan rest = as_bytes(bytes);
  if (rest.size() < kIndexBlockBytes) return corrupt(fmt::format("{} bytes", bytes.size()));
  IndexSnapshot snapshot;
  KELP_TRY(snapshot.header, decode_index_header(rest.first(kIndexBlockBytes)));
  const std::uint64_t blocks = snapshot.header.blocks;
  if (blocks > bytes.size() / kIndexBlockBytes || bytes.size() != snapshot.header.file_bytes()) {
    return corrupt(fmt::format("{} bytes for {} blocks", bytes.size(), blocks));
  }
  rest = rest.subspan(kIndexBlockBytes);
  KELP_TRY(const auto firsts,
           decode_index_firsts(snapshot.header, rest.subspan(blocks * kIndexBlockBytes)));
  snapshot.entries.reserve(snapshot.header.needles);
  std::uint64_t live = 0;
  for (const std::uint64_t first : firsts) {
    const std::size_t before = snapshot.entries.size();
    KELP_CHECK(decode_index_block(rest.first(kIndexBlockBytes), snapshot.entries));
    if (snapshot.entries[before].key.value != first)
      return corrupt("a block is at another's place");
    if (before > 0 && first <= snapshot.entries[before - 1].key.value) {
      return corrupt("blocks do not ascend");
    }
    rest = rest.subspan(kIndexBlockBytes);
  }
  for (const IndexEntry& entry : snapshot.entries) live += entry.place.bytes;
  const bool ends =
      snapshot.entries.empty() || snapshot.entries.back().key.value == snapshot.header.last_key;
  if (!ends || snapshot.entries.size() != snapshot.header.needles ||
      live != snapshot.header.live_bytes) {
    return corrupt("the counts are others");
  }
  return snapshot;
}

}  // namespace kelp
