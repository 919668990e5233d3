// Packed volumes that are packed anew, over real volume servers on disk twins.
#include <gmock/gmock.h>

#include "tests/unit/volume/packed_volumes.h"
#include "volume/store/volume_file.h"
#include "volume/volume_upkeep.h"

namespace kelp::test {
namespace {

using testing::HasSubstr;

/// A packed volume in generation 3 from which much was removed; packed anew in generation 4.
class RepackedVolumes : public PackedVolumes {
 protected:
  /// Of every extent but the last one most is removed.
  void thin_out() {
    std::vector<std::uint64_t> keys;
    for (std::uint64_t key = 1; key <= 45; ++key) {
      if (key % 4 != 0) keys.push_back(key);
    }
    remove(keys);
  }
  void begin_repack(EcScheme scheme = kTwoTwo) {
    make_packed(scheme);
    thin_out();
    freeze_members();
  }
  Result<VolumeDigest> repack(std::uint32_t i) {
    StripeSources from{scheme_, static_cast<std::uint8_t>(i), location_.members};
    return run(at(i).repack(kStriped, kAnew, "", std::move(from), Urgency::kMove));
  }
  Result<VolumeDigest> verify(std::uint32_t i) {
    return run(at(i).verify_packed(kStriped, kAnew, Urgency::kMove));
  }
  void repack_all() {
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
      const auto made = repack(i);
      ASSERT_TRUE(made.has_value()) << i << made.error().message();
      EXPECT_EQ(made->needles, sizes_.size());
      ASSERT_TRUE(verify(i).has_value()) << verify(i).error().message();
      EXPECT_TRUE(*verify(i) == *made);
      EXPECT_TRUE(*verify(i) == *verify(0)) << i;
    }
  }
  void adopt(std::uint32_t i) {
    const auto adopted = run(at(i).adopt_packed(kStriped, kAnew));
    ASSERT_TRUE(adopted.has_value()) << i << adopted.error().message();
  }
  void thaw(std::uint32_t i) {
    const CopyRole role{Generation{5}, false};
    ASSERT_TRUE(run(at(i).set_role(kStriped, kAnew, role)).has_value()) << i;
  }
  void adopt_all_anew() {
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) adopt(i);
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) thaw(i);
    location_.generation = Generation{5};
  }
  /// What is alive is read; what was removed is gone from every server.
  void expect_right() {
    expect_all_read();
    for (const std::uint64_t key : removed_) {
      for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
        ASSERT_EQ(run(at(i).find_packed(fid_of(key), scheme_)).error().code(), Errc::kNotFound)
            << key;
      }
    }
  }
  std::uint64_t stored() {
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) bytes += disk(i).content(kLog)->size();
    return bytes;
  }
  SparseVolume sparse(std::uint32_t i) {
    const auto found = run(at(i).sparse_volumes());
    EXPECT_TRUE(found.has_value());
    return found->empty() ? SparseVolume{} : found->front();
  }
};

class AnyRepacked : public RepackedVolumes, public ::testing::WithParamInterface<EcScheme> {};
INSTANTIATE_TEST_SUITE_P(Schemes, AnyRepacked, kSchemes, scheme_name);

TEST_P(AnyRepacked, TakeKPlusMOfKOfWhatLives) {
  begin_repack(GetParam());
  const std::uint64_t before = stored();
  repack_all();
  adopt_all_anew();
  expect_right();
  const double best = static_cast<double>(scheme_.shards()) / scheme_.data;
  EXPECT_LT(static_cast<double>(stored()), static_cast<double>(alive()) * best * 1.1);
  EXPECT_LT(stored(), before / 2);
  for (std::uint32_t first = 0; first < scheme_.shards(); ++first) {
    for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
      const std::uint32_t behind = (i + scheme_.shards() - first) % scheme_.shards();
      reached(i).trouble = behind < scheme_.parity ? Trouble::kDown : Trouble::kNone;
    }
    health_ = std::make_unique<NodeHealth>();
    expect_all_read();
  }
}

TEST_F(RepackedVolumes, LeaveExtentsAloneOfWhichHalfLives) {
  make_packed(kTwoTwo);
  const auto extents = list(0, kLastNeedleKey);
  ASSERT_GE(extents.size(), 3U);
  // Of the first one all but a little is removed.
  const std::uint64_t second = extents[1].key.value & ~kExtentBit;
  std::vector<std::uint64_t> keys;
  for (std::uint64_t key = 2; key < second; ++key) keys.push_back(key);
  remove(keys);
  freeze_members();
  const auto kept = run(at(1).read_needle(kStriped, kAnew, extents[1].key));
  reached(0).part_reads = 0;
  repack_all();
  adopt_all_anew();
  expect_right();
  const auto after = list(1, kLastNeedleKey);
  ASSERT_EQ(after.size(), extents.size());
  for (std::size_t e = 1; e < extents.size(); ++e) {
    EXPECT_EQ(after[e].key, extents[e].key);
    EXPECT_EQ(after[e].cookie, extents[e].cookie) << "the same bytes";
  }
  EXPECT_NE(after[0].cookie, extents[0].cookie);
  EXPECT_TRUE(*run(at(1).read_needle(kStriped, Generation{5}, extents[1].key)) == *kept);
}

