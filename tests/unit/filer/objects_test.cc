#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/dropped_buckets.h"
#include "tests/unit/filer/filer_world.h"
#include "wire/sealed.h"

namespace kelp {
namespace {

using test::FilerWorld;
using test::put_of;

template <typename T>
void expect_error(const Result<T>& result, Errc code, Reason reason = Reason::kNone) {
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), code) << result.error().message();
  EXPECT_EQ(result.error().reason(), reason) << result.error().message();
}

PutObject put_chunks(FilerWorld& world, std::string bucket, std::string key, std::uint64_t chunks) {
  PutObject put;
  put.bucket = std::move(bucket);
  put.key = std::move(key);
  put.entry.etag = std::string(16, 'c');
  for (std::uint64_t i = 0; i < chunks; ++i) put.entry.layout.chunks.push_back(world.chunk(1000));
  put.entry.size_bytes = chunks * 1000;
  return put;
}

std::size_t rows_within(FilerWorld& world, std::string prefix) {
  return world.store->scan(keys::within(std::move(prefix)), 100'000).value().size();
}

BucketUsage usage_of(FilerWorld& world, std::string bucket) {
  return world.run(world.filer.bucket_usage(std::move(bucket))).value();
}

TEST(FilerObjects, GivesBackWhatWasPut) {
  FilerWorld world;
  world.make_bucket("photos");
  PutObject put = put_of("photos", "a/b", "hello");
  put.entry.headers.content_type = "text/plain";
  put.entry.headers.user = {{"k", "v"}};
  const auto outcome = world.run(world.filer.put_object(put));
  ASSERT_TRUE(outcome) << outcome.error().message();
  EXPECT_EQ(outcome->modified, world.clock.wall());
  EXPECT_GT(outcome->version, 0U);

  const auto found = world.run(world.filer.get_object({"photos", "a/b"}, true));
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->inline_body, "hello");
  EXPECT_EQ(found->entry.headers, put.entry.headers);
  EXPECT_EQ(found->entry.owner_id, "alice");
  EXPECT_EQ(found->entry.version, outcome->version);
  EXPECT_EQ(found->bucket.name, "photos");
  const auto head = world.run(world.filer.get_object({"photos", "a/b"}, false));
  ASSERT_TRUE(head);
  EXPECT_FALSE(head->inline_body.has_value());
}

TEST(FilerObjects, KeepsAnEmptyObjectWithoutABody) {
  FilerWorld world;
  world.make_bucket("photos");
  ASSERT_TRUE(world.run(world.filer.put_object(put_of("photos", "empty", ""))));
  const auto found = world.run(world.filer.get_object({"photos", "empty"}, true));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->entry.layout, Layout{});
  EXPECT_EQ(rows_within(world, std::string(1, kBulkPrefix)), 0U);
}

TEST(FilerObjects, NamesWhatIsMissing) {
  FilerWorld world;
  world.make_bucket("photos");
  expect_error(world.run(world.filer.get_object({"nope", "a"}, true)), Errc::kNotFound,
               Reason::kNoSuchBucket);
  expect_error(world.run(world.filer.get_object({"photos", "a"}, true)), Errc::kNotFound,
               Reason::kNoSuchKey);
  expect_error(world.run(world.filer.put_object(put_of("nope", "a", "x"))), Errc::kNotFound,
               Reason::kNoSuchBucket);
  expect_error(world.run(world.filer.delete_object({"nope", "a"}, {})), Errc::kNotFound,
               Reason::kNoSuchBucket);
  expect_error(world.run(world.filer.list_objects({.bucket = "nope"})), Errc::kNotFound,
               Reason::kNoSuchBucket);
  expect_error(world.run(world.filer.bucket_usage("nope")), Errc::kNotFound, Reason::kNoSuchBucket);
  expect_error(world.run(world.filer.delete_objects({"nope", {"a"}})), Errc::kNotFound,
               Reason::kNoSuchBucket);
  const auto deleted = world.run(world.filer.delete_object({"photos", "a"}, {}));
  ASSERT_TRUE(deleted);
  EXPECT_FALSE(deleted->existed);
}

