// Lifecycle rules applied to a filer's buckets, pass by pass.

#include <gtest/gtest.h>

#include <set>

#include "base/metrics.h"
#include "filer/core/keys.h"
#include "filer/lifecycle_runner.h"
#include "tests/unit/filer/chaos.h"

namespace kelp {
namespace {

using std::chrono::days;
using std::chrono::hours;
using test::FilerWorld;
using test::put_of;

const std::string kBucket = test::kChaosBucket;
const std::string kGone = "<Expiration><Days>2</Days></Expiration>";
const std::string kOldGone =
    "<NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays></NoncurrentVersionExpiration>";
const std::string kMarkersGone =
    "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>";
const std::string kAborts =
    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation>"
    "</AbortIncompleteMultipartUpload>";

std::string rule(const std::string& filter, const std::string& actions) {
  return "<Rule><ID>r</ID><Filter>" + filter + "</Filter><Status>Enabled</Status>" + actions +
         "</Rule>";
}

class LifecycleTest : public testing::Test {
 protected:
  explicit LifecycleTest(std::uint64_t seed = 1) : world_(seed, test::kChaosOptions) {
    bucket_ = world_.make_bucket(kBucket);
  }

  void set_rules(const std::string& inside) {
    ASSERT_TRUE(world_.run(world_.filer.set_bucket_setting({kBucket, "lifecycle", inside})));
  }
  void set_versioning(bool enabled) {
    ASSERT_TRUE(world_.run(world_.filer.set_bucket_versioning({kBucket, enabled})));
  }
  std::optional<std::uint64_t> put(std::string key, std::string body = "x", ObjectLock lock = {},
                                   std::vector<std::pair<std::string, std::string>> tags = {}) {
    PutObject request = put_of(kBucket, std::move(key), std::move(body));
    request.entry.headers.lock = lock;
    request.entry.headers.tags = std::move(tags);
    const auto outcome = world_.run(world_.filer.put_object(std::move(request)));
    EXPECT_TRUE(outcome) << outcome.error().message();
    return outcome->version_id;
  }
  LifecycleRunner runner(LifecycleOptions options = {}) {
    return {{world_.filer, world_.kv, world_.work, world_.clock, *timers_, metrics_}, options};
  }
  void pass() {
    LifecycleRunner one = runner();
    const auto over = world_.run(one.go_on(100'000));
    ASSERT_TRUE(over) << over.error().message();
    EXPECT_TRUE(*over);
  }
  /// Keys of current versions, with a space behind each.
  std::string objects() {
    std::string text;
    for (const auto& object : world_.run(world_.filer.list_objects({.bucket = kBucket}))->objects) {
      text += object.key + ' ';
    }
    return text;
  }
  /// Versions, newest first: the key, "!" of a marker, "*" of the latest one.
  std::string versions() {
    std::string text;
    for (const auto& each : world_.run(world_.filer.list_versions({.bucket = kBucket}))->versions) {
      text += each.object.key + (each.delete_marker ? "!" : "") + (each.is_latest ? "* " : " ");
    }
    return text;
  }
  /// What a page over the whole bucket finds now.
  std::pair<RuledBucket, ExpiryPage> judge(ExpiryLimits limits = {}) {
    const auto found = find_rules(*world_.store, "", 100);
    EXPECT_TRUE(found && found->found);
    auto page = find_doomed(*world_.store, *found->found, {}, {{}, world_.clock.wall()}, limits);
    EXPECT_TRUE(page) << page.error().message();
    return {*found->found, *std::move(page)};
  }
  Result<Expired> expire(const RuledBucket& ruled, std::vector<Doomed> doomed) {
    return world_.run(
        world_.filer.expire({kBucket, ruled.bucket.id, ruled.rules_row, std::move(doomed)}));
  }
  double metric(const std::string& name) { return metrics_.counter(name, "").Value(); }

  FilerWorld world_;
  BucketEntry bucket_;
  Metrics metrics_;
  std::unique_ptr<Timers> timers_ = make_asio_timers();
};

TEST_F(LifecycleTest, ExpiresWhatARuleIsAbout) {
  put("logs/a", "aaa");
  put("logs/b", "b");
  put("other", "x");
  put("tagged", "x", {}, {{"kind", "temp"}});
  set_rules(
      rule("<And><Prefix>logs/</Prefix><ObjectSizeGreaterThan>1</ObjectSizeGreaterThan></And>",
           kGone) +
      rule("<Tag><Key>kind</Key><Value>temp</Value></Tag>", kGone));
  world_.clock.advance(days(1));
  pass();
  EXPECT_EQ(objects(), "logs/a logs/b other tagged ") << "nothing is due yet";
  world_.clock.advance(days(2));
  pass();
  EXPECT_EQ(objects(), "logs/b other ");
  EXPECT_EQ(world_.run(world_.filer.bucket_usage(kBucket))->objects, 2);
  test::expect_sound(world_, {});
}

TEST_F(LifecycleTest, GoesByTheRulesOfTheMoment) {
  put("k");
  set_rules(rule("", kGone));
  world_.clock.advance(days(3));
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_setting({kBucket, "lifecycle", std::nullopt})));
  pass();
  EXPECT_EQ(objects(), "k ");
}

TEST_F(LifecycleTest, NeverDeletesByAnOldJudgement) {
  put("overwritten");
  put("gone", "x");
  put("tagged", "x", {}, {{"kind", "temp"}});
  put("same");
  set_rules(rule("<Prefix>o</Prefix>", kGone) + rule("<Prefix>g</Prefix>", kGone) +
            rule("<Prefix>s</Prefix>", kGone) +
            rule("<Tag><Key>kind</Key><Value>temp</Value></Tag>", kGone));
  world_.clock.advance(days(3));
  auto [ruled, page] = judge();
  ASSERT_EQ(page.doomed.size(), 4U);
  put("overwritten", "new");
  ASSERT_TRUE(world_.run(world_.filer.delete_object({kBucket, "gone"}, {})));
  ASSERT_TRUE(world_.run(world_.filer.set_object_tags({{kBucket, "tagged"}, {}})));
  const auto done = expire(ruled, std::move(page.doomed));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->expired, 1U);
  EXPECT_EQ(done->changed, 3U);
  EXPECT_EQ(objects(), "overwritten tagged ");
  test::expect_sound(world_, {});
}

TEST_F(LifecycleTest, DoesNothingByRulesThatChanged) {
  put("k");
  set_rules(rule("", kGone));
  world_.clock.advance(days(3));
  auto [ruled, page] = judge();
  set_rules(rule("<Prefix>z</Prefix>", kGone));
  const auto done = expire(ruled, page.doomed);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().reason(), Reason::kConditionConflict);
  EXPECT_EQ(objects(), "k ");
  // Another bucket of this name is not this one.
  ASSERT_TRUE(world_.run(world_.filer.drop_bucket(kBucket)));
  world_.make_bucket(kBucket);
  put("k");
  EXPECT_FALSE(expire(ruled, page.doomed));
  EXPECT_EQ(objects(), "k ");
}

