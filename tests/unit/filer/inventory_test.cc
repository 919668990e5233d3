// Inventory lists of a filer's buckets: what they hold, and what a list that broke off leaves.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include "base/metrics.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "filer/inventory_runner.h"
#include "tests/unit/filer/filer_world.h"
#include "tests/unit/filer/unpack.h"

namespace kelp {
namespace {

using std::chrono::days;
using std::chrono::hours;
using test::FilerWorld;
using test::put_of;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kBucket = "source";

/// A bucket in memory that fails when it is told to.
class FakeWriter final : public InventoryWriter {
 public:
  Task<Result<void>> put(InventoryObject object, std::string body) override {
    if (puts++ == fail_at) co_return Error(Errc::kUnavailable, "no room");
    if (before_put) before_put(object.key);
    last = object;
    objects[object.key] = std::move(body);
    co_return Result<void>();
  }
  Task<Result<void>> remove(InventoryObject object) override {
    removed.push_back(object.key);
    objects.erase(object.key);
    co_return Result<void>();
  }

  /// Keys that contain `what`.
  [[nodiscard]] std::vector<std::string> keys(const std::string& what) const {
    std::vector<std::string> found;
    for (const auto& [key, body] : objects) {
      if (key.contains(what)) found.push_back(key);
    }
    return found;
  }

  std::map<std::string, std::string> objects;
  std::vector<std::string> removed;
  InventoryObject last;
  std::function<void(const std::string&)> before_put;
  int puts = 0;
  int fail_at = -1;
};

class InventoryTest : public testing::Test {
 protected:
  InventoryTest() { bucket_ = world_.make_bucket(kBucket); }

  void put(std::string key, std::string body = "x") {
    ASSERT_TRUE(world_.run(world_.filer.put_object(put_of(kBucket, std::move(key), body))));
  }
  void remove(std::string key) {
    ASSERT_TRUE(world_.run(world_.filer.delete_object({kBucket, std::move(key)}, {})));
  }
  void set_versioning(bool enabled) {
    ASSERT_TRUE(world_.run(world_.filer.set_bucket_versioning({kBucket, enabled})));
  }
  void configure(const std::string& versions = "Current", const std::string& more = "",
                 const std::string& id = "list") {
    const std::string inside =
        "<Destination><S3BucketDestination><Bucket>arn:aws:s3:::lists</Bucket><Format>CSV</Format>"
        "</S3BucketDestination></Destination><IsEnabled>true</IsEnabled><Id>" +
        id +
        "</Id>"
        "<IncludedObjectVersions>" +
        versions +
        "</IncludedObjectVersions>"
        "<Schedule><Frequency>Daily</Frequency></Schedule>" +
        more;
    ASSERT_TRUE(world_.run(world_.filer.set_bucket_setting({kBucket, "inventory/" + id, inside})));
  }
  Result<void> look(InventoryOptions options = {}) {
    InventoryRunner runner(
        {world_.filer, world_.kv, world_.work, world_.clock, *timers_, metrics_, writer_}, options);
    return world_.run(runner.look());
  }
  /// The lines of all data files that are there, sorted, without the bucket's name.
  std::vector<std::string> lines() {
    std::multiset<std::string> all;
    for (const std::string& key : writer_.keys("/data/")) {
      std::istringstream text(unpack(writer_.objects[key]));
      for (std::string line; std::getline(text, line);) all.insert(line.substr(9));
    }
    return {all.begin(), all.end()};
  }
  /// What a listing of versions shows, as lines().
  std::vector<std::string> versions() {
    std::multiset<std::string> all;
    for (const auto& each : world_.run(world_.filer.list_versions({.bucket = kBucket}))->versions) {
      const std::string id =
          each.version_id == kNullVersion ? "null" : fmt::format("{:016x}", each.version_id);
      all.insert(fmt::format("\"{}\",\"{}\",\"{}\",\"{}\"", each.object.key, id, each.is_latest,
                             each.delete_marker));
    }
    return {all.begin(), all.end()};
  }
  /// That all that manifests name is there.
  void expect_whole() {
    for (const std::string& key : writer_.keys("manifest.json")) {
      const boost::json::value manifest = boost::json::parse(writer_.objects[key]);
      for (const auto& file : manifest.at("files").as_array()) {
        const std::string data(file.at("key").as_string());
        ASSERT_TRUE(writer_.objects.contains(data)) << key;
        EXPECT_EQ(writer_.objects[data].size(), file.at("size").to_number<std::size_t>());
      }
    }
  }
  double metric(const std::string& name) { return metrics_.counter(name, "").Value(); }

