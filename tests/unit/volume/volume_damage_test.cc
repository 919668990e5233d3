// Bytes that rot, needles in bodies, uploads that are given up: what is served is what was put.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/volume/volume_rig.h"
#include "volume/core/needle_format.h"
#include "volume/core/superblock.h"

namespace kelp::test {
namespace {

/// Every needle is whole, or its reader is told so.
void expect_no_wrong_bytes(VolumeRig& rig, const std::map<std::uint64_t, std::size_t>& sizes,
                           std::uint64_t position) {
  for (const auto& [key, size] : sizes) {
    const auto got = rig.get_now(key, size);
    if (got.has_value()) {
      ASSERT_EQ(*got, body_for(key, size)) << "byte " << position;
    } else {
      const Errc code = got.error().code();
      ASSERT_TRUE(code == Errc::kCorruption || code == Errc::kNotFound ||
                  code == Errc::kUnavailable)
          << got.error().message();
    }
  }
}

TEST(VolumeDamage, NoFlippedByteIsEverServed) {
  VolumeRig rig(1);
  rig.start_fresh();
  const std::map<std::uint64_t, std::size_t> sizes{{1, 10}, {2, 300}, {3, 1}};
  for (const auto& [key, size] : sizes) {
    ASSERT_TRUE(rig.put_now(key, body_for(key, size)).has_value());
  }
  const std::uint64_t length = rig.disk.content(kLog)->size();
  for (std::uint64_t at = kSuperblockBytes; at < length; ++at) {
    rig.disk.flip_bit(kLog, at, static_cast<unsigned>(at));
    expect_no_wrong_bytes(rig, sizes, at);  // while it runs
    ASSERT_TRUE(rig.start().has_value());
    expect_no_wrong_bytes(rig, sizes, at);  // and after a start
    rig.disk.flip_bit(kLog, at, static_cast<unsigned>(at));
    ASSERT_TRUE(rig.start().has_value());
  }
  for (const auto& [key, size] : sizes) EXPECT_EQ(*rig.get_now(key, size), body_for(key, size));
}

TEST(VolumeDamage, NoFlippedByteOfALargeNeedleIsEverServed) {
  VolumeRig rig(2);
  rig.start_fresh();
  const std::map<std::uint64_t, std::size_t> sizes{{1, 150'000}, {2, 65'536}};
  for (const auto& [key, size] : sizes) {
    ASSERT_TRUE(rig.put_now(key, body_for(key, size)).has_value());
  }
  const std::uint64_t length = rig.disk.content(kLog)->size();
  Rng rng(9);
  std::uint64_t caught = 0;
  for (std::uint64_t at = kSuperblockBytes; at < length; at += 1 + rng.below(700)) {
    ASSERT_TRUE(rig.start().has_value());  // nothing is remembered of the needles
    rig.disk.flip_bit(kLog, at, static_cast<unsigned>(rng.below(8)));
    const std::string before = *rig.disk.content(kLog);
    expect_no_wrong_bytes(rig, sizes, at);
    const auto failed = rig.world.run(rig.service->verify_volume(VolumeId{1}));
    ASSERT_TRUE(failed.has_value());
    caught += failed->size();
    // Put the byte right again by flipping what was flipped.
    for (unsigned bit = 0; bit < 8; ++bit) {
      if (rig.get_now(1, 150'000).has_value() && rig.get_now(2, 65'536).has_value()) break;
      if (bit > 0) rig.disk.flip_bit(kLog, at, bit - 1);
      rig.disk.flip_bit(kLog, at, bit);
    }
  }
  EXPECT_GT(caught, 300U);
}

TEST(VolumeDamage, VerifyNamesTheDamagedNeedles) {
  VolumeRig rig(3);
  rig.start_fresh();
  for (std::uint64_t key = 1; key <= 600; ++key) {
    ASSERT_TRUE(rig.put_now(key, body_for(key, 100 + key)).has_value());
  }
  const std::string log = *rig.disk.content(kLog);
  for (const std::uint64_t key : {7U, 300U, 600U}) {
    rig.disk.flip_bit(kLog, log.find(body_for(key, 100 + key)) + 50, 0);
  }
  const auto failed = rig.world.run(rig.service->verify_volume(VolumeId{1}));
  ASSERT_TRUE(failed.has_value());
  ASSERT_EQ(failed->size(), 3U);
  EXPECT_EQ((*failed)[1].key, NeedleKey{300});
  EXPECT_EQ((*failed)[1].cookie, fid_of(300).cookie);
  EXPECT_EQ(rig.get_now(300, 400).error().code(), Errc::kCorruption);
  // A damaged needle can be taken away.
  ASSERT_TRUE(rig.remove_now({fid_of(7), fid_of(300), fid_of(600)}).has_value());
  EXPECT_TRUE(rig.world.run(rig.service->verify_volume(VolumeId{1}))->empty());
}

TEST(VolumeDamage, ANeedleInsideABodyIsNotANeedle) {
  VolumeRig rig(4);
  rig.start_fresh();
  ASSERT_TRUE(rig.put_now(1, body_for(1, 500)).has_value());
  ASSERT_TRUE(rig.remove_now({fid_of(1)}).has_value());
  // The log itself, needles and tombstone and all, as the body of an upload that is given up, at
  // every alignment; its header is lost, so that the scan has to look inside.
  const std::string log = rig.disk.content(kLog)->substr(kSuperblockBytes);
  std::string body;
  for (int shift = 0; shift < 8; ++shift) {
    body += std::string(static_cast<std::size_t>(shift) + 1, '.') + log;
  }
  body.resize(200'000, '.');
  const std::uint64_t at = rig.disk.content(kLog)->size();
  ASSERT_TRUE(rig.put_now(2, body).has_value());
  ASSERT_TRUE(rig.put_now(3, body_for(3, 500)).has_value());
  rig.disk.flip_bit(kLog, at + 9, 0);
  ASSERT_TRUE(rig.start().has_value());
  const auto infos = rig.list_now();
  ASSERT_EQ(infos.size(), 1U);
  EXPECT_EQ(infos[0].key, NeedleKey{3});
  EXPECT_EQ(*rig.get_now(3, 500), body_for(3, 500));
}

Task<void> give_up_half_way(VolumeRig& rig, std::uint64_t key, std::size_t size) {
  OpenNeedle request{.fid = fid_of(key),
                     .generation = Generation{1},
                     .token = rig.token,
                     .body_bytes = size,
                     .bucket = {},
                     .object_key = "gone"};
  const std::string body = body_for(key, size);
  const auto upload = co_await rig.service->open(std::move(request));
  EXPECT_TRUE(upload.has_value());
  EXPECT_TRUE((co_await (*upload)->append(as_bytes(body).first(size / 2))).has_value());
}

TEST(VolumeDamage, UploadsThatAreGivenUpLeaveNothingButRoom) {
  VolumeRig rig(5);
  rig.start_fresh();
  std::vector<std::uint64_t> kept;
  const auto run = [](Task<Result<void>> task) -> Task<void> {
    EXPECT_TRUE((co_await std::move(task)).has_value());
  };
  for (std::uint64_t key = 1; key <= 60; ++key) {
    if (key % 3 == 0) {
      asio::co_spawn(rig.world.executor(), give_up_half_way(rig, key, 50'000 * (key % 9 + 1)),
                     [](std::exception_ptr) {});
    } else {
      asio::co_spawn(rig.world.executor(), run(rig.put(key, body_for(key, 3000 * key), 20'000)),
                     [](std::exception_ptr) {});
      kept.push_back(key);
    }
  }
  rig.world.run_out();
  for (int life = 0; life < 3; ++life) {
    EXPECT_EQ(rig.list_now().size(), kept.size());
    for (const std::uint64_t key : kept) {
      ASSERT_EQ(*rig.get_now(key, 3000 * key), body_for(key, 3000 * key));
    }
    if (life == 1) {
      ASSERT_TRUE(rig.service->close().has_value());
    }
    ASSERT_TRUE(rig.start().has_value());
  }
  EXPECT_EQ(rig.get_now(3, 1).error().code(), Errc::kNotFound);
  EXPECT_TRUE(rig.put_now(3, "again").has_value());
}

// The last upload's header says 500,000 bytes and the file ends long before: what comes after the
// restart must not be written into that room, because the next scan steps over it.
TEST(VolumeDamage, ARestartBuildsBehindTheRoomOfAnUnfinishedUpload) {
  VolumeRig rig(6);
  rig.start_fresh();
  ASSERT_TRUE(rig.put_now(1, "one").has_value());
  rig.disk.set_hook([](DiskOp op, const std::string&) -> std::optional<Error> {
    if (op == DiskOp::kPunch) return Error(Errc::kIo, "no holes");
    return {};
  });
  rig.world.run(give_up_half_way(rig, 2, 500'000));
  rig.world.run_out();
  rig.disk.kill();
  for (std::uint64_t key = 3; key < 8; ++key) {
    ASSERT_TRUE(rig.start().has_value());
    ASSERT_TRUE(rig.put_now(key, body_for(key, 1000)).has_value());
  }
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(rig.list_now().size(), 6U);
}

TEST(VolumeDamage, ASectorThatCannotBeReadIsTheLossOfItsNeedleOnly) {
  VolumeRig rig(11);
  rig.start_fresh();
  for (const std::uint64_t key : {1, 2, 3}) {
    ASSERT_TRUE(rig.put_now(key, body_for(key, 100'000)).has_value());
  }
  rig.disk.fail_nth(DiskOp::kRead, 1);
  const auto failed = rig.world.run(rig.service->verify_volume(VolumeId{1}));
  ASSERT_TRUE(failed.has_value()) << failed.error().message();
  ASSERT_EQ(failed->size(), 1U);
  EXPECT_EQ(failed->front().key, NeedleKey{1});
  EXPECT_TRUE(rig.world.run(rig.service->verify_volume(VolumeId{1}))->empty());
}

}  // namespace
}  // namespace kelp::test
