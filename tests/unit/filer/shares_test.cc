// Copies share needles: a needle lives as long as a name of it does, and not longer.

#include "filer/core/shares.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/encoding.h"
#include "tests/unit/filer/collected_world.h"

namespace kelp {
namespace {

using std::chrono::seconds;

class SharesTest : public testing::TestWithParam<std::uint64_t>, protected test::CollectedWorld {
 protected:
  SharesTest()
      : CollectedWorld(seed(), {.min_part_bytes = 1, .most_chunks = seed() % 2 == 0 ? 1U : 8U}) {
    for (const char* bucket : {"photos", "films"}) world_.make_bucket(bucket);
  }
  static std::uint64_t seed() {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    return test->value_param() == nullptr ? 1 : GetParam();
  }

  static std::uint64_t sum_of(const std::vector<Chunk>& chunks) {
    std::uint64_t sum = 0;
    for (const Chunk& chunk : chunks) sum += chunk.size_bytes;
    return sum;
  }
  static PutObject object(const ObjectKey& name, std::vector<Chunk> chunks) {
    PutObject put;
    put.bucket = name.bucket;
    put.key = name.key;
    put.entry.size_bytes = sum_of(chunks);
    put.entry.etag = std::string(16, 'e');
    put.entry.layout.chunks = std::move(chunks);
    return put;
  }
  static PutPart part(UploadName upload, std::uint32_t number, std::vector<Chunk> chunks) {
    PutPart put;
    put.upload = std::move(upload);
    put.part_number = number;
    put.size_bytes = sum_of(chunks);
    put.md5 = std::string(16, 'm');
    put.chunks = std::move(chunks);
    return put;
  }
  FoundObject get(const ObjectKey& name) {
    return world_.run(world_.filer.get_object(name, false)).value();
  }
  Chunk put(const ObjectKey& name) {
    const Chunk chunk = needle();
    EXPECT_TRUE(world_.run(world_.filer.put_object(object(name, {chunk}))));
    return chunk;
  }
  Result<WriteOutcome> copy(const ObjectKey& from, const ObjectKey& to) {
    const ObjectEntry source = get(from).entry;
    return world_.run(
        world_.filer.share_object({object(to, source.layout.chunks), from, source.version}));
  }
  void remove(const ObjectKey& name) {
    EXPECT_TRUE(world_.run(world_.filer.delete_object(name, {})));
  }
  Task<void> client(int actions);
  Task<void> act();
  Task<void> copy_somewhere();
  Task<void> append_somewhere();
  Task<void> upload_somewhere();
  ObjectKey any_name() {
    Rng& rng = world_.work.rng();
    return {rng.below(2) == 0 ? "photos" : "films", std::string(1, char('a' + rng.below(5)))};
  }
  void expect_all_readable();
};

const ObjectKey kFrom{"photos", "from"};
const ObjectKey kTo{"films", "to"};

TEST_F(SharesTest, ANeedleDiesWithItsLastName) {
  const Chunk chunk = put(kFrom);
  ASSERT_TRUE(copy(kFrom, kTo));
  EXPECT_TRUE(check().clean());
  remove(kFrom);
  collect();
  EXPECT_TRUE(volumes_.holds(chunk.fid));
  EXPECT_EQ(get(kTo).entry.layout.chunks, std::vector{chunk});
  EXPECT_TRUE(check().clean());
  EXPECT_EQ(rows(keys::kDead), 0U);
  remove(kTo);
  collect();
  EXPECT_FALSE(volumes_.holds(chunk.fid));
  EXPECT_EQ(rows(keys::kDead) + rows(keys::kShare), 0U);
}

TEST_F(SharesTest, NamesThatGoAtTheSameInstantAreAllCounted) {
  const Chunk chunk = put(kFrom);
  const ObjectKey second{"photos", "second"};
  const ObjectKey third{"photos", "third"};
  ASSERT_TRUE(copy(kFrom, second));
  ASSERT_TRUE(copy(second, third));
  ASSERT_TRUE(world_.run(world_.filer.delete_objects({"photos", {"from", "third"}})));
  collect();
  EXPECT_TRUE(volumes_.holds(chunk.fid));
  remove(second);
  collect();
  EXPECT_EQ(volumes_.size(), 0U);
}

TEST_F(SharesTest, AnObjectCopiedOntoItselfKeepsItsNeedles) {
  const Chunk chunk = put(kFrom);
  ASSERT_TRUE(copy(kFrom, kFrom));
  ASSERT_TRUE(copy(kFrom, kFrom));
  collect();
  EXPECT_TRUE(volumes_.holds(chunk.fid));
  EXPECT_TRUE(check().clean());
  remove(kFrom);
  collect();
  EXPECT_EQ(volumes_.size(), 0U);
}

TEST_F(SharesTest, ASourceThatChangedIsNotShared) {
  put(kFrom);
  const ObjectEntry before = get(kFrom).entry;
  put(kFrom);
  const auto late = world_.run(
      world_.filer.share_object({object(kTo, before.layout.chunks), kFrom, before.version}));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason(), Reason::kConditionConflict);
  remove(kFrom);
  const auto gone = world_.run(
      world_.filer.share_object({object(kTo, before.layout.chunks), kFrom, before.version}));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().reason(), Reason::kConditionConflict);
}