TEST_F(LifecycleTest, MakesMarkersAndThenRemovesWhatIsBelowAndThenThem) {
  set_versioning(true);
  put("k");
  put("k");
  set_rules(rule("", kGone + kOldGone));
  world_.clock.advance(days(3));
  EXPECT_EQ(versions(), "k* k ");
  pass();
  EXPECT_EQ(versions(), "k!* k ") << "the older one is due since its successor came";
  world_.clock.advance(days(3));
  pass();
  EXPECT_EQ(versions(), "k!* ");
  pass();
  EXPECT_EQ(versions(), "") << "the marker is alone, and as old";
  EXPECT_EQ(metric("kelp_filer_lifecycle_expired_total"), 1);
  EXPECT_EQ(metric("kelp_filer_lifecycle_removed_total"), 2);
  EXPECT_EQ(metric("kelp_filer_lifecycle_markers_total"), 1);
  test::expect_sound(world_, {});
}

TEST_F(LifecycleTest, KeepsAMarkerThatIsNotAlone) {
  set_versioning(true);
  put("k");
  ASSERT_TRUE(world_.run(world_.filer.delete_object({kBucket, "k"}, {})));
  ASSERT_TRUE(world_.run(world_.filer.delete_object({kBucket, "alone"}, {})));
  set_rules(rule("", kMarkersGone));
  auto [ruled, page] = judge();
  ASSERT_EQ(page.doomed.size(), 1U);
  put("alone");  // The marker was judged alone and is so no more, nor newest.
  EXPECT_EQ(expire(ruled, std::move(page.doomed))->changed, 1U);
  pass();
  EXPECT_EQ(versions(), "alone* alone! k!* k ");
}

