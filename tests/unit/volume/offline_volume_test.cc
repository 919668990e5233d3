// Volumes as files: walked, checked, exported and imported while no server has them.
#include "volume/offline_volume.h"

#include <gmock/gmock.h>

#include "base/encoding.h"
#include "tests/support/golden.h"
#include "tests/unit/volume/volume_rig.h"
#include "volume/core/needle_tar.h"
#include "volume/store/volume_file.h"
#include "volume/volume_export.h"

namespace kelp::test {
namespace {

using testing::HasSubstr;

/// Needles 1 to 4, the third removed, the fourth of several blocks; a snapshot; stopped.
class Offline : public ::testing::Test {
 protected:
  Offline() {
    rig_.start_fresh();
    for (const auto& [key, size] : sizes_) put(key, size);
    EXPECT_TRUE(rig_.remove_now({fid_of(3)}).has_value());
    stop();
  }
  void put(std::uint64_t key, std::size_t size) {
    ASSERT_TRUE(rig_.put_now(key, body_for(key, size)).has_value());
  }
  void stop() {
    ASSERT_TRUE(rig_.service->close().has_value());
    rig_.service.reset();
  }
  OfflineVolume open() { return *OfflineVolume::open(rig_.disk, kLog); }
  Result<VolumeCheck> check() {
    KELP_TRY(const OfflineVolume volume, OfflineVolume::open(rig_.disk, kLog));
    return check_volume(volume);
  }
  /// What a walk says of each needle: its key, and "live", "dead", "tombstone" or "unfinished".
  std::vector<std::pair<std::uint64_t, std::string>> walk() {
    std::vector<std::pair<std::uint64_t, std::string>> seen;
    auto visit = [&](const LogStep& step, bool live) -> Result<void> {
      if (!step.header) return {};
      seen.emplace_back(step.header->key.value, !step.trailer_matches    ? "unfinished"
                                                : step.header->tombstone ? "tombstone"
                                                : live                   ? "live"
                                                                         : "dead");
      return {};
    };
    EXPECT_TRUE(open().walk(visit).has_value());
    return seen;
  }
  std::string export_now(VolumeExport* done = nullptr) {
    std::string out;
    auto sink = [&out](std::string_view bytes) -> Result<void> {
      out += bytes;
      return {};
    };
    const auto exported = export_volume(open(), sink);
    EXPECT_TRUE(exported.has_value());
    if (done != nullptr) *done = *exported;
    return out;
  }
  Result<VolumeImport> import_now(FileIo& io, const std::string& bytes,
                                  std::optional<Uuid> cluster = parse_uuid(kClusterId).value()) {
    std::size_t at = 0;
    auto source = [&](MutableByteSpan out) -> Result<std::size_t> {
      const std::string_view some = std::string_view(bytes).substr(at, out.size());
      std::memcpy(out.data(), some.data(), some.size());
      at += some.size();
      return some.size();
    };
    EXPECT_TRUE(io.make_dirs("/data").has_value());
    return import_volume({io, rig_.pool, rig_.clock, "/data", cluster}, source);
  }

