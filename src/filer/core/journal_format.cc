#include "filer/core/journal_format.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <utility>

#include "base/crc.h"
#include "filer/core/dump_format.h"
#include "wire/entry.h"

namespace kelp {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kStampBytes = sizeof(std::uint64_t);
constexpr std::size_t kNumberBytes = sizeof(std::uint64_t);

/// A write as a record names it.
enum class Kind : std::uint8_t { kPut = 0, kDelete = 1, kDeleteRange = 2, kAdd = 3, kNumbered = 4 };

Error broken(std::string_view what) {
  return {Errc::kCorruption, fmt::format("journal: {}", what)};
}

void put_write(const KvWrite& write, std::string& out) {
  ByteWriter to(out);
  const auto begin = [&](Kind kind, std::string_view key) {
    to.fixed(std::to_underlying(kind));
    to.text(key);
  };
  switch (write.kind) {
    case KvWrite::Kind::kPut:
      if (write.numbered) {
        begin(Kind::kNumbered,
              std::string_view(write.key).substr(0, write.key.size() - kNumberBytes));
      } else {
        begin(Kind::kPut, write.key);
      }
      return to.text(write.value);
    case KvWrite::Kind::kDelete:
      return begin(Kind::kDelete, write.key);
    case KvWrite::Kind::kDeleteRange:
      begin(Kind::kDeleteRange, write.key);
      return to.text(write.value);
    case KvWrite::Kind::kAdd:
      begin(Kind::kAdd, write.key);
      return to.fixed(static_cast<std::uint64_t>(write.delta));
  }
}

Result<KvWrite> take_write(ByteReader& in) {
  const auto kind = static_cast<Kind>(in.fixed<std::uint8_t>());
  std::string key(in.text());
  switch (kind) {
    case Kind::kPut:
      return KvWrite::put(std::move(key), std::string(in.text()));
    case Kind::kNumbered:
      return KvWrite::append(std::move(key), std::string(in.text()));
    case Kind::kDelete:
      return KvWrite::remove(std::move(key));
    case Kind::kDeleteRange:
      return KvWrite::remove_range(std::move(key), std::string(in.text()));
    case Kind::kAdd:
      return KvWrite::add(std::move(key), static_cast<std::int64_t>(in.fixed<std::uint64_t>()));
  }
  return broken("a record of a write of an unknown kind");
}

}  // namespace

void encode_position(const JournalPosition& position, std::string& out) {
  ByteWriter to(out);
  to.fixed(position.journal);
  to.varint(position.read.size());
  for (const auto& [stream, number] : position.read) {
    to.fixed(stream);
    to.varint(number);
  }
}

JournalPosition decode_position(ByteReader& in) {
  JournalPosition position;
  position.journal = in.fixed<std::uint64_t>();
  for (std::uint64_t count = in.varint(); count > 0 && !in.failed(); --count) {
    const auto stream = in.fixed<std::uint64_t>();
    position.read[stream] = in.varint();
  }
  return position;
}

std::string encode_piece(const JournalPiece& piece) {
  std::string value;
  value.reserve(piece.bytes.size() + 32);
  ByteWriter to(value);
  to.fixed(kFormat);
  encode_time(piece.time, value);
  to.varint(piece.left);
  to.fixed(crc32c(as_bytes(piece.bytes)));
  to.raw(piece.bytes);
  return value;
}

void add_stamp(std::uint64_t stamp, std::string& value) {
  const std::uint64_t ordered = std::byteswap(stamp);
  value.append(reinterpret_cast<const char*>(&ordered), sizeof ordered);
}

Result<JournalPiece> decode_piece(std::string_view value) {
  if (value.size() < kStampBytes) return broken("a row without its stamp");
  JournalPiece piece;
  std::memcpy(&piece.stamp, value.data() + value.size() - kStampBytes, kStampBytes);
  piece.stamp = std::byteswap(piece.stamp);
  ByteReader in(value.substr(0, value.size() - kStampBytes));
  const auto format = in.fixed<std::uint8_t>();
  if (format != kFormat) {
    return Error(Errc::kUnimplemented,
                 fmt::format("journal: format {}, this build knows {}", format, kFormat));
  }
  piece.time = decode_time(in);
  piece.left = in.varint();
  const auto crc = in.fixed<std::uint32_t>();
  piece.bytes = in.raw(in.remaining());
  if (in.failed() || crc32c(as_bytes(piece.bytes)) != crc) return broken("a row is altered");
  return piece;
}

std::string encode_writes(std::span<const KvWrite> writes) {
  std::string out;
  std::size_t bytes = 0;
  for (const KvWrite& write : writes) bytes += write.key.size() + write.value.size() + 12;
  out.reserve(bytes);
  for (const KvWrite& write : writes) {
    if (is_dumped(write.key)) put_write(write, out);
  }
  return out;
}

Result<std::vector<KvWrite>> decode_writes(std::string_view bytes, std::uint64_t first) {
  std::vector<KvWrite> writes;
  std::uint64_t numbered = 0;
  for (ByteReader in(bytes); in.remaining() > 0;) {
    KELP_TRY(KvWrite write, take_write(in));
    if (in.failed() || write.key.empty()) return broken("a record is cut short");
    numbered += write.numbered ? 1 : 0;
    writes.push_back(std::move(write));
  }
  // A batch's numbers follow each other, and those of its record are the last.
  if (numbered >= first) return broken("a record has a number that cannot be");
  std::uint64_t next = first - numbered;
  for (KvWrite& write : writes) {
    if (!std::exchange(write.numbered, false)) continue;
    const std::uint64_t number = std::byteswap(next++);
    std::memcpy(write.key.data() + write.key.size() - sizeof number, &number, sizeof number);
  }
  return writes;
}

std::string encode_journal_row(const JournalRow& row) {
  std::string value;
  value.reserve(row.value.size() + 2 * sizeof(std::uint64_t));
  ByteWriter to(value);
  to.fixed(row.stream);
  to.fixed(row.number);
  to.raw(row.value);
  return value;
}

Result<JournalRow> decode_journal_row(std::string_view value) {
  ByteReader in(value);
  JournalRow row;
  row.stream = in.fixed<std::uint64_t>();
  row.number = in.fixed<std::uint64_t>();
  row.value = in.raw(in.remaining());
  if (in.failed()) return broken("a row of an increment is cut short");
  return row;
}

Result<std::optional<JournalChange>> JournalReplay::take(std::string_view row) {
  KELP_TRY(const JournalRow from, decode_journal_row(row));
  const auto end = until_.read.find(from.stream);
  std::uint64_t& last = at_.read[from.stream];
  if (from.number <= last || end == until_.read.end() || from.number > end->second) {
    return broken(fmt::format("number {} of a stream comes behind {}", from.number, last));
  }
  KELP_TRY(const JournalPiece piece, decode_piece(from.value));
  if (!open_) {
    open_ = Open{.stream = from.stream, .first = from.number, .left = piece.left, .bytes = {}};
  } else if (open_->stream != from.stream || from.number != last + 1 ||
             piece.left + 1 != open_->left) {
    return broken("a record is not whole");
  }
  last = from.number;
  open_->left = piece.left;
  open_->bytes.append(piece.bytes);
  if (piece.left > 0) return std::nullopt;
  const Open whole = *std::exchange(open_, std::nullopt);
  KELP_TRY(auto writes, decode_writes(whole.bytes, whole.first));
  return JournalChange{.time = piece.time, .writes = std::move(writes)};
}

Result<void> JournalReplay::finish() const {
  if (!open_ && at_.read == until_.read) return {};
  return broken("changes are missing that an increment should hold");
}

}  // namespace kelp
