// Volumes of copies that become extents on k+m servers: VolumeReplicas::pack() and what follows,
// over real volume servers on disk twins.
#include <gmock/gmock.h>

#include "tests/unit/volume/packed_volumes.h"
#include "volume/copying.h"
#include "volume/core/packing.h"
#include "volume/volume_upkeep.h"

namespace kelp::test {
namespace {

using testing::HasSubstr;

class AnyPacked : public PackedVolumes, public ::testing::WithParamInterface<EcScheme> {};
INSTANTIATE_TEST_SUITE_P(Schemes, AnyPacked, kSchemes, scheme_name);

TEST_P(AnyPacked, GivesEveryNeedleBackWhicheverServersAreGone) {
  make_packed(GetParam());
  expect_all_read();
  EXPECT_TRUE(*run(read_packed(fid_of(2), 69'990, 20)) ==
              body_for(2, sizes_[2]).substr(69'990, 20));
  for (std::uint32_t first = 0; first < scheme_.shards(); ++first) {
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
      const std::uint32_t behind = (i + scheme_.shards() - first) % scheme_.shards();
      reached(i).trouble = behind < scheme_.parity ? Trouble::kDown : Trouble::kNone;
    }
    health_ = std::make_unique<NodeHealth>();
    expect_all_read();
  }
}

TEST_P(AnyPacked, TakesKPlusMOfKOfTheBytes) {
  make_packed(GetParam());
  std::uint64_t bodies = 0;
  for (const auto& [key, size] : sizes_) bodies += size;
  std::uint64_t stored = 0;
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) stored += disk(i).content(kLog)->size();
  const double times = static_cast<double>(stored) / static_cast<double>(bodies);
  const double best = static_cast<double>(scheme_.shards()) / scheme_.data;
  EXPECT_LT(times, best * 1.05);
}

TEST_P(AnyPacked, MakesALostMemberAnewWithItsStubs) {
  make_packed(GetParam());
  ASSERT_TRUE(run(at(1).remove({fid_of(7)})).has_value());
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    if (i != 1) ASSERT_TRUE(run(at(i).remove({fid_of(7)})).has_value());
  }
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    const CopyRole role{Generation{4}, true};
    ASSERT_TRUE(run(at(i).set_role(kStriped, Generation{3}, role)).has_value());
  }
  const auto rebuilt = rebuild(1, 4);
  ASSERT_TRUE(rebuilt.has_value()) << rebuilt.error().message();
  EXPECT_TRUE(*rebuilt == *run(at(1).digest(kStriped, false)));
  const std::uint32_t spare = scheme_.shards();
  for (const NeedleKey after : {NeedleKey{}, kLastNeedleKey}) {
    ASSERT_FALSE(list(1, after).empty());
    for (const NeedleInfo& info : list(1, after)) {
      const auto there = run(at(1).read_needle(kStriped, Generation{4}, info.key));
      const auto made = run(at(spare).read_needle(kStriped, Generation{4}, info.key));
      ASSERT_TRUE(there.has_value() && made.has_value()) << info.key.value;
      EXPECT_TRUE(*there == *made) << info.key.value;
    }
  }
}

TEST_F(PackedVolumes, ListEachNeedleOnceAndNoExtent) {
  make_packed(kFourTwo);
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    const auto listed = list(i);
    ASSERT_EQ(listed.size(), sizes_.size());
    for (const NeedleInfo& info : listed) {
      EXPECT_EQ(info.body_bytes, sizes_.at(info.key.value));
      EXPECT_EQ(info.cookie, fid_of(info.key.value).cookie);
      EXPECT_EQ(info.bucket, BucketId{3});
    }
    const auto extents = list(i, kLastNeedleKey);
    EXPECT_GE(extents.size(), 3U);
    for (const NeedleInfo& info : extents) EXPECT_TRUE(is_extent(info.key));
  }
}

TEST_F(PackedVolumes, KeepARemovalThroughPowerCuts) {
  make_packed(kTwoTwo);
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    ASSERT_TRUE(run(at(i).remove({fid_of(3), fid_of(4)})).has_value());
    disk(i).crash_losing_all();
    start(i);
    EXPECT_EQ(list(i).size(), sizes_.size() - 2);
  }
  for (const std::uint64_t key : {3U, 4U}) {
    EXPECT_EQ(run(read_packed(fid_of(key), 0, 1)).error().code(), Errc::kNotFound);
    sizes_.erase(key);
  }
  expect_all_read();
}

