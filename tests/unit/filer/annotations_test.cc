// Annotations of objects: whose they are, what keeps them, and that they go with their version.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filer/annotation_sweep.h"
#include "filer/core/rows.h"
#include "tests/unit/filer/collected_world.h"

namespace kelp {
namespace {

using std::chrono::days;
using std::chrono::hours;
using test::put_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kBucket = "photos";
constexpr FilerOptions kOptions{.min_part_bytes = 1, .lease_ids = 64};

class AnnotationsTest : public testing::Test, protected test::CollectedWorld {
 protected:
  explicit AnnotationsTest(std::uint64_t seed = 1) : CollectedWorld(seed, kOptions) {}

  void make(Versioning versioning, bool locked = false) {
    BucketEntry bucket;
    bucket.name = kBucket;
    bucket.owner_id = "alice";
    bucket.versioning = versioning;
    bucket.lock = {.enabled = locked};
    ASSERT_TRUE(world_.run(world_.filer.create_bucket(std::move(bucket))));
  }
  void suspend() { ASSERT_TRUE(world_.run(world_.filer.set_bucket_versioning({kBucket, false}))); }
  std::optional<std::uint64_t> put(const std::string& key, PutObject request = {}) {
    if (request.key.empty()) request = put_of(kBucket, key, "body");
    const auto done = world_.run(world_.filer.put_object(std::move(request)));
    EXPECT_TRUE(done) << done.error().message();
    return done ? done->version_id : std::nullopt;
  }
  static PutAnnotation small(ObjectKey object, std::string name, std::string text) {
    PutAnnotation request{.object = std::move(object), .name = std::move(name)};
    request.entry.size_bytes = text.size();
    request.entry.etag = std::string(16, 'a');
    request.inline_body = std::move(text);
    return request;
  }
  /// Of 100 bytes in a needle.
  PutAnnotation large(ObjectKey object, std::string name) {
    PutAnnotation request{.object = std::move(object), .name = std::move(name)};
    request.entry.size_bytes = 100;
    request.entry.etag = std::string(16, 'a');
    request.entry.layout.chunks = {needle()};
    return request;
  }
  Result<AnnotationOutcome> annotate(PutAnnotation request) {
    return world_.run(world_.filer.put_annotation(std::move(request)));
  }
  void must(PutAnnotation request) {
    const auto done = annotate(std::move(request));
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_FALSE(done->full);
  }
  Result<FoundAnnotation> find(ObjectKey object, const std::string& name) {
    return world_.run(world_.filer.get_annotation({std::move(object), name, true}));
  }
  std::string text_of(ObjectKey object, const std::string& name) {
    const auto found = find(std::move(object), name);
    if (!found) return found.error().message();
    return found->inline_body.value_or("in needles");
  }
  std::vector<std::string> names(ListAnnotations request) {
    std::vector<std::string> listed;
    const auto page = world_.run(world_.filer.list_annotations(std::move(request)));
    if (!page) return {page.error().message()};
    for (const ListedObject& one : page->annotations) listed.push_back(one.key);
    if (page->truncated) listed.emplace_back("...");
    return listed;
  }
  Result<TaggedVersion> remove(DeleteAnnotation request) {
    return world_.run(world_.filer.delete_annotation(std::move(request)));
  }
  bool erase(ObjectKey name) {
    return world_.run(world_.filer.delete_object(std::move(name), {})).has_value();
  }
  ObjectEntry entry_of(ObjectKey name) {
    return world_.run(world_.filer.get_object(std::move(name), false)).value().entry;
  }
  std::uint64_t bytes() {
    return static_cast<std::uint64_t>(world_.run(world_.filer.bucket_usage(kBucket))->bytes);
  }
  /// Nothing is left of annotations, nor of `needles` but these.
  void expect_gone(std::size_t needles = 0) {
    collect();
    collect();
    EXPECT_EQ(rows(keys::kAnnotation), 0U);
    EXPECT_EQ(rows(keys::kLooseSet), 0U);
    EXPECT_EQ(rows(keys::kDead), 0U);
    const FsckReport report = check();
    EXPECT_THAT(report.findings, IsEmpty());
    EXPECT_TRUE(report.clean());
    EXPECT_EQ(report.needles, needles);
  }

