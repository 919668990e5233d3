#include "volume/volume_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crc.h"
#include "tests/unit/volume/volume_rig.h"
#include "volume/core/needle_format.h"
#include "volume/core/superblock.h"

namespace kelp::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::uint64_t> keys_of(const std::vector<NeedleInfo>& infos) {
  std::vector<std::uint64_t> keys;
  for (const NeedleInfo& info : infos) keys.push_back(info.key.value);
  return keys;
}

class VolumeServiceTest : public ::testing::Test {
 protected:
  VolumeServiceTest() { rig.start_fresh(); }

  std::string metric(const std::string& name) {
    const std::string text = rig.metrics->text();
    const auto at = text.find("\n" + name + " ");
    if (at == std::string::npos) return "none";
    const auto begin = at + name.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  VolumeRig rig{1};
};

TEST_F(VolumeServiceTest, GivesBackWhatWasPutWhateverItsSize) {
  std::uint64_t key = 1;
  for (const std::size_t size :
       {1U, 100U, 4096U, 65'000U, 65'535U, 65'536U, 65'537U, 131'072U, 1'000'000U, 9'000'001U}) {
    const std::string body = body_for(key, size);
    ASSERT_TRUE(rig.put_now(key, body).has_value()) << size;
    const auto got = rig.get_now(key, size);
    ASSERT_TRUE(got.has_value()) << got.error().message();
    EXPECT_EQ(*got, body) << size;
    ++key;
  }
  EXPECT_TRUE(rig.world.run(rig.service->verify_volume(VolumeId{1}))->empty());
}

TEST_F(VolumeServiceTest, TakesABodyInPiecesOfAnySize) {
  Rng rng(5);
  for (std::uint64_t key = 1; key < 20; ++key) {
    const std::size_t size = 1 + rng.below(300'000);
    const std::string body = body_for(key, size);
    ASSERT_TRUE(rig.world.run(rig.put(key, body, 1 + rng.below(100'000))).has_value());
    EXPECT_EQ(*rig.get_now(key, size), body);
  }
}

TEST_F(VolumeServiceTest, ReadsEveryKindOfRange) {
  Rng rng(7);
  for (const std::size_t size : {5000U, 65'536U, 65'540U, 400'000U}) {
    const std::string body = body_for(size, size);
    ASSERT_TRUE(rig.put_now(size, body).has_value());
    for (int round = 0; round < 60; ++round) {
      std::size_t begin = rng.below(size + 1);
      std::size_t end = rng.below(size + 1);
      if (rng.below(3) == 0) begin -= begin % kNeedleBlockBytes;
      if (rng.below(3) == 0) end = size;
      if (begin > end) std::swap(begin, end);
      const auto got = rig.world.run(rig.get(fid_of(size), begin, end - begin));
      ASSERT_TRUE(got.has_value()) << got.error().message();
      EXPECT_EQ(*got, body.substr(begin, end - begin)) << begin << " to " << end;
    }
    for (const auto& [begin, count] :
         {std::pair<std::uint64_t, std::size_t>{0, size + 1}, {size, 1}, {UINT64_MAX, 1}}) {
      EXPECT_EQ(rig.world.run(rig.get(fid_of(size), begin, count)).error().code(),
                Errc::kInvalidArgument);
    }
  }
}

TEST_F(VolumeServiceTest, ReadsThroughThePoolWhenThePageCacheIsCold) {
  const std::string small = body_for(1, 100);
  const std::string large = body_for(2, 300'000);
  ASSERT_TRUE(rig.put_now(1, small).has_value());
  ASSERT_TRUE(rig.put_now(2, large).has_value());
  rig.disk.set_faults({.cold_read_per_million = 1'000'000});
  EXPECT_EQ(*rig.get_now(1, 100), small);
  EXPECT_EQ(*rig.get_now(2, 300'000), large);
  ASSERT_TRUE(rig.remove_now({fid_of(1), fid_of(2)}).has_value());
  EXPECT_TRUE(rig.list_now().empty());
}

TEST_F(VolumeServiceTest, AWrongCookieFindsNothing) {
  for (const std::size_t size : {10U, 100'000U}) {
    ASSERT_TRUE(rig.put_now(size, body_for(size, size)).has_value());
    FileId wrong = fid_of(size);
    wrong.cookie.value ^= 1;
    EXPECT_EQ(rig.world.run(rig.get(wrong, 0, 5)).error().code(), Errc::kNotFound);
    EXPECT_TRUE(rig.remove_now({wrong}).has_value());
    EXPECT_TRUE(rig.get_now(size, 5).has_value());  // it was not removed either
  }
  EXPECT_EQ(rig.get_now(999, 5).error().code(), Errc::kNotFound);
  EXPECT_EQ(metric("kelp_volume_corruptions_total"), "0");
}

TEST_F(VolumeServiceTest, RefusesWhatTheLeaseDoesNotAllow) {
  OpenNeedle request{.fid = fid_of(1),
                     .generation = Generation{1},
                     .token = "forged",
                     .body_bytes = 5,
                     .bucket = {},
                     .object_key = {}};
  const auto code_of = [&](const OpenNeedle& asked) {
    const auto opened = rig.world.run(rig.service->open(asked));
    return opened.has_value() ? Errc{} : opened.error().code();
  };
  EXPECT_EQ(code_of(request), Errc::kPermissionDenied);
  request.token = rig.token;
  EXPECT_EQ(code_of(request), Errc{});
  request.generation = Generation{2};
  EXPECT_EQ(code_of(request), Errc::kConflict);
  request.generation = Generation{1};
  request.fid.volume = VolumeId{9};
  EXPECT_EQ(code_of(request), Errc::kNotFound);
  request.fid.volume = VolumeId{1};
  for (const std::uint64_t bytes : {std::uint64_t{0}, kMaxNeedleBodyBytes + 1, UINT64_MAX}) {
    request.body_bytes = bytes;
    EXPECT_EQ(code_of(request), Errc::kInvalidArgument);
  }
  request.body_bytes = 5;
  request.object_key = std::string(kMaxObjectKeyBytes + 1, 'k');
  EXPECT_EQ(code_of(request), Errc::kInvalidArgument);
}

Task<void> put_too_little_and_too_much(VolumeRig& rig, std::size_t size) {
  OpenNeedle request{.fid = fid_of(size),
                     .generation = Generation{1},
                     .token = rig.token,
                     .body_bytes = size,
                     .bucket = {},
                     .object_key = {}};
  const std::string body(size + 1, 'x');
  {
    const auto upload = co_await rig.service->open(request);
    EXPECT_TRUE((co_await (*upload)->append(as_bytes(body).first(size - 1))).has_value());
    EXPECT_EQ((co_await (*upload)->finish()).error().code(), Errc::kInvalidArgument);
    EXPECT_EQ((co_await (*upload)->append(as_bytes(body).first(1))).error().code(),
              Errc::kInvalidArgument);
  }
  {
    const auto upload = co_await rig.service->open(request);
    EXPECT_EQ((co_await (*upload)->append(as_bytes(body))).error().code(), Errc::kInvalidArgument);
    EXPECT_EQ((co_await (*upload)->finish()).error().code(), Errc::kInvalidArgument);
  }
  {
    const auto upload = co_await rig.service->open(request);
    EXPECT_EQ((*upload)->append_here(as_bytes(body)).error().code(), Errc::kInvalidArgument);
    EXPECT_EQ((*upload)->append_here(as_bytes(body).first(1)).error().code(),
              Errc::kInvalidArgument);
  }
}

/// Pieces in turn from here and from a worker thread.
Task<void> put_both_ways(VolumeRig& rig, std::string_view body) {
  OpenNeedle request{.fid = fid_of(body.size()),
                     .generation = Generation{1},
                     .token = rig.token,
                     .body_bytes = body.size(),
                     .bucket = {},
                     .object_key = "key"};
  const auto upload = co_await rig.service->open(std::move(request));
  bool here = true;
  for (std::size_t at = 0; at < body.size(); at += 30'000, here = !here) {
    const ByteSpan piece = as_bytes(body.substr(at, 30'000));
    if (here) {
      EXPECT_TRUE((*upload)->append_here(piece).value_or(false));
    } else {
      EXPECT_TRUE((co_await (*upload)->append(piece)).has_value());
    }
  }
  EXPECT_TRUE((co_await (*upload)->finish()).has_value());
}

TEST_F(VolumeServiceTest, AWorkerThreadMayAppendItself) {
  for (const std::size_t size : {std::size_t{64'000}, std::size_t{300'000}}) {
    std::string body(size, '\0');
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i % 251);
    rig.world.run(put_both_ways(rig, body));
    EXPECT_EQ(*rig.get_now(size, size), body);
  }
}

TEST_F(VolumeServiceTest, ABodyHasExactlyTheAnnouncedLength) {
  rig.world.run(put_too_little_and_too_much(rig, 10));
  rig.world.run(put_too_little_and_too_much(rig, 100'000));
  EXPECT_TRUE(rig.list_now().empty());
}

TEST_F(VolumeServiceTest, AKeyIsTakenOnce) {
  ASSERT_TRUE(rig.put_now(1, "first").has_value());
  EXPECT_EQ(rig.put_now(1, "second").error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(rig.put_now(1, std::string(100'000, 'x')).error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(*rig.get_now(1, 5), "first");
}

TEST_F(VolumeServiceTest, RemovedNeedlesStayRemovedAndGiveTheirRoomBack) {
  ASSERT_TRUE(rig.put_now(1, body_for(1, 100)).has_value());
  ASSERT_TRUE(rig.put_now(2, body_for(2, 1'000'000)).has_value());
  ASSERT_TRUE(rig.put_now(3, body_for(3, 100'000)).has_value());
  const std::uint64_t free_before = rig.disk.space("/data")->free_bytes;
  ASSERT_TRUE(rig.remove_now({fid_of(1), fid_of(2), fid_of(2), fid_of(77)}).has_value());
  EXPECT_GT(rig.disk.space("/data")->free_bytes, free_before + 900'000);
  EXPECT_EQ(rig.get_now(1, 1).error().code(), Errc::kNotFound);
  EXPECT_EQ(rig.get_now(2, 1).error().code(), Errc::kNotFound);
  EXPECT_EQ(*rig.get_now(3, 100'000), body_for(3, 100'000));
  EXPECT_TRUE(rig.remove_now({fid_of(1), fid_of(2)}).has_value());
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_THAT(keys_of(rig.list_now()), ElementsAre(3));
  EXPECT_EQ(*rig.get_now(3, 100'000), body_for(3, 100'000));
}

TEST_F(VolumeServiceTest, ListsNeedlesInPages) {
  for (std::uint64_t key = 1; key <= 25; ++key) {
    ASSERT_TRUE(rig.put_now(key, body_for(key, key)).has_value());
  }
  const auto page = *rig.world.run(rig.service->list_needles(VolumeId{1}, NeedleKey{10}, 3));
  EXPECT_THAT(keys_of(page), ElementsAre(11, 12, 13));
  EXPECT_EQ(page[0].cookie, fid_of(11).cookie);
  EXPECT_EQ(page[0].body_bytes, 11U);
  EXPECT_EQ(page[0].bucket, BucketId{1});
  EXPECT_EQ(rig.list_now().size(), 25U);
  EXPECT_EQ(rig.world.run(rig.service->list_needles(VolumeId{5}, {}, 3)).error().code(),
            Errc::kNotFound);
}

TEST_F(VolumeServiceTest, TellsItsStatus) {
  ASSERT_TRUE(rig.put_now(1, body_for(1, 1000)).has_value());
  const auto status = *rig.world.run(rig.service->status());
  EXPECT_TRUE(parse_uuid(status.node_id).has_value());
  EXPECT_GT(status.free_bytes, 0U);
  EXPECT_LT(status.free_bytes, status.total_bytes);
  ASSERT_EQ(status.volumes.size(), 1U);
  const VolumeStatus& volume = status.volumes[0];
  EXPECT_EQ(volume.needle_count, 1U);
  EXPECT_EQ(volume.live_bytes, layout_of(1000, 5).total_bytes);
  EXPECT_EQ(volume.file_bytes, kSuperblockBytes + volume.live_bytes);
  EXPECT_FALSE(volume.read_only);
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(rig.world.run(rig.service->status())->node_id, status.node_id);
}

TEST_F(VolumeServiceTest, TakesNoNewNeedlesWhileItsDiskIsCalledSlow) {
  ASSERT_TRUE(rig.put_now(1, body_for(1, 1000)).has_value());
  rig.service->refuse_needles_until(rig.clock.mono() + std::chrono::seconds(5));
  const auto refused = rig.put_now(2, body_for(2, 1000));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kUnavailable);
  EXPECT_THAT(refused.error().detail(), HasSubstr("slow"));
  EXPECT_EQ(*rig.get_now(1, 1000), body_for(1, 1000));
  EXPECT_TRUE(rig.remove_now({fid_of(1)}).has_value());
  rig.service->refuse_needles_until(rig.clock.mono());
  EXPECT_TRUE(rig.put_now(2, body_for(2, 1000)).has_value());
}

TEST_F(VolumeServiceTest, FeelsThePulseOfAnIdleDiskAndLeavesABusyOneAlone) {
  const auto feel = [&] {
    const std::uint64_t before = rig.disk.count(DiskOp::kSync);
    rig.world.run(rig.service->feel_pulse());
    return rig.disk.count(DiskOp::kSync) - before;
  };
  EXPECT_EQ(feel(), 1U);
  EXPECT_EQ(feel(), 0U) << "it was written to just now";
  rig.world.run_for(std::chrono::seconds(1));
  EXPECT_EQ(feel(), 1U);
  rig.world.run_for(std::chrono::seconds(1));
  ASSERT_TRUE(rig.put_now(1, body_for(1, 1000)).has_value());
  EXPECT_EQ(feel(), 0U);
  ASSERT_TRUE(rig.start().has_value()) << "its file is no volume";
  EXPECT_EQ(rig.world.run(rig.service->status())->volumes.size(), 1U);
}

TEST_F(VolumeServiceTest, AFileOfAnotherSpellingIsNoSecondVolume) {
  ASSERT_TRUE(rig.put_now(1, body_for(1, 1000)).has_value());
  auto file = rig.disk.open("/data/0000000001.dat", OpenMode::kCreate);
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE((*file)->sync().has_value());
  ASSERT_TRUE(rig.start().has_value());
  const auto status = *rig.world.run(rig.service->status());
  ASSERT_EQ(status.volumes.size(), 1U);
  EXPECT_FALSE(status.volumes[0].read_only);
  EXPECT_EQ(*rig.get_now(1, 1000), body_for(1, 1000));
}

TEST_F(VolumeServiceTest, MakesAVolumeOnce) {
  const auto make = [&](std::uint32_t id) {
    return rig.world.run(rig.service->create_volume(VolumeId{id}, Generation{4}, "photos"));
  };
  EXPECT_EQ(make(1).error().code(), Errc::kAlreadyExists);
  ASSERT_TRUE(make(2).has_value());
  rig.disk.crash_losing_all();
  ASSERT_TRUE(rig.start().has_value());
  const auto status = *rig.world.run(rig.service->status());
  ASSERT_EQ(status.volumes.size(), 2U);
  EXPECT_EQ(status.volumes[1].generation, Generation{4});
  EXPECT_EQ(status.volumes[1].collection, "photos");
}

TEST_F(VolumeServiceTest, OneSyncCoversManyWriters) {
  const std::uint64_t syncs_before = rig.disk.count(DiskOp::kSync);
  int done = 0;
  const auto count = [](Task<Result<void>> task, int* finished) -> Task<void> {
    EXPECT_TRUE((co_await std::move(task)).has_value());
    ++*finished;
  };
  for (std::uint64_t key = 1; key <= 64; ++key) {
    asio::co_spawn(rig.world.executor(), count(rig.put(key, body_for(key, 100)), &done),
                   [](std::exception_ptr) {});
  }
  rig.world.run_out();
  EXPECT_EQ(done, 64);
  EXPECT_LE(rig.disk.count(DiskOp::kSync) - syncs_before, 13U);  // 0.2 a put
}

TEST_F(VolumeServiceTest, SnapshotAndTailGiveWhatTheWholeLogGives) {
  for (std::uint64_t key = 1; key <= 40; ++key) {
    ASSERT_TRUE(rig.put_now(key, body_for(key, key * 1000)).has_value());
    if (key == 20) {
      ASSERT_TRUE(rig.service->close().has_value());
    }
    if (key % 4 == 0) {
      ASSERT_TRUE(rig.remove_now({fid_of(key - 2)}).has_value());
    }
  }
  const auto before = keys_of(rig.list_now());
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(keys_of(rig.list_now()), before);
  ASSERT_TRUE(rig.disk.remove(kSnapshot).has_value());
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(keys_of(rig.list_now()), before);
  ASSERT_TRUE(rig.service->close().has_value());
  rig.disk.flip_bit(kSnapshot, 60, 3);
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(keys_of(rig.list_now()), before);
}

TEST_F(VolumeServiceTest, RefusesTheDirectoryOfAnotherProcessOrCluster) {
  VolumeServiceParts parts{.io = rig.disk,
                           .pool = rig.pool,
                           .clock = rig.clock,
                           .metrics = *rig.metrics,
                           .verify_token = nullptr};
  EXPECT_EQ(VolumeService::start(rig.options, parts).error().code(), Errc::kUnavailable);
  rig.options.cluster_id = "ffffffff-4455-6677-8899-aabbccddeeff";
  const auto other = rig.start();
  EXPECT_EQ(other.error().code(), Errc::kPermissionDenied);
  EXPECT_THAT(other.error().detail(),
              AllOf(HasSubstr(kClusterId), HasSubstr(rig.options.cluster_id)));
  rig.options.cluster_id = "not a uuid";
  EXPECT_EQ(rig.start().error().code(), Errc::kInvalidArgument);
}

void overwrite(SimDisk& disk, const std::string& path, std::uint64_t offset,
               std::string_view bytes) {
  const std::array<ByteSpan, 1> pieces{as_bytes(bytes)};
  const auto file = disk.open(path, OpenMode::kCreate);
  ASSERT_TRUE((*file)->write_at(offset, pieces).has_value());
}

TEST_F(VolumeServiceTest, RefusesANewerFormatAndNamesBothVersions) {
  std::string superblock = rig.disk.content(kLog)->substr(0, kSuperblockBytes);
  superblock[8] = 5;
  const std::uint32_t crc = crc32c(as_bytes(superblock).first(kSuperblockBytes - 4));
  std::memcpy(superblock.data() + kSuperblockBytes - 4, &crc, sizeof crc);
  overwrite(rig.disk, kLog, 0, superblock);
  const auto started = rig.start();
  EXPECT_EQ(started.error().code(), Errc::kUnimplemented);
  EXPECT_THAT(started.error().detail(), HasSubstr("version 5, this program knows version 1"));
}

TEST_F(VolumeServiceTest, ADamagedVolumeIsRefusedAloneAndNeverTakenForAnEmptyOne) {
  ASSERT_TRUE(rig.put_now(1, "hello").has_value());
  ASSERT_TRUE(rig.world.run(rig.service->create_volume(VolumeId{2}, {}, "")).has_value());
  rig.disk.flip_bit(kLog, 100, 1);
  overwrite(rig.disk, "/data/000000007.dat", 0, "");
  overwrite(rig.disk, "/data/notes.dat", 0, "not ours");
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(rig.get_now(1, 5).error().code(), Errc::kUnavailable);
  EXPECT_EQ(rig.remove_now({fid_of(1)}).error().code(), Errc::kUnavailable);
  EXPECT_EQ(rig.put_now(2, "hello").error().code(), Errc::kUnavailable);
  EXPECT_EQ(rig.world.run(rig.service->create_volume(VolumeId{7}, {}, "")).error().code(),
            Errc::kAlreadyExists);
  const auto status = *rig.world.run(rig.service->status());
  EXPECT_EQ(status.volumes.size(), 3U);
  rig.disk.flip_bit(kLog, 100, 1);
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(*rig.get_now(1, 5), "hello");
}

TEST_F(VolumeServiceTest, AVolumeThatCannotBeReadAtStartIsRefusedNotScannedInPart) {
  for (std::uint64_t key = 1; key < 30; ++key) {
    ASSERT_TRUE(rig.put_now(key, body_for(key, 100'000)).has_value());
  }
  for (int nth = 1;; ++nth) {
    int reads = 0;
    rig.disk.set_hook([&](DiskOp op, const std::string& path) -> std::optional<Error> {
      if (op != DiskOp::kRead || path != kLog || ++reads != nth) return {};
      return Error(Errc::kIo, "bad sector");
    });
    ASSERT_TRUE(rig.start().has_value());
    rig.disk.set_hook(nullptr);
    if (reads < nth) {
      EXPECT_GT(nth, 3);
      break;
    }
    EXPECT_EQ(rig.get_now(1, 5).error().code(), Errc::kUnavailable) << nth;
  }
  ASSERT_TRUE(rig.start().has_value());
  EXPECT_EQ(rig.list_now().size(), 29U);
}

}  // namespace
}  // namespace kelp::test
