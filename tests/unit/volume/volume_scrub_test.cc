// Scrub: what rots on the disk is found, named and, where a sound copy is, healed.

#include "volume/store/volume_scrub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/task_group.h"
#include "base/encoding.h"
#include "tests/support/golden.h"
#include "tests/unit/volume/volume_rig.h"
#include "volume/core/scrub_cursor.h"
#include "volume/core/superblock.h"
#include "volume/volume_upkeep.h"

namespace kelp::test {
namespace {

using ::testing::HasSubstr;

class ScrubTest : public ::testing::Test {
 protected:
  ScrubTest() { rig.start_fresh(); }

  void put(std::uint64_t key, std::size_t size) {
    ASSERT_TRUE(rig.put_now(key, body_for(key, size)).has_value());
    sizes[key] = size;
  }
  UpkeepOptions options() {
    UpkeepOptions options;
    options.scrub_period = std::chrono::days(14);
    return options;
  }
  /// One pass over everything.
  ScrubPass pass() {
    VolumeUpkeep upkeep(*rig.service, options());
    const auto outcome = rig.world.run(upkeep.scrub_once());
    EXPECT_TRUE(outcome.has_value()) << outcome.error().message();
    return outcome.value_or(ScrubPass{});
  }
  double metric(const std::string& name) {
    const std::string text = rig.metrics->text();
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::strtod(text.c_str() + at + name.size() + 2, nullptr);
  }