TEST_F(LifecycleTest, KeepsTheNewestOlderVersions) {
  set_versioning(true);
  for (int i = 0; i < 6; ++i) put("k");
  set_rules(rule("",
                 "<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays>"
                 "<NewerNoncurrentVersions>2</NewerNoncurrentVersions>"
                 "</NoncurrentVersionExpiration>"));
  world_.clock.advance(days(3));
  auto [ruled, page] = judge();
  ASSERT_EQ(page.doomed.size(), 3U);
  // One that was to stay goes: so the newest of the doomed is to stay now.
  const auto listed = world_.run(world_.filer.list_versions({.bucket = kBucket}));
  const std::uint64_t kept = listed->versions.at(1).version_id;
  ASSERT_TRUE(world_.run(world_.filer.delete_object({kBucket, "k", kept}, {})));
  EXPECT_EQ(expire(ruled, std::move(page.doomed))->changed, 3U);
  pass();
  EXPECT_EQ(versions(), "k* k k ");
  test::expect_sound(world_, {});
}

TEST_F(LifecycleTest, LeavesAVersionThatBecameCurrentAgain) {
  set_versioning(true);
  put("k");
  const auto newer = put("k");
  set_rules(rule("", kOldGone));
  world_.clock.advance(days(3));
  auto [ruled, page] = judge();
  ASSERT_EQ(page.doomed.size(), 1U);
  ASSERT_TRUE(world_.run(world_.filer.delete_object({kBucket, "k", newer}, {})));
  EXPECT_EQ(expire(ruled, std::move(page.doomed))->changed, 1U);
  EXPECT_EQ(versions(), "k* ");
}

TEST_F(LifecycleTest, ReplacesTheNullVersionWhereVersioningIsSuspended) {
  put("k", "null");
  set_versioning(true);
  put("k");
  set_versioning(false);
  set_rules(rule("", kGone + kOldGone));
  world_.clock.advance(days(3));
  pass();
  // The null version was due, as an older one; so was the newest, whose marker is null.
  EXPECT_EQ(versions(), "k!* k ");
  EXPECT_EQ(world_.run(world_.filer.list_versions({.bucket = kBucket}))->versions[0].version_id,
            kNullVersion);
  world_.clock.advance(days(3));
  pass();
  pass();
  EXPECT_EQ(versions(), "");
  test::expect_sound(world_, {});
}

TEST_F(LifecycleTest, HonoursLocks) {
  BucketEntry locked;
  locked.name = "locked";
  locked.owner_id = "alice";
  locked.versioning = Versioning::kEnabled;
  locked.lock.enabled = true;
  ASSERT_TRUE(world_.run(world_.filer.create_bucket(std::move(locked))));
  ASSERT_TRUE(
      world_.run(world_.filer.set_bucket_setting({"locked", "lifecycle", rule("", kOldGone)})));
  std::vector<ObjectKey> held;
  for (int i = 0; i < 3; ++i) {
    PutObject request = put_of("locked", "k", "x");
    if (i == 0) request.entry.headers.lock.hold = LegalHold::kOn;
    const auto outcome = world_.run(world_.filer.put_object(std::move(request)));
    held.push_back({"locked", "k", outcome->version_id});
  }
  world_.clock.advance(days(3));
  auto [ruled, page] = judge();
  EXPECT_EQ(page.locked, 1U);
  ASSERT_EQ(page.doomed.size(), 1U);
  // A hold that comes behind the judgement holds in the commit.
  ASSERT_TRUE(world_.run(world_.filer.set_object_lock({.name = held[1], .hold = LegalHold::kOn})));
  page.doomed[0].row.second =
      world_.store->get(page.doomed[0].row.first)->value();  // As if it was judged with it.
  const auto done = world_.run(
      world_.filer.expire({"locked", ruled.bucket.id, ruled.rules_row, std::move(page.doomed)}));
  EXPECT_EQ(done->locked, 1U);
  pass();
  for (const ObjectKey& name : held) EXPECT_TRUE(world_.run(world_.filer.get_object(name, false)));
  ASSERT_TRUE(world_.run(world_.filer.set_object_lock({.name = held[0], .hold = LegalHold::kOff})));
  pass();
  EXPECT_FALSE(world_.run(world_.filer.get_object(held[0], false)));
  EXPECT_TRUE(world_.run(world_.filer.get_object(held[1], false)));
}

