// Objects that get other keys; what races with that: races_test.cc, versions_test.cc,
// shares_test.cc, events_test.cc.

#include <gtest/gtest.h>

#include <algorithm>

#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "tests/unit/filer/chaos.h"

namespace kelp {
namespace {

using test::expect_sound;
using test::FilerWorld;
using test::put_of;

const std::string kBucket = test::kChaosBucket;
constexpr FilerOptions kOptions = test::kChaosOptions;

class RenamesTest : public testing::Test {
 protected:
  RenamesTest() { world_.make_bucket(kBucket); }

  ObjectEntry put(const std::string& key, std::string body = "body") {
    PutObject put = put_of(kBucket, key, std::move(body));
    put.entry.headers.user = {{"name", key}};
    put.entry.headers.tags = {{"tag", key}};
    EXPECT_TRUE(world_.run(world_.filer.put_object(std::move(put))));
    return get(key)->entry;
  }
  Result<FoundObject> get(const std::string& key, std::optional<std::uint64_t> version = {}) {
    return world_.run(world_.filer.get_object({kBucket, key, version}, true));
  }
  Result<WriteOutcome> rename(RenameObject request) {
    return world_.run(world_.filer.rename_object(std::move(request)));
  }
  Result<WriteOutcome> rename(const std::string& from, const std::string& to,
                              WriteConditions conditions = {}) {
    return rename({.from = {kBucket, from}, .to = {kBucket, to}, .conditions = conditions});
  }
  Result<RenamedPrefix> rename_prefix(RenamePrefix request) {
    request.bucket = kBucket;
    return world_.run(world_.filer.rename_prefix(std::move(request)));
  }
  BucketUsage usage(const std::string& bucket = kBucket) {
    return world_.run(world_.filer.bucket_usage(bucket)).value();
  }
  std::vector<std::string> keys_there() {
    ListObjects list;
    list.bucket = kBucket;
    std::vector<std::string> keys;
    for (const auto& object : world_.run(world_.filer.list_objects(std::move(list)))->objects) {
      keys.push_back(object.key);
    }
    return keys;
  }

