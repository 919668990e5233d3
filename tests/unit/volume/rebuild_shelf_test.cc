// What one server makes for others: volume/rebuild_shelf.h, under a virtual clock.
#include "volume/rebuild_shelf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/task_group.h"
#include "tests/support/sim_context.h"

namespace kelp::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const VolumeId kVolume{7};
const Generation kNow{3};

class RebuildShelfTest : public ::testing::Test {
 public:
  ~RebuildShelfTest() override { world_.run_out(); }
  std::unique_ptr<RebuildShelf::Pass> begin() { return shelf_.begin(kVolume, kNow, {1, 4}); }
  Result<std::string> take(std::uint8_t shard, std::uint64_t key, bool may_begin = false,
                           Generation generation = kNow) {
    return world_.run(shelf_.take(kVolume, generation, shard, NeedleKey{key}, may_begin));
  }
  /// Takes from another task, while the test's goes on.
  static Task<void> take_later(RebuildShelf* shelf, std::uint64_t key,
                               std::optional<Result<std::string>>* to) {
    *to = co_await shelf->take(kVolume, kNow, 1, NeedleKey{key}, true);
  }

  SimContext world_{3};
  SimClock clock_{world_};
  SimTimers timers_{world_};
  RebuildShelf shelf_{clock_, &timers_};
};

TEST_F(RebuildShelfTest, GivesEachImageOnceToWhomItIsFor) {
  const auto pass = begin();
  pass->put(1, NeedleKey{5}, "one");
  pass->put(4, NeedleKey{5}, "four");
  pass->reached(NeedleKey{5});
  EXPECT_EQ(take(4, 5).value(), "four");
  EXPECT_EQ(take(1, 5).value(), "one");
  EXPECT_EQ(take(1, 5).error().code(), Errc::kNotFound) << "it is given once";
  EXPECT_EQ(take(2, 5).error().code(), Errc::kConflict) << "a shard that nobody makes";
  EXPECT_EQ(take(1, 5, true, Generation{2}).error().code(), Errc::kConflict);
}

TEST_F(RebuildShelfTest, KeepsNothingThatIsNotAskedForAnyMore) {
  const auto pass = begin();
  for (std::uint64_t key = 1; key <= 3; ++key) pass->put(1, NeedleKey{key}, "image");
  pass->reached(NeedleKey{3});
  EXPECT_EQ(take(1, 3).value(), "image");
  EXPECT_EQ(take(1, 2).error().code(), Errc::kNotFound);
  EXPECT_THAT(pass->wanted(NeedleKey{2}), ElementsAre(4)) << "1 asks for larger keys";
  pass->put(1, NeedleKey{2}, "image");
  EXPECT_EQ(take(1, 2).error().code(), Errc::kNotFound);
}

TEST_F(RebuildShelfTest, AnswersThatItIsNotMadeYet) {
  const auto pass = begin();
  const MonoTime begun = clock_.mono();
  EXPECT_EQ(take(1, 9).value(), "");
  EXPECT_GE(clock_.mono() - begun, RebuildShelf::kAnswerAfter);
}

TEST_F(RebuildShelfTest, LetsAQuestionWaitForThePassAndItsImage) {
  std::optional<Result<std::string>> answer;
  TaskGroup group(world_.executor());
  group.spawn(take_later(&shelf_, 5, &answer));
  const auto story = [](RebuildShelfTest* t,
                        std::optional<Result<std::string>>* got) -> Task<void> {
    (void)co_await t->timers_.sleep_until(t->clock_.mono() + 1s);
    EXPECT_FALSE(got->has_value());
    const auto pass = t->begin();
    (void)co_await t->timers_.sleep_until(t->clock_.mono() + 1s);
    pass->put(1, NeedleKey{5}, "image");
    pass->reached(NeedleKey{5});
    (void)co_await t->timers_.sleep_until(t->clock_.mono() + 1s);
  };
  world_.run(story(this, &answer));
  ASSERT_TRUE(answer.has_value() && answer->has_value());
  EXPECT_EQ(**answer, "image");
  world_.run(group.join());
  EXPECT_EQ(take(1, 6, true).error().code(), Errc::kConflict) << "the pass is over";
}

TEST_F(RebuildShelfTest, MakesWhoeverMakesThemWaitAndGivesUpWhoDoesNotCome) {
  const auto pass = begin();
  std::uint64_t key = 0;
  for (std::uint64_t bytes = 0; bytes < RebuildShelf::kRoomBytes; bytes += 1 << 20) {
    pass->put(1, NeedleKey{++key}, std::string(1 << 20, 'x'));
  }
  pass->put(4, NeedleKey{key}, "one more");
  pass->reached(NeedleKey{key});
  const MonoTime begun = clock_.mono();
  (void)take(4, key);
  ASSERT_TRUE(world_.run(pass->await_room()).has_value());
  EXPECT_GE(clock_.mono() - begun, RebuildShelf::kPatience);
  EXPECT_LT(clock_.mono() - begun, RebuildShelf::kPatience + 1s);
  EXPECT_THAT(pass->wanted(NeedleKey{key + 1}), ElementsAre(4)) << "that one has come";
  EXPECT_EQ(take(1, key).error().code(), Errc::kConflict);
  ASSERT_TRUE(world_.run(pass->await_end()).has_value());
}

TEST_F(RebuildShelfTest, MakesNothingForOthersWithoutTimers) {
  RebuildShelf still(clock_, nullptr);
  const auto pass = still.begin(kVolume, kNow, {1});
  EXPECT_THAT(pass->wanted(NeedleKey{1}), IsEmpty());
  ASSERT_TRUE(world_.run(pass->await_room()).has_value());
  const auto refused = world_.run(still.take(kVolume, kNow, 1, NeedleKey{1}, true));
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
}

}  // namespace
}  // namespace kelp::test
