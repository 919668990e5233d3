// Buckets with versions, call by call.

#include <gtest/gtest.h>

#include <algorithm>

#include "filer/core/keys.h"
#include "tests/support/forwarding_kv.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using test::FilerWorld;
using test::put_of;

const std::string kBucket = "photos";
constexpr FilerOptions kOptions{.min_part_bytes = 1, .lease_ids = 16};

/// Lets something happen between two reads.
class MovingKv final : public test::ForwardingKv {
 public:
  using ForwardingKv::ForwardingKv;
  Result<std::optional<std::string>> get(std::string_view key) override {
    move(key);
    return ForwardingKv::get(key);
  }
  std::optional<Result<std::optional<std::string>>> try_get(std::string_view key) override {
    if (key.front() == keys::kVersion) return std::nullopt;
    return ForwardingKv::try_get(key);
  }
  Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                  KvDirection direction) override {
    move(range.begin);
    return ForwardingKv::scan(range, limit, direction);
  }

  std::function<void()> before_version_row;  ///< Called once.

 private:
  void move(std::string_view key) {
    if (key.front() == keys::kVersion && before_version_row) {
      std::exchange(before_version_row, nullptr)();
    }
  }
};

TEST(Versions, AreFoundWhileTheyMove) {
  FilerWorld world(1, kOptions);
  MovingKv moving(world.kv);
  FilerService reader(moving, world.work, world.clock, kOptions);
  world.make_bucket(kBucket);
  ASSERT_TRUE(world.run(world.filer.set_bucket_versioning({kBucket, true})));
  const auto older = world.run(world.filer.put_object(put_of(kBucket, "k", "older")));
  const auto newer = world.run(world.filer.put_object(put_of(kBucket, "k", "newer")));
  ASSERT_TRUE(older && newer);
  const auto remove = [&](std::optional<std::uint64_t> id) {
    EXPECT_TRUE(world.run(world.filer.delete_object({kBucket, "k", id}, {})));
  };

  // The older one becomes the current one, by its id and by none.
  moving.before_version_row = [&] { remove(newer->version_id); };
  const auto by_id = world.run(reader.get_object({kBucket, "k", older->version_id}, true));
  ASSERT_TRUE(by_id) << by_id.error().message();
  EXPECT_EQ(by_id->inline_body, "older");
  EXPECT_FALSE(moving.before_version_row) << "nothing moved";
  const auto marker = world.run(world.filer.delete_object({kBucket, "k"}, {}));
  moving.before_version_row = [&] { remove(marker->version_id); };
  const auto current = world.run(reader.get_object({kBucket, "k"}, true));
  EXPECT_TRUE(!current || current->entry.delete_marker || current->inline_body == "older");
  EXPECT_FALSE(moving.before_version_row);

  // A delete that finds no such version looks at one point in time.
  const auto third = world.run(world.filer.put_object(put_of(kBucket, "k", "third")));
  moving.before_version_row = [&] { remove(third->version_id); };
  const auto removed = world.run(reader.delete_object({kBucket, "k", older->version_id}, {}));
  ASSERT_TRUE(removed);
  EXPECT_TRUE(removed->existed);
}

TEST(Versions, OfOneKeyGoInOneCommitWhateverTheirOrder) {
  for (const bool newest_first : {true, false}) {
    FilerWorld world(1, kOptions);
    world.make_bucket(kBucket);
    ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "k", "null"))));
    ASSERT_TRUE(world.run(world.filer.set_bucket_versioning({kBucket, true})));
    DeleteObjects request{kBucket, {"k"}, {kNullVersion}};
    for (int i = 1; i < 1000; ++i) {
      request.keys.emplace_back("k");
      if (i % 10 == 0) {
        request.version_ids.push_back(
            world.run(world.filer.delete_object({kBucket, "k"}, {}))->version_id);
      } else {
        request.version_ids.push_back(
            world.run(world.filer.put_object(put_of(kBucket, "k", "x")))->version_id);
      }
    }
    if (newest_first) std::ranges::reverse(request.version_ids);
    const int before = world.kv.commits;
    const auto outcomes = world.run(world.filer.delete_objects(request));
    ASSERT_TRUE(outcomes) << outcomes.error().message();
    EXPECT_TRUE(std::ranges::all_of(*outcomes, [](const auto& each) { return each->existed; }));
    EXPECT_EQ(world.kv.commits, before + 1);
    EXPECT_EQ(world.run(world.filer.bucket_usage(kBucket)).value(), BucketUsage{});
    EXPECT_TRUE(world.run(world.filer.delete_bucket(kBucket))) << "nothing is left";
    EXPECT_TRUE(world.store->scan({"v", "w"}, 1)->empty());
    EXPECT_TRUE(world.store->scan({std::string(1, kBulkPrefix), "J"}, 1)->empty());
  }
}