TEST_F(PackedVolumes, AnswerWholeReadsOfPackedNeedlesWithAConflict) {
  make_packed(kTwoTwo);
  std::string buffer(1, '\0');
  const auto into = std::as_writable_bytes(std::span(buffer));
  EXPECT_EQ(run(at(0).read(fid_of(1), 0, into)).error().code(), Errc::kConflict);
  EXPECT_EQ(get(1, 0, 1).error().code(), Errc::kConflict) << "nor is it a shard";
  FileId other = fid_of(1);
  ++other.cookie.value;
  EXPECT_EQ(run(at(0).find_packed(other, {})).error().code(), Errc::kNotFound);
  const FileId extent{kStriped, list(0, kLastNeedleKey).front().key, Cookie{1}};
  EXPECT_FALSE(run(at(0).find_packed(extent, {})).has_value());
}

TEST_F(PackedVolumes, ReadFromBothWhileTheSwitchIsOn) {
  begin_copies(kTwoTwo);
  fill();
  freeze_copies(2);
  pack_all();
  const auto whole = [this](std::uint32_t i) {
    std::string body(sizes_[2], '?');
    const auto into = std::as_writable_bytes(std::span(body));
    return run(at(i).read(fid_of(2), 0, into)).has_value() && body == body_for(2, body.size());
  };
  EXPECT_TRUE(whole(0) && whole(1)) << "whoever knows of the copies";
  expect_all_read();
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    ASSERT_TRUE(run(at(i).adopt_packed(kStriped, Generation{2})).has_value());
    if (i == 0) EXPECT_TRUE(whole(1));
    expect_all_read();
  }
}

TEST_F(PackedVolumes, RefuseToPackWhatIsNotFrozenOrOfAnotherGeneration) {
  begin_copies(kTwoTwo);
  put_both(1, 100);
  EXPECT_EQ(pack(2).error().code(), Errc::kConflict);
  freeze_copies(3);
  EXPECT_EQ(pack(2).error().code(), Errc::kConflict);
  EXPECT_EQ(run(at(2).adopt_packed(kStriped, Generation{2})).error().code(), Errc::kNotFound);
  PackSource wrong{{.data = 2, .parity = 2}, 4, member(0)};
  freeze_copies(3);
  EXPECT_EQ(
      run(at(0).read_packed(kStriped, Generation{3}, wrong, {}, Urgency::kMove)).error().code(),
      Errc::kInvalidArgument);
}

TEST_F(PackedVolumes, GoOnWhereTheyWereWhenTheSourceIsBack) {
  begin_copies(kTwoTwo);
  fill();
  freeze_copies(2);
  reached(0).trouble_after_packed = 2;
  ASSERT_FALSE(pack(2).has_value());
  EXPECT_EQ(run(at(2).adopt_packed(kStriped, Generation{2})).error().code(), Errc::kNotFound)
      << "half of it is no copy";
  reached(0).trouble = Trouble::kNone;
  const int before = reached(0).packed_reads;
  ASSERT_TRUE(pack(2).has_value());
  EXPECT_LE(reached(0).packed_reads - before, 3);
  pack_all();
}

