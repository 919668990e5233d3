// Indexes that stay on disk: what is looked up there, and what happens when it cannot be.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/volume/volume_rig.h"
#include "volume/core/index_snapshot.h"
#include "volume/volume_upkeep.h"

namespace kelp::test {
namespace {

using ::testing::SizeIs;

class VolumeIndexFile : public ::testing::Test {
 protected:
  VolumeIndexFile() {
    rig.options.index_on_disk = true;
    rig.start_fresh();
    for (std::uint64_t key = 1; key <= kNeedles; ++key) put(key);
    // From now on the first needles lie in the file alone.
    EXPECT_TRUE(rig.service->close().has_value());
    EXPECT_TRUE(rig.start().has_value());
  }

  void put(std::uint64_t key) { ASSERT_TRUE(rig.put_now(key, body_for(key, 100)).has_value()); }
  std::string get(std::uint64_t key) { return rig.get_now(key, 100).value_or(""); }
  /// A byte of the block that the needle `key` is in.
  static std::uint64_t byte_of(std::uint64_t key) {
    return kIndexBlockBytes * (1 + (key - 1) / kIndexBlockRows) + 1000;
  }

  static constexpr std::uint64_t kNeedles = 1000;
  VolumeRig rig{1};
};

TEST_F(VolumeIndexFile, FindsWhatLiesThereAndWhatCameAndWentSince) {
  EXPECT_LT(rig.service->index_memory_bytes(), 2000U);
  put(1001);
  ASSERT_TRUE(rig.remove_now({fid_of(7)}).has_value());
  for (int life = 0; life < 3; ++life) {
    EXPECT_EQ(get(1), body_for(1, 100));
    EXPECT_EQ(get(1000), body_for(1000, 100));
    EXPECT_EQ(get(1001), body_for(1001, 100));
    EXPECT_EQ(rig.get_now(7, 100).error().code(), Errc::kNotFound);
    EXPECT_EQ(rig.put_now(5, body_for(5, 100)).error().code(), Errc::kAlreadyExists);
    EXPECT_THAT(rig.list_now(), SizeIs(kNeedles));
    if (life == 0) {
      rig.disk.kill();
    } else {
      EXPECT_TRUE(rig.service->close().has_value());
    }
    ASSERT_TRUE(rig.start().has_value());
  }
}

TEST_F(VolumeIndexFile, ASnapshotTakesMemoryBack) {
  std::size_t most = 0;
  for (std::uint64_t key = 1001; key <= 20'000; ++key) {
    put(key);
    most = std::max(most, rig.service->index_memory_bytes());
  }
  EXPECT_GT(most, 12 * 16'000U);
  EXPECT_LT(rig.service->index_memory_bytes(), most / 4);
  EXPECT_EQ(get(2), body_for(2, 100));
  EXPECT_EQ(get(19'000), body_for(19'000, 100));
  EXPECT_EQ(get(20'000), body_for(20'000, 100));
}

TEST_F(VolumeIndexFile, AStartWithoutTheFileMakesIt) {
  for (std::uint64_t key = 1001; key <= 20'000; ++key) put(key);
  rig.disk.kill();
  ASSERT_TRUE(rig.disk.remove(kSnapshot).has_value());
  ASSERT_TRUE(rig.start().has_value());
  rig.world.run_for(std::chrono::seconds(1));
  EXPECT_EQ(get(17), body_for(17, 100));
  EXPECT_LT(rig.service->index_memory_bytes(), 2000U) << "though nothing changes in it";
  EXPECT_TRUE(*rig.disk.exists(kSnapshot));
}

TEST_F(VolumeIndexFile, ADamagedBlockIsNoAnswerAndIsMended) {
  rig.disk.flip_bit(kSnapshot, byte_of(400), 3);
  EXPECT_EQ(rig.get_now(400, 100).error().code(), Errc::kCorruption);
  EXPECT_EQ(rig.remove_now({fid_of(401)}).error().code(), Errc::kCorruption)
      << "else it would stay";
  EXPECT_FALSE(rig.put_now(402, body_for(402, 100)).has_value());
  EXPECT_EQ(get(1), body_for(1, 100)) << "it lies in another block";
  put(1001);
  ASSERT_TRUE(rig.remove_now({fid_of(1)}).has_value());
  VolumeUpkeep upkeep(*rig.service, {});
  rig.world.run(upkeep.heal_once());
  EXPECT_EQ(get(400), body_for(400, 100));
  EXPECT_EQ(get(1001), body_for(1001, 100));
  EXPECT_EQ(rig.get_now(1, 100).error().code(), Errc::kNotFound);
  EXPECT_THAT(rig.list_now(), SizeIs(kNeedles));
  EXPECT_LT(rig.service->index_memory_bytes(), 2000U);
}

TEST_F(VolumeIndexFile, APutThatMeetsADamagedBlockHasItMended) {
  ASSERT_TRUE(rig.remove_now({fid_of(402)}).has_value());
  ASSERT_TRUE(rig.service->close().has_value());
  rig.disk.flip_bit(kSnapshot, byte_of(402), 3);
  EXPECT_EQ(rig.put_now(402, body_for(402, 100)).error().code(), Errc::kCorruption);
  ASSERT_TRUE(rig.service->close().has_value()) << "though nothing changed in it";
  put(402);
  EXPECT_EQ(get(402), body_for(402, 100));
  EXPECT_EQ(get(401), body_for(401, 100));
}

TEST_F(VolumeIndexFile, ADigestThatMeetsADamagedBlockHasItMended) {
  const auto digest = [this] { return rig.world.run(rig.service->digest(VolumeId{1}, false)); };
  const auto before = digest();
  rig.disk.flip_bit(kSnapshot, byte_of(400), 3);
  EXPECT_EQ(digest().error().code(), Errc::kCorruption);
  ASSERT_TRUE(rig.service->close().has_value());
  EXPECT_EQ(*digest(), *before);
}

TEST_F(VolumeIndexFile, ANeedleWithADamagedHeaderStaysKnownWhenAnotherBlockIsMended) {
  const auto places = rig.places_now();
  rig.disk.flip_bit(kLog, places[0].place.offset + 10, 1);
  rig.disk.flip_bit(kSnapshot, byte_of(400), 3);
  EXPECT_EQ(rig.get_now(400, 100).error().code(), Errc::kCorruption);
  VolumeUpkeep upkeep(*rig.service, {});
  rig.world.run(upkeep.heal_once());
  EXPECT_EQ(get(400), body_for(400, 100));
  EXPECT_EQ(rig.get_now(1, 100).error().code(), Errc::kCorruption) << "not: it never was";
}

TEST_F(VolumeIndexFile, IsNotUsedWhenItNamesMoreThanTheLogHas) {
  ASSERT_TRUE(rig.service->close().has_value());
  IndexSnapshot snapshot = *decode_index_snapshot(*rig.disk.content(kSnapshot));
  snapshot.entries.back().place.offset += 1 << 20;
  const std::string wrong = encode_index_snapshot(snapshot.header, snapshot.entries);
  ASSERT_TRUE(write_file_atomically(rig.disk, kSnapshot, wrong).has_value());
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(get(kNeedles), body_for(kNeedles, 100));
}

TEST_F(VolumeIndexFile, AStartThatMeetsADamagedBlockReadsTheLog) {
  ASSERT_TRUE(rig.remove_now({fid_of(400)}).has_value());
  rig.disk.kill();
  rig.disk.flip_bit(kSnapshot, byte_of(400), 3);
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(get(401), body_for(401, 100));
  EXPECT_EQ(rig.get_now(400, 100).error().code(), Errc::kNotFound);
  EXPECT_THAT(rig.list_now(), SizeIs(kNeedles - 1));
}

}  // namespace
}  // namespace kelp::test
