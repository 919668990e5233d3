// What a plan reads, and when its commit is taken.

#include "filer/core/row_plan.h"

#include <gtest/gtest.h>

#include "kv/mem_kv.h"
#include "tests/support/forwarding_kv.h"

namespace kelp {
namespace {

using Before = RowPlan::Before;
const KvRange kAll{"a", "z"};

class RowPlanTest : public testing::Test {
 protected:
  void write(std::string key, std::string value) {
    KvBatch batch;
    batch.writes.push_back(KvWrite::put(std::move(key), std::move(value)));
    EXPECT_TRUE(commit(std::move(batch)));
  }
  bool commit(KvBatch batch) {
    bool taken = false;
    store_->commit(std::move(batch), [&](const Result<void>& done) { taken = done.has_value(); });
    return taken;
  }
  std::string first(RowPlan& plan, Before before = Before::kAny) {
    const auto row = plan.first(kAll, before).value();
    return row ? row->first + "=" + row->second : "";
  }

  std::unique_ptr<KvStore> store_ = make_mem_kv();
};

TEST_F(RowPlanTest, ReadsSeeTheWritesBeforeThem) {
  write("b", "1");
  write("c", "2");
  RowPlan plan(*store_, true);
  EXPECT_EQ(plan.get("b").value(), "1");
  EXPECT_EQ(plan.get("d").value(), std::nullopt);
  EXPECT_EQ(first(plan), "b=1");
  plan.put("b", "new");
  EXPECT_EQ(plan.get("b").value(), "new");
  EXPECT_EQ(first(plan), "b=new");
  plan.remove("b");
  EXPECT_EQ(plan.get("b").value(), std::nullopt);
  EXPECT_EQ(first(plan), "c=2");
  plan.put("bb", "between");
  EXPECT_EQ(first(plan), "bb=between");
  plan.remove("bb");
  plan.remove("c");
  EXPECT_EQ(first(plan), "");
  plan.put("c", "again");
  EXPECT_EQ(first(plan), "c=again");
  ASSERT_TRUE(commit(plan.take()));
  EXPECT_EQ(store_->scan({"a", "z"}, 9)->size(), 1U);
}

TEST_F(RowPlanTest, IsRefusedWhenARowThatItReadHasChanged) {
  write("b", "1");
  const auto make = [this](auto read) {
    RowPlan plan(*store_, true);
    read(plan);
    plan.put("x", "");
    return plan.take();
  };
  const auto get_b = [](RowPlan& plan) { EXPECT_TRUE(plan.get("b")); };
  const auto get_absent = [](RowPlan& plan) { EXPECT_TRUE(plan.get("absent")); };
  const auto get_first = [this](RowPlan& plan) { first(plan); };
  EXPECT_TRUE(commit(make(get_b)));
  KvBatch one = make(get_b);
  KvBatch two = make(get_absent);
  KvBatch three = make(get_first);
  write("b", "2");
  write("absent", "");
  EXPECT_FALSE(commit(std::move(one)));
  EXPECT_FALSE(commit(std::move(two)));
  EXPECT_FALSE(commit(std::move(three)));
}

TEST_F(RowPlanTest, IsRefusedWhenARowCameBeforeTheFirst) {
  write("c", "1");
  RowPlan careless(*store_, true);
  RowPlan careful(*store_, true);
  EXPECT_EQ(first(careless), "c=1");
  EXPECT_EQ(first(careful, Before::kNothing), "c=1");
  careful.remove("c");
  EXPECT_EQ(first(careful, Before::kNothing), "") << "its own writes do not count";
  write("b", "0");
  careless.put("x", "");
  EXPECT_TRUE(commit(careless.take()));
  EXPECT_FALSE(commit(careful.take()));

  RowPlan of_nothing(*store_, true);
  EXPECT_FALSE(of_nothing.first({"k", "l"}, Before::kNothing).value());
  of_nothing.put("x", "");
  write("kk", "");
  EXPECT_FALSE(commit(of_nothing.take()));
}

TEST_F(RowPlanTest, GivesUpWhatItWouldHaveToWaitFor) {
  write("b", "1");
  RowPlan warm(*store_, false);
  EXPECT_EQ(warm.get("b").value(), "1");
  EXPECT_FALSE(warm.gave_up());
  EXPECT_FALSE(warm.first(kAll, Before::kAny));
  EXPECT_TRUE(warm.gave_up()) << "a scan may wait";
  test::ColdKv cold(*store_);
  RowPlan waits_not(cold, false);
  EXPECT_FALSE(waits_not.get("b"));
  EXPECT_TRUE(waits_not.gave_up());
  RowPlan waits(cold, true);
  EXPECT_EQ(waits.get("b").value(), "1");
}

}  // namespace
}  // namespace kelp
