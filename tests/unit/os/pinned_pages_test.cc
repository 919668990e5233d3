// Bytes lent to a socket are the bytes that were checked, whatever happens to the file.

#include <gtest/gtest.h>
#include <unistd.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <optional>
#include <sstream>

#include "os/mapped_windows.h"
#include "os/posix_file_io.h"
#include "tests/support/pages.h"
#include "tests/support/temp_dir.h"

namespace kelp {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kBytes = 3 << 20;

bool agree(ByteSpan) {
  return true;
}

class PinnedPagesTest : public ::testing::Test {
 protected:
  PinnedPagesTest() {
    for (std::size_t i = 0; i < kBytes; ++i) text_[i] = static_cast<char>('a' + i * 31 % 57);
    // In few large writes, so that the page cache keeps runs of pages where it can.
    for (std::size_t at = 0; at < kBytes; at += kBytes / 12) {
      const std::array<ByteSpan, 1> pieces{as_bytes(text_).subspan(at, kBytes / 12)};
      EXPECT_TRUE(file_->write_at(at, pieces).has_value());
    }
    EXPECT_TRUE(file_->sync().has_value());
  }
  void SetUp() override {
    if (!test::can_lend(dir_.path())) GTEST_SKIP() << "neither ext4 nor xfs";
    stays_.emplace(dir_.path() + "/a");
  }

