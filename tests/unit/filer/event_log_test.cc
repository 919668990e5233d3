// A log of events in several streams: read page by page, cut off, and its positions.

#include "filer/core/event_log.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/encoding.h"
#include "base/rng.h"
#include "filer/core/keys.h"
#include "filer/core/rows.h"
#include "kv/mem_kv.h"

namespace kelp {
namespace {

constexpr std::uint64_t kLog = 7;

class EventLogTest : public testing::Test {
 protected:
  /// Adds an event of `key` at second `time` to the stream.
  void add(std::uint64_t stream, std::string key, std::int64_t time, std::uint64_t log = kLog) {
    KvBatch batch;
    ObjectEvent event{.kind = EventKind::kPut, .time = at(time), .key = std::move(key)};
    event.version = ++version_;
    add_event(log, stream, event, batch);
    commit(std::move(batch));
  }
  void commit(KvBatch batch) {
    store_->commit(std::move(batch), [](const Result<void>& done) { EXPECT_TRUE(done); });
  }
  static WallTime at(std::int64_t second) { return WallTime(std::chrono::seconds(second)); }

  Result<EventPage> page(std::string position, std::uint32_t limit = 1000) {
    return read_events(*store_, kLog,
                       {.from = position.empty() ? EventsFrom::kOldest : EventsFrom::kPosition,
                        .position = std::move(position),
                        .limit = limit});
  }
  std::string now() {
    return read_events(*store_, kLog, {.from = EventsFrom::kNow}).value().position;
  }
  static std::string keys_of(const EventPage& page) {
    std::string keys;
    for (const ObjectEvent& event : page.events) keys += event.key;
    return keys;
  }
  std::string cut(std::int64_t before, std::size_t most = 1000) {
    auto batch = cut_events(*store_, kLog, at(before), most).value();
    if (!batch) return "nothing";
    commit(*std::move(batch));
    return "some";
  }

  std::unique_ptr<KvStore> store_ = make_mem_kv();
  std::uint64_t version_ = 0;
};

TEST_F(EventLogTest, AnEventReadsBackAsItWasWritten) {
  ObjectEvent event{
      .kind = EventKind::kDeleteMarker, .time = at(5), .key = std::string("a\0b\xff", 4)};
  event.version = 12;
  event.version_id = 0;
  event.size_bytes = 1ULL << 40;
  event.etag = "d41d8cd98f00b204e9800998ecf8427e-3";
  EXPECT_EQ(decode_event(encode_event(event)).value(), event);
  event.version_id.reset();
  const std::string row = encode_event(event);
  EXPECT_EQ(decode_event(row).value(), event);
  for (std::size_t bytes = 0; bytes < row.size(); ++bytes) {
    EXPECT_FALSE(decode_event(row.substr(0, bytes)));
  }
  std::string unknown = row;
  unknown[1] = static_cast<char>(EventKind::kEncryption) + 1;
  EXPECT_EQ(decode_event(unknown).error().code(), Errc::kCorruption);
}

TEST_F(EventLogTest, ARowOfBeforeIsReadAndOneWithAnOriginIsOfANewerFormat) {
  ObjectEvent event{.kind = EventKind::kPut, .time = at(5), .key = "a"};
  event.version = 12;
  event.size_bytes = 300;
  event.etag = "e";
  EXPECT_EQ(hex_encode(encode_event(event)), "010100f2052a0100000001610c0000ac020165");
  event.origin = {EventCause::kExpiration, "me"};
  std::string row = encode_event(event);
  EXPECT_EQ(hex_encode(row), "020100f2052a0100000001610c0000ac02016507026d65");
  EXPECT_EQ(decode_event(row).value(), event);
  for (std::size_t bytes = 0; bytes < row.size(); ++bytes) {
    EXPECT_FALSE(decode_event(row.substr(0, bytes)));
  }
  row[row.size() - 4] = 9;
  EXPECT_EQ(decode_event(row).error().code(), Errc::kCorruption);
  event.origin.address = "10.0.0.7";
  event.origin.request_id = "id";
  row = encode_event(event);
  EXPECT_EQ(hex_encode(row),
            "030100f2052a0100000001610c0000ac02016507026d650831302e302e302e37026964");
  EXPECT_EQ(decode_event(row).value(), event);
}

TEST_F(EventLogTest, StreamsAreMergedByTimeAndEachKeepsItsOrder) {
  add(1, "a", 10);
  add(2, "b", 11);
  add(1, "c", 12);
  add(2, "d", 9);  // By a clock that is behind: its stream's order counts.
  add(3, "e", 8);
  add(1, "x", 1, kLog + 1);
  const EventPage all = page("").value();
  EXPECT_EQ(keys_of(all), "eabdc");
  EXPECT_FALSE(all.more);
  EXPECT_EQ(keys_of(page(all.position).value()), "");
  add(2, "f", 20);
  EXPECT_EQ(keys_of(page(all.position).value()), "f");
}

TEST_F(EventLogTest, NowIsBehindEverythingThatIsThere) {
  add(1, "a", 10);
  add(2, "b", 11);
  const std::string position = now();
  EXPECT_EQ(keys_of(page(position).value()), "");
  add(2, "c", 12);
  add(9, "d", 1);
  EXPECT_EQ(keys_of(page(position).value()), "dc");
}

// Every event once and in its order, whatever the pages, while streams grow.
TEST_F(EventLogTest, PagesGiveEveryEventOnceAndTheEventsOfAKeyInTheirOrder) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    store_ = make_mem_kv();
    version_ = 0;
    Rng rng(seed);
    std::map<std::string, std::uint64_t> last_of_key;
    std::map<std::uint64_t, int> seen;
    std::string position;
    std::int64_t time = 1;
    const auto read_some = [&] {
      const EventPage got = page(position, 1 + static_cast<std::uint32_t>(rng.below(7))).value();
      for (const ObjectEvent& event : got.events) {
        EXPECT_LT(last_of_key[event.key], event.version) << "seed " << seed;
        last_of_key[event.key] = event.version;
        ++seen[event.version];
      }
      EXPECT_TRUE(!got.more || !got.events.empty()) << "seed " << seed;
      position = got.position;
      return got.more;
    };
    for (int step = 0; step < 200; ++step) {
      time += static_cast<std::int64_t>(rng.below(2));
      // Of one key, filers take turns only when the time has gone on.
      const std::uint64_t key = rng.below(5);
      add(1 + (key + static_cast<std::uint64_t>(time)) % 3, std::string(1, char('a' + key)), time);
      if (rng.below(10) == 0) read_some();
    }
    while (read_some()) {
    }
    EXPECT_EQ(seen.size(), 200U) << "seed " << seed;
    for (const auto& [version, times] : seen) EXPECT_EQ(times, 1) << version << " seed " << seed;
  }
}