  const ObjectKey kKey{.bucket = kBucket, .key = "k"};
};

TEST_F(AnnotationsTest, AreFoundByTheirNames) {
  make(Versioning::kNever);
  put("k");
  const WallTime before = entry_of(kKey).modified;
  world_.clock.advance(hours(1));
  must(small(kKey, "ml.b", "two"));
  must(small(kKey, "ml.a", "one"));
  must(large(kKey, "zoo"));
  EXPECT_EQ(text_of(kKey, "ml.a"), "one");
  EXPECT_EQ(text_of(kKey, "ml.b"), "two");
  EXPECT_EQ(find(kKey, "zoo")->annotation.layout.chunks.size(), 1U);
  EXPECT_EQ(find(kKey, "zoo")->annotation.modified, world_.clock.wall());
  EXPECT_FALSE(find(kKey, "ml")) << "not by what they begin with";
  EXPECT_EQ(entry_of(kKey).modified, before);
}

TEST_F(AnnotationsTest, ThatAreNotThereAreToldFromObjectsThatAreNot) {
  make(Versioning::kEnabled);
  put("k");
  const auto none = find(kKey, "a");
  EXPECT_EQ(none.error().code(), Errc::kNotFound);
  EXPECT_EQ(none.error().reason(), Reason::kNone);
  must(small(kKey, "a", "1"));
  EXPECT_EQ(find(kKey, "b").error().reason(), Reason::kNone);
  EXPECT_EQ(find({kBucket, "other"}, "a").error().reason(), Reason::kNoSuchKey);
  EXPECT_EQ(find({kBucket, "k", 7}, "a").error().reason(), Reason::kNoSuchVersion);
  EXPECT_EQ(find({"no", "k"}, "a").error().reason(), Reason::kNoSuchBucket);
  EXPECT_EQ(annotate(small({kBucket, "other"}, "a", "1")).error().reason(), Reason::kNoSuchKey);
  EXPECT_EQ(remove({{kBucket, "other"}, "a", {}}).error().reason(), Reason::kNoSuchKey);
  EXPECT_TRUE(remove({kKey, "never", {}}));
  ASSERT_TRUE(erase(kKey));
  EXPECT_EQ(find(kKey, "a").error().reason(), Reason::kNoSuchKey) << "a delete marker";
  EXPECT_EQ(annotate(small(kKey, "b", "1")).error().reason(), Reason::kNoSuchKey);
}

TEST_F(AnnotationsTest, AreListedInPages) {
  make(Versioning::kNever);
  put("k");
  EXPECT_THAT(names({.object = kKey}), IsEmpty());
  for (const char* name : {"b.2", "a", "b.1", "c", "b"}) must(small(kKey, name, "x"));
  EXPECT_THAT(names({.object = kKey}), ElementsAre("a", "b", "b.1", "b.2", "c"));
  EXPECT_THAT(names({.object = kKey, .prefix = "b."}), ElementsAre("b.1", "b.2"));
  EXPECT_THAT(names({.object = kKey, .prefix = "b", .limit = 2}), ElementsAre("b", "b.1", "..."));
  EXPECT_THAT(names({.object = kKey, .prefix = "b", .start_after = "b.1"}), ElementsAre("b.2"));
  EXPECT_THAT(names({.object = kKey, .start_after = "b.2", .limit = 1}), ElementsAre("c"));
  EXPECT_THAT(names({.object = kKey, .prefix = "a", .start_after = "b"}), IsEmpty());
}

TEST_F(AnnotationsTest, AreReplacedAndRemovedWithWhatTheyHeld) {
  make(Versioning::kNever);
  put("k");
  const ObjectEntry before = entry_of(kKey);
  must(large(kKey, "a"));
  must(small(kKey, "a", "short"));
  must(large(kKey, "a"));
  must(small(kKey, "b", "x"));
  EXPECT_EQ(entry_of(kKey).layout.annotations.count, 2U);
  EXPECT_EQ(bytes(), 4U + 100 + 1);
  collect();
  collect();
  EXPECT_EQ(check().needles, 1U);
  EXPECT_EQ(rows(kBulkPrefix), 2U) << "the object's and b";
  EXPECT_TRUE(check().clean());
  ASSERT_TRUE(remove({kKey, "a", {}}));
  ASSERT_TRUE(remove({kKey, "b", {}}));
  EXPECT_EQ(entry_of(kKey), before);
  EXPECT_EQ(bytes(), 4U);
  expect_gone();
}

TEST_F(AnnotationsTest, BelongToOneVersion) {
  make(Versioning::kEnabled);
  const auto first = put("k");
  must(large(kKey, "a"));
  const auto second = put("k");
  EXPECT_THAT(names({.object = kKey}), IsEmpty());
  must(small(kKey, "a", "of the second"));
  must(small({kBucket, "k", first}, "b", "of the first"));
  EXPECT_THAT(names({.object = {kBucket, "k", first}}), ElementsAre("a", "b"));
  EXPECT_EQ(text_of({kBucket, "k", second}, "a"), "of the second");
  EXPECT_EQ(text_of({kBucket, "k", first}, "a"), "in needles");
  ASSERT_TRUE(erase(kKey)) << "a delete marker takes nothing away";
  EXPECT_EQ(text_of({kBucket, "k", second}, "a"), "of the second");
  collect();
  collect();
  ASSERT_TRUE(erase({kBucket, "k", first}));
  EXPECT_EQ(find({kBucket, "k", first}, "a").error().reason(), Reason::kNoSuchVersion);
  collect();
  collect();
  EXPECT_EQ(text_of({kBucket, "k", second}, "a"), "of the second");
  EXPECT_EQ(check().needles, 0U);
  ASSERT_TRUE(erase({kBucket, "k", second}));
  expect_gone();
}

TEST_F(AnnotationsTest, GoWithAnObjectThatIsDeletedOrOverwritten) {
  make(Versioning::kNever);
  put("k");
  must(large(kKey, "a"));
  must(small(kKey, "b", "x"));
  put("k");
  EXPECT_EQ(find(kKey, "a").error().reason(), Reason::kNone);
  EXPECT_EQ(bytes(), 4U);
  must(large(kKey, "a"));
  ASSERT_TRUE(
      world_.run(world_.filer.complete_upload(upload_of(world_, world_.filer, kBucket, "k", 100))));
  EXPECT_THAT(names({.object = kKey}), IsEmpty());
  must(large(kKey, "a"));
  must(small(kKey, "b", "x"));
  ASSERT_TRUE(erase(kKey));
  EXPECT_EQ(bytes(), 0U);
  expect_gone();
}

TEST_F(AnnotationsTest, GoWithTheNullVersionThatIsReplaced) {
  make(Versioning::kEnabled);
  const auto first = put("k");
  must(small(kKey, "a", "kept"));
  suspend();
  put("k");
  must(large(kKey, "a"));
  put("k");
  EXPECT_THAT(names({.object = kKey}), IsEmpty());
  EXPECT_EQ(text_of({kBucket, "k", first}, "a"), "kept");
  must(large(kKey, "b"));
  ASSERT_TRUE(erase(kKey)) << "the marker replaces the null version";
  ASSERT_TRUE(erase({kBucket, "k", first}));
  ASSERT_TRUE(erase({kBucket, "k", kNullVersion}));
  expect_gone();
}

TEST_F(AnnotationsTest, GoWithTheirBucket) {
  make(Versioning::kEnabled);
  put("k");
  must(large(kKey, "a"));
  put("k");
  must(small(kKey, "a", "x"));
  ASSERT_TRUE(world_.run(world_.filer.drop_bucket(kBucket)));
  expect_gone();
}

// However many there are, the commit that takes the version away stays small.
TEST_F(AnnotationsTest, AThousandGoInSteps) {
  make(Versioning::kNever);
  put("k");
  for (std::uint32_t i = 0; i < kMaxAnnotations; ++i) must(small(kKey, fmt::format("a{}", i), "x"));
  const auto more = annotate(small(kKey, "b", "x"));
  ASSERT_TRUE(more);
  EXPECT_TRUE(more->full);
  EXPECT_EQ(find(kKey, "b").error().code(), Errc::kNotFound);
  must(small(kKey, "a7", "another"));
  EXPECT_EQ(text_of(kKey, "a7"), "another");
  EXPECT_EQ(names({.object = kKey}).size(), kMaxAnnotations);

  ASSERT_TRUE(erase(kKey));
  EXPECT_EQ(rows(keys::kAnnotation), kMaxAnnotations);
  FsckReport report = check();
  EXPECT_TRUE(report.sound()) << report.findings[0];
  EXPECT_FALSE(report.clean());
  KvAsync kv(world_.kv, world_.work);
  int calls = 0;
  for (; rows(keys::kLooseSet) > 0; ++calls) {
    ASSERT_LT(calls, 20);
    ASSERT_TRUE(world_.run(sweep_annotations(kv, 250, world_.clock)));
    EXPECT_TRUE(check().sound());
  }
  EXPECT_GT(calls, 2);
  expect_gone();
}

TEST_F(AnnotationsTest, AreNoOrphans) {
  make(Versioning::kNever);
  put("k");
  must(large(kKey, "a"));
  const FileId fid = find(kKey, "a")->annotation.layout.chunks.front().fid;
  oldest_provisional_ = NeedleKey(1'000'000);
  collect(true);
  collect(true);
  EXPECT_EQ(rows(keys::kDead), 0U);
  EXPECT_EQ(check().needles, 1U);
  EXPECT_EQ(find(kKey, "a")->annotation.layout.chunks.front().fid, fid);
  // And one that came too late names none.
  EXPECT_EQ(annotate(large(kKey, "b")).error().reason(), Reason::kKeyTooOld);
}

TEST_F(AnnotationsTest, AreForTheObjectThatWasMeant) {
  make(Versioning::kNever);
  put("k");
  PutAnnotation request = small(kKey, "a", "x");
  request.if_match = etag_text(entry_of(kKey));
  must(request);
  request.if_match = "other";
  EXPECT_EQ(annotate(request).error().reason(), Reason::kConditionFailed);
  EXPECT_EQ(remove({kKey, "a", "other"}).error().reason(), Reason::kConditionFailed);
  EXPECT_EQ(text_of(kKey, "a"), "x");
  EXPECT_TRUE(remove({kKey, "a", "*"}));
}

TEST_F(AnnotationsTest, AreKeptByALock) {
  make(Versioning::kEnabled, true);
  PutObject held = put_of(kBucket, "k", "body");
  held.entry.headers.lock.hold = LegalHold::kOn;
  put("k", held);
  must(small(kKey, "a", "x"));
  EXPECT_EQ(annotate(small(kKey, "a", "y")).error().reason(), Reason::kObjectLocked);
  EXPECT_EQ(remove({kKey, "a", {}}).error().reason(), Reason::kObjectLocked);
  EXPECT_EQ(remove({.object = kKey, .name = "a", .bypass_governance = true}).error().reason(),
            Reason::kObjectLocked);
  EXPECT_TRUE(remove({kKey, "never", {}}));
  PutObject retained = put_of(kBucket, "k", "body");
  retained.entry.headers.lock.retention = {RetentionMode::kGovernance,
                                           world_.clock.wall() + days(1)};
  put("k", retained);
  must(small(kKey, "a", "x"));
  EXPECT_EQ(remove({kKey, "a", {}}).error().reason(), Reason::kObjectLocked);
  EXPECT_TRUE(remove({.object = kKey, .name = "a", .bypass_governance = true}));
}

TEST_F(AnnotationsTest, AreEncryptedAsTheirVersion) {
  make(Versioning::kNever);
  PutObject sealed = put_of(kBucket, "k", "body");
  sealed.inline_body = std::string(36, 's');
  sealed.entry.headers.encryption = {
      .kind = EncryptionKind::kKms, .key_id = "mine", .wrapped_key = "w"};
  put("k", sealed);
  PutAnnotation request = small(kKey, "a", std::string(36, 's'));
  request.entry.size_bytes = 4;
  request.entry.headers.encryption = {.kind = EncryptionKind::kS3, .wrapped_key = "w"};
  EXPECT_EQ(annotate(request).error().reason(), Reason::kConditionConflict);
  request.entry.headers.encryption = sealed.entry.headers.encryption;
  must(request);
  sealed.entry.headers.encryption = {.kind = EncryptionKind::kCustomer, .wrapped_key = "w"};
  put("k", sealed);
  EXPECT_EQ(annotate(request).error().reason(), Reason::kConditionConflict);
  put("k");
  must(request);
}

TEST_F(AnnotationsTest, CountForTheirBucketAndItsQuota) {
  make(Versioning::kNever);
  put("k");
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_quota({kBucket, 10, 0})));
  EXPECT_EQ(annotate(small(kKey, "a", "1234567")).error().reason(), Reason::kQuotaExceeded);
  must(small(kKey, "a", "123456"));
  EXPECT_EQ(bytes(), 10U);
  EXPECT_EQ(annotate(small(kKey, "b", "1")).error().reason(), Reason::kQuotaExceeded);
  put("k");
  EXPECT_EQ(bytes(), 4U);
  EXPECT_TRUE(check().sound());
}