  VolumeRig rig{1};
  std::map<std::uint64_t, std::size_t> sizes;
};

TEST_F(ScrubTest, FindsNothingInAVolumeThatIsSound) {
  for (std::uint64_t key = 1; key <= 40; ++key) put(key, 3000);
  put(50, 1'500'000);
  put(51, 65'536);
  ASSERT_TRUE(rig.remove_now({fid_of(3), fid_of(50)}).has_value());
  ASSERT_TRUE(rig.service->close().has_value());
  const ScrubPass found = pass();
  EXPECT_EQ(found.damaged, 0U);
  EXPECT_EQ(found.needles_bytes, rig.world.run(rig.service->status())->volumes.at(0).live_bytes);
  EXPECT_EQ(metric("kelp_volume_damaged_needles"), 0);
  EXPECT_EQ(metric("kelp_volume_scrub_passes_total"), 1);
}

// The promise: of a thousand flipped bytes one pass finds all, and none is served before.
TEST_F(ScrubTest, OnePassFindsEveryFlippedByte) {
  Rng rng(7);
  for (std::uint64_t key = 1; key <= 1100; ++key) put(key, 100 + rng.below(3000));
  put(2000, 1'500'000);
  put(2001, 3'000'000);
  ASSERT_TRUE(rig.service->close().has_value());
  const std::string log = *rig.disk.content(kLog);
  // One byte of each of 998 needles, anywhere in it: header, back pointer, body, trailer, padding;
  // the last byte of the log; the superblock; the snapshot.
  std::set<std::uint64_t> hit;
  std::vector<IndexEntry> places = rig.places_now();
  const auto flip = [&](const IndexEntry& entry, std::uint64_t at) {
    rig.disk.flip_bit(kLog, entry.place.offset + at, static_cast<unsigned>(rng.below(8)));
    hit.insert(entry.key.value);
  };
  flip(places.back(), places.back().place.bytes - 1);
  flip(places[places.size() - 2], 1'200'000);
  while (hit.size() < 998) {
    const IndexEntry& entry = places[rng.below(places.size())];
    if (!hit.contains(entry.key.value)) flip(entry, rng.below(entry.place.bytes));
  }
  rig.disk.flip_bit(kLog, rng.below(kSuperblockBytes), 3);
  // A needle whose header and whose row of an index on disk rot both is lost on this copy.
  const bool rows_too = !index_on_disk();
  const std::size_t most = rows_too ? rig.disk.content(kSnapshot)->size() : kIndexBlockBytes;
  rig.disk.flip_bit(kSnapshot, rng.below(most), 5);
  const ScrubPass found = pass();
  EXPECT_EQ(found.damaged, 1000U);
  const auto damaged = rig.service->damaged();
  ASSERT_EQ(damaged.size(), 1U);
  EXPECT_TRUE(damaged[0].superblock);
  std::set<std::uint64_t> named;
  for (const NeedleKey key : damaged[0].needles) named.insert(key.value);
  EXPECT_EQ(named, hit);
  EXPECT_EQ(metric("kelp_volume_damaged_needles"), 998);
  for (const auto& [key, size] : sizes) {
    const auto got = rig.get_now(key, size);
    if (got.has_value()) {
      EXPECT_EQ(*got, body_for(key, size));
    } else {
      EXPECT_EQ(got.error().code(), Errc::kCorruption);
      EXPECT_TRUE(hit.contains(key));
    }
  }
  // The snapshot is sound again, and what was found is not found anew.
  EXPECT_TRUE(decode_index_snapshot(*rig.disk.content(kSnapshot)).has_value());
  EXPECT_EQ(pass().damaged, 1U) << "only the superblock is looked at afresh";
}

TEST_F(ScrubTest, ASectorThatCannotBeReadIsTheLossOfItsNeedleOnly) {
  for (std::uint64_t key = 1; key <= 30; ++key) put(key, 12'000);
  const IndexEntry bad = rig.places_now()[11];
  // In a page that it shares with no other: what cannot be read is lost by pages.
  rig.disk.set_unreadable(kLog, (bad.place.offset / kDirectAlignment + 1) * kDirectAlignment);
  EXPECT_EQ(pass().damaged, 1U);
  ASSERT_EQ(rig.service->damaged().at(0).needles.size(), 1U);
  EXPECT_EQ(rig.service->damaged().at(0).needles[0], bad.key);
}

TEST_F(ScrubTest, ADamagedNeedleThatIsDeletedIsForgotten) {
  for (std::uint64_t key = 1; key <= 10; ++key) put(key, 3000);
  rig.disk.flip_bit(kLog, rig.places_now()[4].place.offset + 200, 1);
  EXPECT_EQ(pass().damaged, 1U);
  ASSERT_TRUE(rig.remove_now({fid_of(5)}).has_value());
  EXPECT_TRUE(rig.service->damaged().empty());
  EXPECT_EQ(metric("kelp_volume_damaged_needles"), 0);
  EXPECT_EQ(pass().damaged, 0U);
}

TEST_F(ScrubTest, ADamagedNeedleThatWasReadIsKnownWithoutAPass) {
  put(1, 3000);
  rig.disk.flip_bit(kLog, rig.places_now()[0].place.offset + 200, 1);
  EXPECT_EQ(rig.get_now(1, 3000).error().code(), Errc::kCorruption);
  EXPECT_EQ(rig.service->damaged().at(0).needles.size(), 1U);
}

TEST_F(ScrubTest, DamageOfAVolumeThatIsRetiredIsForgotten) {
  put(1, 3000);
  rig.disk.flip_bit(kLog, rig.places_now()[0].place.offset + 200, 1);
  EXPECT_EQ(pass().damaged, 1U);
  EXPECT_EQ(metric("kelp_volume_damaged_needles"), 1);
  ASSERT_TRUE(rig.world.run(rig.service->retire(VolumeId{1}, Generation{1})).has_value());
  EXPECT_EQ(metric("kelp_volume_damaged_needles"), 0);
}

TEST_F(ScrubTest, AVolumeThatCannotBeLookedAtDoesNotHoldUpTheOthers) {
  put(1, 3000);
  ASSERT_TRUE(
      rig.world.run(rig.service->create_volume(VolumeId{2}, Generation{1}, "")).has_value());
  OpenNeedle request{.fid = {VolumeId{2}, NeedleKey{1}, Cookie{7}},
                     .generation = Generation{1},
                     .token = rig.token,
                     .body_bytes = 3000,
                     .bucket = {},
                     .object_key = "two"};
  const auto put_two = [](VolumeRig& at, OpenNeedle asked) -> Task<Result<void>> {
    KELP_CO_TRY(const auto upload, co_await at.service->open(std::move(asked)));
    KELP_CO_CHECK(co_await upload->append(as_bytes(body_for(1, 3000))));
    co_return co_await upload->finish();
  };
  ASSERT_TRUE(rig.world.run(put_two(rig, std::move(request))).has_value());
  rig.disk.set_hook([](DiskOp op, const std::string& path) -> std::optional<Error> {
    if (op != DiskOp::kOpen || path != kLog) return std::nullopt;
    return Error(Errc::kIo, "injected failure");
  });
  const ScrubPass found = pass();
  EXPECT_EQ(found.needles_bytes, rig.world.run(rig.service->status())->volumes.at(1).live_bytes);
  EXPECT_EQ(found.damaged, 0U);
  EXPECT_EQ(metric("kelp_volume_scrub_passes_total"), 1);
}

// Another log may have taken the name since the volume was looked up.
TEST_F(ScrubTest, AnotherSoundLogUnderTheNameIsNoDamage) {
  put(1, 3000);
  Superblock other = *decode_superblock(as_bytes(*rig.disk.content(kLog)).first(kSuperblockBytes));
  other.generation = Generation{9};
  ASSERT_TRUE(write_file_atomically(rig.disk, kLog, encode_superblock(other)).has_value());
  EXPECT_EQ(pass().damaged, 0U);
  EXPECT_TRUE(rig.service->damaged().empty());
  EXPECT_EQ(metric("kelp_volume_corruptions_total"), 0);
}

TEST_F(ScrubTest, ADamagedSuperblockIsHealedByCopyingTheVolume) {
  for (std::uint64_t key = 1; key <= 10; ++key) put(key, 3000);
  rig.disk.flip_bit(kLog, 70, 1);
  EXPECT_EQ(pass().damaged, 1U);
  VolumeUpkeep upkeep(*rig.service, options());
  rig.world.run(upkeep.heal_once());
  EXPECT_TRUE(rig.service->damaged().empty());
  EXPECT_EQ(pass().damaged, 0U);
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(*rig.get_now(5, 3000), body_for(5, 3000));
}

TEST_F(ScrubTest, ADamagedNeedleIsHealedFromAnotherCopy) {
  VolumeRig other(2);
  other.start_fresh();
  for (std::uint64_t key = 1; key <= 20; ++key) {
    put(key, 3000 * key);
    ASSERT_TRUE(other.put_now(key, body_for(key, 3000 * key)).has_value());
  }
  for (const std::size_t at : {3U, 19U}) {
    rig.disk.flip_bit(kLog, rig.places_now()[at].place.offset + 20, 1);
  }
  EXPECT_EQ(pass().damaged, 2U);
  UpkeepOptions healing = options();
  healing.fetch = [&other](VolumeId volume, NeedleKey key) -> Task<Result<std::string>> {
    co_return other.world.run(other.service->read_needle(volume, Generation{1}, key));
  };
  VolumeUpkeep upkeep(*rig.service, std::move(healing));
  rig.world.run(upkeep.heal_once());
  EXPECT_TRUE(rig.service->damaged().empty());
  EXPECT_EQ(metric("kelp_volume_damaged_needles"), 0);
  EXPECT_EQ(metric("kelp_volume_healed_needles_total"), 2);
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(pass().damaged, 0U);
    for (const auto& [key, size] : sizes) EXPECT_EQ(*rig.get_now(key, size), body_for(key, size));
    ASSERT_TRUE(rig.start().has_value());
  }
}

TEST_F(ScrubTest, WhatNoOtherCopyHasIsLeftAsItIs) {
  for (std::uint64_t key = 1; key <= 10; ++key) put(key, 3000);
  rig.disk.flip_bit(kLog, rig.places_now()[4].place.offset + 200, 1);
  EXPECT_EQ(pass().damaged, 1U);
  const std::string before = *rig.disk.content(kLog);
  UpkeepOptions healing = options();
  healing.fetch = [](VolumeId, NeedleKey) -> Task<Result<std::string>> {
    co_return Error(Errc::kNotFound, "nobody has it");
  };
  VolumeUpkeep upkeep(*rig.service, std::move(healing));
  rig.world.run(upkeep.heal_once());
  EXPECT_EQ(*rig.disk.content(kLog), before);
  EXPECT_EQ(rig.service->damaged().at(0).needles.size(), 1U);
  EXPECT_EQ(rig.get_now(5, 3000).error().code(), Errc::kCorruption);
}

TEST_F(ScrubTest, GoesOnAfterARestartWhereItWas) {
  for (std::uint64_t key = 1; key <= 400; ++key) put(key, 60'000);
  const double all =
      static_cast<double>(rig.world.run(rig.service->status())->volumes.at(0).live_bytes);
  const auto run_for = [&](std::chrono::nanoseconds time) {
    VolumeUpkeep upkeep(*rig.service, options());
    TaskGroup group(rig.world.executor());
    group.spawn(upkeep.run_scrub());
    rig.world.run_for(time);
    group.cancel();
    rig.world.run(group.join());
    return metric("kelp_volume_scrubbed_bytes_total");
  };
  const double first = run_for(std::chrono::seconds(12));  // at the least rate, 1 MiB a second
  EXPECT_GT(first, all / 4);
  EXPECT_LT(first, all * 3 / 4);
  EXPECT_EQ(metric("kelp_volume_scrub_passes_total"), 0);
  ASSERT_TRUE(rig.start().has_value());
  const double second = run_for(std::chrono::seconds(40));
  EXPECT_EQ(metric("kelp_volume_scrub_passes_total"), 1);
  EXPECT_LT(first + second, all * 1.4) << "it began anew";
  EXPECT_GE(first + second, all);
  // The next pass begins when the period is nearly over, and not before.
  EXPECT_EQ(run_for(std::chrono::days(10)), second);
  EXPECT_GT(run_for(std::chrono::days(4)), second);
}

// A fresh server has better things to sync.
TEST_F(ScrubTest, LeavesNothingOnTheDiskWhereNothingIsStored) {
  VolumeUpkeep upkeep(*rig.service, options());
  TaskGroup group(rig.world.executor());
  group.spawn(upkeep.run_vacuum());
  group.spawn(upkeep.run_scrub());
  rig.world.run_for(std::chrono::minutes(2));
  group.cancel();
  rig.world.run(group.join());
  EXPECT_EQ(metric("kelp_volume_scrub_passes_total"), 1);
  EXPECT_FALSE(*rig.disk.exists("/data/scrub"));
  EXPECT_FALSE(*rig.disk.exists("/data/vacuum"));
}

TEST_F(ScrubTest, GetsThroughInTimeWhateverTheAmount) {
  for (std::uint64_t key = 1; key <= 200; ++key) put(key, 60'000);
  UpkeepOptions hurry = options();
  hurry.scrub_period = std::chrono::seconds(4);
  hurry.scrub_least_rate = 1;
  VolumeUpkeep upkeep(*rig.service, std::move(hurry));
  TaskGroup group(rig.world.executor());
  group.spawn(upkeep.run_scrub());
  rig.world.run_for(std::chrono::seconds(41));
  group.cancel();
  rig.world.run(group.join());
  EXPECT_GE(metric("kelp_volume_scrub_passes_total"), 10);
  EXPECT_LE(metric("kelp_volume_scrub_passes_total"), 13);
}

TEST_F(ScrubTest, AVacuumInTheMiddleIsNoDamage) {
  for (std::uint64_t key = 1; key <= 300; ++key) put(key, 60'000);
  ASSERT_TRUE(rig.remove_now({fid_of(1), fid_of(200)}).has_value());
  VolumeUpkeep upkeep(*rig.service, options());
  TaskGroup group(rig.world.executor());
  group.spawn(upkeep.run_scrub());
  rig.world.run_for(std::chrono::seconds(5));
  ASSERT_TRUE(rig.vacuum_now().has_value());
  rig.world.run_for(std::chrono::seconds(40));
  group.cancel();
  rig.world.run(group.join());
  EXPECT_EQ(metric("kelp_volume_scrub_passes_total"), 1);
  EXPECT_EQ(metric("kelp_volume_corruptions_total"), 0);
}

TEST(ScrubCursor, IsStoredAsDocumented) {
  const ScrubCursor cursor{
      .began_ns = 1'700'000'000'000'000'000, .volume = VolumeId{7}, .after = NeedleKey{0x1234}};
  const std::string bytes = encode_scrub_cursor(cursor);
  EXPECT_EQ(hex_encode(bytes), golden("scrub_cursor_v1.hex"));
  EXPECT_EQ(*decode_scrub_cursor(bytes), cursor);
}

TEST(ScrubCursor, RefusesEveryTruncationAndFlippedBitAndNamesANewerVersion) {
  const std::string bytes = encode_scrub_cursor({1, VolumeId{2}, NeedleKey{3}});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_scrub_cursor(bytes.substr(0, size)).has_value());
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_scrub_cursor(flipped).has_value()) << bit;
  }
  std::string newer = bytes;
  newer[4] = 2;
  const auto refused = decode_scrub_cursor(newer);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kUnimplemented);
  EXPECT_THAT(refused.error().detail(), HasSubstr("format 2, this program knows 1"));
}

}  // namespace
}  // namespace kelp::test
