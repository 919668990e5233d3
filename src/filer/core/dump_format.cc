#include "filer/core/dump_format.h"

#include <fmt/format.h>

#include <utility>

#include "base/bytes.h"
#include "base/crc.h"
#include "filer/core/keys.h"
#include "wire/entry.h"

namespace kelp {
namespace {

constexpr std::string_view kMagic = "KELPDUMP";
constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kFormatWithPosition = 2;
constexpr std::uint8_t kFullDump = 1;
constexpr std::uint8_t kIncrement = 2;
constexpr std::uint8_t kHeaderBlock = 1;
constexpr std::uint8_t kRowsBlock = 2;
constexpr std::uint8_t kEndBlock = 3;
constexpr std::size_t kSha256Bytes = 32;
// A row of the largest size, behind as many bytes of rows as a block may have.
constexpr std::size_t kMostPayload =
    kMaxKvValueBytes + kMaxKvKeyBytes + DumpWriter::kBlockBytes + 64;

std::uint32_t block_crc(std::uint64_t number, std::uint8_t kind, std::string_view payload) {
  std::string head;
  ByteWriter to(head);
  to.fixed(number);
  to.fixed(kind);
  to.fixed(static_cast<std::uint32_t>(payload.size()));
  return crc32c(as_bytes(payload), crc32c(as_bytes(head)));
}

void put_row(std::string_view key, std::string_view value, std::string& out) {
  ByteWriter to(out);
  to.text(key);
  to.text(value);
}

}  // namespace

bool is_dumped(std::string_view row_key) {
  return row_key != keys::cluster() && row_key != keys::collector() && row_key != keys::loading() &&
         !row_key.starts_with(keys::kJournal) && !row_key.starts_with(kJournalPrefix);
}

void DumpSum::add(std::string_view key, std::string_view value) {
  std::string length;
  ByteWriter to(length);
  to.varint(key.size());
  digest_.update(length);
  digest_.update(key);
  length.clear();
  to.varint(value.size());
  digest_.update(length);
  digest_.update(value);
  ++totals_.rows;
  totals_.bytes += key.size() + value.size();
}

DumpTotals DumpSum::finish() {
  totals_.sha256 = digest_.finish();
  return totals_;
}

DumpWriter::DumpWriter(const DumpHeader& header) {
  const bool positioned = header.position.journal != 0 || header.since;
  out_ = kMagic;
  ByteWriter(out_).fixed(positioned ? kFormatWithPosition : kFormat);
  std::string payload;
  ByteWriter to(payload);
  to.text(header.cluster_id);
  to.text(header.engine);
  encode_time(header.taken, payload);
  if (positioned) {
    to.fixed(header.since ? kIncrement : kFullDump);
    encode_position(header.position, payload);
    if (header.since) encode_position(*header.since, payload);
  }
  put_block(kHeaderBlock, payload);
}

void DumpWriter::add(std::string_view key, std::string_view value) {
  sum_.add(key, value);
  put_row(key, value, rows_);
  if (rows_.size() >= kBlockBytes) end_block();
}

DumpTotals DumpWriter::finish() {
  end_block();
  DumpTotals totals = sum_.finish();
  std::string payload;
  ByteWriter to(payload);
  to.fixed(totals.rows);
  to.fixed(totals.bytes);
  to.raw(totals.sha256);
  put_block(kEndBlock, payload);
  return totals;
}

void DumpWriter::end_block() {
  if (rows_.empty()) return;
  put_block(kRowsBlock, rows_);
  rows_.clear();
}

void DumpWriter::put_block(std::uint8_t kind, std::string_view payload) {
  ByteWriter to(out_);
  to.fixed(kind);
  to.fixed(static_cast<std::uint32_t>(payload.size()));
  to.raw(payload);
  to.fixed(block_crc(blocks_++, kind, payload));
}

Error DumpReader::broken(std::string_view what) const {
  return {Errc::kCorruption, fmt::format("dump, block {}: {}", blocks_, what)};
}

Result<std::string> DumpReader::read_exactly(std::size_t bytes) {
  std::string read(bytes, '\0');
  KELP_TRY(const std::size_t count,
           source_({reinterpret_cast<std::byte*>(read.data()), read.size()}));
  if (count < bytes) return broken("the dump ends too early");
  return read;
}

Result<DumpReader::Block> DumpReader::read_block() {
  KELP_TRY(const std::string head, read_exactly(1 + sizeof(std::uint32_t)));
  ByteReader in(head);
  Block block;
  block.kind = in.fixed<std::uint8_t>();
  const auto length = in.fixed<std::uint32_t>();
  if (length > kMostPayload) return broken(fmt::format("{} bytes long", length));
  KELP_TRY(block.payload, read_exactly(length));
  KELP_TRY(const std::string guard, read_exactly(sizeof(std::uint32_t)));
  const auto stored = ByteReader(guard).fixed<std::uint32_t>();
  const std::uint32_t crc = block_crc(blocks_, block.kind, block.payload);
  if (crc != stored) {
    return broken(fmt::format("checksum {:08x}, stored {:08x}", crc, stored));
  }
  return block;
}

Result<DumpHeader> DumpReader::header() {
  const auto front = read_exactly(kMagic.size() + 1);
  if (!front || !front->starts_with(kMagic)) {
    return Error(Errc::kCorruption, "this is no dump of metadata");
  }
  const auto format = static_cast<std::uint8_t>(front->back());
  if (format != kFormat && format != kFormatWithPosition) {
    return Error(Errc::kUnimplemented, fmt::format("dump: format {}, this build knows {} and {}",
                                                   format, kFormat, kFormatWithPosition));
  }
  KELP_TRY(const Block block, read_block());
  if (block.kind != kHeaderBlock) return broken("it does not begin with its header");
  ByteReader in(block.payload);
  DumpHeader header;
  header.cluster_id = in.text();
  header.engine = in.text();
  header.taken = decode_time(in);
  if (format == kFormatWithPosition) {
    const auto what = in.fixed<std::uint8_t>();
    if (what != kFullDump && what != kIncrement) return broken("neither a dump nor an increment");
    header.position = decode_position(in);
    if (what == kIncrement) header.since = decode_position(in);
  }
  KELP_CHECK(in.finish("dump header"));
  ++blocks_;
  return header;
}

Result<std::vector<KvRow>> DumpReader::next() {
  KELP_TRY(const Block block, read_block());
  std::vector<KvRow> rows;
  if (block.kind == kRowsBlock) {
    KELP_TRY(rows, take_rows(block.payload));
  } else if (block.kind == kEndBlock) {
    KELP_CHECK(take_end(block.payload));
  } else {
    return broken(fmt::format("of kind {}, which is not expected here", block.kind));
  }
  ++blocks_;
  return rows;
}

Result<std::vector<KvRow>> DumpReader::take_rows(std::string_view payload) {
  std::vector<KvRow> rows;
  ByteReader in(payload);
  while (in.remaining() > 0) {
    const std::string_view key = in.text();
    const std::string_view value = in.text();
    if (in.failed()) return broken("a row is cut short");
    if (key <= last_key_) return broken("its keys do not rise");
    if (key.size() > kMaxKvKeyBytes || value.size() > kMaxKvValueBytes) {
      return broken("a row is too large");
    }
    sum_.add(key, value);
    last_key_ = key;
    rows.emplace_back(key, value);
  }
  if (rows.empty()) return broken("it holds no row");
  return rows;
}

Result<void> DumpReader::take_end(std::string_view payload) {
  ByteReader in(payload);
  DumpTotals told;
  told.rows = in.fixed<std::uint64_t>();
  told.bytes = in.fixed<std::uint64_t>();
  told.sha256 = in.raw(kSha256Bytes);
  KELP_CHECK(in.finish("the end of a dump"));
  totals_ = sum_.finish();
  if (told != totals_) {
    return broken(fmt::format("{} rows of {} bytes came, the end says {} of {}", totals_.rows,
                              totals_.bytes, told.rows, told.bytes));
  }
  std::byte more{};
  KELP_TRY(const std::size_t behind, source_({&more, 1}));
  if (behind != 0) return broken("something follows the end");
  return {};
}

}  // namespace kelp
