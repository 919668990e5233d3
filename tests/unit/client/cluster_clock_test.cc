#include "client/cluster_clock.h"

#include <gtest/gtest.h>

namespace kelp {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// A machine's two clocks.
class TwoClocks final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime(up); }
  [[nodiscard]] WallTime wall() const override { return WallTime(date); }
  void pass(std::chrono::nanoseconds time) {
    up += time;
    date += time;
  }
  std::chrono::nanoseconds up = hours(1);
  std::chrono::nanoseconds date = hours(1000);
};

TEST(ClusterClock, IsTheMachinesOwnUntilAMasterIsHeard) {
  TwoClocks own;
  const ClusterClock clock(own);
  EXPECT_EQ(clock.wall(), own.wall());
  own.date += hours(24);
  EXPECT_EQ(clock.wall(), own.wall());
}

TEST(ClusterClock, FollowsTheMasterAndNotTheMachinesWallClock) {
  TwoClocks own;
  ClusterClock clock(own);
  clock.follow(WallTime(hours(2000)));
  own.pass(seconds(5));
  for (const auto jump : {hours(24), hours(-48)}) {
    own.date += jump;
    EXPECT_EQ(clock.wall(), WallTime(hours(2000) + seconds(5)));
  }
}

TEST(ClusterClock, FollowsAJumpBackAtOnceAndOneForwardWhenOldLeasesHaveEnded) {
  TwoClocks own;
  ClusterClock clock(own);
  clock.follow(WallTime(hours(2000)));
  clock.follow(WallTime(hours(1976)));
  EXPECT_EQ(clock.wall(), WallTime(hours(1976)));
  const auto passes = [&](minutes time) {
    own.pass(time);
    clock.follow(WallTime(hours(2000) + own.up - hours(1)));
  };
  passes(minutes(0));
  EXPECT_EQ(clock.wall(), WallTime(hours(1976)));
  passes(minutes(14));
  EXPECT_EQ(clock.wall(), WallTime(hours(1976) + minutes(14)));
  passes(minutes(1));
  EXPECT_EQ(clock.wall(), WallTime(hours(2000) + minutes(15)));
}

}  // namespace
}  // namespace kelp
