#include "tests/support/sim_disk.h"

#include <gtest/gtest.h>

#include <set>

namespace kelp::test {
namespace {

std::unique_ptr<File> open(SimDisk& disk, const std::string& path,
                           OpenMode mode = OpenMode::kCreate) {
  auto file = disk.open(path, mode);
  EXPECT_TRUE(file.has_value()) << path;
  return file ? *std::move(file) : nullptr;
}

Result<void> write(File& file, std::uint64_t offset, std::string_view text) {
  const ByteSpan piece = as_bytes(text);
  return file.write_at(offset, std::span(&piece, 1));
}

/// A file `path` in `/d` that is durable with `text`.
std::unique_ptr<File> durable_file(SimDisk& disk, const std::string& path, std::string_view text) {
  EXPECT_TRUE(disk.make_dirs("/d"));
  auto file = open(disk, path);
  EXPECT_TRUE(write(*file, 0, text));
  EXPECT_TRUE(file->sync());
  EXPECT_TRUE(disk.sync_dir("/d"));
  return file;
}

TEST(SimDisk, ReadsBackWhatWasWrittenAcrossSectors) {
  SimDisk disk;
  auto file = durable_file(disk, "/d/a", std::string(1000, 'x'));
  const std::string first = "abc", second(700, 'y');
  const std::vector<ByteSpan> pieces = {as_bytes(first), as_bytes(second)};
  ASSERT_TRUE(file->write_at(510, pieces));
  std::string expected(1213, 'x');
  expected.replace(510, 3, first).replace(513, 700, second);
  EXPECT_EQ(disk.content("/d/a"), expected);
  std::string buffer(2000, '?');
  EXPECT_EQ(file->read_at(500, std::as_writable_bytes(std::span(buffer))).value(), 713U);
  EXPECT_EQ(buffer.substr(0, 713), expected.substr(500));
  EXPECT_FALSE(file->try_read_at(500, std::as_writable_bytes(std::span(buffer))).value());
  EXPECT_EQ(file->read_at(5000, std::as_writable_bytes(std::span(buffer))).value(), 0U);
}

TEST(SimDisk, WritingPastTheEndLeavesZeros) {
  SimDisk disk;
  auto file = durable_file(disk, "/d/a", "x");
  ASSERT_TRUE(write(*file, 3, "y"));
  EXPECT_EQ(disk.content("/d/a"), std::string("x\0\0y", 4));
  ASSERT_TRUE(file->truncate(1));
  ASSERT_TRUE(file->truncate(4));
  EXPECT_EQ(disk.content("/d/a"), std::string("x\0\0\0", 4));
}

TEST(SimDisk, ACrashLosesWhatWasNotSyncedAndKeepsTheRest) {
  SimDisk disk;
  auto file = durable_file(disk, "/d/a", "durable");
  ASSERT_TRUE(write(*file, 0, "DURABLE and more"));
  EXPECT_EQ(disk.content("/d/a"), "DURABLE and more");
  disk.crash_losing_all();
  EXPECT_EQ(disk.content("/d/a"), "durable");
}

TEST(SimDisk, ACrashKeepsASubsetOfTheSectors) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimDisk disk;
    auto file = durable_file(disk, "/d/a", std::string(1536, 'o'));
    ASSERT_TRUE(write(*file, 0, std::string(1536, 'n')));
    Rng rng(seed);
    disk.crash(rng);
    const std::string left = disk.content("/d/a").value();
    ASSERT_EQ(left.size(), 1536U);
    for (const std::size_t at : {0, 512, 1024}) {
      const std::string sector = left.substr(at, 512);
      EXPECT_TRUE(sector == std::string(512, 'n') || sector == std::string(512, 'o'));
    }
    seen.insert(std::string{left[0], left[512], left[1024]});
  }
  EXPECT_EQ(seen.size(), 8U) << "every torn form of a write occurs";
}

TEST(SimDisk, AnAppendThatWasNotSyncedMayLeaveZerosOrNothingOrAll) {
  std::set<std::size_t> sizes;
  bool zeros = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimDisk disk;
    auto file = durable_file(disk, "/d/a", std::string(512, 'o'));
    ASSERT_TRUE(write(*file, 512, std::string(1024, 'n')));
    Rng rng(seed);
    disk.crash(rng);
    const std::string left = disk.content("/d/a").value();
    EXPECT_EQ(left.substr(0, 512), std::string(512, 'o'));
    sizes.insert(left.size());
    zeros = zeros || left.find('\0') != std::string::npos;
  }
  EXPECT_EQ(sizes, (std::set<std::size_t>{512, 1024, 1536}));
  EXPECT_TRUE(zeros);
}