TEST(FilerObjects, RefusesWhatOnlyAFaultyCallerSends) {
  FilerWorld world;
  world.make_bucket("photos");
  expect_error(world.run(world.filer.put_object(put_of("photos", "", "x"))),
               Errc::kInvalidArgument);
  expect_error(world.run(world.filer.put_object(put_of("photos", std::string(1025, 'k'), "x"))),
               Errc::kInvalidArgument);
  PutObject wrong_size = put_of("photos", "a", "hello");
  wrong_size.entry.size_bytes = 4;
  expect_error(world.run(world.filer.put_object(wrong_size)), Errc::kInvalidArgument);
  expect_error(world.run(world.filer.put_object(put_of("photos", "a", std::string(8193, 'x')))),
               Errc::kInvalidArgument);
  PutObject wrong_sum = put_chunks(world, "photos", "a", 2);
  wrong_sum.entry.size_bytes = 1;
  expect_error(world.run(world.filer.put_object(wrong_sum)), Errc::kInvalidArgument);
  EXPECT_TRUE(world.run(world.filer.put_object(put_of("photos", std::string(1024, '\0'), "x"))));
}

// The bytes that lie are more than those of the object; the object's own size is what is counted.
TEST(FilerObjects, TakesEncryptedBodiesOfTheirSealedLengthOnly) {
  FilerWorld world;
  world.make_bucket("photos");
  const auto sealed = [](PutObject put) {
    put.entry.headers.encryption = {EncryptionKind::kS3, false, {}, {}, "wrapped"};
    return put;
  };
  for (const std::uint64_t plain : {1, 5, 65'504, 65'505, 1'000'000}) {
    PutObject put = sealed(put_chunks(world, "photos", "k", 0));
    put.entry.size_bytes = plain;
    for (const int off : {-1, 1}) {
      put.entry.layout.chunks = {
          world.chunk(sealed_bytes(plain) + static_cast<std::uint64_t>(off))};
      expect_error(world.run(world.filer.put_object(put)), Errc::kInvalidArgument);
    }
    put.entry.layout.chunks = {world.chunk(plain)};
    expect_error(world.run(world.filer.put_object(put)), Errc::kInvalidArgument);
    put.entry.layout.chunks = {world.chunk(sealed_bytes(plain))};
    EXPECT_TRUE(world.run(world.filer.put_object(put)));
    EXPECT_EQ(usage_of(world, "photos").bytes, static_cast<std::int64_t>(plain));
  }
  PutObject parts = sealed(put_chunks(world, "photos", "k", 0));
  parts.entry.size_bytes = 30;
  parts.entry.parts = {{1, 10, {}}, {7, 0, {}}, {8, 20, {}}};
  parts.entry.layout.chunks = {world.chunk(sealed_bytes(30))};
  expect_error(world.run(world.filer.put_object(parts)), Errc::kInvalidArgument);
  parts.entry.layout.chunks = {world.chunk(sealed_bytes(10) + sealed_bytes(20))};
  EXPECT_TRUE(world.run(world.filer.put_object(parts)));
  PutObject small = sealed(put_of("photos", "small", std::string(5 + 32, 'c')));
  small.entry.size_bytes = 5;
  EXPECT_TRUE(world.run(world.filer.put_object(small)));
  EXPECT_EQ(world.run(world.filer.get_object({"photos", "small"}, true))->inline_body->size(), 37U);
  small.entry.size_bytes = 6;
  expect_error(world.run(world.filer.put_object(small)), Errc::kInvalidArgument);
}

TEST(FilerObjects, BuriesWhatAPutReplaces) {
  FilerWorld world;
  world.make_bucket("photos");
  ASSERT_TRUE(world.run(world.filer.put_object(put_of("photos", "a", "inline"))));
  ASSERT_TRUE(world.run(world.filer.put_object(put_chunks(world, "photos", "a", 3))));
  EXPECT_EQ(rows_within(world, std::string(1, kBulkPrefix)), 0U);
  EXPECT_EQ(rows_within(world, std::string(1, keys::kDead)), 0U);
  EXPECT_EQ(usage_of(world, "photos").bytes, 3000);

  ASSERT_TRUE(world.run(world.filer.put_object(put_of("photos", "a", "again"))));
  EXPECT_EQ(rows_within(world, std::string(1, kBulkPrefix)), 1U);
  EXPECT_EQ(rows_within(world, std::string(1, keys::kDead)), 3U);
  EXPECT_EQ(usage_of(world, "photos").bytes, 5);
  EXPECT_EQ(usage_of(world, "photos").objects, 1);
}