TEST_F(PackedVolumes, BeginAnewAfterAPowerCutOrWithAnotherSource) {
  begin_copies(kTwoTwo);
  // What was written at another time is packed into other bytes.
  ASSERT_TRUE(run(put_copy(0, 1, 10)).has_value());
  ASSERT_TRUE(run(timers_.sleep_until(clock_.mono() + std::chrono::hours(1))).has_value());
  ASSERT_TRUE(run(put_copy(1, 1, 10)).has_value());
  sizes_[1] = 10;
  for (std::uint64_t key = 2; key <= 40; ++key) put_both(key, 700'001);
  freeze_copies(2);
  reached(0).trouble_after_packed = 2;
  ASSERT_FALSE(pack(2).has_value());
  disk(2).crash_losing_all();
  start(2);
  reached(0).trouble_after_packed = -1;
  reached(0).trouble = Trouble::kNone;
  ASSERT_TRUE(pack(2).has_value());
  const VolumeDigest of_first = verify(2);
  reached(0).trouble_after_packed = reached(0).packed_reads + 2;
  ASSERT_FALSE(pack(3).has_value());
  ASSERT_TRUE(pack(3, 1).has_value()) << "the other source, from the beginning";
  EXPECT_FALSE(verify(3) == of_first) << "so that the master sees that they do not belong together";
  ASSERT_TRUE(pack(1, 1).has_value());
  EXPECT_TRUE(verify(3) == verify(1)) << "and nothing of the first one is left";
}

TEST_F(PackedVolumes, KeepWhatIsWholeWhateverComesLate) {
  begin_copies(kTwoTwo);
  fill();
  freeze_copies(2);
  pack_all();
  const VolumeDigest packed = verify(2);
  const int before = reached(0).packed_reads + reached(1).packed_reads;
  EXPECT_TRUE(pack(2, 1).value() == packed);
  disk(2).crash_losing_all();
  start(2);
  EXPECT_TRUE(pack(2, 1).value() == packed);
  EXPECT_EQ(reached(0).packed_reads + reached(1).packed_reads, before);
  disk(3).crash_losing_all();
  start(3);
  adopt_all();
  EXPECT_EQ(pack(2, 1)->keys_hash, packed.keys_hash) << "even now";
  ASSERT_TRUE(run(at(2).adopt_packed(kStriped, Generation{2})).has_value());
  ASSERT_TRUE(run(at(2).drop_packed(kStriped, Generation{2})).has_value());
  expect_all_read();
}

TEST_F(PackedVolumes, DropWhatIsNotWanted) {
  begin_copies(kTwoTwo);
  fill();
  freeze_copies(2);
  pack_all();
  ASSERT_TRUE(run(at(2).drop_packed(kStriped, Generation{1})).has_value());
  verify(2);  // a drop of an older attempt comes too late
  ASSERT_TRUE(run(at(2).drop_packed(kStriped, Generation{2})).has_value());
  EXPECT_FALSE(disk(2).content("/data/pull/000000001.dat").has_value());
  EXPECT_EQ(run(at(2).adopt_packed(kStriped, Generation{2})).error().code(), Errc::kNotFound);
  EXPECT_EQ(run(at(2).find_packed(fid_of(1), {})).error().code(), Errc::kNotFound);
}

TEST_F(PackedVolumes, LeaveTheCopiesAloneWhenADiskIsFull) {
  begin_copies(kTwoTwo);
  fill();
  freeze_copies(2);
  disk(2).fail_nth(DiskOp::kWrite, 5, Errc::kNoSpace);
  EXPECT_FALSE(pack(2).has_value());
  EXPECT_EQ(list(0).size(), sizes_.size());
  EXPECT_TRUE(run(at(0).digest(kStriped, true)).has_value());
}

TEST_F(PackedVolumes, PackNothingThatDoesNotCheck) {
  begin_copies(kTwoTwo);
  fill();
  freeze_copies(2);
  const std::string log = *disk(0).content(kLog);
  const std::size_t begin = log.find(body_for(2, sizes_[2]).substr(0, 4096));
  ASSERT_NE(begin, std::string::npos);
  disk(0).flip_bit(kLog, begin + 5000, 3);
  const auto refused = pack(2);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kCorruption);
  EXPECT_TRUE(pack(2, 1).has_value()) << "the other copy is sound";
}