  const std::map<std::uint64_t, std::size_t> sizes_{{1, 10}, {2, 300}, {3, 20'000}, {4, 140'000}};
  VolumeRig rig_{1};
};

TEST_F(Offline, WalkTellsWhatIsLiveRemovedAndATombstone) {
  const std::vector<std::pair<std::uint64_t, std::string>> expected{
      {1, "live"}, {2, "live"}, {3, "dead"}, {4, "live"}, {3, "tombstone"}};
  EXPECT_EQ(walk(), expected);
  EXPECT_EQ(open().superblock()->volume, VolumeId{1});
}

TEST_F(Offline, ASoundVolumeIsSound) {
  const auto checked = check();
  ASSERT_TRUE(checked.has_value());
  EXPECT_TRUE(checked->sound());
  EXPECT_EQ(checked->needles, 3U);
  EXPECT_EQ(checked->removed, 1U);
  EXPECT_EQ(checked->tombstones, 1U);
  EXPECT_TRUE(checked->findings.empty());
}

TEST_F(Offline, ACheckFindsEveryFlippedByteOfWhatIsLive) {
  const std::uint64_t length = rig_.disk.content(kLog)->size();
  std::uint64_t dead_from = 0;
  std::uint64_t dead_to = 0;
  auto visit = [&](const LogStep& step, bool) -> Result<void> {
    if (step.header->key == NeedleKey{3} && !step.header->tombstone) {
      dead_from = step.offset;
      dead_to = step.offset + step.bytes;
    }
    return {};
  };
  ASSERT_TRUE(open().walk(visit).has_value());
  ASSERT_LT(dead_from, dead_to);
  for (std::uint64_t at = 0; at < length; at += at > 4096 + 800 && at + 1000 < length ? 617 : 1) {
    if (at >= dead_from && at < dead_to) continue;
    rig_.disk.flip_bit(kLog, at, static_cast<unsigned>(at % 8));
    const auto checked = check();
    EXPECT_FALSE(checked.has_value() && checked->sound()) << "byte " << at;
    rig_.disk.flip_bit(kLog, at, static_cast<unsigned>(at % 8));
  }
  EXPECT_TRUE(check()->sound());
}

TEST_F(Offline, ACheckFindsEveryFlippedByteOfTheSnapshot) {
  const std::uint64_t length = rig_.disk.content(kSnapshot)->size();
  for (std::uint64_t at = 0; at < length; ++at) {
    rig_.disk.flip_bit(kSnapshot, at, 1);
    EXPECT_FALSE(check()->sound()) << "byte " << at;
    rig_.disk.flip_bit(kSnapshot, at, 1);
  }
}

TEST_F(Offline, ATombstoneBehindTheSnapshotExplainsWhatItLists) {
  const std::string before = *rig_.disk.content(kSnapshot);
  ASSERT_TRUE(rig_.start().has_value());
  ASSERT_TRUE(rig_.remove_now({fid_of(2)}).has_value());
  stop();
  ASSERT_TRUE(write_file_atomically(rig_.disk, kSnapshot, before).has_value());
  const auto checked = check();
  ASSERT_TRUE(checked.has_value());
  EXPECT_TRUE(checked->sound());
  EXPECT_EQ(checked->needles, 2U);
}

TEST_F(Offline, ANeedleWhoseTombstoneIsLostIsFoundByTheSnapshot) {
  ASSERT_TRUE(rig_.start().has_value());
  ASSERT_TRUE(rig_.remove_now({fid_of(2)}).has_value());  // too small for a hole: it is whole again
  stop();
  const std::uint64_t tombstone = rig_.disk.content(kLog)->size() - 72;
  rig_.disk.flip_bit(kLog, tombstone + 9, 1);
  const auto checked = check();
  ASSERT_TRUE(checked.has_value());
  EXPECT_FALSE(checked->sound());
  EXPECT_EQ(checked->needles, 3U);
}

TEST_F(Offline, ASnapshotThatListsWhatWasRemovedBeforeItIsWrong) {
  IndexSnapshot snapshot = *decode_index_snapshot(*rig_.disk.content(kSnapshot));
  std::vector<IndexEntry> entries;
  for (const IndexEntry& entry : snapshot.entries) {
    if (entry.key == NeedleKey{4}) entries.push_back({NeedleKey{3}, entry.place});
    entries.push_back(entry);
  }
  const std::string wrong = encode_index_snapshot(snapshot.header, entries);
  ASSERT_TRUE(write_file_atomically(rig_.disk, kSnapshot, wrong).has_value());
  const auto checked = check();
  ASSERT_TRUE(checked.has_value());
  ASSERT_EQ(checked->findings.size(), 1U);
  EXPECT_EQ(checked->findings[0].key, NeedleKey{3});
  EXPECT_TRUE(checked->findings[0].damage);
}

TEST_F(Offline, AnUploadThatWasGivenUpIsNoDamage) {
  ASSERT_TRUE(rig_.start().has_value());
  put(5, 100'000);
  stop();
  // Its trailer never came, and the snapshot was never written.
  const std::string log = *rig_.disk.content(kLog);
  rig_.disk.flip_bit(kLog, log.size() - 8, 1);
  ASSERT_TRUE(rig_.disk.remove(kSnapshot).has_value());
  const auto checked = check();
  ASSERT_TRUE(checked.has_value());
  EXPECT_TRUE(checked->sound());
  ASSERT_EQ(checked->findings.size(), 1U);
  EXPECT_EQ(checked->findings[0].key, NeedleKey{5});
  EXPECT_EQ(walk().back(), (std::pair<std::uint64_t, std::string>{5, "unfinished"}));
}

TEST_F(Offline, AWalkTellsWhereItHadToStop) {
  rig_.disk.fail_nth(DiskOp::kRead, 3);
  const OfflineVolume volume = open();
  rig_.disk.fail_nth(DiskOp::kRead, 1);
  const auto end = volume.walk([](const LogStep&, bool) -> Result<void> { return {}; });
  ASSERT_TRUE(end.has_value());
  ASSERT_TRUE(end->stopped.has_value());
  EXPECT_EQ(end->stopped->code(), Errc::kIo);
  EXPECT_LT(end->offset, volume.file_bytes());
}

TEST_F(Offline, ALostSuperblockIsStoodInForByTheSnapshot) {
  rig_.disk.flip_bit(kLog, 20, 1);
  EXPECT_EQ(walk().size(), 5U);
  EXPECT_FALSE(check()->sound());
  ASSERT_TRUE(rig_.disk.remove(kSnapshot).has_value());
  EXPECT_EQ(OfflineVolume::open(rig_.disk, kLog).error().code(), Errc::kCorruption);
}

TEST_F(Offline, AnExportComesBackNeedleForNeedle) {
  VolumeExport exported;
  const std::string tar = export_now(&exported);
  EXPECT_EQ(exported.needles, 3U);
  EXPECT_EQ(tar.size() % kTarBlockBytes, 0U);
  VolumeRig other(2);
  const auto imported = import_now(other.disk, tar);
  ASSERT_TRUE(imported.has_value()) << imported.error().message();
  EXPECT_TRUE(imported->made);
  EXPECT_EQ(imported->needles, 3U);
  ASSERT_TRUE(other.start().has_value());
  ASSERT_TRUE(rig_.start().has_value());
  for (const std::uint64_t key : {1, 2, 4}) {
    EXPECT_EQ(*other.get_now(key, sizes_.at(key)), body_for(key, sizes_.at(key)));
    const auto image = [key](VolumeRig& rig) {
      return *rig.world.run(rig.service->read_needle(VolumeId{1}, Generation{1}, NeedleKey{key}));
    };
    EXPECT_EQ(image(other), image(rig_)) << "header, back pointer and checksums";
  }
  EXPECT_FALSE(other.get_now(3, 1).has_value());
}

TEST_F(Offline, AnImportAddsWhatIsNotThereAndNothingElse) {
  const std::string tar = export_now();
  VolumeRig other(2);
  ASSERT_TRUE(import_now(other.disk, tar).has_value());
  const auto again = import_now(other.disk, tar);
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_FALSE(again->made);
  EXPECT_EQ(again->needles, 0U);
  EXPECT_EQ(again->were_here, 3U);
}

TEST_F(Offline, AnExportLeavesOutWhatIsDamagedAndSaysSo) {
  const std::size_t body = rig_.disk.content(kLog)->find(body_for(4, 140'000).substr(0, 64));
  rig_.disk.flip_bit(kLog, body + 70'000, 3);
  VolumeExport exported;
  const std::string tar = export_now(&exported);
  EXPECT_EQ(exported.needles, 2U);
  ASSERT_EQ(exported.left_out.size(), 1U);
  EXPECT_EQ(exported.left_out[0].key, NeedleKey{4});
  VolumeRig other(2);
  EXPECT_EQ(import_now(other.disk, tar)->needles, 2U);
}

TEST_F(Offline, AnImportTakesNoByteThatChangedOnItsWay) {
  const std::string tar = export_now();
  std::size_t refused = 0;
  for (std::size_t at = 0; at < tar.size(); at += 211) {
    std::string other = tar;
    other[at] = static_cast<char>(other[at] ^ 1);
    VolumeRig to(3);
    const auto imported = import_now(to.disk, other);
    if (!imported.has_value()) {
      ++refused;
      continue;
    }
    // Names and times are for people, and what fills blocks is nothing.
    ASSERT_TRUE(to.start().has_value());
    for (const std::uint64_t key : {1, 2, 4}) {
      EXPECT_EQ(*to.get_now(key, sizes_.at(key)), body_for(key, sizes_.at(key))) << "byte " << at;
    }
  }
  EXPECT_GT(refused, 600U);
  for (const std::size_t cut :
       {std::size_t{0}, std::size_t{511}, tar.size() / 2, tar.size() - 1025}) {
    VolumeRig to(3);
    EXPECT_EQ(import_now(to.disk, tar.substr(0, cut)).error().code(), Errc::kCorruption);
  }
}

TEST_F(Offline, AnImportIntoAnotherClustersFolderIsRefused) {
  const std::string tar = export_now();
  VolumeRig other(2);
  const auto refused =
      import_now(other.disk, tar, parse_uuid("ff112233-4455-6677-8899-aabbccddeeff").value());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kPermissionDenied);
}

// docs/formats/needle-tar.md: these bytes never change.
TEST(NeedleTar, MatchesTheGoldenBytes) {
  NeedleHeader header{.key = NeedleKey{0x0123456789abcdefULL},
                      .cookie = Cookie{0xdeadbeef},
                      .body_bytes = 5,
                      .created_ns = 1'700'000'000'000'000'000,
                      .bucket = BucketId{42},
                      .back_pointer_bytes = 14};
  std::string record(kNeedleHeaderBytes, '\0');
  encode_needle_header(header, NeedleSeed(as_bytes("0123456789abcdef")).at(4096),
                       std::as_writable_bytes(std::span(record)));
  const std::string head =
      encode_tar_member({.name = "bucket-42/photos%2Fcat.jpg~1,123456789abcdefdeadbeef",
                         .body_bytes = header.body_bytes,
                         .time_ns = header.created_ns,
                         .keyword = "KELP.needle",
                         .record = hex_encode(record + "photos/cat.jpg")});
  EXPECT_EQ(hex_encode(head), golden("needle_tar_v1.hex"));
}

TEST(NeedleTar, WritesAHeaderThatItReads) {
  const std::string head = encode_tar_member({.name = "bucket-3/" + std::string(95, 'k') + "~1,2a",
                                              .body_bytes = 1234,
                                              .time_ns = 1'700'000'000'000'000'000,
                                              .keyword = "KELP.needle",
                                              .record = std::string(90, 'r')});
  ASSERT_EQ(head.size(), 3 * kTarBlockBytes);
  const auto pax = decode_tar_block(std::string_view(head).substr(0, kTarBlockBytes));
  ASSERT_TRUE(pax.has_value() && pax->has_value());
  EXPECT_EQ((*pax)->type, 'x');
  const std::string_view records = std::string_view(head).substr(512, (*pax)->body_bytes);
  EXPECT_EQ(records.substr(0, 17), "107 KELP.needle=r") << "the length counts itself";
  EXPECT_EQ(find_pax_record(records, "KELP.needle").value(), std::string(90, 'r'));
  EXPECT_EQ(find_pax_record(records, "other").value(), std::nullopt);
  const auto member = decode_tar_block(std::string_view(head).substr(2 * kTarBlockBytes));
  EXPECT_EQ((*member)->name, "bucket-3/" + std::string(95, 'k') + "~1,2a");
  EXPECT_EQ((*member)->body_bytes, 1234U);
  EXPECT_EQ(decode_tar_block(tar_end().substr(0, kTarBlockBytes)).value(), std::nullopt);
  EXPECT_EQ(find_pax_record("9 a=b", "a").error().code(), Errc::kCorruption);
  EXPECT_EQ(find_pax_record("6 ab=b", "a").error().code(), Errc::kCorruption);
}

}  // namespace
}  // namespace kelp::test
