// Every change of an object has its event, and whoever follows them knows what the bucket holds.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "filer/collector.h"
#include "filer/core/keys.h"
#include "tests/support/forwarding_kv.h"
#include "tests/unit/filer/fake_volumes.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using std::chrono::seconds;
using test::FilerWorld;
using test::put_of;

const std::string kBucket = "photos";
constexpr FilerOptions kOptions{.min_part_bytes = 1, .lease_ids = 16, .event_stream = 1};

/// Never says the same time twice.
class TickingClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime(wall().time_since_epoch()); }
  [[nodiscard]] WallTime wall() const override {
    return WallTime(seconds(1'700'000'000)) + std::chrono::microseconds(++ticks_);
  }
  void advance(seconds by) { ticks_ += std::chrono::microseconds(by).count(); }

 private:
  mutable std::int64_t ticks_ = 0;
};

/// A bucket that two filers write, whose clocks agree.
class EventsTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  EventsTest() {
    FilerOptions other = kOptions;
    other.event_stream = 2;
    second_.emplace(world_.kv, world_.work, clock_, other);
    world_.make_bucket(kBucket);
  }
  static std::uint64_t seed() {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    return test->value_param() == nullptr ? 1 : GetParam();
  }

  void keep(std::uint32_t for_seconds) {
    ASSERT_TRUE(world_.run(first_.set_bucket_events({kBucket, for_seconds})));
  }
  Result<EventPage> read(EventsFrom from, std::string position = {}, std::uint32_t limit = 1000) {
    return world_.run(second_->read_events({kBucket, from, std::move(position), limit}));
  }
  /// "put a 5, delete a": what happened since `position`, which moves.
  std::string news(std::string& position) {
    const EventPage page = read(EventsFrom::kPosition, position).value();
    position = page.position;
    std::string text;
    for (const ObjectEvent& event : page.events) {
      constexpr const char* kKinds[] = {"",     "put", "delete",  "marker",   "tags",
                                        "lock", "acl", "restore", "restored", "encryption"};
      if (!text.empty()) text += ", ";
      text += fmt::format("{} {}", kKinds[std::to_underlying(event.kind)], event.key);
      if (event.kind == EventKind::kPut) text += fmt::format(" {}", event.size_bytes);
    }
    return text;
  }
  void put(const std::string& key, std::string body) {
    clock_.advance(seconds(1));
    EXPECT_TRUE(world_.run(first_.put_object(put_of(kBucket, key, std::move(body)))));
  }
  DeleteOutcome remove(const std::string& key, std::optional<std::uint64_t> version = {}) {
    clock_.advance(seconds(1));
    return world_.run(second_->delete_object({kBucket, key, version}, {})).value();
  }
  void upload(const std::string& key) {
    CompleteUpload complete = test::upload_of(world_, first_, kBucket, key, 9);
    const auto completed = world_.run(first_.complete_upload(std::move(complete)));
    EXPECT_TRUE(completed) << completed.error().message();
  }
  /// Log rows that are there.
  std::size_t rows() {
    return world_.store->scan(keys::within(std::string(1, keys::kEvent)), 100'000)->size();
  }

  Task<void> client(int actions);
  /// All events, read page by page.
  std::vector<ObjectEvent> all_events() {
    std::vector<ObjectEvent> events;
    std::string position;
    for (bool more = true; more;) {
      EventPage page =
          read(position.empty() ? EventsFrom::kOldest : EventsFrom::kPosition, position, 3).value();
      std::ranges::move(page.events, std::back_inserter(events));
      position = page.position;
      more = page.more;
    }
    return events;
  }

  FilerWorld world_{seed()};  // Its own filer has another clock.
  TickingClock clock_;
  FilerService first_{world_.kv, world_.work, clock_, kOptions};
  std::optional<FilerService> second_;
};

TEST_F(EventsTest, EveryChangeHasItsEvent) {
  keep(3600);
  std::string position = read(EventsFrom::kNow)->position;
  put("a", "12345");
  put("a", "1234567");
  upload("b");
  EXPECT_TRUE(remove("a").existed);
  EXPECT_FALSE(remove("a").existed);
  put("a", "");
  EXPECT_EQ(news(position), "put a 5, put a 7, put b 9, delete a, put a 0");
  EXPECT_EQ(news(position), "");
  const auto many = world_.run(first_.delete_objects({kBucket, {"a", "b", "c", "b"}, {}}));
  ASSERT_TRUE(many);
  EXPECT_EQ(news(position), "delete a, delete b");
}

TEST_F(EventsTest, VersionsAndMarkersAndTagsHaveTheirs) {
  keep(3600);
  ASSERT_TRUE(world_.run(first_.set_bucket_versioning({kBucket, true})));
  std::string position = read(EventsFrom::kNow)->position;
  put("a", "1");
  put("a", "22");
  const DeleteOutcome marked = remove("a");
  ASSERT_TRUE(marked.delete_marker);
  const EventPage page = read(EventsFrom::kPosition, position).value();
  ASSERT_EQ(page.events.size(), 3U);
  EXPECT_EQ(page.events[2].version_id, marked.version_id);
  EXPECT_EQ(news(position), "put a 1, put a 2, marker a");
  remove("a", marked.version_id);
  EXPECT_EQ(news(position), "delete a");
  ASSERT_TRUE(world_.run(first_.set_object_tags({{kBucket, "a"}, {{"k", "v"}}})));
  EXPECT_EQ(news(position), "tags a");
  ASSERT_TRUE(world_.run(first_.set_object_acl({{kBucket, "a"}, "R=*"})));
  EXPECT_EQ(news(position), "acl a");
  EXPECT_EQ(world_.run(first_.get_object({kBucket, "a"}, false))->entry.headers.acl, "R=*");
}

TEST_F(EventsTest, EachSaysByWhatItCameAbout) {
  using enum EventCause;
  keep(3600);
  const auto by = [](EventCause cause) { return EventOrigin{cause, "someone"}; };
  PutObject posted = put_of(kBucket, "a", "1");
  posted.conditions.origin = by(kPost);
  ASSERT_TRUE(world_.run(first_.put_object(std::move(posted))));
  CompleteUpload complete = test::upload_of(world_, first_, kBucket, "b", 9);
  complete.conditions.origin.requester = "someone";
  ASSERT_TRUE(world_.run(first_.complete_upload(std::move(complete))));
  RenameObject rename{.from = {kBucket, "a"}, .to = {kBucket, "c"}};
  rename.conditions.origin.requester = "someone";
  rename.conditions.origin.request_id = "of the rename";
  ASSERT_TRUE(world_.run(first_.rename_object(std::move(rename))));
  SetObjectTags tags{{kBucket, "b"}, {}, by(kRemoval)};
  ASSERT_TRUE(world_.run(first_.set_object_tags(std::move(tags))));
  ASSERT_TRUE(world_.run(first_.set_object_acl({{kBucket, "b"}, "R=*", by(kPut)})));
  ASSERT_TRUE(world_.run(first_.delete_object({kBucket, "b"}, {.origin = by(kExpiration)})));
  ASSERT_TRUE(world_.run(
      first_.delete_objects({.bucket = kBucket, .keys = {"c"}, .origin = by(kRemoval)})));
  std::vector<EventCause> causes;
  for (const ObjectEvent& event : all_events()) {
    causes.push_back(event.origin.cause);
    EXPECT_EQ(event.origin.requester, "someone") << event.key;
    EXPECT_EQ(event.origin.request_id, event.origin.cause == kRename ? "of the rename" : "");
  }
  EXPECT_EQ(causes,
            (std::vector{kPost, kUpload, kRename, kRename, kRemoval, kPut, kExpiration, kRemoval}));
}

// What is put under the new key comes behind the delete of what was there a moment before.
TEST_F(EventsTest, ALateRenameIsLateInTheLogToo) {
  keep(3600);
  test::LateKv late(world_.kv);
  FilerOptions options = kOptions;
  options.event_stream = 3;
  FilerService third(late, world_.work, clock_, options);
  ASSERT_TRUE(world_.run(third.put_object(put_of(kBucket, "from", "12345"))));
  std::string position = read(EventsFrom::kNow)->position;
  late.before_commit([this] {
    put("to", "1");
    remove("to");
  });
  RenameObject rename{.from = {kBucket, "from"}, .to = {kBucket, "to"}};
  ASSERT_TRUE(world_.run(third.rename_object(std::move(rename))));
  EXPECT_EQ(news(position), "put to 1, delete to, put to 5, delete from");
}

TEST_F(EventsTest, OnlyWhatHappensWhileItIsOnIsKept) {
  put("before", "1");
  EXPECT_EQ(read(EventsFrom::kOldest).error().code(), Errc::kNotFound);
  keep(3600);
  std::string position = read(EventsFrom::kOldest)->position;
  put("during", "1");
  keep(7200);
  EXPECT_EQ(news(position), "put during 1") << "another time is the same log";
  keep(0);
  EXPECT_EQ(rows(), 0U);
  put("after", "1");
  EXPECT_EQ(rows(), 0U);
  keep(3600);
  EXPECT_EQ(read(EventsFrom::kPosition, position).error().code(), Errc::kNotFound);
  EXPECT_TRUE(read(EventsFrom::kOldest)->events.empty());
}

TEST_F(EventsTest, TheLogGoesWithItsBucket) {
  keep(3600);
  put("a", "1");
  remove("a");
  EXPECT_GT(rows(), 0U);
  ASSERT_TRUE(world_.run(first_.delete_bucket(kBucket)));
  EXPECT_EQ(rows(), 0U);
  world_.make_bucket(kBucket);
  keep(3600);
  put("a", "1");
  ASSERT_TRUE(world_.run(first_.drop_bucket(kBucket)));
  EXPECT_EQ(rows(), 0U);
}

TEST_F(EventsTest, TheCollectorCutsOffWhatIsTooOld) {
  test::FakeVolumes volumes;
  const auto timers = make_asio_timers();
  Metrics metrics;
  Collector collector({world_.kv, world_.work, clock_, *timers, volumes, volumes,
                       [] { return NeedleKey(0); }, metrics});
  keep(3600);
  put("old", "1");
  std::string position = read(EventsFrom::kOldest)->position;
  put("older than an hour, too", "1");
  clock_.advance(seconds(3600));
  put("new", "1");
  ASSERT_TRUE(world_.run(collector.collect(true)));
  EXPECT_EQ(read(EventsFrom::kPosition, position).error().code(), Errc::kNotFound);
  const EventPage page = read(EventsFrom::kOldest).value();
  ASSERT_EQ(page.events.size(), 1U);
  EXPECT_EQ(page.events[0].key, "new");
}

Task<void> EventsTest::client(int actions) {
  Rng& rng = world_.work.rng();
  for (int i = 0; i < actions; ++i) {
    FilerService& filer = rng.below(2) == 0 ? first_ : *second_;
    const std::string key(1, char('a' + rng.below(4)));
    const std::uint64_t what = rng.below(8);
    if (what <= 1) {
      (void)co_await filer.delete_object({kBucket, key}, {});
    } else if (what <= 3) {
      RenameObject rename{.from = {kBucket, key},
                          .to = {kBucket, std::string(1, char('a' + rng.below(4)))}};
      (void)co_await filer.rename_object(std::move(rename));
    } else {
      (void)co_await filer.put_object(put_of(kBucket, key, std::string(rng.below(9), 'x')));
    }
  }
}

// The events of many writers through two filers, read page by page, say what the bucket holds.
TEST_P(EventsTest, WhoeverFollowsTheEventsKnowsWhatTheBucketHolds) {
  keep(3600);
  std::vector<Task<void>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(client(12));
  world_.run_all(std::move(clients));
  std::map<std::string, std::uint64_t> held;
  for (const ObjectEvent& event : all_events()) {
    if (event.kind == EventKind::kPut) {
      held[event.key] = event.version;
    } else {
      EXPECT_EQ(held[event.key], event.version) << "what goes is what came last";
      held.erase(event.key);
    }
  }
  std::map<std::string, std::uint64_t> there;
  for (const char* key : {"a", "b", "c", "d"}) {
    const auto found = world_.run(first_.get_object({kBucket, key}, false));
    if (found) there[key] = found->entry.version;
  }
  EXPECT_EQ(held, there) << "seed " << GetParam();
}
INSTANTIATE_TEST_SUITE_P(Seeds, EventsTest, testing::Range<std::uint64_t>(1, 61));

class VersionEventsTest : public EventsTest {
 protected:
  Task<void> client(int actions);
};

Task<void> VersionEventsTest::client(int actions) {
  Rng& rng = world_.work.rng();
  for (int i = 0; i < actions; ++i) {
    FilerService& filer = rng.below(2) == 0 ? first_ : *second_;
    const std::string key(1, char('a' + rng.below(2)));
    const std::uint64_t what = rng.below(14);
    if (what == 0) {
      SetBucketVersioning other{kBucket, rng.below(3) == 0};
      (void)co_await filer.set_bucket_versioning(std::move(other));
    } else if (what <= 4) {
      (void)co_await filer.put_object(put_of(kBucket, key, "x"));
    } else if (what <= 6) {
      (void)co_await filer.delete_object({kBucket, key}, {});
    } else if (what <= 8) {
      RenameObject rename{.from = {kBucket, key}, .to = {kBucket, key == "a" ? "b" : "a"}};
      (void)co_await filer.rename_object(std::move(rename));
    } else {
      ListVersions all;
      all.bucket = kBucket;
      const auto listed = co_await filer.list_versions(std::move(all));
      if (!listed || listed->versions.empty()) continue;
      const ListedVersion& any = listed->versions[rng.below(listed->versions.size())];
      (void)co_await filer.delete_object({kBucket, any.object.key, any.version_id}, {});
    }
  }
}

// A null version takes the place of the one before without an event of that one.
TEST_P(VersionEventsTest, SayWhichVersionsThereAre) {
  keep(3600);
  ASSERT_TRUE(world_.run(first_.set_bucket_versioning({kBucket, GetParam() % 2 == 0})));
  std::vector<Task<void>> clients;
  for (int i = 0; i < 6; ++i) clients.push_back(client(20));
  world_.run_all(std::move(clients));
  using Name = std::pair<std::string, std::uint64_t>;  // A key and a version's id.
  std::map<Name, std::pair<std::uint64_t, bool>> held;
  for (const ObjectEvent& event : all_events()) {
    const Name name(event.key, event.version_id.value());
    if (event.kind == EventKind::kDelete) {
      EXPECT_EQ(held[name].first, event.version) << "what goes is what came last";
      held.erase(name);
    } else {
      held[name] = {event.version, event.kind == EventKind::kDeleteMarker};
    }
  }
  std::map<Name, std::pair<std::uint64_t, bool>> there;
  ListVersions all;
  all.bucket = kBucket;
  const auto listed = world_.run(first_.list_versions(std::move(all)));
  for (const auto& [object, id, is_latest, is_marker] : listed->versions) {
    const auto found = world_.run(first_.get_object({kBucket, object.key, id}, false));
    there[{object.key, id}] = {found->entry.version, is_marker};
  }
  EXPECT_EQ(held, there) << "seed " << GetParam();
}
INSTANTIATE_TEST_SUITE_P(Seeds, VersionEventsTest, testing::Range<std::uint64_t>(1, 641));

}  // namespace
}  // namespace kelp