TEST_F(EventLogTest, WhatIsOldIsCutOffAndAPositionBeforeItSaysSo) {
  for (int i = 0; i < 5; ++i) add(1, std::string(1, char('a' + i)), 10 + i);
  add(2, "z", 100);
  const std::string after_two = page("", 2).value().position;
  const std::string end = now();
  EXPECT_EQ(cut(10), "nothing");
  EXPECT_EQ(cut(12), "some");  // a and b
  EXPECT_EQ(cut(12), "nothing");
  EXPECT_EQ(keys_of(page("").value()), "cdez");
  EXPECT_EQ(keys_of(page(after_two).value()), "cdez") << "it has read what was cut off";
  EXPECT_EQ(cut(13), "some");
  EXPECT_EQ(page(after_two).error().code(), Errc::kNotFound);
  EXPECT_EQ(keys_of(page(end).value()), "");
  EXPECT_EQ(cut(1000), "some");
  EXPECT_EQ(keys_of(page("").value()), "");
  add(1, "n", 2000);
  EXPECT_EQ(keys_of(page(end).value()), "n");
  EXPECT_EQ(keys_of(page("").value()), "n");
}

TEST_F(EventLogTest, ACutTakesNoMoreThanItWasTold) {
  for (int i = 0; i < 10; ++i) add(1, "a", i);
  EXPECT_EQ(cut(100, 4), "some");
  EXPECT_EQ(page("").value().events.size(), 6U);
}

TEST_F(EventLogTest, APositionOfAnotherLogIsGoneAndRubbishIsRefused) {
  add(1, "a", 10);
  const std::string other = EventPosition{.log = kLog + 1, .read = {}}.text();
  EXPECT_EQ(page(other).error().code(), Errc::kNotFound);
  const std::string good = now();
  for (const std::string& bad : {std::string("x"), std::string("00"), good.substr(2), good + "00",
                                 good.substr(0, good.size() - 2), std::string(40, 'f')}) {
    EXPECT_EQ(page(bad).error().code(), Errc::kInvalidArgument) << bad;
  }
  EXPECT_EQ(EventPosition::parse(good).value().text(), good);
}

}  // namespace
}  // namespace kelp
