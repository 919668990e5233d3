#include "volume/store/disk_pulse.h"

#include <gtest/gtest.h>

#include <optional>

namespace kelp {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class StoodClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return now; }
  [[nodiscard]] WallTime wall() const override { return {}; }
  MonoTime now{std::chrono::hours(1)};
};

struct Disk {
  void write(milliseconds takes) {
    const DiskPulse::Write timed(pulse);
    clock.now += takes;
  }
  StoodClock clock;
  DiskPulse pulse{clock};
};

TEST(DiskPulse, IsThatOfTheQuickestWriteOfTheLastSeconds) {
  Disk disk;
  EXPECT_EQ(disk.pulse.latency(), microseconds(0));
  disk.write(milliseconds(300));
  disk.write(milliseconds(2));
  disk.write(milliseconds(400));
  EXPECT_EQ(disk.pulse.latency(), milliseconds(2)) << "it was busy, not slow";
  for (int i = 0; i < 15; ++i) disk.write(milliseconds(300));
  EXPECT_EQ(disk.pulse.latency(), milliseconds(300));
}

TEST(DiskPulse, RisesWhileAWriteHangs) {
  Disk disk;
  disk.write(milliseconds(2));
  const DiskPulse::Write hangs(disk.pulse);
  disk.clock.now += seconds(2);
  EXPECT_EQ(disk.pulse.latency(), milliseconds(2));
  disk.clock.now += seconds(3);
  EXPECT_EQ(disk.pulse.latency(), seconds(5));
}

TEST(DiskPulse, IsIdleASecondAfterTheLastWriteBegan) {
  Disk disk;
  EXPECT_TRUE(disk.pulse.idle());
  disk.write(milliseconds(2));
  EXPECT_FALSE(disk.pulse.idle());
  disk.clock.now += seconds(1);
  EXPECT_TRUE(disk.pulse.idle());
  const DiskPulse::Write hangs(disk.pulse);
  disk.clock.now += seconds(9);
  EXPECT_FALSE(disk.pulse.idle());
}

}  // namespace
}  // namespace kelp