  const test::TempDir dir_;
  const std::unique_ptr<FileIo> io_ = make_posix_file_io();
  const std::unique_ptr<File> file_ = *io_->open(dir_.path() + "/a", OpenMode::kCreate);
  std::string text_ = std::string(kBytes, '?');
  std::optional<test::StaysInMemory> stays_;
};

TEST_F(PinnedPagesTest, SendsWhatTheCheckSaw) {
  std::string seen;
  const auto look = [&seen](ByteSpan bytes) {
    seen = as_text(bytes);
    return true;
  };
  for (const std::size_t offset : {std::size_t{0}, std::size_t{100}, 3 * kPage + 1}) {
    const std::string sent = test::drain(file_->try_pin(offset, PinnedPages::kMaxBytes, look));
    EXPECT_GE(sent.size(), PinnedPages::kUsualBytes);
    EXPECT_TRUE(sent == text_.substr(offset, sent.size()));
    EXPECT_EQ(seen, sent);
  }
}

TEST_F(PinnedPagesTest, LendsNothingThatTheCheckRefuses) {
  EXPECT_TRUE(file_->try_pin(0, 100'000, [](ByteSpan) { return false; }).empty());
}

TEST_F(PinnedPagesTest, LendsNothingPastTheEndNorTooMuchNorTooLittle) {
  EXPECT_TRUE(file_->try_pin(kBytes - 100'000, 100'001, agree).empty());
  EXPECT_TRUE(file_->try_pin(kBytes * 40, 100'000, agree).empty());
  EXPECT_LE(file_->try_pin(0, kBytes, agree).size(), PinnedPages::kMaxBytes);
  EXPECT_TRUE(file_->try_pin(0, 100, agree).empty());
  EXPECT_EQ(test::drain(file_->try_pin(kBytes - 100'000, 100'000, agree)),
            text_.substr(kBytes - 100'000));
}

TEST_F(PinnedPagesTest, AHoleDoesNotChangeWhatIsLent) {
  for (const std::size_t begin : {5 * kPage, 64 * kPage}) {
    PinnedPages pages = file_->try_pin(100, PinnedPages::kUsualBytes, agree);
    ASSERT_FALSE(pages.empty());
    ASSERT_TRUE(file_->punch_hole(begin, 27 * kPage).has_value());
    EXPECT_EQ(test::drain(std::move(pages)), text_.substr(100, PinnedPages::kUsualBytes));
    text_.replace(begin, 27 * kPage, 27 * kPage, '\0');
    std::string now(kBytes, '?');
    ASSERT_TRUE(file_->read_at(0, std::as_writable_bytes(std::span(now))).has_value());
    EXPECT_TRUE(now == text_);
  }
}

TEST_F(PinnedPagesTest, AHoleInASmallNeedleDoesNotChangeWhatIsLent) {
  PinnedPages pages = file_->try_pin(100, 64 * 1024, agree);
  ASSERT_TRUE(file_->punch_hole(100, 64 * 1024).has_value());
  EXPECT_EQ(test::drain(std::move(pages)), text_.substr(100, 64 * 1024));
}

TEST_F(PinnedPagesTest, AHoleMadeByTheNextProcessDoesNotChangeWhatIsLent) {
  PinnedPages pages = file_->try_pin(100, PinnedPages::kUsualBytes, agree);
  const auto next = *io_->open(dir_.path() + "/a", OpenMode::kReadWrite);
  ASSERT_TRUE(next->punch_hole(5 * kPage, 27 * kPage).has_value());
  EXPECT_EQ(test::drain(std::move(pages)), text_.substr(100, PinnedPages::kUsualBytes));
}

TEST_F(PinnedPagesTest, AHoleThatIsMadeWhileTheCheckLooksLendsNothing) {
  const auto punch = [this](ByteSpan) {
    EXPECT_TRUE(file_->punch_hole(0, 27 * kPage).has_value());
    return true;
  };
  EXPECT_TRUE(file_->try_pin(0, 200'000, punch).empty());
  stays_.emplace(dir_.path() + "/a");  // the hole too is in the page cache again
  EXPECT_FALSE(file_->try_pin(0, 200'000, agree).empty());
}

TEST_F(PinnedPagesTest, AFileThatBecomesShorterWhileTheCheckLooksLendsNothing) {
  const auto cut = [this](ByteSpan bytes) {
    EXPECT_TRUE(file_->truncate(kPage).has_value());
    return bytes.back() == std::byte{0};
  };
  EXPECT_TRUE(file_->try_pin(0, 200'000, cut).empty());
}

TEST_F(PinnedPagesTest, ALookAtPagesThatAreNotThereSaysNo) {
  const int file = ::open((dir_.path() + "/a").c_str(), O_RDONLY | O_CLOEXEC);
  const auto window = MappedWindow::map(file, 0, 2 * kBytes);
  ::close(file);
  ASSERT_NE(window, nullptr);
  const auto last = [](ByteSpan bytes) { return bytes.back() != std::byte{0}; };
  EXPECT_TRUE(window->look_at(0, kBytes, last));
  EXPECT_FALSE(window->look_at(kBytes, kPage, last));
  EXPECT_TRUE(window->look_at(0, kBytes, last));
}

TEST_F(PinnedPagesTest, PipesAreBoundedAndComeBack) {
  const auto pool = std::make_shared<PipePool>(2);
  const int file = ::open((dir_.path() + "/a").c_str(), O_RDONLY | O_CLOEXEC);
  PinnedPages one = pool->pin(file, 0, 100'000);
  PinnedPages two = pool->pin(file, 0, 100'000);
  EXPECT_TRUE(pool->pin(file, 0, 100'000).empty());
  one = {};  // not drained: its pipe is closed
  EXPECT_EQ(test::drain(std::move(two)), text_.substr(0, 100'000));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(test::drain(pool->pin(file, 7, 100'000)), text_.substr(7, 100'000));
  }
  EXPECT_TRUE(pool->pin(file, kBytes - 5, 6).empty());
  ::close(file);
}

/// Bytes of files below `directory` that this process maps.
std::size_t mapped_bytes(const std::string& directory) {
  std::size_t total = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::size_t begin = 0;
    std::size_t end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> begin >> dash >> end;
    if (line.contains(directory)) total += end - begin;
  }
  return total;
}

TEST_F(PinnedPagesTest, ManyFilesShareTheWindows) {
  const std::size_t before = mapped_bytes(dir_.path());
  std::vector<std::unique_ptr<File>> files;
  for (std::size_t i = 0; i < 2 * MappedWindows::kWindows; ++i) {
    files.push_back(*io_->open(dir_.path() + "/a", OpenMode::kRead));
    EXPECT_EQ(test::drain(files.back()->try_pin(0, 70'000, agree)), text_.substr(0, 70'000));
    if (i % 3 == 0) files.erase(files.begin());
  }
  EXPECT_GT(mapped_bytes(dir_.path()), before);
  EXPECT_LE(mapped_bytes(dir_.path()), before + (std::size_t{240} << 20));
  files.clear();
  EXPECT_EQ(mapped_bytes(dir_.path()), before);
}

}  // namespace
}  // namespace kelp
