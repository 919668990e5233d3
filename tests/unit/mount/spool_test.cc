#include "mount/spool.h"

#include <gtest/gtest.h>

#include "os/posix_file_io.h"
#include "tests/support/temp_dir.h"

namespace kelp::mount {
namespace {

class SpoolTest : public testing::Test {
 protected:
  std::unique_ptr<Spool> make() { return std::move(Spool::make(room_)).value(); }
  static std::string read(Spool& spool, std::uint64_t offset, std::size_t bytes) {
    std::string buffer(bytes, '?');
    const auto done = spool.read(offset, std::as_writable_bytes(std::span(buffer)));
    EXPECT_TRUE(done);
    buffer.resize(done.value_or(0));
    return buffer;
  }

  test::TempDir dir_;
  std::unique_ptr<FileIo> io_ = make_posix_file_io();
  SpoolRoom room_{.io = *io_, .dir = dir_.path(), .limit_bytes = 1 << 20};
};

TEST_F(SpoolTest, HoldsWhatIsWrittenAndLeavesNoName) {
  const auto spool = make();
  EXPECT_TRUE(io_->list(dir_.path())->empty());
  ASSERT_TRUE(spool->write(3, as_bytes("def")));
  EXPECT_EQ(read(*spool, 0, 100), std::string("\0\0\0def", 6));
  EXPECT_EQ(read(*spool, 5, 100), "f");
  EXPECT_EQ(read(*spool, 6, 100), "");
  ASSERT_TRUE(spool->truncate(4));
  ASSERT_TRUE(spool->truncate(6));
  EXPECT_EQ(read(*spool, 3, 3), std::string("d\0\0", 3));
}

TEST_F(SpoolTest, AllOfThemTogetherHaveALimit) {
  const std::string half(512 << 10, 'x');
  auto first = make();
  const auto second = make();
  ASSERT_TRUE(first->write(0, as_bytes(half)));
  ASSERT_TRUE(second->write(0, as_bytes(half)));
  EXPECT_EQ(second->write(half.size(), as_bytes("y")).error(), Errno{ENOSPC});
  EXPECT_EQ(second->truncate(half.size() + 1).error(), Errno{ENOSPC});
  EXPECT_EQ(second->size(), half.size());
  ASSERT_TRUE(second->write(7, as_bytes("y")));  // takes no more room
  ASSERT_TRUE(second->truncate(half.size() - 1));
  ASSERT_TRUE(second->truncate(half.size()));
  first.reset();
  ASSERT_TRUE(second->write(half.size(), as_bytes(half)));
  EXPECT_EQ(room_.used_bytes, 1 << 20);
}

TEST_F(SpoolTest, ADroppedFrontMakesRoomAndIsNeverReadAsZeros) {
  const auto spool = make();
  ASSERT_TRUE(spool->write(0, as_bytes(std::string(1 << 20, 'x'))));
  spool->drop_front((512 << 10) + 5);
  EXPECT_EQ(spool->dropped(), 512 << 10);
  EXPECT_EQ(room_.used_bytes, 512 << 10);
  std::byte one{};
  EXPECT_EQ(spool->read((512 << 10) - 1, std::span(&one, 1)).error(), Errno{EIO});
  EXPECT_EQ(read(*spool, 512 << 10, 1), "x");
  ASSERT_TRUE(spool->write(1 << 20, as_bytes("more")));
}

}  // namespace
}  // namespace kelp::mount
