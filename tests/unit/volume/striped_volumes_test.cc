// Volumes whose needles lie in shards on several servers: client/striped_upload.h and
// striped_read.h over real volume servers on disk twins.

#include "tests/unit/volume/striped_volumes.h"

#include <gmock/gmock.h>

namespace kelp::test {
namespace {

using ::testing::HasSubstr;

class AnyScheme : public StripedVolumes, public ::testing::WithParamInterface<EcScheme> {};

TEST_P(AnyScheme, GivesBackAnyRangeOfWhatWasPut) {
  begin(GetParam());
  Rng rng(1);
  std::uint64_t key = 1;
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{100}, std::size_t{65'536}, std::size_t{65'537},
        std::size_t{1 << 20}, std::size_t{3'000'001}, std::size_t{8 << 20}}) {
    ASSERT_TRUE(put(key, size, 1 + rng.below(300'000)).has_value());
    expect_whole(key, size);
    const std::string body = body_for(key, size);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t offset = rng.below(size);
      const std::size_t bytes = 1 + rng.below(size - offset);
      const auto got = get(key, offset, bytes);
      ASSERT_TRUE(got.has_value()) << got.error().message();
      ASSERT_TRUE(*got == body.substr(offset, bytes));
    }
    ++key;
  }
  EXPECT_EQ(rebuilt_.Value(), 0);
}

TEST_P(AnyScheme, IsReadWithAnySoManyServersGoneAsThereIsParity) {
  begin(GetParam());
  constexpr std::size_t kSize = 1'500'001;
  ASSERT_TRUE(put(1, kSize).has_value());
  const std::string body = body_for(1, kSize);
  Rng rng(2);
  for (std::uint32_t gone = 1; gone < 1U << scheme_.shards(); ++gone) {
    const int count = std::popcount(gone);
    if (count > scheme_.parity + 1 || (scheme_.shards() > 6 && !rng.chance(40'000))) continue;
    health_ = std::make_unique<NodeHealth>();
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
      reached(i).trouble = (gone >> i & 1) != 0 ? Trouble::kDown : Trouble::kNone;
    }
    const std::uint64_t offset = rng.below(kSize / 2);
    const std::size_t bytes = kSize / 2 - rng.below(3);
    for (int again = 0; again < 2; ++again) {  // the second time it is known who failed
      const auto got = get(1, offset, bytes);
      if (count <= scheme_.parity) {
        ASSERT_TRUE(got.has_value()) << gone << ": " << got.error().message();
        ASSERT_TRUE(*got == body.substr(offset, bytes)) << gone;
      } else if (got.has_value()) {
        ASSERT_TRUE(*got == body.substr(offset, bytes)) << "the range lay elsewhere";
      } else {
        ASSERT_EQ(got.error().code(), Errc::kUnavailable);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Schemes, AnyScheme, kSchemes, scheme_name);

TEST_F(StripedVolumes, CostNoMoreThanTheirScheme) {
  begin(kFourTwo);
  constexpr std::uint64_t kPart = 8 << 20;
  for (std::uint64_t key = 1; key <= 4; ++key) ASSERT_TRUE(put(key, kPart).has_value());
  std::uint64_t stored_bytes = 0;
  for (std::uint32_t i = 0; i < 6; ++i) stored_bytes += disk(i).content(kLog)->size();
  EXPECT_LE(static_cast<double>(stored_bytes), 4.0 * kPart * 1.5 * 1.02);
}

TEST_F(StripedVolumes, ReadOnlyTheShardsThatHoldARange) {
  begin(kFourTwo);
  ASSERT_TRUE(put(1, 4 << 20).has_value());
  ASSERT_TRUE(get(1, kEcCellBytes + 10, 100).has_value());
  for (std::uint32_t i = 0; i < 6; ++i) EXPECT_EQ(reached(i).shard_reads, i == 1 ? 1 : 0) << i;
  EXPECT_EQ(reached(1).shard_bytes_read, 100U);
}

TEST_F(StripedVolumes, AcknowledgeOnlyWhatEveryShardSurvives) {
  begin(kTwoTwo);
  for (const std::uint64_t size : {std::uint64_t{100'000}, std::uint64_t{2 << 20}}) {
    ASSERT_TRUE(put(size, size).has_value());
    for (std::uint32_t i = 0; i < 4; ++i) {
      disk(i).crash_losing_all();
      start(i);
      EXPECT_THAT(stored(i, size), ::testing::Not(HasSubstr("none"))) << i;
    }
    expect_whole(size, size);
  }
}

TEST_F(StripedVolumes, AcknowledgeNothingThatOneServerCouldNotStore) {
  std::uint64_t key = 1;
  begin(kTwoTwo);
  for (const std::uint64_t size : {std::uint64_t{100'000}, std::uint64_t{2 << 20}}) {
    for (std::uint32_t i = 0; i < 4; ++i) {
      disk(i).fail_nth(DiskOp::kSync, 1);
      const auto refused = put(key++, size);
      ASSERT_FALSE(refused.has_value());
      EXPECT_THAT(refused.error().detail(), HasSubstr(at(i).node_id()));
      start(i);  // after a failed sync its volume is read-only
    }
  }
}

TEST_F(StripedVolumes, RefuseAtOnceWhatOneServerDoesNotTake) {
  begin(kTwoTwo);
  reached(3).trouble = Trouble::kDown;
  const auto refused = run(open_striped(*this, needle(1, 2 << 20)));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  EXPECT_THAT(refused.error().detail(), HasSubstr("shard 3"));
}

TEST_F(StripedVolumes, GiveASmallBodyBackThatCouldNotBeWritten) {
  begin(kTwoTwo);
  reached(2).trouble = Trouble::kDown;
  const std::string body = body_for(1, 100'000);
  const auto upload = run(open_striped(*this, needle(1, body.size())));
  ASSERT_TRUE(upload.has_value());
  ASSERT_TRUE(run((*upload)->append(as_bytes(body))).has_value());
  EXPECT_EQ(run((*upload)->finish()).error().code(), Errc::kUnavailable);
  EXPECT_TRUE((*upload)->take_body() == body);
}

TEST_F(StripedVolumes, RefuseMembersThatAreNotThoseOfTheScheme) {
  begin(kTwoTwo);
  OpenNeedle request = needle(1, 2 << 20);
  request.members[1].shard = request.members[0].shard;
  EXPECT_EQ(run(open_striped(*this, request)).error().code(), Errc::kInvalidArgument);
  request = needle(1, 2 << 20);
  request.members.pop_back();
  EXPECT_EQ(run(open_striped(*this, request)).error().code(), Errc::kUnavailable);
  request = needle(1, 2 << 20);
  request.scheme = {.data = 40, .parity = 2};
  EXPECT_EQ(run(open_striped(*this, request)).error().code(), Errc::kInvalidArgument);
}

TEST_F(StripedVolumes, RefuseMoreOrLessThanWasAnnounced) {
  begin(kTwoTwo);
  for (const std::size_t size : {std::size_t{1000}, std::size_t{2 << 20}}) {
    const std::string body = body_for(1, size);
    const auto less = *run(open_striped(*this, needle(1, size + 1)));
    ASSERT_TRUE(run(less->append(as_bytes(body))).has_value());
    EXPECT_EQ(run(less->finish()).error().code(), Errc::kInvalidArgument);
    const auto more = *run(open_striped(*this, needle(2, size - 1)));
    EXPECT_EQ(run(more->append(as_bytes(body))).error().code(), Errc::kInvalidArgument);
  }
}

TEST_F(StripedVolumes, ReadPastTheEndIsRefusedAndNotZeros) {
  begin(kFourTwo);
  ASSERT_TRUE(put(1, 100'000).has_value());
  EXPECT_EQ(get(1, 99'999, 2).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(get(1, 300'000, 1).error().code(), Errc::kInvalidArgument);
  EXPECT_TRUE(get(1, 99'999, 1).has_value());
}

TEST_F(StripedVolumes, ReadAroundRotAndNeverServeIt) {
  begin(kFourTwo);
  constexpr std::size_t kSize = 1 << 20;
  ASSERT_TRUE(put(1, kSize).has_value());
  rot(1, 1, 100);
  expect_whole(1, kSize);
  EXPECT_EQ(rebuilt_.Value(), 1);
  ASSERT_EQ(at(1).damaged().size(), 1U) << "known, so that it is healed";
  // A rotten shard is no source either: two more that fail are one too many.
  rot(5, 1, 100);
  reached(0).trouble = Trouble::kDown;
  EXPECT_FALSE(get(1, 0, kSize).has_value());
  reached(0).trouble = Trouble::kNone;
  health_ = std::make_unique<NodeHealth>();
  expect_whole(1, kSize);
}

TEST_F(StripedVolumes, DoNotWaitForAServerThatIsSilent) {
  begin(kFourTwo);
  constexpr std::size_t kSize = 1 << 20;
  ASSERT_TRUE(put(1, kSize).has_value());
  reached(0).trouble = Trouble::kSilent;
  reached(4).trouble = Trouble::kSilent;
  const MonoTime begin = clock_.mono();
  expect_whole(1, kSize);
  EXPECT_LT(clock_.mono() - begin, std::chrono::seconds(2));
  EXPECT_GT(hedged_.Value(), 0);
}

TEST_F(StripedVolumes, NeverTakeAShardForTheNeedleNorForAnotherShard) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 200'000).has_value());
  std::string buffer(10, '?');
  const auto bytes = std::as_writable_bytes(std::span(buffer));
  EXPECT_EQ(run(at(0).read(fid_of(1), 0, bytes)).error().code(), Errc::kConflict);
  EXPECT_TRUE(at(0).try_pin(fid_of(1), 0, 65'536).empty());
  // Two servers that changed their disks, or a list of members in the wrong order.
  std::swap(location_.members[0].shard, location_.members[3].shard);
  EXPECT_FALSE(get(1, 0, 200'000).has_value() && *get(1, 0, 200'000) != body_for(1, 200'000));
  ShardRead wrong{fid_of(1), kTwoTwo, 1, 0, 10};
  EXPECT_EQ(run(at(0).read_shard(wrong, bytes)).error().code(), Errc::kConflict);
  wrong = {fid_of(1), {.data = 2, .parity = 1}, 0, 0, 10};
  EXPECT_EQ(run(at(0).read_shard(wrong, bytes)).error().code(), Errc::kConflict);
  wrong = {fid_of(1), kTwoTwo, 0, 0, 10};
  wrong.fid.cookie.value ^= 1;
  EXPECT_EQ(run(at(0).read_shard(wrong, bytes)).error().code(), Errc::kNotFound);
  EXPECT_TRUE(run(at(0).read_shard({fid_of(1), kTwoTwo, 0, 0, 10}, bytes)).has_value());
}

TEST_F(StripedVolumes, ListTheLengthOfTheWholeBody) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 200'000).has_value());
  ASSERT_TRUE(put(2, 5).has_value());
  for (std::uint32_t i = 0; i < 4; ++i) {
    const auto listed = run(at(i).list_needles(kStriped, NeedleKey{0}, 10));
    ASSERT_EQ(listed->size(), 2U);
    EXPECT_EQ((*listed)[0].body_bytes, 200'000U);
    EXPECT_EQ((*listed)[1].body_bytes, 5U);
  }
}

TEST_F(StripedVolumes, AreNotFoundOnceRemovedAtAllServers) {
  begin(kTwoTwo);
  ASSERT_TRUE(put(1, 200'000).has_value());
  for (std::uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(run(at(i).remove({fid_of(1)})).has_value());
  EXPECT_EQ(get(1, 0, 10).error().code(), Errc::kNotFound);
}

TEST_F(StripedVolumes, StayWhatTheyAreThroughVacuumAndRestart) {
  begin(kTwoTwo);
  for (std::uint64_t key = 1; key <= 6; ++key) ASSERT_TRUE(put(key, 400'000 + key).has_value());
  for (std::uint32_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(run(at(i).remove({fid_of(1), fid_of(4)})).has_value());
    ASSERT_TRUE(run(at(i).vacuum(kStriped)).has_value());
    start(i);
  }
  for (const std::uint64_t key : {2, 3, 5, 6}) expect_whole(key, 400'000 + key);
}

}  // namespace
}  // namespace kelp::test