TEST_F(AnnotationsTest, AreStagedForAVersionToCome) {
  make(Versioning::kNever);
  put("k");
  must(small(kKey, "old", "x"));
  PutAnnotation first = small({.bucket = kBucket}, "a", "one");
  first.staged = true;
  const std::uint64_t set = annotate(first)->set;
  ASSERT_NE(set, 0U);
  PutAnnotation second = large({.bucket = kBucket}, "b");
  second.staged = true;
  second.set = set;
  ASSERT_TRUE(annotate(second));
  EXPECT_FALSE(annotate(second)) << "twice";
  EXPECT_EQ(bytes(), 4U + 1) << "nobody's yet";
  collect(true);
  PutObject copy = put_of(kBucket, "k", "copy");
  copy.entry.layout.annotations = {.set = set, .count = 1, .bytes = 3};
  EXPECT_EQ(world_.run(world_.filer.put_object(copy)).error().code(), Errc::kInvalidArgument)
      << "one is missing";
  copy.entry.layout.annotations = {.set = set, .count = 2, .bytes = 3 + 100};
  put("k", copy);
  EXPECT_THAT(names({.object = kKey}), ElementsAre("a", "b"));
  EXPECT_EQ(bytes(), 4U + 3 + 100);
  copy.key = "k2";
  EXPECT_EQ(world_.run(world_.filer.put_object(copy)).error().reason(), Reason::kConditionConflict)
      << "one version names a set";
  EXPECT_EQ(annotate(second).error().reason(), Reason::kConditionConflict);
  collect();
  EXPECT_TRUE(check().clean());
  ASSERT_TRUE(erase(kKey));
  expect_gone();
}

