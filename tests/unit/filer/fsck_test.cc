#include "filer/fsck.h"

#include <gtest/gtest.h>

#include "filer/core/keys.h"
#include "filer/core/object_commit.h"
#include "filer/core/rows.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"
#include "wire/collections.h"

namespace kelp {
namespace {

using test::FilerWorld;
using test::put_of;

class FsckTest : public testing::Test {
 protected:
  FsckTest() { world_.make_bucket("photos"); }

  FsckReport check(FsckOptions options = {}) {
    const auto report = world_.run(fsck(*world_.store, world_.work, volumes_, options));
    EXPECT_TRUE(report) << report.error().message();
    return report.value_or(FsckReport{});
  }

  /// A needle of `volume` that is on disk.
  Chunk needle(std::uint32_t volume = 1) {
    Chunk chunk = world_.chunk(100);
    chunk.fid.volume = VolumeId(volume);
    volumes_.add(chunk);
    return chunk;
  }

  void put(const std::string& key, const std::vector<Chunk>& chunks) {
    PutObject put;
    put.bucket = "photos";
    put.key = key;
    put.entry.size_bytes = 100 * chunks.size();
    put.entry.layout.chunks = chunks;
    EXPECT_TRUE(world_.run(world_.filer.put_object(put)));
  }

  /// A part of a new upload; the upload's id.
  std::string put_part(const std::string& key, std::uint32_t number, const Chunk& chunk) {
    CreateUpload create;
    create.bucket = "photos";
    create.key = key;
    const auto upload = world_.run(world_.filer.create_upload(create));
    PutPart part;
    part.upload = {"photos", key, upload->upload_id};
    part.part_number = number;
    part.size_bytes = chunk.size_bytes;
    part.md5 = std::string(16, 'm');
    part.chunks = {chunk};
    EXPECT_TRUE(world_.run(world_.filer.put_part(part)));
    return upload->upload_id;
  }

  void write(KvWrite change) {
    KvBatch batch;
    batch.writes.push_back(std::move(change));
    world_.store->commit(batch, [](const Result<void>& done) { EXPECT_TRUE(done); });
  }

  /// Each damaged name as "bucket/key[ upload part]: where why".
  static std::vector<std::string> names(const FsckReport& report) {
    std::vector<std::string> lines;
    for (const Damaged& each : report.damaged) {
      std::string line = each.bucket + "/" + each.key;
      if (each.part_number != 0) {
        line += " " + each.upload_id + " " + std::to_string(each.part_number);
      }
      lines.push_back(line + ": " + each.where + " " + std::string(text_of(each.damage)));
    }
    return lines;
  }