  FilerWorld world_{1, kOptions};
};

TEST_F(RenamesTest, TheNewKeyHasAllThatTheOldOneHad) {
  const ObjectEntry before = put("from");
  put("to", "replaced");
  const auto done = rename("from", "to");
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(get("from").error().reason(), Reason::kNoSuchKey);
  const auto after = get("to");
  ASSERT_TRUE(after);
  EXPECT_EQ(after->inline_body, "body");
  EXPECT_EQ(after->entry.version, done->version);
  EXPECT_GT(after->entry.version, before.version);
  EXPECT_GT(after->entry.modified, before.modified);
  EXPECT_EQ(after->entry.headers, before.headers);
  EXPECT_EQ(after->entry.etag, before.etag);
  EXPECT_EQ(after->entry.owner_id, "alice");
  EXPECT_EQ(usage(), (BucketUsage{1, 4, 0}));
  expect_sound(world_, {});
}

TEST_F(RenamesTest, WritesNoMoreForAThousandNeedlesThanForOne) {
  std::set<std::uint64_t> needles;
  PutObject big = put_of(kBucket, "big", "");
  big.inline_body.reset();
  for (int i = 0; i < 1000; ++i) {
    big.entry.layout.chunks.push_back(world_.chunk(100));
    needles.insert(world_.last_key);
  }
  big.entry.size_bytes = 100'000;
  ASSERT_TRUE(world_.run(world_.filer.put_object(std::move(big))));
  const auto rows = [&] { return world_.store->scan({"a", "z"}, 100'000)->size(); };
  const std::size_t before = rows();
  ASSERT_TRUE(rename("big", "bigger"));
  EXPECT_EQ(rows(), before) << "no needle was counted, and none is dead";
  EXPECT_EQ(get("bigger")->entry.layout.chunks.size(), 1000U);
  expect_sound(world_, needles);
}

TEST_F(RenamesTest, WhatItReplacesDies) {
  PutObject put = test::put_chunk(world_, "to");
  ASSERT_TRUE(world_.run(world_.filer.put_object(std::move(put))));
  this->put("from");
  ASSERT_TRUE(rename("from", "to"));
  EXPECT_EQ(world_.store->scan({"d", "e"}, 10)->size(), 1U);
  expect_sound(world_, {1});
}

TEST_F(RenamesTest, ConditionsAreAboutBothKeys) {
  const ObjectEntry from = put("from");
  const ObjectEntry to = put("to");
  const auto refused = [&](const Result<WriteOutcome>& done) {
    return !done && done.error().reason() == Reason::kConditionFailed;
  };
  EXPECT_TRUE(refused(rename("from", "to", {.if_none_match_any = true})));
  EXPECT_TRUE(refused(rename("from", "to", {.if_match = "another"})));
  EXPECT_EQ(rename("from", "nowhere", {.if_match = "*"}).error().reason(), Reason::kNoSuchKey);
  EXPECT_EQ(rename("nothing", "to").error().reason(), Reason::kNoSuchKey);
  RenameObject pinned{
      .from = {kBucket, "from"}, .from_version = from.version + 1, .to = {kBucket, "to"}};
  EXPECT_EQ(rename(pinned).error().reason(), Reason::kConditionConflict);
  EXPECT_EQ(get("to")->entry.version, to.version);
  pinned.from_version = from.version;
  pinned.conditions.if_match = etag_text(to);
  EXPECT_TRUE(rename(pinned));
  put("from");
  EXPECT_TRUE(rename("from", "fresh", {.if_none_match_any = true}));
}

TEST_F(RenamesTest, OntoItselfChangesNothing) {
  const ObjectEntry before = put("a");
  const int commits = world_.kv.commits;
  EXPECT_EQ(rename("a", "a")->version, before.version);
  EXPECT_EQ(rename("a", "a", {.if_none_match_any = true}).error().reason(),
            Reason::kConditionFailed);
  EXPECT_EQ(rename("b", "b").error().reason(), Reason::kNoSuchKey);
  EXPECT_EQ(world_.kv.commits, commits);
  EXPECT_EQ(get("a")->entry, before);
}

TEST_F(RenamesTest, WithATokenHappensOnce) {
  RenameObject first{.from = {kBucket, "a"}, .to = {kBucket, "b"}};
  first.token = {.id = "token", .digest = "a to b"};
  EXPECT_EQ(rename(first).error().reason(), Reason::kNoSuchKey);
  put("a", "moved");
  const auto done = rename(first);
  ASSERT_TRUE(done) << done.error().message();
  put("a", "another");
  EXPECT_EQ(rename(first)->version, done->version) << "done, and not done again";
  EXPECT_EQ(get("b")->inline_body, "moved");
  EXPECT_EQ(get("a")->inline_body, "another");

  RenameObject other = first;
  other.to.key = "c";
  other.token.digest = "a to c";
  EXPECT_EQ(rename(other).error().reason(), Reason::kConditionConflict);
  other.token.id = "other";
  EXPECT_TRUE(rename(other));
  other.token.id = std::string(65, 't');
  EXPECT_EQ(rename(other).error().code(), Errc::kInvalidArgument);
  expect_sound(world_, {});
}

TEST_F(RenamesTest, ATokenIsOfItsBucketAndForgottenAfterAWeek) {
  const auto found = [&](const std::string& bucket) {
    return world_.run(world_.filer.find_rename({.bucket = bucket, .token = "token"}));
  };
  world_.make_bucket("films");
  RenameObject request{.from = {kBucket, "a"}, .to = {kBucket, "b"}};
  request.token = {.id = "token", .digest = "a to b"};
  put("a");
  EXPECT_EQ(found(kBucket)->digest, "");
  const auto done = rename(request);
  ASSERT_TRUE(done);
  EXPECT_EQ(found(kBucket)->digest, "a to b");
  EXPECT_EQ(found(kBucket)->outcome.version, done->version);
  EXPECT_EQ(found(kBucket)->outcome.modified, done->modified);
  EXPECT_EQ(found("films")->digest, "");
  EXPECT_EQ(found("none").error().reason(), Reason::kNoSuchBucket);
  world_.clock.advance(std::chrono::days(7) + std::chrono::seconds(1));
  EXPECT_EQ(found(kBucket)->digest, "");
  put("a", "later");
  EXPECT_GT(rename(request)->version, done->version);
  EXPECT_EQ(get("b")->inline_body, "later");
}

TEST_F(RenamesTest, OntoItselfWithATokenIsRememberedToo) {
  const ObjectEntry before = put("a");
  RenameObject request{.from = {kBucket, "a"}, .to = {kBucket, "a"}};
  request.token = {.id = "token", .digest = "a to a"};
  EXPECT_EQ(rename(request)->version, before.version);
  EXPECT_EQ(get("a")->entry, before);
  request.to.key = "b";
  request.token.digest = "a to b";
  EXPECT_EQ(rename(request).error().reason(), Reason::kConditionConflict);
}

TEST_F(RenamesTest, OfRacingOnesWithATokenOneMoves) {
  put("a");
  RenameObject request{.from = {kBucket, "a"}, .to = {kBucket, "b"}};
  request.token = {.id = "token", .digest = "a to b"};
  test::LateKv late(world_.kv);
  FilerService second(late, world_.work, world_.clock, kOptions);
  std::optional<WriteOutcome> first;
  const auto remembers = [](const KvBatch& batch) {
    return std::ranges::any_of(
        batch.writes, [](const KvWrite& write) { return write.key.front() == keys::kRenamed; });
  };
  late.before(remembers, [&] { first = rename(request).value(); });
  const auto done = world_.run(second.rename_object(request));
  ASSERT_TRUE(done) << done.error().message();
  ASSERT_TRUE(first);
  EXPECT_EQ(done->version, first->version);
  expect_sound(world_, {});
}

TEST_F(RenamesTest, BetweenBucketsBothCountAndTheQuotaHolds) {
  world_.make_bucket("films");
  world_.make_bucket("bobs", "bob");
  put("a", "12345");
  const auto to = [&](std::string bucket) {
    return rename({.from = {kBucket, "a"}, .to = {std::move(bucket), "b"}});
  };
  EXPECT_EQ(to("bobs").error().code(), Errc::kPermissionDenied);
  EXPECT_EQ(to("none").error().reason(), Reason::kNoSuchBucket);
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_quota({"films", 4, 0})));
  EXPECT_EQ(to("films").error().reason(), Reason::kQuotaExceeded);
  EXPECT_EQ(get("a")->inline_body, "12345");
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_quota({"films", 5, 0})));
  ASSERT_TRUE(to("films"));
  EXPECT_EQ(usage(), BucketUsage{});
  EXPECT_EQ(usage("films"), (BucketUsage{1, 5, 0}));
  EXPECT_EQ(world_.run(world_.filer.get_object({"films", "b"}, true))->inline_body, "12345");
  expect_sound(world_, {});
}