TEST_F(AnnotationsTest, ThatWereStagedForNothingGo) {
  make(Versioning::kEnabled);
  PutAnnotation request = large({.bucket = kBucket}, "a");
  request.staged = true;
  const std::uint64_t set = annotate(request)->set;
  collect();
  EXPECT_EQ(rows(keys::kAnnotation), 1U);
  EXPECT_TRUE(check().clean()) << "it may be named yet";
  world_.clock.advance(kStagedLife);
  collect();
  PutObject late = put_of(kBucket, "k", "late");
  late.entry.layout.annotations = {.set = set, .count = 1, .bytes = 100};
  EXPECT_EQ(world_.run(world_.filer.put_object(late)).error().reason(), Reason::kConditionConflict);
  expect_gone();
}

TEST_F(AnnotationsTest, FollowAnObjectThatIsRenamedOrGrows) {
  make(Versioning::kNever);
  put("k");
  must(large(kKey, "a"));
  put("there");
  must(small({kBucket, "there"}, "b", "x"));
  ASSERT_TRUE(world_.run(world_.filer.rename_object({.from = kKey, .to = {kBucket, "there"}})));
  const ObjectKey there{kBucket, "there"};
  EXPECT_THAT(names({.object = there}), ElementsAre("a"));
  EXPECT_EQ(bytes(), 4U + 100);
  AppendObject append{.put = put_of(kBucket, "there", "body and more"),
                      .version = entry_of(there).version};
  ASSERT_TRUE(world_.run(world_.filer.append_object(append)));
  EXPECT_THAT(names({.object = there}), ElementsAre("a"));
  EXPECT_EQ(bytes(), 13U + 100);
  collect();
  EXPECT_TRUE(check().clean());
  ASSERT_TRUE(erase(there));
  expect_gone();
}