TEST(Versions, ConditionsAreAboutTheCurrentOne) {
  FilerWorld world(1, kOptions);
  world.make_bucket(kBucket);
  ASSERT_TRUE(world.run(world.filer.set_bucket_versioning({kBucket, true})));
  PutObject create = put_of(kBucket, "k", "x");
  create.conditions.if_none_match_any = true;
  ASSERT_TRUE(world.run(world.filer.put_object(create)));
  EXPECT_EQ(world.run(world.filer.put_object(create)).error().reason(), Reason::kConditionFailed);
  ASSERT_TRUE(world.run(world.filer.delete_object({kBucket, "k"}, {})));
  PutObject overwrite = put_of(kBucket, "k", "y");
  overwrite.conditions.if_match = "*";
  EXPECT_EQ(world.run(world.filer.put_object(overwrite)).error().reason(), Reason::kNoSuchKey)
      << "a delete marker is no object";
  const auto second = world.run(world.filer.put_object(create));
  ASSERT_TRUE(second) << second.error().message();
  // Of a version that is named, its own ETag counts.
  ObjectKey named{kBucket, "k", second->version_id};
  EXPECT_EQ(world.run(world.filer.delete_object(named, {.if_match = "0"})).error().reason(),
            Reason::kConditionFailed);
  const std::string etag = hex_encode(std::string(16, 'e'));
  EXPECT_TRUE(world.run(world.filer.delete_object(named, {.if_match = etag})));
}

TEST(Versions, KeepTheirBucketUntilTheLastIsGone) {
  FilerWorld world(1, kOptions);
  world.make_bucket(kBucket);
  ASSERT_TRUE(world.run(world.filer.set_bucket_versioning({kBucket, true})));
  ASSERT_TRUE(world.run(world.filer.set_bucket_setting({kBucket, "tagging", "x"})));
  const auto marker = world.run(world.filer.delete_object({kBucket, "k"}, {}));
  ASSERT_TRUE(marker);
  EXPECT_EQ(world.run(world.filer.delete_bucket(kBucket)).error().reason(),
            Reason::kBucketNotEmpty);
  ASSERT_TRUE(world.run(world.filer.delete_object({kBucket, "k", marker->version_id}, {})));
  ASSERT_TRUE(world.run(world.filer.delete_bucket(kBucket)));
  EXPECT_TRUE(world.store->scan({"s", "t"}, 1)->empty()) << "settings go with their bucket";
}

TEST(Versions, CountAgainstTheQuota) {
  FilerWorld world(1, kOptions);
  world.make_bucket(kBucket);
  ASSERT_TRUE(world.run(world.filer.set_bucket_versioning({kBucket, true})));
  ASSERT_TRUE(world.run(world.filer.set_bucket_quota({kBucket, 10, 0})));
  EXPECT_EQ(world.run(world.filer.get_bucket(kBucket))->versioning, Versioning::kEnabled);
  ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "k", "12345678"))));
  const auto refused = world.run(world.filer.put_object(put_of(kBucket, "k", "12345678")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason(), Reason::kQuotaExceeded);
  AskForRoom room{.bucket = kBucket, .key = "k", .size_bytes = 8};
  EXPECT_EQ(world.run(world.filer.ask_for_room(room)).error().reason(), Reason::kQuotaExceeded);
  ASSERT_TRUE(world.run(world.filer.delete_object({kBucket, "k"}, {}))) << "markers are free";
  ASSERT_TRUE(world.run(world.filer.set_bucket_versioning({kBucket, false})));
  ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "k", "90"))));
  ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "k", "ab")))) << "replaces null";
}

TEST(Versions, AreKeptByAFilerThatRemembersTheBucketWithout) {
  FilerWorld world(1, kOptions);
  FilerService other(world.kv, world.work, world.clock, kOptions);
  world.make_bucket(kBucket);
  ASSERT_TRUE(world.run(other.put_object(put_of(kBucket, "k", "first"))));
  ASSERT_TRUE(world.run(world.filer.set_bucket_versioning({kBucket, true})));
  ASSERT_TRUE(world.run(other.put_object(put_of(kBucket, "k", "second"))));
  const auto first = world.run(other.get_object({kBucket, "k", kNullVersion}, true));
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->inline_body, "first");
}