TEST_F(RepackedVolumes, AreReadByEveryStubAtEveryMomentOfTheSwitch) {
  begin_repack();
  // Whoever holds a place has found it before.
  std::map<std::uint64_t, std::vector<PackedPlace>> places;
  const auto note_places = [&] {
    for (const auto& [key, size] : sizes_) {
      for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
        const auto place = run(at(i).find_packed(fid_of(key), scheme_));
        ASSERT_TRUE(place.has_value()) << key << place.error().message();
        if (std::ranges::find(places[key], *place) == places[key].end()) {
          places[key].push_back(*place);
        }
      }
    }
  };
  const auto read_places = [&] {
    for (const auto& [key, all] : places) {
      for (const PackedPlace& place : all) {
        const FileId extent{kStriped, place.extent, place.cookie};
        const auto body = run(read(extent, place.offset, place.body_bytes));
        ASSERT_TRUE(body.has_value()) << key << body.error().message();
        ASSERT_TRUE(packed_matches(place, 0, as_bytes(*body))) << key;
      }
    }
  };
  const auto look = [&] {
    note_places();
    read_places();
  };
  look();
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    ASSERT_TRUE(repack(i).has_value());
    look();
    EXPECT_EQ(places.begin()->second.size(), 1U) << "nobody says a place that not all have";
  }
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    adopt(i);
    look();
  }
  EXPECT_EQ(places.begin()->second.size(), 2U);
  places.clear();
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    thaw(i);
    look();
  }
  expect_right();
}

TEST_F(RepackedVolumes, ComeOutTheSameWithoutOneOfTheServersShards) {
  begin_repack();
  for (const NeedleInfo& extent : list(0, kLastNeedleKey)) {
    const auto image = run(at(0).read_needle(kStriped, kAnew, extent.key));
    const std::string body(as_text(decode_needle(as_bytes(*image), 0)->body));
    const std::size_t begin = disk(0).content(kLog)->find(body.substr(0, 4096));
    ASSERT_NE(begin, std::string::npos);
    disk(0).flip_bit(kLog, begin + 100, 1);
    break;
  }
  for (std::uint32_t i = 1; i < scheme_.shards(); ++i) {
    const auto made = repack(i);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    EXPECT_TRUE(*made == *verify(1));
  }
}

TEST_F(RepackedVolumes, RefuseAMemberWithOtherNeedles) {
  make_packed(kTwoTwo);
  thin_out();
  // Server 2 has missed this removal, which nobody was told is done.
  for (const std::uint32_t i : {0U, 1U, 3U}) {
    ASSERT_TRUE(run(at(i).remove({fid_of(44)})).has_value());
  }
  freeze_members();
  std::vector<VolumeDigest> made;
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    const auto digest = repack(i);
    ASSERT_TRUE(digest.has_value()) << digest.error().message();
    made.push_back(*digest);
  }
  EXPECT_TRUE(made[0] == made[1] && made[1] == made[3]);
  EXPECT_FALSE(made[2] == made[0]) << "so that the master switches nothing";
}

TEST_F(RepackedVolumes, RefuseWhatIsNotFrozenOrNotPacked) {
  make_packed(kTwoTwo);
  thin_out();
  EXPECT_EQ(repack(1).error().code(), Errc::kConflict);
  freeze_members();
  EXPECT_EQ(verify(1).error().code(), Errc::kNotFound);
  EXPECT_EQ(run(at(1).adopt_packed(kStriped, kAnew)).error().code(), Errc::kNotFound);
  ASSERT_TRUE(run(at(4).create_volume(kStriped, kAnew, "")).has_value());
  ASSERT_TRUE(run(at(4).set_role(kStriped, kAnew, {kAnew, true})).has_value());
  EXPECT_EQ(repack(4).error().code(), Errc::kInvalidArgument) << "there is no shard 4";
  StripeSources from{scheme_, 1, location_.members};
  EXPECT_EQ(run(at(4).repack(kStriped, kAnew, "", std::move(from), Urgency::kMove)).error().code(),
            Errc::kConflict)
      << "nothing is packed there";
}