TEST_F(AnnotationsTest, StayWithTheVersionBelowARename) {
  make(Versioning::kEnabled);
  const auto first = put("k");
  must(small(kKey, "a", "x"));
  ASSERT_TRUE(world_.run(world_.filer.rename_object({.from = kKey, .to = {kBucket, "there"}})));
  EXPECT_THAT(names({.object = {kBucket, "there"}}), IsEmpty());
  EXPECT_THAT(names({.object = {kBucket, "k", first}}), ElementsAre("a"));
  EXPECT_TRUE(check().clean());
}

TEST_F(AnnotationsTest, FsckFindsWhatIsWrongWithThem) {
  make(Versioning::kNever);
  put("k");
  must(large(kKey, "a"));
  must(small(kKey, "b", "x"));
  const std::uint64_t set = entry_of(kKey).layout.annotations.set;
  const std::string row = keys::annotation(set, "b");
  const std::string value = world_.store->get(row).value().value();
  const auto write = [this](KvWrite change) {
    KvAsync kv(world_.kv, world_.work);
    KvBatch batch;
    batch.writes.push_back(std::move(change));
    ASSERT_TRUE(world_.run(kv.commit(std::move(batch))));
  };
  write(KvWrite::remove(row));
  EXPECT_EQ(check().wrong_annotation_sets, 1U);
  EXPECT_FALSE(check().sound());
  write(KvWrite::put(row, value));
  EXPECT_TRUE(check().clean());
  write(KvWrite::put(keys::loose_set(set), encode_loose_set({.count = 2, .bytes = 101})));
  EXPECT_EQ(check().wrong_annotation_sets, 1U) << "named twice";
  write(KvWrite::remove(keys::loose_set(set)));
  write(KvWrite::put(keys::annotation(set + 1, "c"), value));
  EXPECT_EQ(check().wrong_annotation_sets, 1U) << "named by nothing";
  write(KvWrite::remove(keys::annotation(set + 1, "c")));
  const FileId fid = find(kKey, "a")->annotation.layout.chunks.front().fid;
  ASSERT_TRUE(world_.run(volumes_.remove({fid})));
  const FsckReport report = check();
  EXPECT_EQ(report.missing_needles, 1U);
  EXPECT_EQ(report.damaged_objects, 1U);
  ASSERT_EQ(report.damaged.size(), 1U);
  EXPECT_EQ(report.damaged.front().key, "k");
  EXPECT_THAT(report.damaged.front().where, HasSubstr("annotation"));
}

}  // namespace
}  // namespace kelp