TEST(Versions, OfACompletedUploadAnswerTheSameAgain) {
  FilerWorld world(1, kOptions);
  world.make_bucket(kBucket);
  ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, "film", "null"))));
  ASSERT_TRUE(world.run(world.filer.set_bucket_versioning({kBucket, true})));
  const CompleteUpload complete = test::upload_of(world, world.filer, kBucket, "film", 100);
  const auto done = world.run(world.filer.complete_upload(complete));
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->version_id, done->version);
  EXPECT_EQ(world.run(world.filer.complete_upload(complete))->version_id, done->version_id);
  EXPECT_TRUE(world.run(world.filer.get_object({kBucket, "film", kNullVersion}, true)));
  EXPECT_EQ(world.run(world.filer.bucket_usage(kBucket)).value(), (BucketUsage{2, 104, 0}));
}

TEST(Versions, BucketSettingsAreKeptByName) {
  FilerWorld world(1, kOptions);
  world.make_bucket(kBucket);
  const auto value = [&](std::string name) {
    return world.run(world.filer.get_bucket_setting({kBucket, std::move(name), {}}))->value;
  };
  EXPECT_EQ(value("tagging"), std::nullopt);
  ASSERT_TRUE(world.run(world.filer.set_bucket_setting({kBucket, "tagging", "tags"})));
  ASSERT_TRUE(world.run(world.filer.set_bucket_setting({kBucket, "cors", ""})));
  EXPECT_EQ(value("tagging"), "tags");
  EXPECT_EQ(value("cors"), "");
  const auto both =
      world.run(world.filer.get_bucket_settings({kBucket, {"cors", "no", "tagging"}}));
  using Values = std::vector<std::optional<std::string>>;
  EXPECT_EQ(both->values, (Values{"", std::nullopt, "tags"}));
  EXPECT_EQ(both->bucket.name, kBucket);
  ASSERT_TRUE(world.run(world.filer.set_bucket_setting({kBucket, "tagging", {}})));
  EXPECT_EQ(value("tagging"), std::nullopt);
  EXPECT_EQ(world.run(world.filer.set_bucket_setting({"none", "cors", ""})).error().reason(),
            Reason::kNoSuchBucket);
}

TEST(Versions, BucketSettingsAreListedByPrefixInPages) {
  FilerWorld world(1, kOptions);
  world.make_bucket(kBucket);
  world.make_bucket("other");
  ASSERT_TRUE(world.run(world.filer.set_bucket_setting({"other", "a/5", "theirs"})));
  for (const char* name : {"a", "a/1", "a/2", "a/3", "a0", "b/1"}) {
    ASSERT_TRUE(world.run(world.filer.set_bucket_setting({kBucket, name, name})));
  }
  const auto names = [&](std::string prefix, std::string after, std::uint32_t limit) {
    const auto page = world.run(
        world.filer.list_bucket_settings({kBucket, std::move(prefix), std::move(after), limit}));
    std::string joined;
    for (const BucketSetting& setting : page->settings) {
      EXPECT_EQ(setting.name, setting.value);
      joined += setting.name + " ";
    }
    return joined + (page->truncated ? "more" : "");
  };
  EXPECT_EQ(names("a/", "", 100), "a/1 a/2 a/3 ");
  EXPECT_EQ(names("a/", "", 2), "a/1 a/2 more");
  EXPECT_EQ(names("a/", "a/2", 2), "a/3 ");
  EXPECT_EQ(names("a/", "a/1", 2), "a/2 a/3 ");
  EXPECT_EQ(names("a/", "a", 3), "a/1 a/2 a/3 ");
  EXPECT_EQ(names("", "", 100), "a a/1 a/2 a/3 a0 b/1 ");
  EXPECT_EQ(names("c", "", 100), "");
  EXPECT_EQ(world.run(world.filer.list_bucket_settings({"none", "", "", 1})).error().reason(),
            Reason::kNoSuchBucket);
}

// A page is a message: many large settings come in several.
TEST(Versions, LargeSettingsFillAPageByTheirBytes) {
  FilerWorld world(1, kOptions);
  world.make_bucket(kBucket);
  for (const char* name : {"1", "2", "3", "4", "5"}) {
    ASSERT_TRUE(
        world.run(world.filer.set_bucket_setting({kBucket, name, std::string(1 << 20, 'x')})));
  }
  const auto page = world.run(world.filer.list_bucket_settings({kBucket, "", "", 100}));
  EXPECT_EQ(page->settings.size(), 4U);
  EXPECT_TRUE(page->truncated);
}

}  // namespace
}  // namespace kelp