TEST_F(RepackedVolumes, WriteNothingWhenItWouldNotFit) {
  begin_repack();
  SimDiskOptions small;
  const std::uint64_t used = small.capacity_bytes - disk(1).space("/data")->free_bytes;
  const std::uint64_t kept = used / 20 + (4 << 20);  // for a part of it
  small.capacity_bytes = used + kept;
  disk(1).set_faults(small);
  start(1);
  const auto refused = repack(1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kNoSpace) << refused.error().message();
  EXPECT_LT(disk(1).content("/data/pull/000000001.dat")->size(), 10'000U);
  small.capacity_bytes = used + kept + alive();
  disk(1).set_faults(small);
  start(1);
  const auto made = repack(1);
  EXPECT_TRUE(made.has_value()) << made.error().message();
}

TEST_F(RepackedVolumes, NeverShowARemovedNeedleAfterTheyWereGivenUp) {
  begin_repack();
  repack_all();
  // Server 1 misses that it was given up; then a needle is removed.
  for (const std::uint32_t i : {0U, 2U, 3U}) {
    ASSERT_TRUE(run(at(i).drop_packed(kStriped, kAnew)).has_value());
  }
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    const CopyRole role{Generation{5}, false};
    ASSERT_TRUE(run(at(i).set_role(kStriped, Generation{3}, role)).has_value()) << i;
  }
  remove({44});
  expect_right();
  start(1);
  expect_right();
}

TEST_F(RepackedVolumes, AreLookedAtByTheServersThemselves) {
  make_packed(kTwoTwo);
  VolumeUpkeep upkeep(at(0), {});
  run(upkeep.collect_extents_once());
  EXPECT_EQ(sparse(0), SparseVolume{}) << "all of it lives";
  thin_out();
  run(upkeep.collect_extents_once());
  const SparseVolume found = sparse(0);
  EXPECT_EQ(found.volume, kStriped);
  std::uint64_t bodies = 0;
  for (const NeedleInfo& extent : list(0, kLastNeedleKey)) bodies += extent.body_bytes;
  EXPECT_EQ(found.extent_bytes, bodies);
  EXPECT_GT(found.garbage_bytes, found.extent_bytes / 3);
  EXPECT_LT(found.garbage_bytes, bodies - alive());
  const auto metric = [this] {
    return metrics_.gauge("kelp_volume_sparse_garbage_bytes", "").Value();
  };
  EXPECT_EQ(metric(), static_cast<double>(found.garbage_bytes));
  freeze_members();
  repack_all();
  adopt_all_anew();
  EXPECT_EQ(sparse(0), SparseVolume{}) << "that was another log";
  EXPECT_EQ(metric(), 0);
  run(upkeep.collect_extents_once());
  EXPECT_EQ(sparse(0), SparseVolume{});
}

TEST_F(RepackedVolumes, DropNothingThatLivesAfterwards) {
  begin_repack();
  repack_all();
  adopt_all_anew();
  for (std::uint32_t i = 0; i < scheme_.shards(); ++i) {
    EXPECT_EQ(run(at(i).drop_dead_extents(kStriped)).value(), 0U);
    ASSERT_TRUE(run(at(i).vacuum(kStriped)).has_value());
    start(i);
  }
  expect_right();
  remove({4, 8, 12});
  expect_right();
}

/// Server 1 repacks and adopts; power goes at each operation of its disk in turn, all that was not
/// synced with it or some.
TEST_F(RepackedVolumes, LoseNothingWhateverOperationIsTheLast) {
  begin_copies(kTwoTwo);
  for (std::uint64_t key = 1; key <= 16; ++key) put_both(key, 700'001);
  freeze_copies(2);
  pack_all();
  adopt_all();
  remove({1, 2, 3, 4, 5, 6, 7, 8, 9});
  freeze_members();
  for (const std::uint32_t i : {0U, 2U, 3U}) {
    ASSERT_TRUE(repack(i).has_value());
  }
  const Files before = files_of(1);
  std::uint64_t stopped = 0;
  for (std::uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    disk(1).power_off_after(nth);
    auto made = repack(1);
    if (made.has_value()) made = verify(1);
    const bool decided = made.has_value();
    if (decided) (void)run(at(1).adopt_packed(kStriped, kAnew));
    if (!disk(1).powered_off()) break;
    ++stopped;
    Rng rng(nth);
    nth % 2 == 0 ? disk(1).crash_losing_all() : disk(1).crash(rng);
    start(1);
    expect_right();
    // The master comes again, with what it does at this step.
    if (!decided) {
      const auto again = repack(1);
      ASSERT_TRUE(again.has_value()) << again.error().message();
    }
    ASSERT_TRUE(verify(1).has_value()) << verify(1).error().message();
    EXPECT_EQ(verify(1)->keys_hash, verify(0)->keys_hash);
    adopt(1);
    expect_right();
    put_back(1, before);
    if (HasFailure()) return;
  }
  EXPECT_GT(stopped, 20U);
}

}  // namespace
}  // namespace kelp::test