TEST(SimDisk, ACreationWithoutSyncOfTheFolderIsLostThoughTheFileWasSynced) {
  SimDisk disk;
  ASSERT_TRUE(disk.make_dirs("/d"));
  auto file = open(disk, "/d/new");
  ASSERT_TRUE(write(*file, 0, "x"));
  ASSERT_TRUE(file->sync());
  disk.crash_losing_all();
  EXPECT_FALSE(disk.exists("/d/new").value());
  EXPECT_TRUE(disk.exists("/d").value());
}

TEST(SimDisk, ARenameIsAtomicAndLostWithoutSyncOfTheFolder) {
  for (const bool sync : {false, true}) {
    SimDisk disk;
    auto target = durable_file(disk, "/d/target", "old");
    auto fresh = durable_file(disk, "/d/fresh", "new");
    ASSERT_TRUE(disk.rename("/d/fresh", "/d/target"));
    EXPECT_EQ(disk.content("/d/target"), "new");
    EXPECT_FALSE(disk.exists("/d/fresh").value());
    if (sync) {
      ASSERT_TRUE(disk.sync_dir("/d"));
    }
    disk.crash_losing_all();
    EXPECT_EQ(disk.content("/d/target"), sync ? "new" : "old");
    EXPECT_EQ(disk.exists("/d/fresh").value(), !sync);
  }
}

TEST(SimDisk, ARemovalIsUndoneByACrashWithoutSyncOfTheFolder) {
  SimDisk disk;
  auto file = durable_file(disk, "/d/a", "kept");
  ASSERT_TRUE(disk.remove("/d/a"));
  EXPECT_EQ(disk.open("/d/a", OpenMode::kRead).error().code(), Errc::kNotFound);
  disk.crash_losing_all();
  EXPECT_EQ(disk.content("/d/a"), "kept");
  ASSERT_TRUE(disk.remove("/d/a"));
  ASSERT_TRUE(disk.sync_dir("/d"));
  disk.crash_losing_all();
  EXPECT_FALSE(disk.exists("/d/a").value());
}

TEST(SimDisk, AFailedSyncIsNotMadeGoodByTheNext) {
  SimDisk disk;
  auto file = durable_file(disk, "/d/a", "old");
  ASSERT_TRUE(write(*file, 0, "new"));
  disk.fail_nth(DiskOp::kSync, 1);
  EXPECT_EQ(file->sync().error().code(), Errc::kIo);
  EXPECT_TRUE(file->sync());
  EXPECT_EQ(disk.content("/d/a"), "new") << "the page cache still has it";
  disk.crash_losing_all();
  EXPECT_EQ(disk.content("/d/a"), "old");
}

TEST(SimDisk, KillKeepsThePageCacheAndEndsHandlesAndLocks) {
  SimDisk disk;
  auto file = durable_file(disk, "/d/a", "old");
  auto lock = disk.lock_dir("/d");
  ASSERT_TRUE(lock);
  EXPECT_EQ(disk.lock_dir("/d").error().code(), Errc::kUnavailable);
  ASSERT_TRUE(write(*file, 0, "new"));
  disk.kill();
  EXPECT_EQ(disk.content("/d/a"), "new");
  EXPECT_EQ(write(*file, 0, "zzz").error().code(), Errc::kIo);
  auto again = disk.lock_dir("/d");
  EXPECT_TRUE(again);
  lock->reset();  // of the dead process: does not free the new one
  EXPECT_EQ(disk.lock_dir("/d").error().code(), Errc::kUnavailable);
  again->reset();
  EXPECT_TRUE(disk.lock_dir("/d"));
}

TEST(SimDisk, AFullDiskTakesAPartAndSaysNoSpace) {
  SimDisk disk({.capacity_bytes = 4 * 512});
  ASSERT_TRUE(disk.make_dirs("/d"));
  auto file = open(disk, "/d/a");
  EXPECT_EQ(write(*file, 0, std::string(5000, 'x')).error().code(), Errc::kNoSpace);
  EXPECT_EQ(file->size().value(), 2048U);
  EXPECT_EQ(disk.space("/d")->free_bytes, 0U);
  ASSERT_TRUE(file->punch_hole(512, 512));
  EXPECT_EQ(disk.space("/d")->free_bytes, 512U);
  EXPECT_EQ(disk.content("/d/a")->substr(512, 512), std::string(512, '\0'));
  ASSERT_TRUE(disk.remove("/d/a"));
  EXPECT_EQ(disk.space("/d")->free_bytes, 2048U);
}

