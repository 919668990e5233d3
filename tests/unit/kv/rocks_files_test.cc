#include "kv/rocks_files.h"

#include <gtest/gtest.h>

#include "tests/support/sim_disk.h"
#include "tests/unit/kv/kv_support.h"

namespace kelp::test {
namespace {

constexpr std::uint32_t kAlways = 1'000'000;

/// A file of "0123456789" on `disk`, as RocksDB opens it.
std::unique_ptr<rocksdb::RandomAccessFile> ten_bytes(rocksdb::Env& env, FileIo& disk) {
  const auto written = disk.open("/file", OpenMode::kCreate).value();
  const ByteSpan digits = as_bytes("0123456789");
  EXPECT_TRUE(written->write_at(0, std::span(&digits, 1)));
  std::unique_ptr<rocksdb::RandomAccessFile> file;
  EXPECT_TRUE(env.NewRandomAccessFile("/file", &file, rocksdb::EnvOptions()).ok());
  return file;
}

std::string read(const rocksdb::RandomAccessFile& file, std::uint64_t offset, std::size_t bytes) {
  std::string scratch(bytes, '?');
  rocksdb::Slice found;
  const rocksdb::Status status = file.Read(offset, bytes, &found, scratch.data());
  return status.ok() ? found.ToString() : status.ToString();
}

TEST(RocksFiles, WaitsForTheDiskOnlyOutsideANoWait) {
  const auto disk = std::make_shared<SimDisk>();
  const auto env = make_rocks_env(disk);
  const auto file = ten_bytes(*env, *disk);
  {
    const NoWait here;
    EXPECT_EQ(read(*file, 2, 3), "234");
  }
  disk->set_faults({.cold_read_per_million = kAlways});
  {
    const NoWait here;
    {
      const NoWait nested;
    }
    EXPECT_EQ(read(*file, 2, 3).substr(0, 17), "Result incomplete");
  }
  EXPECT_EQ(read(*file, 2, 3), "234");
}

TEST(RocksFiles, NeverTakesAShortReadForTheEnd) {
  const auto disk = std::make_shared<SimDisk>();
  const auto env = make_rocks_env(disk);
  const auto file = ten_bytes(*env, *disk);
  EXPECT_EQ(read(*file, 8, 10), "89");
  const NoWait here;
  EXPECT_EQ(read(*file, 8, 10).substr(0, 17), "Result incomplete");
}

TEST(RocksFiles, TellsWhatTheDiskSays) {
  const auto disk = std::make_shared<SimDisk>();
  const auto env = make_rocks_env(disk);
  const auto file = ten_bytes(*env, *disk);
  disk->fail_nth(DiskOp::kRead, 1);
  EXPECT_EQ(read(*file, 2, 3).substr(0, 8), "IO error");
  std::unique_ptr<rocksdb::RandomAccessFile> missing;
  EXPECT_TRUE(env->NewRandomAccessFile("/none", &missing, rocksdb::EnvOptions()).IsPathNotFound());
}

// What the page cache holds is read on the spot, with no memory of the engine's own; flushed rows
// and bulk values alike.
TEST(RocksFiles, TheStoreReadsThePageCacheWithoutWaiting) {
  const TempDir dir;
  const RocksKvOptions options{.path = dir.path() + "/kv",
                               .cache_bytes = 0,
                               .write_buffer_bytes = 1 << 20,
                               .bulk_prefix = 'B'};
  const auto store = open_rocks_kv(options).value();
  for (int i = 0; i < 3000; ++i) {
    store->commit({.conditions = {},
                   .writes = {KvWrite::put(fmt::format("row{:05}", i), std::string(500, 'r')),
                              KvWrite::put(fmt::format("B{:05}", i), std::string(1000, 'b'))}},
                  [](const Result<void>& done) { EXPECT_TRUE(done); });
  }
  ASSERT_TRUE(put_now(*store, "last", "1"));
  for (const auto& [key, value] : {std::pair("row00000", std::string(500, 'r')),
                                   std::pair("B00000", std::string(1000, 'b'))}) {
    EXPECT_EQ(value_of(*store, key), value);
    const auto again = store->try_get(key);
    if (!again) GTEST_SKIP() << "no RWF_NOWAIT on the file system of temporary folders";
    EXPECT_EQ((*again)->value_or("(none)"), value);
  }
}

}  // namespace
}  // namespace kelp::test