TEST_F(RenamesTest, WhereVersionsAreKeptTheOldOneStaysBelowADeleteMarker) {
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_versioning({kBucket, true})));
  const ObjectEntry inline_entry = put("a");
  PutObject with_needle = test::put_chunk(world_, "n");
  const auto needle = world_.run(world_.filer.put_object(std::move(with_needle)));
  ASSERT_TRUE(rename("a", "b"));
  ASSERT_TRUE(rename("n", "m"));
  EXPECT_TRUE(get("a")->entry.delete_marker);
  EXPECT_EQ(get("a", inline_entry.version)->inline_body, "body");
  EXPECT_EQ(get("b")->inline_body, "body");
  EXPECT_EQ(get("n", needle->version)->entry.layout, get("m")->entry.layout);
  EXPECT_EQ(usage(), (BucketUsage{4, 208, 0}));
  ASSERT_TRUE(world_.run(world_.filer.delete_object({kBucket, "a", inline_entry.version}, {})));
  ASSERT_TRUE(world_.run(world_.filer.delete_object({kBucket, "n", needle->version}, {})));
  EXPECT_EQ(get("b")->inline_body, "body");
  expect_sound(world_, {1});
  test::expect_sound_versions(world_);
}

TEST_F(RenamesTest, OfAPrefixGoInCommitsOfSomeEach) {
  for (int i = 0; i < 120; ++i) put("a/" + std::to_string(1000 + i));
  put("a");
  put("b/1000", "replaced");
  const int before = world_.kv.commits;
  const auto done = rename_prefix({.bucket = {}, .from = "a/", .to = "b/"});
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->objects, 120U);
  EXPECT_FALSE(done->more);
  EXPECT_LT(world_.kv.commits - before, 60) << "ids are leased besides";
  const auto keys = keys_there();
  EXPECT_EQ(keys.size(), 121U);
  EXPECT_EQ(keys.front(), "a");
  EXPECT_TRUE(std::ranges::all_of(keys.begin() + 1, keys.end(),
                                  [](const auto& key) { return key.starts_with("b/"); }));
  EXPECT_EQ(get("b/1000")->entry.headers.user.front().second, "a/1000");
  EXPECT_EQ(rename_prefix({.bucket = {}, .from = "a/", .to = "b/"})->objects, 0U)
      << "once more does no harm";
  expect_sound(world_, {});
}