  FilerWorld world_;
  BucketEntry bucket_;
  Metrics metrics_;
  KvAsync async_{world_.kv, world_.work};
  FakeWriter writer_;
  std::unique_ptr<Timers> timers_ = make_asio_timers();
};

TEST_F(InventoryTest, ListsWhatIsInTheBucket) {
  for (const char* key : {"a", "b/c", "b/d", "z z"}) put(key, "body");
  configure("Current", "<OptionalFields><Field>Size</Field></OptionalFields>");
  ASSERT_TRUE(look());
  EXPECT_THAT(lines(),
              ElementsAre("\"a\",\"4\"", "\"b/c\",\"4\"", "\"b/d\",\"4\"", "\"z%20z\",\"4\""));
  ASSERT_EQ(writer_.keys("").size(), 4U);
  EXPECT_THAT(writer_.keys("manifest"),
              ElementsAre("source/list/2023-11-14T22-13Z/manifest.checksum",
                          "source/list/2023-11-14T22-13Z/manifest.json"));
  EXPECT_THAT(writer_.keys("hive"),
              ElementsAre("source/list/hive/dt=2023-11-14-22-13/symlink.txt"));
  EXPECT_EQ(writer_.last.bucket, "lists");
  EXPECT_EQ(writer_.last.owner_id, "alice");
  EXPECT_EQ(writer_.last.source_bucket, kBucket);
  EXPECT_THAT(writer_.last.key, HasSubstr("manifest.checksum")) << "the last of all";
  expect_whole();
  EXPECT_EQ(metric("kelp_filer_inventory_lists_total"), 1);
  EXPECT_EQ(metric("kelp_filer_inventory_lines_total"), 4);
}

TEST_F(InventoryTest, OnceADay) {
  put("a");
  configure();
  ASSERT_TRUE(look());
  ASSERT_TRUE(look());
  EXPECT_EQ(writer_.keys("manifest.json").size(), 1U);
  world_.clock.advance(hours(2));  // It was after 22 o'clock.
  ASSERT_TRUE(look());
  EXPECT_EQ(writer_.keys("manifest.json").size(), 2U);
  EXPECT_TRUE(writer_.removed.empty());
}

TEST_F(InventoryTest, OfAPrefixAndOfAnEmptyBucket) {
  configure("Current", "<Filter><Prefix>b/</Prefix></Filter>");
  ASSERT_TRUE(look());
  EXPECT_TRUE(writer_.keys("/data/").empty());
  EXPECT_THAT(writer_.objects[writer_.keys("manifest.json")[0]], HasSubstr("\"files\":[]"));
  for (const char* key : {"a", "b", "b/c", "b0"}) put(key);
  world_.clock.advance(days(1));
  ASSERT_TRUE(look());
  EXPECT_THAT(lines(), ElementsAre("\"b/c\""));
}

TEST_F(InventoryTest, OfVersions) {
  put("null-is-current");
  put("both");
  set_versioning(true);
  put("both");
  put("only-versions");
  put("only-versions");
  put("gone");
  remove("gone");
  set_versioning(false);
  put("null-on-top");
  set_versioning(true);
  put("deep");
  set_versioning(false);
  put("deep");  // A null version above one that has an id.
  configure("All");
  ASSERT_TRUE(look());
  EXPECT_EQ(lines(), versions());
  EXPECT_EQ(lines().size(), 10U);
  writer_.objects.clear();
  configure("Current", "", "current");
  ASSERT_TRUE(look());
  EXPECT_THAT(lines(), ElementsAre("\"both\"", "\"deep\"", "\"null-is-current\"", "\"null-on-top\"",
                                   "\"only-versions\""));
}

/// What is known of rows of objects while those of versions are read, in parts of any size.
TEST_F(InventoryTest, OfVersionsAboveAndBelowRowsOfObjects) {
  set_versioning(true);
  for (int i = 0; i < 30; ++i) put("k" + std::to_string(100 + i));
  set_versioning(false);
  for (int i = 0; i < 30; i += 2) put("k" + std::to_string(100 + i));
  set_versioning(true);
  for (int i = 0; i < 30; i += 3) put("k" + std::to_string(100 + i));
  const BucketEntry bucket = *world_.run(world_.filer.get_bucket(kBucket));
  for (const std::size_t known : {1U, 2U, 5U, 100U}) {
    inventory::Scan scan({.bucket = bucket,
                          .config = {.all_versions = true},
                          .calendar = {},
                          .rules = {},
                          .known_keys = known});
    std::string csv;
    while (*scan.read(*world_.store, 4, csv)) {
    }
    std::multiset<std::string> all;
    std::istringstream text(csv);
    for (std::string line; std::getline(text, line);) all.insert(line.substr(9));
    EXPECT_EQ(std::vector<std::string>(all.begin(), all.end()), versions()) << known;
  }
}

/// Many keys, with and without rows of objects.
TEST_F(InventoryTest, OfManyVersionsWithSmallSlices) {
  for (int i = 0; i < 40; ++i) put("k" + std::to_string(1000 + i));
  set_versioning(true);
  for (int i = 0; i < 40; i += 3) put("k" + std::to_string(1000 + i));
  for (int i = 20; i < 60; i += 2) put("k" + std::to_string(1000 + i));
  configure("Current");
  ASSERT_TRUE(look({.rows_at_once = 7, .file_bytes = 1}));
  std::vector<std::string> expected;
  for (const auto& each : world_.run(world_.filer.list_objects({.bucket = kBucket}))->objects) {
    expected.push_back('"' + each.key + '"');
  }
  EXPECT_EQ(lines(), expected);
  EXPECT_GT(writer_.keys("/data/").size(), 5U) << "several files";
  expect_whole();
}

TEST_F(InventoryTest, IsOfOneMoment) {
  for (int i = 0; i < 30; ++i) put("k" + std::to_string(100 + i));
  configure();
  writer_.before_put = [&](const std::string& key) {
    if (!key.contains("/data/")) return;
    // Between two slices. Through a store of its own order, as another gateway would.
    KvBatch batch;
    const std::string first = keys::object(bucket_.id, "k129");
    batch.writes.push_back(KvWrite::remove(first));
    world_.store->commit(std::move(batch), [](const Result<void>&) {});
  };
  ASSERT_TRUE(look({.rows_at_once = 5, .file_bytes = 1}));
  EXPECT_EQ(lines().size(), 30U) << "what went meanwhile was there when it was begun";
  EXPECT_EQ(lines().back(), "\"k129\"");
}

TEST_F(InventoryTest, HasNoManifestBeforeAllOfItIsThere) {
  for (int i = 0; i < 30; ++i) put("k" + std::to_string(100 + i));
  configure();
  const InventoryOptions small{.rows_at_once = 10, .file_bytes = 1};
  int fail_at = 0;
  for (;; ++fail_at) {
    writer_ = {};
    writer_.fail_at = fail_at;
    const auto made = look(small);
    if (made) break;
    EXPECT_THAT(made.error().message(), HasSubstr("no room"));
    const bool manifest = !writer_.keys("manifest.json").empty();
    EXPECT_EQ(manifest, fail_at > 4) << fail_at;
    EXPECT_TRUE(writer_.keys("manifest.checksum").empty());
    const auto left = writer_.keys("/data/");
    EXPECT_EQ(left.size(), std::min(fail_at, 3));
    // The next one deletes what this one left and nothing names, and is whole.
    world_.clock.advance(std::chrono::minutes(1));
    writer_.fail_at = -1;
    ASSERT_TRUE(look(small));
    const bool named = fail_at >= 3;
    for (const std::string& key : left) {
      EXPECT_EQ(writer_.objects.contains(key), named) << fail_at;
    }
    EXPECT_EQ(writer_.keys("/data/").size(), named ? 6U : 3U) << fail_at;
    EXPECT_EQ(writer_.keys("manifest.checksum").size(), 1U);
    expect_whole();
    world_.clock.advance(days(1));
  }
  EXPECT_EQ(fail_at, 6) << "three data files, symlink.txt, manifest.json, manifest.checksum";
  EXPECT_EQ(metric("kelp_filer_inventory_failures_total"), 6);
}

TEST_F(InventoryTest, IsNotPutWhenItsConfigurationChanged) {
  put("a");
  configure();
  writer_.before_put = [&](const std::string&) {
    KvBatch batch;
    batch.writes.push_back(KvWrite::remove(keys::setting(bucket_.id, "inventory/list")));
    world_.store->commit(std::move(batch), [](const Result<void>&) {});
  };
  EXPECT_FALSE(look());
  EXPECT_TRUE(writer_.keys("manifest").empty());
  ASSERT_TRUE(look());
  EXPECT_TRUE(writer_.keys("manifest").empty());
}

TEST_F(InventoryTest, IsNotPutWhenSomebodyElseBeganAnother) {
  put("a");
  configure();
  writer_.before_put = [&](const std::string& key) {
    if (!key.contains("/data/")) return;
    KvBatch batch;
    batch.writes.push_back(
        KvWrite::put(keys::setting(bucket_.id, "inventory-state/list"),
                     encode_setting(inventory::encode_state({.attempt = WallTime(days(1))}))));
    world_.store->commit(std::move(batch), [](const Result<void>&) {});
  };
  EXPECT_FALSE(look());
  EXPECT_TRUE(writer_.keys("manifest").empty());
}

TEST_F(InventoryTest, OneThatFailsKeepsNoOther) {
  put("a");
  configure("Current", "", "one");
  configure("Current", "<Sort/>", "strange");
  configure("Current", "", "two");
  writer_.fail_at = 0;
  EXPECT_FALSE(look());
  EXPECT_EQ(writer_.keys("manifest.json").size(), 1U);
  EXPECT_THAT(writer_.keys("manifest.json")[0], HasSubstr("/two/"));
  EXPECT_EQ(metrics_.gauge("kelp_filer_inventory_unknown", "").Value(), 1);
}

TEST_F(InventoryTest, FilersTakeTurns) {
  put("a");
  configure();
  InventoryRunner one(
      {world_.filer, world_.kv, world_.work, world_.clock, *timers_, metrics_, writer_},
      {.holder = 1});
  HeldTurn other(async_, 2, keys::job("inventory.turn"));
  ASSERT_TRUE(*world_.run(other.is_ours(world_.clock)));
  EXPECT_FALSE(world_.run(one.look()));
  EXPECT_TRUE(writer_.keys("").empty());
  world_.clock.advance(std::chrono::seconds(61));
  EXPECT_TRUE(world_.run(one.look()));
  EXPECT_FALSE(*world_.run(other.is_ours(world_.clock)));
}

}  // namespace
}  // namespace kelp
