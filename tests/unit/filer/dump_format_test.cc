#include "filer/core/dump_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "base/encoding.h"
#include "base/rng.h"
#include "filer/core/increment.h"
#include "filer/core/keys.h"
#include "tests/support/golden.h"

namespace kelp {
namespace {

using testing::HasSubstr;

DumpHeader header() {
  return {"cluster", "rocksdb", WallTime(std::chrono::nanoseconds(1'700'000'000'123'456'789))};
}

std::string dump_of(const std::vector<KvRow>& rows) {
  DumpWriter writer(header());
  for (const auto& [key, value] : rows) writer.add(key, value);
  static_cast<void>(writer.finish());
  return writer.take();
}

DumpReader::Source source_of(std::string bytes) {
  return [bytes = std::move(bytes), at = std::size_t{0}](MutableByteSpan out) mutable {
    const std::size_t count = std::min(out.size(), bytes.size() - at);
    std::memcpy(out.data(), bytes.data() + at, count);
    at += count;
    return Result<std::size_t>(count);
  };
}

struct Read {
  DumpHeader header;
  std::vector<KvRow> rows;
  DumpTotals totals;
};
Result<Read> read(std::string bytes) {
  DumpReader reader(source_of(std::move(bytes)));
  Read all;
  KELP_TRY(all.header, reader.header());
  while (true) {
    KELP_TRY(const auto rows, reader.next());
    if (rows.empty()) break;
    all.rows.insert(all.rows.end(), rows.begin(), rows.end());
  }
  all.totals = reader.totals();
  return all;
}

/// Several blocks.
std::vector<KvRow> many_rows() {
  std::vector<KvRow> rows;
  Rng rng(3);
  for (int i = 0; i < 9; ++i) {
    std::string value(DumpWriter::kBlockBytes / 3 + rng.below(1000), '\0');
    for (char& c : value) c = static_cast<char>(rng.next());
    rows.emplace_back(std::string("k\0", 2) + static_cast<char>('0' + i), std::move(value));
  }
  rows.emplace_back("z", "");
  return rows;
}

TEST(Dump, KeepsItsGoldenBytes) {
  EXPECT_EQ(hex_encode(dump_of({{"a", "1"}, {std::string("b\0", 2), "22"}})),
            test::golden("metadata_dump_v1.hex"));
}

/// An increment of one record with a write of each kind.
std::string small_increment() {
  const std::vector<KvWrite> writes = {
      KvWrite::put("oa", "1"), KvWrite::remove("ob"),         KvWrite::remove_range("oc", "od"),
      KvWrite::add("cn", -2),  KvWrite::append("e", "event"), KvWrite::put("q", "left out")};
  JournalPiece piece{.time = header().taken, .bytes = {}};
  const std::string bytes = encode_writes(writes);
  piece.bytes = bytes;
  JournalRow row{.stream = 7, .number = 5, .value = encode_piece(piece)};
  add_stamp(0x0102030405060708, row.value);
  DumpHeader front = header();
  front.since = JournalPosition{.journal = 9, .read = {{7, 3}, {8, 300}}};
  front.position = JournalPosition{.journal = 9, .read = {{7, 5}, {8, 300}}};
  DumpWriter writer(front);
  writer.add(keys::increment_row(1), encode_journal_row(row));
  static_cast<void>(writer.finish());
  return writer.take();
}

TEST(Increment, KeepsItsGoldenBytes) {
  EXPECT_EQ(hex_encode(small_increment()), test::golden("metadata_increment_v2.hex"));
}

TEST(Increment, GivesBackItsChanges) {
  IncrementReader reader = IncrementReader::open(DumpReader(source_of(small_increment()))).value();
  const auto change = reader.next();
  ASSERT_TRUE(change) << change.error().message();
  EXPECT_EQ((*change)->time, header().taken);
  const auto& writes = (*change)->writes;
  ASSERT_EQ(writes.size(), 5U);
  EXPECT_EQ(writes[0].value, "1");
  EXPECT_EQ(writes[1].kind, KvWrite::Kind::kDelete);
  EXPECT_EQ(writes[2].value, "od");
  EXPECT_EQ(writes[3].delta, -2);
  EXPECT_EQ(writes[4].key, std::string("e\0\0\0\0\0\0\0\4", 9)) << "the number that it got";
  EXPECT_FALSE(writes[4].numbered);
  EXPECT_FALSE(reader.next().value());
}

TEST(Increment, RefusesEveryFlippedBitAndTruncation) {
  const std::string whole = small_increment();
  const auto reads = [](std::string bytes) {
    auto reader = IncrementReader::open(DumpReader(source_of(std::move(bytes))));
    if (!reader) return false;
    for (auto change = reader->next();; change = reader->next()) {
      if (!change || !*change) return change.has_value();
    }
  };
  EXPECT_TRUE(reads(whole));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    EXPECT_FALSE(reads(whole.substr(0, at)));
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = whole;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      EXPECT_FALSE(reads(std::move(bad))) << at;
    }
  }
}

