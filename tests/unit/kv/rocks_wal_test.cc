// What a crash may leave of RocksDB's log, and what only damage can.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "kv/rocks_wal_check.h"
#include "tests/unit/kv/kv_support.h"

namespace kelp::test {
namespace {

using testing::HasSubstr;

/// A store that was killed after `rows` commits of `value_bytes`, one log record each.
class KilledStore {
 public:
  KilledStore(int rows, std::size_t value_bytes, bool sync = true) : rows_(rows) {
    RocksKvOptions options{.path = dir_.path() + "/live", .sync = sync};
    const auto store = open_rocks_kv(options).value();
    for (int i = 0; i < rows; ++i) {
      EXPECT_TRUE(put_now(*store, key(i), std::string(value_bytes, 'x')).has_value());
    }
    std::filesystem::copy(options.path, path());
    log_ = newest_log();
    std::ifstream file(log_, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
  }
  [[nodiscard]] std::string path() const { return dir_.path() + "/killed"; }
  [[nodiscard]] const std::string& log_bytes() const { return bytes_; }
  /// The store with `bytes` for its log, opened.
  Result<std::unique_ptr<KvStore>> open_with(const std::string& bytes, bool sync = true) {
    const std::string opened = dir_.path() + "/opened";
    std::filesystem::remove_all(opened);
    std::filesystem::copy(path(), opened);
    std::ofstream(opened + "/" + log_.filename().string(), std::ios::binary) << bytes;
    return open_rocks_kv({.path = opened, .sync = sync});
  }
  /// How many rows `store` holds; they must be the first ones.
  [[nodiscard]] int rows_in(KvStore& store) const {
    int found = 0;
    while (found < rows_ && value_of(store, key(found)) != "(none)") ++found;
    EXPECT_EQ(store.scan({}, 100'000).value().size(), static_cast<std::size_t>(found));
    return found;
  }

 private:
  static std::string key(int i) { return fmt::format("row{:06}", i); }
  [[nodiscard]] std::filesystem::path newest_log() const {
    std::filesystem::path newest;
    for (const auto& file : std::filesystem::directory_iterator(path())) {
      if (file.path().extension() == ".log") newest = std::max(newest, file.path());
    }
    return newest;
  }

  TempDir dir_;
  int rows_;
  std::filesystem::path log_;
  std::string bytes_;
};

TEST(RocksWal, AWholeLogIsReplayedToItsEnd) {
  KilledStore killed(50, 100);
  const auto check = check_rocks_wal(killed.path()).value();
  EXPECT_FALSE(check.torn_tail);
  EXPECT_EQ(check.good_bytes, killed.log_bytes().size());
  const auto store = killed.open_with(killed.log_bytes()).value();
  EXPECT_EQ(killed.rows_in(*store), 50);
}

// A block's end may leave room for a few bytes of a record only: less than the sequence number.
TEST(RocksWal, AWriteWhoseFirstPieceIsTinyIsWhole) {
  for (std::size_t value_bytes = 100; value_bytes < 120; ++value_bytes) {
    KilledStore killed(600, value_bytes, false);
    const auto check = check_rocks_wal(killed.path());
    ASSERT_TRUE(check.has_value()) << value_bytes << ": " << check.error().message();
    EXPECT_EQ(check->good_bytes, killed.log_bytes().size()) << value_bytes;
    EXPECT_FALSE(check->torn_tail) << value_bytes;
  }
}

TEST(RocksWal, ADirectoryWithoutLogsIsFine) {
  const TempDir dir;
  EXPECT_EQ(check_rocks_wal(dir.path()).value().log, "");
  EXPECT_EQ(check_rocks_wal(dir.path() + "/missing").value().log, "");
}

TEST(RocksWal, ATailTornAnywhereCostsOnlyTheLastWrite) {
  KilledStore killed(5, 50);
  const std::string& whole = killed.log_bytes();
  const std::size_t record = whole.size() / 5;
  for (std::size_t cut = whole.size() - 1; cut > whole.size() - 2 * record; --cut) {
    const auto store = killed.open_with(whole.substr(0, cut));
    ASSERT_TRUE(store.has_value()) << cut << " " << store.error().message();
    EXPECT_EQ(killed.rows_in(**store), static_cast<int>(cut / record)) << cut;
  }
}

TEST(RocksWal, ATornWriteOfManyBlocksIsDropped) {
  KilledStore killed(3, 100'000);
  const std::string& whole = killed.log_bytes();
  for (const std::size_t cut : {whole.size() - 1, whole.size() - 40'000, whole.size() - 90'000}) {
    const auto store = killed.open_with(whole.substr(0, cut)).value();
    EXPECT_EQ(killed.rows_in(*store), 2);
  }
}

TEST(RocksWal, APageThatNeverReachedTheDiskIsATornTail) {
  KilledStore killed(3, 100'000);
  std::string log = killed.log_bytes();
  // Inside the last write, whose later pages did arrive.
  std::fill_n(log.begin() + static_cast<std::ptrdiff_t>(log.size() / 4096 * 4096 - 16'384), 4096,
              '\0');
  const auto store = killed.open_with(log).value();
  EXPECT_EQ(killed.rows_in(*store), 2);
}

// The file's new size reached the disk and its new bytes did not: the page has what it had before.
TEST(RocksWal, AWriteWhoseSectorsKeptTheirOldBytesIsATornTail) {
  constexpr std::size_t kSectorBytes = 512;
  for (const std::size_t value_bytes : {40, 300, 700, 4000}) {
    KilledStore killed(5, value_bytes);
    const std::string& whole = killed.log_bytes();
    const std::size_t begin = whole.size() / 5 * 4;
    for (std::size_t at = begin; at < whole.size();) {
      const std::size_t end = std::min((at / kSectorBytes + 1) * kSectorBytes, whole.size());
      std::string log = whole;
      std::fill(log.begin() + std::ptrdiff_t(at), log.begin() + std::ptrdiff_t(end), '\0');
      const auto store = killed.open_with(log);
      ASSERT_TRUE(store.has_value()) << at << " " << store.error().message();
      EXPECT_EQ(killed.rows_in(**store), 4) << at;
      at = end;
    }
  }
}

TEST(RocksWal, EveryFlippedByteBeforeTheLastRecordIsRefused) {
  KilledStore killed(4, 40);
  const std::string& whole = killed.log_bytes();
  const std::size_t record = whole.size() / 4;
  for (std::size_t at = 0; at < whole.size() - record; ++at) {
    std::string log = whole;
    log[at] = static_cast<char>(log[at] ^ 0x20);
    const auto store = killed.open_with(log);
    ASSERT_EQ(code_of(store), Errc::kCorruption) << "byte " << at;
    EXPECT_THAT(store.error().detail(), HasSubstr("is damaged at byte"));
  }
}

TEST(RocksWal, AFlippedByteInTheLastRecordIsRefusedUnlessItsLengthLies) {
  KilledStore killed(4, 40);
  const std::string& whole = killed.log_bytes();
  const std::size_t record = whole.size() / 4;
  for (std::size_t at = whole.size() - record; at < whole.size(); ++at) {
    const std::size_t in_record = at - (whole.size() - record);
    std::string log = whole;
    log[at] = static_cast<char>(log[at] ^ 0x40);
    const auto store = killed.open_with(log);
    // Byte 5 is the length's upper half: the record now claims more bytes than the file has.
    EXPECT_EQ(code_of(store), in_record == 5 ? std::nullopt : std::optional(Errc::kCorruption))
        << "byte " << in_record;
  }
}

TEST(RocksWal, AFlippedByteInTheMiddleOfManyBlocksIsRefused) {
  KilledStore killed(400, 1000);
  const std::string& whole = killed.log_bytes();
  for (std::size_t at = 10; at < whole.size() - 2000; at += whole.size() / 23) {
    std::string log = whole;
    log[at] = static_cast<char>(log[at] ^ 1);
    EXPECT_EQ(code_of(killed.open_with(log)), Errc::kCorruption) << "byte " << at;
  }
}

TEST(RocksWal, WithoutSyncWhatPrecedesTheFirstHoleIsKept) {
  KilledStore killed(4, 40, false);
  std::string log = killed.log_bytes();
  log[log.size() / 2 + 20] ^= 1;
  const auto store = killed.open_with(log, false).value();
  EXPECT_EQ(killed.rows_in(*store), 2);
}

TEST(RocksWal, ATornLogBeforeATornLogIsRefused) {
  KilledStore killed(4, 40);
  const std::string half = killed.log_bytes().substr(0, killed.log_bytes().size() - 5);
  const TempDir dir;
  std::ofstream(dir.path() + "/000007.log", std::ios::binary) << half;
  EXPECT_TRUE(check_rocks_wal(dir.path()).value().torn_tail);
  std::ofstream(dir.path() + "/000012.log", std::ios::binary) << killed.log_bytes();
  EXPECT_FALSE(check_rocks_wal(dir.path()).value().torn_tail);
  std::ofstream(dir.path() + "/000103.log", std::ios::binary) << half;
  EXPECT_EQ(code_of(check_rocks_wal(dir.path())), Errc::kCorruption);
}

}  // namespace
}  // namespace kelp::test