TEST_F(SharesTest, PartsShareAndPassTheirNeedlesOn) {
  const Chunk chunk = put(kFrom);
  const ObjectEntry source = get(kFrom).entry;
  const auto upload = world_.run(world_.filer.create_upload({.bucket = "films", .key = "to"}));
  const UploadName name{"films", "to", upload->upload_id};
  for (const std::uint32_t number : {1U, 2U, 2U}) {
    ASSERT_TRUE(world_.run(
        world_.filer.share_part({part(name, number, {chunk, needle()}), kFrom, source.version})));
  }
  remove(kFrom);
  CompleteUpload complete{.upload = name};
  const std::string etag = hex_encode(std::string(16, 'm'));
  complete.parts = {{1, etag, {}}, {2, etag, {}}};
  ASSERT_TRUE(world_.run(world_.filer.complete_upload(complete)));
  collect();
  EXPECT_TRUE(volumes_.holds(chunk.fid));
  EXPECT_EQ(get(kTo).entry.layout.chunks.size(), 4U);
  EXPECT_EQ(volumes_.size(), 3U);
  EXPECT_TRUE(check().clean());
  remove(kTo);
  collect();
  EXPECT_EQ(volumes_.size(), 0U);
  EXPECT_EQ(rows(keys::kDead) + rows(keys::kShare), 0U);
}

TEST_F(SharesTest, FsckFindsACountThatIsWrong) {
  const Chunk chunk = put(kFrom);
  ASSERT_TRUE(copy(kFrom, kTo));
  KvBatch batch;
  batch.writes.push_back(KvWrite::add(keys::share(chunk.fid), 1));
  world_.store->commit(std::move(batch), [](const Result<void>& done) { EXPECT_TRUE(done); });
  const FsckReport report = check();
  EXPECT_EQ(report.wrong_shares, 1U);
  EXPECT_FALSE(report.sound());
}

Task<void> SharesTest::copy_somewhere() {
  const ObjectKey from = any_name();
  const auto source = co_await world_.filer.get_object(from, false);
  if (!source) co_return;
  std::vector<Chunk> chunks = source->entry.layout.chunks;
  if (world_.work.rng().below(3) == 0) chunks.insert(chunks.begin(), needle());
  // The copy may lose to a change of its source; what it brought is garbage then.
  static_cast<void>(co_await world_.filer.share_object(
      {object(any_name(), std::move(chunks)), from, source->entry.version}));
}

Task<void> SharesTest::append_somewhere() {
  const ObjectKey name = any_name();
  const auto found = co_await world_.filer.get_object(name, false);
  if (!found) co_return;
  std::vector<Chunk> chunks = found->entry.layout.chunks;
  chunks.push_back(needle());
  AppendObject append{object(name, std::move(chunks)), found->entry.version};
  static_cast<void>(co_await world_.filer.append_object(std::move(append)));
}