TEST_F(LifecycleTest, AbortsUploadsThatAreOld) {
  const auto old = test::upload_of(world_, world_.filer, kBucket, "tmp/a", 10).upload;
  const auto other = test::upload_of(world_, world_.filer, kBucket, "b", 10).upload;
  set_rules(rule("<Prefix>tmp/</Prefix>", kAborts));
  world_.clock.advance(days(3));
  const auto fresh = test::upload_of(world_, world_.filer, kBucket, "tmp/c", 10).upload;
  auto [ruled, page] = judge();
  ASSERT_EQ(page.uploads.size(), 1U);
  set_rules(rule("<Prefix>tmp/z</Prefix>", kAborts));
  EXPECT_FALSE(world_.run(world_.filer.expire_upload(page.uploads[0], ruled.rules_row)));
  EXPECT_TRUE(world_.run(world_.filer.get_upload(old))) << "the rules are others now";
  set_rules(rule("<Prefix>tmp/</Prefix>", kAborts));
  pass();
  EXPECT_FALSE(world_.run(world_.filer.get_upload(old)));
  EXPECT_TRUE(world_.run(world_.filer.get_upload(other)));
  EXPECT_TRUE(world_.run(world_.filer.get_upload(fresh)));
  EXPECT_EQ(world_.run(world_.filer.bucket_usage(kBucket))->upload_bytes, 20);
}

TEST_F(LifecycleTest, TellsOfWhatItDeletes) {
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_events({kBucket, 3'600'000})));
  put("k");
  set_rules(rule("", kGone));
  world_.clock.advance(days(3));
  pass();
  const auto page =
      world_.run(world_.filer.read_events({.bucket = kBucket, .from = EventsFrom::kOldest}));
  ASSERT_TRUE(page);
  ASSERT_EQ(page->events.size(), 2U);
  EXPECT_EQ(page->events[1].kind, EventKind::kDelete);
  EXPECT_EQ(page->events[1].origin.cause, EventCause::kExpiration);
}

TEST_F(LifecycleTest, GoesOnWhereAnotherOneGotTo) {
  for (int i = 0; i < 10; ++i) put("k" + std::to_string(i));
  set_rules(rule("", kGone));
  world_.clock.advance(days(3));
  {
    LifecycleRunner first = runner({.limits = {.rows = 2}});
    EXPECT_EQ(world_.run(first.go_on(2)).value(), false);
  }
  EXPECT_EQ(objects(), "k4 k5 k6 k7 k8 k9 ");
  put("k0");  // Behind the place: not looked at in this pass.
  world_.clock.advance(days(3));
  LifecycleRunner second = runner({.limits = {.rows = 2}});
  EXPECT_EQ(world_.run(second.go_on(1)).value(), false);
  EXPECT_EQ(objects(), "k0 k6 k7 k8 k9 ");
  EXPECT_EQ(world_.run(second.go_on(100)).value(), true);
  EXPECT_EQ(objects(), "k0 ");
  const auto row = decode_lifecycle(world_.store->get(keys::job("lifecycle"))->value());
  EXPECT_FALSE(row->under_way);
  EXPECT_EQ(row->ended, world_.clock.wall());
}