TEST(SimDisk, InjectedErrorsHitTheNamedOperation) {
  SimDisk disk;
  auto file = durable_file(disk, "/d/a", "abcdefgh");
  std::string buffer(8, ' ');
  disk.fail_nth(DiskOp::kRead, 2);
  EXPECT_TRUE(file->read_at(0, std::as_writable_bytes(std::span(buffer))));
  EXPECT_EQ(file->read_at(0, std::as_writable_bytes(std::span(buffer))).error().code(), Errc::kIo);
  EXPECT_TRUE(file->read_at(0, std::as_writable_bytes(std::span(buffer))));
  disk.fail_nth(DiskOp::kWrite, 1, Errc::kNoSpace);
  EXPECT_EQ(write(*file, 0, "ABCDEFGH").error().code(), Errc::kNoSpace);
  EXPECT_NE(disk.content("/d/a"), "ABCDEFGH") << "a failed write is short";
  auto no_rename = [](DiskOp op, const std::string&) -> std::optional<Error> {
    if (op != DiskOp::kRename) return std::nullopt;
    return Error(Errc::kIo, "no renames today");
  };
  disk.set_hook(std::move(no_rename));
  EXPECT_EQ(disk.rename("/d/a", "/d/b").error().code(), Errc::kIo);
  EXPECT_TRUE(disk.exists("/d/a").value());
  EXPECT_EQ(disk.count(DiskOp::kRename), 1U);
}

TEST(SimDisk, AFlippedBitIsReadAndSurvivesACrash) {
  SimDisk disk;
  auto file = durable_file(disk, "/d/a", "abc");
  disk.flip_bit("/d/a", 1, 0);
  EXPECT_EQ(disk.content("/d/a"), "acc");
  disk.crash_losing_all();
  EXPECT_EQ(disk.content("/d/a"), "acc");
}

TEST(SimDisk, PowerGoesOffAtTheNthChangeAndComesBackWithTheCrash) {
  SimDisk disk;
  auto file = durable_file(disk, "/d/a", "old");
  disk.power_off_after(2);
  EXPECT_TRUE(write(*file, 0, "new"));
  EXPECT_EQ(file->sync().error().code(), Errc::kIo);
  EXPECT_TRUE(disk.powered_off());
  EXPECT_EQ(disk.open("/d/a", OpenMode::kRead).error().code(), Errc::kIo);
  disk.crash_losing_all();
  EXPECT_EQ(disk.content("/d/a"), "old");
  EXPECT_EQ(file->sync().error().code(), Errc::kIo) << "a handle of the machine before the cut";
  EXPECT_TRUE(disk.open("/d/a", OpenMode::kRead));
}

TEST(SimDisk, RefusesWhatAFileSystemRefuses) {
  SimDisk disk;
  EXPECT_EQ(disk.open("/no/a", OpenMode::kCreate).error().code(), Errc::kNotFound);
  auto file = durable_file(disk, "/d/a", "x");
  EXPECT_EQ(disk.open("/d/a", OpenMode::kCreateExclusive).error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(disk.open("/d/b", OpenMode::kReadWrite).error().code(), Errc::kNotFound);
  EXPECT_EQ(disk.rename("/d/b", "/d/c").error().code(), Errc::kNotFound);
  EXPECT_EQ(disk.remove("/d/b").error().code(), Errc::kNotFound);
  EXPECT_EQ(disk.remove("/d").error().code(), Errc::kIo);
  EXPECT_EQ(disk.list("/no").error().code(), Errc::kNotFound);
  EXPECT_EQ(write(*open(disk, "/d/a", OpenMode::kRead), 0, "y").error().code(), Errc::kIo);
  ASSERT_TRUE(disk.make_dirs("/d/e/f"));
  EXPECT_EQ(disk.list("/d").value(), (std::vector<std::string>{"a", "e"}));
  EXPECT_EQ(disk.list("/").value(), (std::vector<std::string>{"d"}));
}

}  // namespace
}  // namespace kelp::test