Task<void> SharesTest::upload_somewhere() {
  const ObjectKey to = any_name();
  const auto upload = co_await world_.filer.create_upload({.bucket = to.bucket, .key = to.key});
  if (!upload) co_return;
  const UploadName name{to.bucket, to.key, upload->upload_id};
  CompleteUpload complete{.upload = name};
  const std::string etag = hex_encode(std::string(16, 'm'));
  for (int i = 0; i < 4; ++i) {
    const auto number = static_cast<std::uint32_t>(1 + world_.work.rng().below(2));
    const ObjectKey from = any_name();
    const auto source = co_await world_.filer.get_object(from, false);
    Result<void> put;
    if (source) {
      put = co_await world_.filer.share_part(
          {part(name, number, source->entry.layout.chunks), from, source->entry.version});
    } else {
      put = co_await world_.filer.put_part(part(name, number, {needle()}));
    }
    const auto known = std::ranges::find(complete.parts, number, &NamedPart::part_number);
    if (put && known == complete.parts.end()) complete.parts.push_back({number, etag, {}});
  }
  std::ranges::sort(complete.parts, {}, &NamedPart::part_number);
  if (world_.work.rng().below(3) == 0) {
    static_cast<void>(co_await world_.filer.abort_upload(name));
  } else {
    static_cast<void>(co_await world_.filer.complete_upload(std::move(complete)));
  }
}

Task<void> SharesTest::act() {
  Rng& rng = world_.work.rng();
  switch (rng.below(11)) {
    case 0:
      static_cast<void>(co_await world_.filer.put_object(object(any_name(), {needle(), needle()})));
      break;
    case 1:
      static_cast<void>(co_await world_.filer.delete_object(any_name(), {}));
      break;
    case 2:
      static_cast<void>(co_await world_.filer.delete_objects({any_name().bucket, {"a", "b", "c"}}));
      break;
    case 3:
      world_.clock.advance(seconds(rng.below(2) == 0 ? 0 : 61));
      EXPECT_TRUE(co_await collector_.collect(false));
      break;
    case 4:
      co_await upload_somewhere();
      break;
    case 5:
    case 6: {
      RenameObject rename{.from = any_name(), .to = any_name()};
      static_cast<void>(co_await world_.filer.rename_object(std::move(rename)));
      break;
    }
    case 7:
      co_await append_somewhere();
      break;
    default:
      co_await copy_somewhere();
  }
}

Task<void> SharesTest::client(int actions) {
  for (int i = 0; i < actions; ++i) co_await act();
}

void SharesTest::expect_all_readable() {
  for (const char* bucket : {"photos", "films"}) {
    for (char key = 'a'; key < 'f'; ++key) {
      const auto found = world_.run(world_.filer.get_object({bucket, std::string(1, key)}, false));
      if (!found) continue;
      for (const Chunk& chunk : found->entry.layout.chunks) {
        std::vector<Chunk> needles{chunk};
        if (chunk.is_manifest()) {
          needles = world_.run(world_.filer.get_manifest(chunk.fid.key.value)).value();
        }
        for (const Chunk& needle : needles) {
          EXPECT_TRUE(volumes_.holds(needle.fid)) << bucket << '/' << key;
        }
      }
    }
  }
}

TEST_P(SharesTest, NoNeedleIsLostOrForgottenWhateverRaces) {
  for (int round = 0; round < 20; ++round) {
    std::vector<Task<void>> clients;
    for (int i = 0; i < 4; ++i) clients.push_back(client(5));
    world_.run_all(std::move(clients));
    expect_all_readable();
    const FsckReport report = check();
    EXPECT_TRUE(report.sound()) << (report.findings.empty() ? "" : report.findings.front());
  }
  for (const char* bucket : {"photos", "films"}) {
    EXPECT_TRUE(world_.run(world_.filer.delete_objects({bucket, {"a", "b", "c", "d", "e"}})));
  }
  oldest_provisional_ = NeedleKey(world_.last_key + 1);
  collect(true);
  collect(true);
  collect();  // What manifests listed.
  EXPECT_EQ(volumes_.size(), 0U);
  EXPECT_EQ(rows(keys::kDead) + rows(keys::kShare) + rows(keys::kUpload) + rows(keys::kManifest),
            0U);
}
INSTANTIATE_TEST_SUITE_P(Seeds, SharesTest, testing::Range<std::uint64_t>(1, 101));

}  // namespace
}  // namespace kelp