TEST(FilerObjects, BuriesWhatADeleteTakesAway) {
  FilerWorld world;
  world.make_bucket("photos");
  ASSERT_TRUE(world.run(world.filer.put_object(put_chunks(world, "photos", "a", 2))));
  const auto deleted = world.run(world.filer.delete_object({"photos", "a"}, {}));
  ASSERT_TRUE(deleted);
  EXPECT_TRUE(deleted->existed);
  EXPECT_EQ(rows_within(world, std::string(1, keys::kDead)), 2U);
  EXPECT_EQ(usage_of(world, "photos").bytes, 0);
  EXPECT_EQ(usage_of(world, "photos").objects, 0);
  expect_error(world.run(world.filer.get_object({"photos", "a"}, true)), Errc::kNotFound,
               Reason::kNoSuchKey);
}

TEST(FilerObjects, DeletesManyInOneCommitAndAnswersInOrder) {
  FilerWorld world;
  world.make_bucket("photos");
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_TRUE(world.run(world.filer.put_object(put_of("photos", key, key))));
  }
  const int before = world.kv.commits;
  std::vector<std::string> keys = {"b", "missing", "a", "b", std::string(2000, 'k')};
  const auto outcomes = world.run(world.filer.delete_objects({"photos", keys}));
  ASSERT_TRUE(outcomes) << outcomes.error().message();
  EXPECT_EQ(world.kv.commits, before + 1);
  ASSERT_EQ(outcomes->size(), 5U);
  EXPECT_TRUE((*outcomes)[0]->existed);
  EXPECT_FALSE((*outcomes)[1]->existed);
  EXPECT_TRUE((*outcomes)[2]->existed);
  EXPECT_FALSE((*outcomes)[3]->existed);
  expect_error((*outcomes)[4], Errc::kInvalidArgument);
  EXPECT_EQ(usage_of(world, "photos").objects, 1);
  std::vector<std::string> too_many(1001, "k");
  expect_error(world.run(world.filer.delete_objects({"photos", too_many})), Errc::kInvalidArgument);
}

TEST(FilerObjects, EvaluatesWriteConditions) {
  FilerWorld world;
  world.make_bucket("photos");
  PutObject put = put_of("photos", "a", "one");
  put.conditions.if_match = std::string(32, '0');
  expect_error(world.run(world.filer.put_object(put)), Errc::kNotFound, Reason::kNoSuchKey);
  put.conditions.if_match = "*";
  expect_error(world.run(world.filer.put_object(put)), Errc::kNotFound, Reason::kNoSuchKey);
  put.conditions = {.if_none_match_any = true, .if_match = {}};
  EXPECT_TRUE(world.run(world.filer.put_object(put)));
  expect_error(world.run(world.filer.put_object(put)), Errc::kPrecondition,
               Reason::kConditionFailed);
  const auto found = world.run(world.filer.get_object({"photos", "a"}, false));
  put.conditions = {.if_none_match_any = false, .if_match = etag_text(found->entry)};
  EXPECT_TRUE(world.run(world.filer.put_object(put)));
  put.conditions.if_match = "*";
  EXPECT_TRUE(world.run(world.filer.put_object(put)));
  put.conditions.if_match = std::string(32, '0');
  expect_error(world.run(world.filer.put_object(put)), Errc::kPrecondition,
               Reason::kConditionFailed);
  expect_error(world.run(world.filer.delete_object({"photos", "a"}, put.conditions)),
               Errc::kPrecondition, Reason::kConditionFailed);
  EXPECT_TRUE(world.run(world.filer.delete_object({"photos", "a"}, {.if_match = "*"})));
  expect_error(world.run(world.filer.delete_object({"photos", "a"}, {.if_match = "*"})),
               Errc::kNotFound, Reason::kNoSuchKey);
}

