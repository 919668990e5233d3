#include "volume/heartbeats.h"

#include <gtest/gtest.h>

#include "tests/support/client_fakes.h"
#include "tests/support/sim_context.h"
#include "wire/master_messages.h"

namespace kelp::test {
namespace {

class HeartbeatsTest : public ::testing::Test {
 protected:
  /// What the masters were told last.
  Heartbeat beat(std::optional<Error> error) {
    master_.script.set_error(std::move(error));
    static_cast<void>(world_.run(beats_.beat()));
    const auto told = decode_message<Heartbeat>(master_.script.last(), "heartbeat");
    EXPECT_TRUE(told.has_value());
    return told.value_or(Heartbeat());
  }

  SimContext world_{1};
  SimClock clock_{world_};
  SimTimers timers_{world_};
  FakeVolume volumes_;
  FakeMaster master_;
  Heartbeats beats_{{}, 7, volumes_, master_, clock_, timers_};
};

TEST_F(HeartbeatsTest, SayEverythingUntilSomebodyAnswered) {
  const Error nobody(Errc::kUnavailable, "no master leads", Reason::kNotLeader);
  EXPECT_TRUE(beat(nobody).full);
  EXPECT_TRUE(beat(nobody).full);
  const Heartbeat taken = beat({});
  EXPECT_TRUE(taken.full);
  EXPECT_FALSE(taken.status.volumes.empty());
}

// A thousand servers look for a new leader at once, each with hundreds of volumes.
TEST_F(HeartbeatsTest, SayLittleWhileTheLeaderIsLookedFor) {
  const Heartbeat taken = beat({});
  ASSERT_FALSE(taken.status.volumes.empty());
  const Heartbeat lost = beat(Error(Errc::kUnavailable, "no master leads", Reason::kNotLeader));
  EXPECT_FALSE(lost.full);
  EXPECT_TRUE(lost.status.volumes.empty());
  EXPECT_EQ(lost.volumes_hash, taken.volumes_hash) << "whoever knows another one asks for all";
  EXPECT_GT(lost.sequence, taken.sequence);
}

}  // namespace
}  // namespace kelp::test