TEST_F(PackedVolumes, ShowWhatRottedBeforeTheSwitch) {
  begin_copies(kTwoTwo);
  fill();
  freeze_copies(2);
  pack_all();
  const std::string path = "/data/pull/000000001.dat";
  disk(3).flip_bit(path, disk(3).content(path)->size() / 2, 1);
  const auto verified = run(at(3).verify_packed(kStriped, Generation{2}, Urgency::kMove));
  ASSERT_FALSE(verified.has_value());
  EXPECT_EQ(verified.error().code(), Errc::kCorruption);
}

TEST_F(PackedVolumes, GiveAStubToWhoseOwnRotted) {
  make_packed(kTwoTwo);
  const auto image = run(fetch_stub(*this, kStriped, Generation{3}, {member(1)}, NeedleKey{2}));
  ASSERT_TRUE(image.has_value()) << image.error().message();
  EXPECT_TRUE(*image == *run(at(0).read_needle(kStriped, Generation{3}, NeedleKey{2})));
  const NeedleKey extent = list(0, kLastNeedleKey).front().key;
  EXPECT_EQ(run(fetch_stub(*this, kStriped, Generation{3}, {member(1)}, extent)).error().code(),
            Errc::kNotFound);
}

TEST_F(PackedVolumes, DropExtentsOnceNoNeedleLiesInThem) {
  make_packed(kTwoTwo);
  const std::size_t extents = list(0, kLastNeedleKey).size();
  ASSERT_GE(extents, 3U);
  const std::uint64_t second = list(0, kLastNeedleKey)[1].key.value & ~kExtentBit;
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    VolumeUpkeep upkeep(at(i), {});
    // All of the first extent but one needle.
    for (std::uint64_t key = 2; key < second; ++key) {
      ASSERT_TRUE(run(at(i).remove({fid_of(key)})).has_value());
    }
    run(upkeep.collect_extents_once());
    EXPECT_EQ(list(i, kLastNeedleKey).size(), extents) << "one needle is left in it";
    ASSERT_TRUE(run(at(i).remove({fid_of(1)})).has_value());
    run(upkeep.collect_extents_once());
    EXPECT_EQ(list(i, kLastNeedleKey).size(), extents - 1);
    const std::size_t before = disk(i).content(kLog)->size();
    ASSERT_TRUE(run(at(i).vacuum(kStriped)).has_value());
    EXPECT_LT(disk(i).content(kLog)->size(), before - (3U << 20));
  }
  for (std::uint64_t key = 1; key < second; ++key) sizes_.erase(key);
  expect_all_read();
}

TEST_F(PackedVolumes, DropNoExtentWhileAStubIsDamaged) {
  make_packed(kTwoTwo);
  const std::size_t extents = list(0, kLastNeedleKey).size();
  const auto image = run(at(0).read_needle(kStriped, Generation{3}, NeedleKey{1}));
  const std::string body(as_text(decode_needle(as_bytes(*image), 0)->body));
  const std::size_t begin = disk(0).content(kLog)->find(body);
  ASSERT_NE(begin, std::string::npos);
  for (const auto& [key, size] : sizes_) {
    if (key != 1) ASSERT_TRUE(run(at(0).remove({fid_of(key)})).has_value());
  }
  disk(0).flip_bit(kLog, begin + 3, 1);
  EXPECT_FALSE(run(at(0).drop_dead_extents(kStriped)).has_value());
  EXPECT_EQ(list(0, kLastNeedleKey).size(), extents);
}

TEST_F(PackedVolumes, StayReadableThroughVacuum) {
  make_packed(kTwoTwo);
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    for (std::uint64_t key = 1; key <= 20; ++key) {
      ASSERT_TRUE(run(at(i).remove({fid_of(key)})).has_value());
    }
    ASSERT_TRUE(run(at(i).vacuum(kStriped)).has_value());
  }
  for (std::uint64_t key = 1; key <= 20; ++key) sizes_.erase(key);
  expect_all_read();
}

}  // namespace
}  // namespace kelp::test