TEST_F(LifecycleTest, IsOneFilersTurnUntilItIsGone) {
  for (int i = 0; i < 10; ++i) put("k" + std::to_string(i));
  set_rules(rule("", kGone));
  world_.clock.advance(days(3));
  LifecycleRunner first = runner({.holder = 1, .limits = {.rows = 2}});
  LifecycleRunner second = runner({.holder = 2, .limits = {.rows = 2}});
  EXPECT_EQ(world_.run(first.go_on(1)).value(), false);
  EXPECT_EQ(world_.run(second.go_on(100)).value(), false);
  EXPECT_EQ(objects(), "k2 k3 k4 k5 k6 k7 k8 k9 ") << "it is the first one's turn";
  world_.clock.advance(std::chrono::seconds(61));
  EXPECT_EQ(world_.run(second.go_on(100)).value(), true);
  EXPECT_EQ(objects(), "");
}

TEST_F(LifecycleTest, TakesAKeyWithVeryManyVersionsApart) {
  set_versioning(true);
  for (int i = 0; i < 20; ++i) put("k");
  put("l");
  set_rules(rule("", kOldGone));
  world_.clock.advance(days(3));
  LifecycleRunner one = runner({.limits = {.doomed = 3}});
  EXPECT_EQ(world_.run(one.go_on(3)).value(), false);
  EXPECT_EQ(world_.run(world_.filer.list_versions({.bucket = kBucket}))->versions.size(), 12U);
  EXPECT_EQ(world_.run(one.go_on(100)).value(), true);
  EXPECT_EQ(versions(), "k* l* ");
}

TEST_F(LifecycleTest, LeavesRulesAloneThatItDoesNotUnderstand) {
  put("k");
  set_rules("<Rule><Filter><Owner>me</Owner></Filter><Status>Enabled</Status>" + kGone + "</Rule>");
  world_.make_bucket("zoo");
  ASSERT_TRUE(world_.run(world_.filer.put_object(put_of("zoo", "k", "x"))));
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_setting({"zoo", "lifecycle", rule("", kGone)})));
  world_.clock.advance(days(3));
  pass();
  EXPECT_EQ(objects(), "k ");
  EXPECT_FALSE(world_.run(world_.filer.get_object({"zoo", "k"}, false))) << "another bucket's";
}

// Keys are overwritten while they expire: what was put last is there, whatever was judged.
TEST(LifecycleRaces, NeverTakeWhatIsNew) {
  for (std::uint64_t seed = 1; seed <= test::kChaosSeeds; ++seed) {
    FilerWorld world(seed, test::kChaosOptions);
    Metrics metrics;
    const auto timers = make_asio_timers();
    world.make_bucket(kBucket);
    if (seed % 3 != 0) {
      ASSERT_TRUE(world.run(world.filer.set_bucket_versioning({kBucket, true})));
      if (seed % 3 == 1) {
        ASSERT_TRUE(world.run(world.filer.set_bucket_versioning({kBucket, false})));
      }
    }
    ASSERT_TRUE(world.run(
        world.filer.set_bucket_setting({kBucket, "lifecycle", rule("", kGone + kOldGone)})));
    for (int i = 0; i < 9; ++i) {
      ASSERT_TRUE(world.run(world.filer.put_object(put_of(kBucket, std::to_string(i % 6), "old"))));
    }
    world.clock.advance(days(3));
    LifecycleRunner runner({world.filer, world.kv, world.work, world.clock, *timers, metrics},
                           {.limits = {.rows = 3}});
    std::vector<Task<void>> tasks;
    tasks.push_back([](LifecycleRunner& one) -> Task<void> {
      for (int i = 0; i < 2; ++i) EXPECT_TRUE(co_await one.go_on(1000));
    }(runner));
    for (int i = 0; i < 3; ++i) {
      tasks.push_back([](FilerService& filer, std::string key) -> Task<void> {
        EXPECT_TRUE(co_await filer.put_object(put_of(kBucket, key, "new")));
      }(world.filer, std::to_string(i)));
    }
    world.run_all(std::move(tasks));
    for (int i = 0; i < 6; ++i) {
      const auto found = world.run(world.filer.get_object({kBucket, std::to_string(i)}, true));
      const bool there = found && !found->entry.delete_marker;
      EXPECT_EQ(there, i < 3) << "seed " << seed << " key " << i;
      if (there) EXPECT_EQ(found->inline_body, "new") << "seed " << seed;
    }
    test::expect_sound(world, {});
  }
}

}  // namespace
}  // namespace kelp
