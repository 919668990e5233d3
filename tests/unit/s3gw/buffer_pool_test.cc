#include "s3gw/buffer_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace kelp::s3 {
namespace {

TEST(BufferPool, GivesNoMoreThanItsLimit) {
  BufferPool pool(300, 4);
  auto first = pool.take(200);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->span().size(), 200U);
  EXPECT_FALSE(pool.take(101));
  auto second = pool.reserve(100);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->span().empty());
  EXPECT_FALSE(pool.reserve(1));
  first.reset();
  EXPECT_EQ(pool.out_bytes(), 100U);
  EXPECT_TRUE(pool.take(200));
}

TEST(BufferPool, KeepsAFewBuffersForTheNextStream) {
  BufferPool pool(1000, 1);
  const std::byte* address = nullptr;
  {
    auto kept = pool.take(100);
    auto dropped = pool.take(100);
    address = dropped->span().data();
  }
  EXPECT_EQ(pool.out_bytes(), 0U);
  auto again = pool.take(100);
  EXPECT_EQ(again->span().data(), address);
  EXPECT_EQ(pool.take(50)->span().size(), 50U);
}

TEST(BufferPool, ABufferMovesWithItsOwner) {
  BufferPool pool(100, 0);
  std::vector<BufferPool::Buffer> owners(2);
  owners[0] = *pool.take(60);
  owners[1] = std::move(owners[0]);
  EXPECT_EQ(owners[1].span().size(), 60U);
  EXPECT_EQ(pool.out_bytes(), 60U);
  owners.clear();
  EXPECT_EQ(pool.out_bytes(), 0U);
}

}  // namespace
}  // namespace kelp::s3