TEST(Increment, ARecordOfAnyBytesIsReadOrRefused) {
  Rng rng(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes;
    for (std::uint64_t left = rng.below(30); left > 0; --left) {
      bytes.push_back(static_cast<char>(rng.chance(500'000) ? rng.below(6) : rng.below(256)));
    }
    const auto writes = decode_writes(bytes, 1 + rng.below(4));
    if (!writes) EXPECT_EQ(writes.error().code(), Errc::kCorruption);
  }
}

TEST(Dump, GivesBackItsRows) {
  for (const auto& rows : {std::vector<KvRow>{}, std::vector<KvRow>{{"k", "v"}}, many_rows()}) {
    const auto all = read(dump_of(rows));
    ASSERT_TRUE(all) << all.error().message();
    EXPECT_EQ(all->header, header());
    EXPECT_EQ(all->rows, rows);
    DumpSum sum;
    for (const auto& [key, value] : rows) sum.add(key, value);
    EXPECT_EQ(all->totals, sum.finish());
  }
}

TEST(Dump, HoldsTheLargestRow) {
  const std::vector<KvRow> rows = {
      {"a", std::string(DumpWriter::kBlockBytes - 10, 'x')},
      {std::string(kMaxKvKeyBytes, 'k'), std::string(kMaxKvValueBytes, 'v')}};
  const auto all = read(dump_of(rows));
  ASSERT_TRUE(all) << all.error().message();
  EXPECT_EQ(all->rows, rows);
}

TEST(Dump, RefusesEveryTruncationAndWhatFollowsTheEnd) {
  const std::string dump = dump_of(many_rows());
  for (std::size_t size = 0; size < dump.size(); size += 1 + size / 7) {
    EXPECT_EQ(read(dump.substr(0, size)).error().code(), Errc::kCorruption) << size;
  }
  for (std::size_t size = dump.size() - 60; size < dump.size(); ++size) {
    EXPECT_FALSE(read(dump.substr(0, size))) << size;
  }
  EXPECT_THAT(read(dump + "x").error().detail(), HasSubstr("follows the end"));
}

TEST(Dump, RefusesEveryFlippedBit) {
  const std::string dump = dump_of({{"a", "1"}, {"b", "22"}});
  for (std::size_t at = 0; at < dump.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = dump;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      EXPECT_FALSE(read(flipped)) << at << ' ' << bit;
    }
  }
}

// Whole blocks, each with a good checksum.
TEST(Dump, RefusesBlocksThatAreMissingDoubledOrMoved) {
  const std::string dump = dump_of(many_rows());
  std::vector<std::string> blocks;
  for (std::size_t at = 9; at < dump.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, dump.data() + at + 1, sizeof length);
    blocks.push_back(dump.substr(at, length + 9));
    at += length + 9;
  }
  ASSERT_GE(blocks.size(), 5U);
  const auto joined = [&](const std::vector<std::size_t>& order) {
    std::string bytes = dump.substr(0, 9);
    for (const std::size_t i : order) bytes += blocks[i];
    return bytes;
  };
  std::vector<std::size_t> all(blocks.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  ASSERT_TRUE(read(joined(all)));
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto missing = all;
    missing.erase(missing.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_FALSE(read(joined(missing))) << i;
    auto doubled = all;
    doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(i), i);
    EXPECT_FALSE(read(joined(doubled))) << i;
    if (i == 0) continue;
    auto moved = all;
    std::swap(moved[i - 1], moved[i]);
    EXPECT_FALSE(read(joined(moved))) << i;
  }
  // Of two dumps.
  const std::string other = dump_of({{"k", "v"}});
  EXPECT_FALSE(read(dump.substr(0, dump.size() - blocks.back().size()) +
                    other.substr(other.size() - blocks.back().size())));
}

TEST(Dump, RefusesWhatIsNoDumpAndNewerFormats) {
  EXPECT_THAT(read("not a dump at all").error().detail(), HasSubstr("no dump"));
  std::string newer = dump_of({});
  newer[8] = 3;
  const Error error = read(newer).error();
  EXPECT_EQ(error.code(), Errc::kUnimplemented);
  EXPECT_THAT(error.detail(), HasSubstr("format 3, this build knows 1 and 2"));
}

TEST(Dump, RefusesKeysThatDoNotRise) {
  EXPECT_THAT(read(dump_of({{"b", "1"}, {"a", "2"}})).error().detail(), HasSubstr("do not rise"));
  EXPECT_FALSE(read(dump_of({{"a", "1"}, {"a", "2"}})));
}

}  // namespace
}  // namespace kelp
