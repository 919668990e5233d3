#include "os/posix_file_io.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "os/system_clock.h"
#include "tests/support/temp_dir.h"

namespace kelp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PosixFileIoTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return dir_.path() + "/" + name; }

  std::unique_ptr<File> make(const std::string& name) {
    auto file = io_->open(path(name), OpenMode::kCreate);
    EXPECT_TRUE(file.has_value());
    return std::move(*file);
  }

  static void write(File& file, std::uint64_t offset, std::string_view text) {
    const std::array<ByteSpan, 1> pieces{as_bytes(text)};
    ASSERT_TRUE(file.write_at(offset, pieces).has_value());
  }

  static std::string read(File& file, std::uint64_t offset, std::size_t size) {
    std::string text(size, '?');
    const auto got =
        file.read_at(offset, std::as_writable_bytes(std::span(text.data(), text.size())));
    EXPECT_TRUE(got.has_value());
    text.resize(got.value_or(0));
    return text;
  }

  const test::TempDir dir_;
  const std::unique_ptr<FileIo> io_ = make_posix_file_io();
};

TEST_F(PosixFileIoTest, ReadsBackWhatWasWrittenInPieces) {
  const auto file = make("a");
  const std::array<ByteSpan, 4> pieces{as_bytes("one "), as_bytes(""), as_bytes("two "),
                                       as_bytes("three")};
  ASSERT_TRUE(file->write_at(3, pieces).has_value());
  EXPECT_EQ(read(*file, 3, 13), "one two three");
  EXPECT_EQ(read(*file, 0, 4), std::string("\0\0\0o", 4));
  EXPECT_EQ(*file->size(), 16U);
}

TEST_F(PosixFileIoTest, WritesMorePiecesThanOneSystemCallTakes) {
  const auto file = make("a");
  std::string expected;
  for (int i = 0; i < 3000; ++i) expected += static_cast<char>('a' + i % 26);
  std::vector<ByteSpan> pieces;
  for (const char& letter : expected) pieces.push_back(as_bytes(std::string_view(&letter, 1)));
  ASSERT_TRUE(file->write_at(0, pieces).has_value());
  EXPECT_EQ(read(*file, 0, 4000), expected);
}

TEST_F(PosixFileIoTest, WritingThatWasBegunChangesNothing) {
  const auto file = make("a");
  write(*file, 0, "begun");
  file->begin_writing(0, 5);
  file->begin_writing(3, 1 << 20);  // past the end
  write(*file, 2, "ing");
  ASSERT_TRUE(file->sync().has_value());
  EXPECT_EQ(read(*file, 0, 9), "being");
  EXPECT_EQ(*file->size(), 5U);
}

TEST_F(PosixFileIoTest, ReadsShortOnlyAtTheEnd) {
  const auto file = make("a");
  write(*file, 0, "12345");
  EXPECT_EQ(read(*file, 2, 100), "345");
  EXPECT_EQ(read(*file, 5, 100), "");
  EXPECT_EQ(read(*file, 500, 100), "");
}

TEST_F(PosixFileIoTest, TryReadNeverGivesAPartOfWhatWasAsked) {
  const auto file = make("a");
  write(*file, 0, "12345");
  std::array<std::byte, 5> whole{};
  std::array<std::byte, 6> more{};
  const auto read = file->try_read_at(0, whole);
  ASSERT_TRUE(read.has_value());
  if (*read) EXPECT_EQ(as_text(whole), "12345");  // false where the file system knows no NOWAIT
  const auto past = file->try_read_at(0, more);
  ASSERT_TRUE(past.has_value());
  EXPECT_FALSE(*past);
}

TEST_F(PosixFileIoTest, OpensAsItWasAsked) {
  EXPECT_EQ(io_->open(path("no"), OpenMode::kRead).error().code(), Errc::kNotFound);
  EXPECT_EQ(io_->open(path("no"), OpenMode::kReadWrite).error().code(), Errc::kNotFound);
  ASSERT_TRUE(io_->open(path("a"), OpenMode::kCreateExclusive).has_value());
  const auto again = io_->open(path("a"), OpenMode::kCreateExclusive);
  EXPECT_EQ(again.error().code(), Errc::kAlreadyExists);
  EXPECT_THAT(again.error().detail(), HasSubstr(path("a")));
  const auto readable = io_->open(path("a"), OpenMode::kRead);
  ASSERT_TRUE(readable.has_value());
  const std::array<ByteSpan, 1> pieces{as_bytes("x")};
  EXPECT_EQ((*readable)->write_at(0, pieces).error().code(), Errc::kIo);
}

