// Manifests: the chunks of a long part lie in a row of their own, and live and die with it.

#include "filer/core/manifest.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "tests/unit/filer/collected_world.h"

namespace kelp {
namespace {

using std::chrono::seconds;

class ManifestsTest : public testing::Test, protected test::CollectedWorld {
 protected:
  ManifestsTest() : CollectedWorld(1, {.min_part_bytes = 1, .most_chunks = 3}) {
    world_.make_bucket("films");
  }

  std::vector<Chunk> needles(std::size_t count) {
    std::vector<Chunk> chunks;
    for (std::size_t i = 0; i < count; ++i) chunks.push_back(needle());
    return chunks;
  }
  UploadName begin(const std::string& key) {
    return {"films", key,
            world_.run(world_.filer.create_upload({.bucket = "films", .key = key}))->upload_id};
  }
  static PutPart part(UploadName upload, std::uint32_t number, std::vector<Chunk> chunks) {
    PutPart put{.upload = std::move(upload), .part_number = number};
    for (const Chunk& chunk : chunks) put.size_bytes += chunk.size_bytes;
    put.md5 = std::string(16, 'm');
    put.chunks = std::move(chunks);
    return put;
  }
  CompleteUpload completed(UploadName upload, std::uint32_t parts) {
    CompleteUpload complete{.upload = std::move(upload)};
    for (std::uint32_t number = 1; number <= parts; ++number) {
      complete.parts.push_back({number, hex_encode(std::string(16, 'm')), {}});
    }
    return complete;
  }
  /// An object of one part with these chunks; its entry.
  ObjectEntry make(const std::string& key, std::vector<Chunk> chunks) {
    const UploadName upload = begin(key);
    EXPECT_TRUE(world_.run(world_.filer.put_part(part(upload, 1, std::move(chunks)))));
    EXPECT_TRUE(world_.run(world_.filer.complete_upload(completed(upload, 1))));
    return entry(key);
  }
  ObjectEntry entry(const std::string& key) {
    return world_.run(world_.filer.get_object({"films", key}, false)).value().entry;
  }
  std::vector<Chunk> listed(const Chunk& manifest) {
    return world_.run(world_.filer.get_manifest(manifest.fid.key.value)).value();
  }
  Result<WriteOutcome> share(const std::string& from, const std::string& to,
                             std::vector<Chunk> chunks) {
    const ObjectEntry source = entry(from);
    PutObject put{.bucket = "films", .key = to};
    put.entry = source;
    put.entry.layout.chunks = std::move(chunks);
    return world_.run(world_.filer.share_object({std::move(put), {"films", from}, source.version}));
  }
  void expect_nothing_left() {
    for (int i = 0; i < 3; ++i) collect();
    EXPECT_EQ(volumes_.size(), 0U);
    EXPECT_EQ(rows(keys::kDead) + rows(keys::kShare) + rows(keys::kManifest), 0U);
    EXPECT_TRUE(check().clean());
  }
};

TEST_F(ManifestsTest, ALongPartIsOneChunkOfItsObject) {
  const auto shorter = needles(3);
  const auto longer = needles(4);
  const UploadName upload = begin("k");
  ASSERT_TRUE(world_.run(world_.filer.put_part(part(upload, 1, shorter))));
  ASSERT_TRUE(world_.run(world_.filer.put_part(part(upload, 2, longer))));
  EXPECT_TRUE(check().clean());
  ASSERT_TRUE(world_.run(world_.filer.complete_upload(completed(upload, 2))));
  const ObjectEntry made = entry("k");
  EXPECT_EQ(made.size_bytes, 700U);
  const auto& chunks = made.layout.chunks;
  ASSERT_EQ(chunks.size(), 4U);
  EXPECT_TRUE(std::equal(shorter.begin(), shorter.end(), chunks.begin()));
  ASSERT_TRUE(chunks.back().is_manifest());
  EXPECT_EQ(chunks.back().size_bytes, 400U);
  EXPECT_EQ(listed(chunks.back()), longer);
  EXPECT_TRUE(check().clean());
  oldest_provisional_ = NeedleKey(world_.last_key + 1);
  collect(true);
  EXPECT_EQ(volumes_.size(), 7U) << "what a manifest lists is named";
}

TEST_F(ManifestsTest, DiesWithItsPartAndItsObject) {
  const UploadName upload = begin("k");
  for (int i = 0; i < 2; ++i) {  // the second takes the place of the first
    ASSERT_TRUE(world_.run(world_.filer.put_part(part(upload, 1, needles(5)))));
  }
  ASSERT_TRUE(world_.run(world_.filer.put_part(part(upload, 2, needles(5)))));
  ASSERT_TRUE(world_.run(world_.filer.complete_upload(completed(upload, 1))));
  EXPECT_EQ(rows(keys::kManifest), 3U);
  EXPECT_TRUE(check().clean());
  collect();
  collect();
  EXPECT_EQ(volumes_.size(), 5U);
  EXPECT_EQ(rows(keys::kManifest), 1U);
  make("k", needles(6));
  const UploadName given_up = begin("l");
  ASSERT_TRUE(world_.run(world_.filer.put_part(part(given_up, 1, needles(5)))));
  ASSERT_TRUE(world_.run(world_.filer.abort_upload(given_up)));
  ASSERT_TRUE(world_.run(world_.filer.delete_object({"films", "k"}, {})));
  expect_nothing_left();
}

TEST_F(ManifestsTest, IsReadableUntilTheQuarantineEnds) {
  const Chunk manifest = make("k", needles(5)).layout.chunks.front();
  ASSERT_TRUE(world_.run(world_.filer.delete_object({"films", "k"}, {})));
  world_.clock.advance(seconds(59));
  EXPECT_TRUE(world_.run(collector_.collect(false)));
  EXPECT_EQ(listed(manifest).size(), 5U);
  EXPECT_EQ(volumes_.size(), 5U);
  collect();
  EXPECT_EQ(world_.run(world_.filer.get_manifest(manifest.fid.key.value)).error().code(),
            Errc::kNotFound);
}

TEST_F(ManifestsTest, CopiesShareIt) {
  const ObjectEntry made = make("k", needles(5));
  ASSERT_TRUE(share("k", "copy", made.layout.chunks));
  ASSERT_TRUE(share("copy", "third", made.layout.chunks));
  EXPECT_TRUE(check().clean());
  EXPECT_EQ(rows(keys::kManifest), 1U);
  for (const char* gone : {"k", "copy"}) {
    ASSERT_TRUE(world_.run(world_.filer.delete_object({"films", gone}, {})));
    collect();
    collect();
    EXPECT_EQ(volumes_.size(), 5U) << gone;
    EXPECT_TRUE(check().clean());
  }
  EXPECT_EQ(listed(entry("third").layout.chunks.front()).size(), 5U);
  ASSERT_TRUE(world_.run(world_.filer.delete_object({"films", "third"}, {})));
  expect_nothing_left();
}

TEST_F(ManifestsTest, NamesThatGoInOneInstantUnfoldItOnce) {
  const auto shared = needles(2);
  make("source", shared);
  // A manifest that itself lists shared needles, named twice.
  const ObjectEntry source = entry("source");
  const UploadName upload = begin("k");
  auto mixed = needles(2);
  mixed.insert(mixed.end(), shared.begin(), shared.end());
  ASSERT_TRUE(world_.run(
      world_.filer.share_part({part(upload, 1, mixed), {"films", "source"}, source.version})));
  ASSERT_TRUE(world_.run(world_.filer.complete_upload(completed(upload, 1))));
  const auto folded = entry("k").layout.chunks;
  ASSERT_TRUE(folded.size() == 1 && folded.front().is_manifest());
  ASSERT_TRUE(share("k", "copy", folded));
  EXPECT_TRUE(check().clean());
  ASSERT_TRUE(world_.run(world_.filer.delete_object({"films", "k"}, {})));
  world_.clock.advance(seconds(1));  // two dead rows of one manifest, both due
  ASSERT_TRUE(world_.run(world_.filer.delete_object({"films", "copy"}, {})));
  collect();
  collect();
  EXPECT_EQ(volumes_.size(), 2U) << "the source still names them";
  EXPECT_TRUE(check().clean());
  ASSERT_TRUE(world_.run(world_.filer.delete_object({"films", "source"}, {})));
  expect_nothing_left();
}

TEST_F(ManifestsTest, GoesWhenNothingNamesItWhateverItsCountSays) {
  const ObjectEntry made = make("k", needles(5));
  ASSERT_TRUE(share("k", "copy", made.layout.chunks));
  KvBatch batch;
  batch.writes.push_back(KvWrite::add(keys::share(made.layout.chunks.front().fid), 1));
  world_.store->commit(std::move(batch), [](const Result<void>& done) { EXPECT_TRUE(done); });
  EXPECT_EQ(check().wrong_shares, 1U);
  ASSERT_TRUE(world_.run(world_.filer.delete_objects({"films", {"k", "copy"}})));
  collect();
  EXPECT_EQ(check().orphan_needles, 1U) << "the manifest, not what it lists";
  oldest_provisional_ = NeedleKey(world_.last_key + 1);
  collect(true);
  for (int i = 0; i < 2; ++i) collect();
  EXPECT_EQ(volumes_.size() + rows(keys::kManifest), 0U);
}

TEST_F(ManifestsTest, NobodyNamesOneThatTheSourceDoesNotName) {
  const Chunk manifest = make("k", needles(5)).layout.chunks.front();
  make("other", needles(1));
  PutObject put{.bucket = "films", .key = "thief"};
  put.entry.size_bytes = manifest.size_bytes;
  put.entry.etag = std::string(16, 'e');
  put.entry.layout.chunks = {manifest};
  EXPECT_EQ(world_.run(world_.filer.put_object(put)).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(share("other", "thief", {manifest}).error().code(), Errc::kInvalidArgument);
  const UploadName upload = begin("thief");
  EXPECT_EQ(world_.run(world_.filer.put_part(part(upload, 1, {manifest}))).error().code(),
            Errc::kInvalidArgument);
}

TEST_F(ManifestsTest, MovesAndIsAppendedToAsOtherChunks) {
  const ObjectEntry made = make("k", needles(5));
  ASSERT_TRUE(
      world_.run(world_.filer.rename_object({.from = {"films", "k"}, .to = {"films", "moved"}})));
  AppendObject append;
  append.put = {.bucket = "films", .key = "moved"};
  append.put.entry = entry("moved");
  append.version = append.put.entry.version;
  const auto more = needles(1);
  append.put.entry.layout.chunks.push_back(more.front());
  append.put.entry.size_bytes += 100;
  ASSERT_TRUE(world_.run(world_.filer.append_object(append)));
  EXPECT_EQ(entry("moved").layout.chunks, (std::vector{made.layout.chunks.front(), more.front()}));
  for (int i = 0; i < 2; ++i) collect();
  EXPECT_EQ(volumes_.size(), 6U);
  EXPECT_TRUE(check().clean());
  ASSERT_TRUE(world_.run(world_.filer.drop_bucket("films")));
  expect_nothing_left();
}

TEST_F(ManifestsTest, FsckLooksThroughIt) {
  const auto chunks = needles(5);
  const Chunk manifest = make("k", chunks).layout.chunks.front();
  volumes_.drop(chunks[2].fid);
  FsckReport report = check();
  EXPECT_EQ(report.missing_needles, 1U);
  EXPECT_EQ(report.needles, 4U);
  ASSERT_EQ(report.damaged.size(), 1U);
  EXPECT_EQ(report.damaged.front().key, "k");
  EXPECT_EQ(report.damaged.front().where, "needle " + to_string(chunks[2].fid));

  KvBatch batch;
  batch.writes.push_back(KvWrite::remove(keys::manifest(manifest.fid.key.value)));
  world_.store->commit(std::move(batch), [](const Result<void>& done) { EXPECT_TRUE(done); });
  report = check();
  EXPECT_EQ(report.missing_needles, 1U);
  EXPECT_EQ(report.orphan_needles, 4U);
  ASSERT_EQ(report.damaged.size(), 1U);
  EXPECT_EQ(report.damaged.front().where, "manifest " + std::to_string(manifest.fid.key.value));
}

// 10,000 parts of 5 GiB and a bit, in needles of 8 MiB: the rows are what limits an object.
TEST_F(ManifestsTest, AnObjectOf50TiBFitsIntoARowOfEveryEngine) {
  constexpr std::uint64_t kNeedle = 8 << 20;
  constexpr std::uint32_t kParts = 10'000;
  const UploadName upload = begin("k");
  PutPart put = part(upload, 1, {});
  put.checksums = {{ChecksumAlgorithm::kCrc64Nvme, ChecksumType::kFullObject, std::string(8, 'c')}};
  put.size_bytes = 656 * kNeedle;
  for (put.part_number = 1; put.part_number <= kParts; ++put.part_number) {
    put.chunks.clear();
    for (int i = 0; i < 656; ++i) put.chunks.push_back(world_.chunk(kNeedle));
    ASSERT_TRUE(world_.run(world_.filer.put_part(put)));
  }
  ASSERT_TRUE(world_.run(world_.filer.complete_upload(completed(upload, kParts))));
  const ObjectEntry made = entry("k");
  EXPECT_GT(made.size_bytes, 50ULL << 40);
  EXPECT_EQ(listed(made.layout.chunks.at(1)).front().fid.key, NeedleKey(657));
  const auto row = world_.store->get(world_.store->scan(keys::within("o"), 1)->front().first);
  EXPECT_LT(row.value()->size(), 1U << 20);
  ASSERT_TRUE(share("k", "copy", made.layout.chunks));
  ASSERT_TRUE(world_.run(world_.filer.delete_object({"films", "k"}, {})));
}

}  // namespace
}  // namespace kelp