TEST(FilerObjects, NeverModifiesBeforeTheVersionItReplaces) {
  FilerWorld world;
  world.make_bucket("photos");
  const auto first = world.run(world.filer.put_object(put_of("photos", "a", "1")));
  world.clock.advance(-std::chrono::hours(1));
  const auto second = world.run(world.filer.put_object(put_of("photos", "a", "2")));
  ASSERT_TRUE(first && second);
  EXPECT_GT(second->modified, first->modified);
  EXPECT_GT(second->version, first->version);
}

TEST(FilerObjects, NeverServesABodyThatDoesNotCheck) {
  FilerWorld world;
  world.make_bucket("photos");
  const auto put = world.run(world.filer.put_object(put_of("photos", "a", "hello")));
  const std::string row_key = keys::body(put->version);
  std::string row = world.store->get(row_key)->value();
  KvBatch flip;
  std::string flipped = row;
  flipped[1] ^= 0x10;
  flip.writes.push_back(KvWrite::put(row_key, flipped));
  world.store->commit(flip, [](const Result<void>& done) { EXPECT_TRUE(done); });
  expect_error(world.run(world.filer.get_object({"photos", "a"}, true)), Errc::kCorruption);
  EXPECT_TRUE(world.run(world.filer.get_object({"photos", "a"}, false)));

  // A whole and valid body under another's number is as wrong.
  std::string other = "hello";
  seal_body(put->version + 1, other);
  KvBatch swap;
  swap.writes.push_back(KvWrite::put(row_key, other));
  world.store->commit(swap, [](const Result<void>& done) { EXPECT_TRUE(done); });
  expect_error(world.run(world.filer.get_object({"photos", "a"}, true)), Errc::kCorruption);

  KvBatch gone;
  gone.writes.push_back(KvWrite::remove(row_key));
  world.store->commit(gone, [](const Result<void>& done) { EXPECT_TRUE(done); });
  expect_error(world.run(world.filer.get_object({"photos", "a"}, true)), Errc::kCorruption);
}

TEST(FilerObjects, ListsWithDelimiters) {
  FilerWorld world;
  world.make_bucket("photos");
  for (const char* key : {"a", "b/1", "b/2", "c"}) {
    PutObject put = put_of("photos", key, key);
    put.entry.checksums.push_back({ChecksumAlgorithm::kCrc32, ChecksumType::kFullObject, "abcd"});
    ASSERT_TRUE(world.run(world.filer.put_object(put)));
  }
  ListObjects request;
  request.bucket = "photos";
  request.delimiter = "/";
  request.limit = 2;
  const auto page = world.run(world.filer.list_objects(request));
  ASSERT_TRUE(page) << page.error().message();
  ASSERT_EQ(page->objects.size(), 1U);
  EXPECT_EQ(page->objects[0].key, "a");
  EXPECT_EQ(page->objects[0].owner_id, "") << "the bucket's owner";
  EXPECT_EQ(page->objects[0].etag, "65656565656565656565656565656565");
  EXPECT_THAT(page->objects[0].checksum_algorithms,
              testing::ElementsAre(ChecksumAlgorithm::kCrc32));
  EXPECT_THAT(page->common_prefixes, testing::ElementsAre("b/"));
  EXPECT_TRUE(page->truncated);
  EXPECT_EQ(page->next, "b/");
  request.start_after = page->next;
  const auto rest = world.run(world.filer.list_objects(request));
  ASSERT_EQ(rest->objects.size(), 1U);
  EXPECT_EQ(rest->objects[0].key, "c");
  EXPECT_FALSE(rest->truncated);
}