TEST_F(RenamesTest, OfAPrefixGoOnWhereTheyStopped) {
  for (int i = 0; i < 10; ++i) put("a/" + std::to_string(i));
  std::uint64_t moved = 0;
  RenamePrefix request{.bucket = {}, .from = "a/", .to = "b", .start_after = {}, .limit = 3};
  for (int calls = 1;; ++calls) {
    const auto some = rename_prefix(request);
    ASSERT_TRUE(some);
    EXPECT_LE(some->objects, 3U);
    moved += some->objects;
    request.start_after = some->next;
    if (!some->more) break;
    ASSERT_LT(calls, 10);
  }
  EXPECT_EQ(moved, 10U);
  EXPECT_EQ(keys_there().front(), "b0");
}

TEST_F(RenamesTest, OfAPrefixAreRefusedWhenOneBeginsWithTheOther) {
  put("a/b/c");
  for (const auto& [from, to] :
       {std::pair("a/", "a/b/"), {"a/b/", "a/"}, {"a/", "a/"}, {"", "a/"}, {"a/", ""}}) {
    const auto done = rename_prefix({.bucket = {}, .from = from, .to = to});
    ASSERT_FALSE(done) << from << " to " << to;
    EXPECT_EQ(done.error().code(), Errc::kInvalidArgument);
  }
  EXPECT_EQ(keys_there(), std::vector<std::string>{"a/b/c"});
}

TEST_F(RenamesTest, OfAPrefixStopAtAKeyThatWouldBeTooLong) {
  put("a/1");
  put("a/2" + std::string(1000, 'x'));
  put("a/3");
  const RenamePrefix request{.bucket = {}, .from = "a/", .to = std::string(100, 'b')};
  EXPECT_EQ(rename_prefix(request).error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(keys_there().size(), 3U);
  EXPECT_EQ(get("a/1").error().reason(), Reason::kNoSuchKey) << "what came before it was moved";
  EXPECT_TRUE(get("a/3"));
}

// Whoever looks at both keys, the new one last, finds the object at least once.
TEST(FilerRaces, ARenamedObjectIsNeverNowhere) {
  struct Run {
    static Task<void> rename(FilerWorld& world, int times) {
      for (int i = 0; i < times; ++i) {
        RenamePrefix there{.bucket = kBucket, .from = "a/", .to = "b/"};
        RenamePrefix back{.bucket = kBucket, .from = "b/", .to = "a/"};
        EXPECT_TRUE(co_await world.filer.rename_prefix(std::move(there)));
        EXPECT_TRUE(co_await world.filer.rename_prefix(std::move(back)));
      }
    }
    static Task<void> write(FilerWorld& world, int times) {
      for (int i = 0; i < times; ++i) {
        const std::string key = std::to_string(world.work.rng().below(3));
        if (world.work.rng().below(2) == 0) {
          (void)co_await world.filer.put_object(put_of(kBucket, "a/" + key, "new"));
        } else {
          (void)co_await world.filer.delete_object({kBucket, "b/" + key}, {});
        }
      }
    }
  };
  for (std::uint64_t seed = 1; seed <= test::kChaosSeeds; ++seed) {
    SCOPED_TRACE(seed);
    FilerWorld world(seed, kOptions);
    world.make_bucket(kBucket);
    for (const char* key : {"a/0", "a/1", "a/2", "a/stays"}) {
      ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, key, key))));
    }
    std::vector<Task<void>> tasks;
    tasks.push_back(Run::rename(world, 4));
    tasks.push_back(Run::rename(world, 4));
    for (int i = 0; i < 3; ++i) tasks.push_back(Run::write(world, 8));
    world.run_all(std::move(tasks));
    const auto at = [&](std::string key) {
      return world.run(world.filer.get_object({kBucket, std::move(key)}, true));
    };
    const auto a = at("a/stays");
    const auto b = at("b/stays");
    EXPECT_NE(a.has_value(), b.has_value());
    EXPECT_EQ((a ? a : b)->inline_body, "a/stays");
    expect_sound(world, {});
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace kelp