  FilerWorld world_;
  test::FakeVolumes volumes_;
};

TEST_F(FsckTest, NamesEveryKindOfDamage) {
  const Chunk lost = needle();
  const Chunk resized = needle();
  const Chunk twice = needle();
  put("lost", {lost});
  put("resized", {resized});
  put("once", {twice});
  put("twice", {twice});
  const auto body = world_.run(world_.filer.put_object(put_of("photos", "inline", "hello")));
  const auto rotten = world_.run(world_.filer.put_object(put_of("photos", "rotten", "hello")));
  volumes_.drop(lost.fid);
  volumes_.add({resized.fid, 99});
  write(KvWrite::remove(keys::body(body->version)));
  write(KvWrite::put(keys::body(rotten->version), "what is this?"));
  write(KvWrite::put(keys::body(1'000'000), "what is this?"));
  write(KvWrite::add(keys::count(BucketId(1), keys::Counter::kBytes, 3), 5));
  ObjectEntry stray;
  write(KvWrite::put(keys::object(BucketId(99), "stray"), encode_entry(stray)));
  const FsckReport report = check();
  EXPECT_EQ(report.missing_needles, 1U);
  EXPECT_EQ(report.wrong_size_needles, 1U);
  EXPECT_EQ(report.doubly_named_needles, 1U);
  EXPECT_EQ(report.missing_inline_bodies, 1U);
  EXPECT_EQ(report.corrupt_inline_bodies, 1U);
  EXPECT_EQ(report.unnamed_inline_bodies, 1U);
  EXPECT_EQ(report.objects_without_bucket, 1U);
  EXPECT_EQ(report.wrong_counters, 2U);
  EXPECT_FALSE(report.sound());
  EXPECT_EQ(report.findings.size(), 9U);
  EXPECT_EQ(report.objects, 7U);
  const auto inline_body = [](std::uint64_t id) { return "inline body " + std::to_string(id); };
  EXPECT_EQ(names(report),
            (std::vector{"photos/inline: " + inline_body(body->version) + " is missing",
                         "photos/lost: needle " + to_string(lost.fid) + " is missing",
                         "photos/resized: needle " + to_string(resized.fid) + " has another size",
                         "photos/rotten: " + inline_body(rotten->version) + " is corrupt"}));
  EXPECT_EQ(report.damaged_objects, 4U);
}

TEST_F(FsckTest, NamesObjectsAndPartsOnceWhateverManyNeedlesTheyLost) {
  const std::vector<Chunk> film{needle(), needle(), needle()};
  put("film", film);
  put("whole", {needle()});
  const Chunk part = needle();
  const std::string upload = put_part("a/b c", 7, part);
  EXPECT_TRUE(check().clean());
  volumes_.drop(film[1].fid);
  volumes_.drop(film[2].fid);
  volumes_.drop(part.fid);
  const FsckReport report = check();
  EXPECT_EQ(report.missing_needles, 3U);
  EXPECT_EQ(report.damaged_objects, 1U);
  EXPECT_EQ(report.damaged_parts, 1U);
  EXPECT_EQ(names(report),
            (std::vector{
                "photos/film: needle " + to_string(film[1].fid) + " is missing",
                "photos/a/b c " + upload + " 7: needle " + to_string(part.fid) + " is missing"}));
}

TEST_F(FsckTest, ReportsAVolumeThatCannotBeReadAndGoesOnWithTheOthers) {
  const Chunk unknown = needle(1);
  put("unknown", {unknown});
  const Chunk lost = needle(2);
  put("lost", {lost});
  volumes_.drop(lost.fid);
  needle(2);  // nothing names it
  volumes_.refused = {VolumeId(1)};
  const FsckReport report = check();
  EXPECT_EQ(report.unreadable_volumes, 1U);
  EXPECT_EQ(report.unreadable_needles, 1U);
  EXPECT_EQ(report.missing_needles, 1U);
  EXPECT_EQ(report.orphan_needles, 1U);
  EXPECT_FALSE(report.sound());
  EXPECT_EQ(names(report),
            (std::vector{"photos/lost: needle " + to_string(lost.fid) + " is missing",
                         "photos/unknown: needle " + to_string(unknown.fid) +
                             " is in a volume that cannot be read"}));
}

TEST_F(FsckTest, TellsADamagedNeedleThatScriptsKeepByFileId) {
  const Chunk rotten = needle(2);
  needle(2);
  volumes_.collections[VolumeId(2)] = kFidCollection;
  volumes_.corrupt = {rotten.fid.key};
  EXPECT_TRUE(check().clean());
  const FsckReport report = check({.verify = true});
  EXPECT_EQ(report.fid_needles, 2U);
  EXPECT_EQ(report.corrupt_needles, 1U);
  EXPECT_EQ(report.findings, (std::vector{"needle " + to_string(rotten.fid) + ": is corrupt"}));
}

TEST_F(FsckTest, ReadsEveryByteOnlyWhenAskedTo) {
  const Chunk rotten = needle();
  put("rotten", {rotten});
  put("well", {needle()});
  const Chunk garbage = needle();
  KvBatch batch;
  bury({garbage}, world_.clock.wall(), batch);
  world_.store->commit(batch, [](const Result<void>& done) { EXPECT_TRUE(done); });
  volumes_.corrupt = {rotten.fid.key, garbage.fid.key};
  EXPECT_TRUE(check().clean());
  const FsckReport report = check({.verify = true});
  EXPECT_EQ(report.corrupt_needles, 1U) << "the dead one harms nobody";
  EXPECT_EQ(report.verified_bytes, 300U);
  EXPECT_FALSE(report.sound());
  EXPECT_EQ(names(report),
            (std::vector{"photos/rotten: needle " + to_string(rotten.fid) + " is corrupt"}));
}

}  // namespace
}  // namespace kelp