TEST(FilerBuckets, MakesListsAndRemovesBuckets) {
  FilerWorld world;
  const BucketEntry made = world.make_bucket("photos");
  EXPECT_NE(made.id, BucketId(0));
  EXPECT_EQ(world.run(world.filer.get_bucket("photos")).value(), made);
  world.make_bucket("bob", "bob");
  world.make_bucket("archive");
  world.make_bucket("zoo");

  expect_error(world.run(world.filer.create_bucket(
                   {.id = {}, .name = "photos", .owner_id = "alice", .region = {}, .created = {}})),
               Errc::kAlreadyExists, Reason::kBucketOwnedByYou);
  expect_error(world.run(world.filer.create_bucket(
                   {.id = {}, .name = "photos", .owner_id = "bob", .region = {}, .created = {}})),
               Errc::kAlreadyExists, Reason::kBucketExists);

  ListBuckets request{.owner_id = "alice", .prefix = {}, .start_after = {}, .limit = 2};
  const auto page = world.run(world.filer.list_buckets(request));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->buckets.size(), 2U);
  EXPECT_EQ(page->buckets[0].name, "archive");
  EXPECT_EQ(page->buckets[1].name, "photos");
  EXPECT_TRUE(page->truncated);
  request.start_after = "photos";
  const auto rest = world.run(world.filer.list_buckets(request));
  ASSERT_EQ(rest->buckets.size(), 1U);
  EXPECT_EQ(rest->buckets[0].name, "zoo");
  EXPECT_FALSE(rest->truncated);
  request = {.owner_id = {}, .prefix = {}, .start_after = {}, .limit = 10};
  EXPECT_EQ(world.run(world.filer.list_buckets(request))->buckets.size(), 4U) << "of all accounts";
  request = {.owner_id = "alice", .prefix = "ph", .start_after = "a", .limit = 10};
  EXPECT_EQ(world.run(world.filer.list_buckets(request))->buckets.size(), 1U);

  ASSERT_TRUE(world.run(world.filer.put_object(put_of("photos", "a", "x"))));
  expect_error(world.run(world.filer.delete_bucket("photos")), Errc::kConflict,
               Reason::kBucketNotEmpty);
  ASSERT_TRUE(world.run(world.filer.delete_object({"photos", "a"}, {})));
  EXPECT_TRUE(world.run(world.filer.delete_bucket("photos")));
  expect_error(world.run(world.filer.delete_bucket("photos")), Errc::kNotFound,
               Reason::kNoSuchBucket);
  EXPECT_EQ(rows_within(world, std::string(1, keys::kCount)), 0U);
  EXPECT_NE(world.make_bucket("photos").id, made.id);
}

TEST(FilerBuckets, DeletesABucketWithAnUploadAndTakesThatApart) {
  FilerWorld world;
  world.make_bucket("photos");
  CreateUpload create;
  create.bucket = "photos";
  create.key = "a";
  const auto upload = world.run(world.filer.create_upload(create));
  ASSERT_TRUE(upload);
  ASSERT_TRUE(world.run(world.filer.put_object(put_of("photos", "b", "x"))));
  expect_error(world.run(world.filer.delete_bucket("photos")), Errc::kConflict,
               Reason::kBucketNotEmpty);
  ASSERT_TRUE(world.run(world.filer.delete_object({"photos", "b"}, {})));
  EXPECT_TRUE(world.run(world.filer.delete_bucket("photos")));
  expect_error(world.run(world.filer.abort_upload({"photos", "a", upload->upload_id})),
               Errc::kNotFound, Reason::kNoSuchBucket);
  EXPECT_EQ(rows_within(world, std::string(1, keys::kDropped)), 1U);
  KvAsync kv(world.kv, world.work);
  EXPECT_TRUE(world.run(sweep_dropped_buckets(kv, 100, world.clock)));
  EXPECT_EQ(rows_within(world, std::string(1, keys::kUpload)), 0U);
  EXPECT_EQ(rows_within(world, std::string(1, keys::kDropped)), 0U);
}

TEST(FilerIds, AreNeverGivenTwiceAfterARestart) {
  FilerWorld world(1, {.lease_ids = 4});
  world.make_bucket("photos");
  std::uint64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    const auto put = world.run(world.filer.put_object(put_of("photos", std::to_string(i), "x")));
    ASSERT_TRUE(put);
    EXPECT_GT(put->version, last);
    last = put->version;
    if (i % 5 == 0) {
      FilerService other(world.kv, world.work, world.clock, {.lease_ids = 4});
      const auto theirs = world.run(other.put_object(put_of("photos", "other", "y")));
      ASSERT_TRUE(theirs);
      EXPECT_GT(theirs->version, last);
    }
  }
}

}  // namespace
}  // namespace kelp
