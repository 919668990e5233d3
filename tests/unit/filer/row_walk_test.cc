#include "filer/row_walk.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using test::FilerWorld;

/// How many slices a walk over rows with values of `value_bytes` takes.
std::size_t slices_of(std::size_t rows, std::size_t value_bytes) {
  FilerWorld world;
  KvBatch batch;
  for (std::size_t i = 0; i < rows; ++i) {
    batch.writes.push_back(KvWrite::append("o", std::string(value_bytes, 'v')));
  }
  world.store->commit(std::move(batch), [](const Result<void>& done) { EXPECT_TRUE(done); });
  KvAsync kv(*world.store, world.work);
  std::size_t taken = 0;
  RowTaker take = [&taken](std::string_view, std::string_view) {
    ++taken;
    return Result<void>();
  };
  EXPECT_TRUE(world.run(walk_rows(kv, {"o", "p"}, std::move(take))));
  EXPECT_EQ(taken, rows);
  return world.work.posted;
}

TEST(RowWalk, WorksInSlicesOfSoManyRowsAndBytes) {
  EXPECT_EQ(slices_of(0, 1), 1U);
  EXPECT_EQ(slices_of(20'000, 1), 1U);
  EXPECT_EQ(slices_of(20'001, 1), 2U);
  EXPECT_EQ(slices_of(15, 1 << 20), 1U);
  EXPECT_EQ(slices_of(33, 1 << 20), 3U);
}

}  // namespace
}  // namespace kelp