TEST_F(PosixFileIoTest, MakesPrivateFilesAndFolders) {
  ASSERT_TRUE(io_->make_dirs(path("x/y/z")).has_value());
  ASSERT_TRUE(io_->make_dirs(path("x/y/z")).has_value());
  const auto file = make("x/y/z/f");
  struct stat status{};
  ASSERT_EQ(::stat(path("x/y/z/f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(path("x/y").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  EXPECT_FALSE(io_->make_dirs(path("x/y/z/f")).has_value());
}

TEST_F(PosixFileIoTest, ListsNamesInOrder) {
  for (const char* name : {"b", "a", "c"}) make(name);
  EXPECT_THAT(*io_->list(dir_.path()), ElementsAre("a", "b", "c"));
  ASSERT_TRUE(io_->rename(path("c"), path("0")).has_value());
  ASSERT_TRUE(io_->remove(path("a")).has_value());
  EXPECT_THAT(*io_->list(dir_.path()), ElementsAre("0", "b"));
  EXPECT_EQ(io_->remove(path("a")).error().code(), Errc::kNotFound);
  EXPECT_EQ(io_->list(path("none")).error().code(), Errc::kNotFound);
  EXPECT_TRUE(*io_->exists(path("b")));
  EXPECT_FALSE(*io_->exists(path("a")));
  EXPECT_FALSE(*io_->exists(path("b/under")));
}

TEST_F(PosixFileIoTest, AHoleReadsAsZerosAndKeepsTheSize) {
  const auto file = make("a");
  write(*file, 0, std::string(64 * 1024, 'x'));
  ASSERT_TRUE(file->punch_hole(4096, 8192).has_value());
  EXPECT_EQ(*file->size(), 64U * 1024);
  EXPECT_EQ(read(*file, 4095, 1), "x");
  EXPECT_EQ(read(*file, 12'288, 1), "x");
  const std::string hole = read(*file, 4096, 8192);
  EXPECT_TRUE(hole == std::string(8192, '\0') || hole == std::string(8192, 'x'));
  ASSERT_TRUE(file->sync().has_value());
  ASSERT_TRUE(file->truncate(10).has_value());
  EXPECT_EQ(*file->size(), 10U);
}

TEST_F(PosixFileIoTest, ASecondProcessIsToldWhoHoldsTheDirectory) {
  auto lock = io_->lock_dir(dir_.path());
  ASSERT_TRUE(lock.has_value());
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = make_posix_file_io()->lock_dir(dir_.path());
    const bool refused =
        !second.has_value() && second.error().code() == Errc::kUnavailable &&
        second.error().detail().find("pid " + std::to_string(::getppid())) != std::string::npos;
    ::_exit(refused ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(io_->lock_dir(dir_.path()).error().code(), Errc::kUnavailable);  // nor we ourselves
  lock->reset();
  EXPECT_TRUE(io_->lock_dir(dir_.path()).has_value());
}

TEST_F(PosixFileIoTest, TellsTheSpaceOfTheDisk) {
  const auto space = io_->space(dir_.path());
  ASSERT_TRUE(space.has_value());
  EXPECT_GT(space->total_bytes, 0U);
  EXPECT_LE(space->free_bytes, space->total_bytes);
  EXPECT_FALSE(io_->space(path("none")).has_value());
}

TEST_F(PosixFileIoTest, ReplacesAFileAsAWhole) {
  ASSERT_TRUE(write_file_atomically(*io_, path("f"), "first, and long").has_value());
  ASSERT_TRUE(write_file_atomically(*io_, path("f"), "second").has_value());
  EXPECT_EQ(*read_whole_file(*io_, path("f"), 100), "second");
  ASSERT_TRUE(write_file_atomically(*io_, path("f"), "").has_value());
  EXPECT_EQ(*read_whole_file(*io_, path("f"), 100), "");
  EXPECT_THAT(*io_->list(dir_.path()), ElementsAre("f"));
  EXPECT_FALSE(write_file_atomically(*io_, path("none/f"), "x").has_value());
}

TEST_F(PosixFileIoTest, ReadsAWholeFileOnlyUpToTheLimit) {
  ASSERT_TRUE(write_file_atomically(*io_, path("f"), "12345").has_value());
  EXPECT_EQ(*read_whole_file(*io_, path("f"), 5), "12345");
  EXPECT_EQ(read_whole_file(*io_, path("f"), 4).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(read_whole_file(*io_, path("none"), 4).error().code(), Errc::kNotFound);
}

}  // namespace
}  // namespace kelp
