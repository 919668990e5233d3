// Restores of archived versions through a filer.

#include <gtest/gtest.h>

#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using std::chrono::hours;
using test::FilerWorld;
using test::put_of;

const std::string kBucket = "photos";
constexpr FilerOptions kOptions{.min_part_bytes = 1, .lease_ids = 16, .event_stream = 1};

class RestoresTest : public testing::Test {
 protected:
  RestoresTest() { world_.make_bucket(kBucket); }

  ObjectEntry put(const std::string& key) {
    PutObject request = put_of(kBucket, key, "body");
    request.entry.headers.storage_class = "GLACIER";
    request.entry.headers.standard = {{"cache-control", "no-store"}};
    EXPECT_TRUE(world_.run(world_.filer.put_object(std::move(request))));
    return entry_of(key);
  }
  ObjectEntry entry_of(const std::string& key) {
    return world_.run(world_.filer.get_object({kBucket, key}, false)).value().entry;
  }
  /// Readable from now + `after` to now + `until`; 0: at once.
  RestoreObject order(const ObjectEntry& entry, const std::string& key, hours after, hours until) {
    const WallTime now = world_.clock.wall();
    return {.name = {kBucket, key},
            .version = entry.version,
            .now = now,
            .copy = {after == hours(0) ? WallTime{} : now + after, now + until},
            .origin = {EventCause::kPost, "someone"}};
  }
  Result<RestoreOutcome> restore(RestoreObject request) {
    return world_.run(world_.filer.restore_object(std::move(request)));
  }

  FilerWorld world_{1, kOptions};
};

TEST_F(RestoresTest, ChangeTheRowAloneAndAreExtended) {
  const ObjectEntry before = put("k");
  const RestoreObject first = order(before, "k", hours(0), hours(2));
  const auto started = restore(first);
  ASSERT_TRUE(started) << started.error().message();
  EXPECT_FALSE(started->extended);
  ObjectEntry now = entry_of("k");
  EXPECT_EQ(restored_copy(now.headers), first.copy);
  drop_restored_copy(now.headers);
  EXPECT_EQ(now, before) << "version, time, ETag, class and body stay";

  world_.clock.advance(hours(1));
  const RestoreObject shorter = order(before, "k", hours(0), hours(1));
  EXPECT_TRUE(restore(shorter).value().extended);
  EXPECT_EQ(restored_copy(entry_of("k").headers), shorter.copy);
  world_.clock.advance(hours(1));
  EXPECT_FALSE(restore(order(before, "k", hours(0), hours(1))).value().extended) << "it was over";
}

TEST_F(RestoresTest, OneAtATime) {
  const ObjectEntry entry = put("k");
  const RestoreObject slow = order(entry, "k", hours(1), hours(3));
  ASSERT_TRUE(restore(slow));
  const auto second = restore(order(entry, "k", hours(0), hours(9)));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Errc::kAlreadyExists);
  EXPECT_EQ(restored_copy(entry_of("k").headers), slow.copy);
  world_.clock.advance(hours(1));
  RestoreObject longer = order(entry, "k", hours(1), hours(9));
  EXPECT_TRUE(restore(longer).value().extended);
  longer.copy.ready = slow.copy.ready;
  EXPECT_EQ(restored_copy(entry_of("k").headers), longer.copy) << "it stays readable meanwhile";
}

TEST_F(RestoresTest, AreOfTheVersionThatWasRead) {
  const ObjectEntry old = put("k");
  put("k");
  const auto lost = restore(order(old, "k", hours(0), hours(1)));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().reason(), Reason::kConditionConflict);
  EXPECT_EQ(restored_copy(entry_of("k").headers), std::nullopt);
  EXPECT_EQ(restore(order(old, "none", hours(0), hours(1))).error().reason(), Reason::kNoSuchKey);
}

TEST_F(RestoresTest, TellOfTheirBeginningAndTheirEnd) {
  ASSERT_TRUE(world_.run(world_.filer.set_bucket_events({kBucket, 3600})));
  const ObjectEntry now = put("now");
  const ObjectEntry later = put("later");
  ASSERT_TRUE(restore(order(now, "now", hours(0), hours(2))));
  world_.clock.advance(hours(1));
  ASSERT_TRUE(restore(order(later, "later", hours(1), hours(2))));
  ASSERT_FALSE(restore(order(later, "later", hours(0), hours(2))));
  const auto page = world_.run(world_.filer.read_events({kBucket, EventsFrom::kOldest, {}, 100}));
  std::vector<std::pair<std::string, EventKind>> told;
  WallTime last;
  for (const ObjectEvent& event : page.value().events) {
    if (event.kind == EventKind::kPut) continue;
    told.emplace_back(event.key, event.kind);
    EXPECT_GT(event.time, last) << "what orders the events of a key";
    last = event.time;
    EXPECT_EQ(event.origin, (EventOrigin{EventCause::kPost, "someone"}));
    EXPECT_EQ(event.size_bytes, 4U);
  }
  const std::vector<std::pair<std::string, EventKind>> wanted = {
      {"now", EventKind::kRestore}, {"now", EventKind::kRestored}, {"later", EventKind::kRestore}};
  EXPECT_EQ(told, wanted);
}

}  // namespace
}  // namespace kelp
