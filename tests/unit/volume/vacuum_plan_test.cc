#include "volume/core/vacuum_plan.h"

#include <gtest/gtest.h>

namespace kelp::test {
namespace {

VacuumCandidate candidate(std::uint32_t volume, std::uint64_t disk, std::uint64_t live) {
  return {.volume = VolumeId{volume}, .disk_bytes = disk, .live_bytes = live};
}

TEST(VacuumPlan, LeavesWhatHasLittleGarbage) {
  const VacuumRule rule{.garbage = 0.3, .least_bytes = 10, .room_bytes = 1000};
  EXPECT_FALSE(choose_vacuum({}, rule).volume);
  EXPECT_FALSE(choose_vacuum({candidate(1, 100, 71)}, rule).volume);
  EXPECT_EQ(choose_vacuum({candidate(1, 100, 70)}, rule).volume, VolumeId{1});
  EXPECT_FALSE(choose_vacuum({candidate(1, 12, 3)}, rule).volume) << "nine bytes";
  // What was not measured, or takes less than it should, is no garbage.
  EXPECT_FALSE(choose_vacuum({candidate(1, 0, 500)}, rule).volume);
}

TEST(VacuumPlan, TakesTheMostGarbageForTheLeastCopying) {
  const VacuumRule rule{.garbage = 0.3, .least_bytes = 1, .room_bytes = 1000};
  const std::vector<VacuumCandidate> all{candidate(1, 900, 500), candidate(2, 400, 100),
                                         candidate(3, 500, 350)};
  EXPECT_EQ(choose_vacuum(all, rule).volume, VolumeId{2});
  EXPECT_EQ(choose_vacuum({candidate(1, 900, 500), candidate(2, 50, 0)}, rule).volume, VolumeId{2});
}

TEST(VacuumPlan, OnAFullDiskTakesWhatFitsAndNamesWhatDoesNot) {
  VacuumRule rule{.garbage = 0.3, .least_bytes = 1, .room_bytes = 300};
  const std::vector<VacuumCandidate> all{candidate(1, 9000, 500), candidate(2, 900, 400),
                                         candidate(3, 500, 300)};
  EXPECT_EQ(choose_vacuum(all, rule).volume, VolumeId{3});
  rule.room_bytes = 299;
  const VacuumChoice none = choose_vacuum(all, rule);
  EXPECT_FALSE(none.volume);
  ASSERT_TRUE(none.too_large);
  EXPECT_EQ(none.too_large->volume, VolumeId{3});
}

}  // namespace
}  // namespace kelp::test
