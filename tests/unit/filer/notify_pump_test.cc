// Targets get every event of their rules, in order and at least once, whatever fails between.
#include "filer/notify_pump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <mutex>
#include <set>

#include "filer/core/event_log.h"
#include "filer/core/keys.h"
#include "kv/mem_kv.h"
#include "tests/support/run_coro.h"
#include "tests/unit/filer/filer_world.h"

namespace kelp {
namespace {

using std::chrono::hours;
using test::run_coro;
using testing::ElementsAre;
using testing::IsEmpty;

const std::string kBucket = "photos";

/// Keeps what it is sent; refuses what it is told to.
class FakeTarget final : public notify::Target {
 public:
  explicit FakeTarget(std::size_t lanes) : lanes_(lanes) {}
  Result<void> send(std::span<const notify::Message> messages, std::size_t& taken) override {
    const std::scoped_lock lock(mutex_);
    std::set<std::string> keys;
    for (const notify::Message& message : messages) keys.insert(message.key);
    calls.push_back(std::move(keys));
    for (taken = 0; taken < messages.size(); ++taken) {
      const notify::Message& message = messages[taken];
      if (away) return Error(Errc::kUnavailable, "away");
      if (!refused.empty() && message.key.ends_with(refused)) {
        return Error(Errc::kPermissionDenied, "no");
      }
      got.push_back(message);
      if (before_next) std::exchange(before_next, {})();
    }
    return {};
  }
  [[nodiscard]] std::size_t lanes() const override { return lanes_; }

  /// "Put a", "Delete b": since the last call.
  std::vector<std::string> news() {
    std::vector<std::string> out;
    for (const notify::Message& message : std::exchange(got, {})) {
      const std::string& name = message.name;
      out.push_back(name.substr(name.find(':') + 1) + message.key.substr(message.key.find('/')));
    }
    return out;
  }

  std::vector<notify::Message> got;
  std::vector<std::set<std::string>> calls;  ///< The keys of each.
  std::string refused;                       ///< What a key ends with.
  bool away = false;
  std::function<void()> before_next;

 private:
  std::mutex mutex_;
  std::size_t lanes_;
};

std::string rule(const std::string& target, const std::string& event,
                 const std::string& prefix = "") {
  return "<QueueConfiguration><Id>" + target + prefix + "</Id><Queue>arn:kelp:sqs::" + target +
         ":webhook</Queue><Event>" + event +
         "</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>" + prefix +
         "</Value></FilterRule></S3Key></Filter></QueueConfiguration>";
}

class NotifyPumpTest : public testing::Test {
 protected:
  NotifyPumpTest() {
    BucketEntry bucket;
    bucket.name = kBucket;
    bucket.owner_id = "alice";
    EXPECT_TRUE(run_coro(filer_.create_bucket(std::move(bucket))));
  }

  /// A pump with a target that it owns.
  struct Sender {
    FakeTarget* target;
    std::unique_ptr<NotifyPump> pump;
    NotifyPump::Round round() { return run_coro(pump->round()); }
    /// Until there is no more; what was sent.
    std::vector<std::string> news() {
      while (round().more) {
      }
      return target->news();
    }
  };
  Sender sender(const std::string& name, std::uint64_t holder = 0, std::size_t lanes = 1) {
    auto target = std::make_unique<FakeTarget>(lanes);
    FakeTarget* const seen = target.get();
    NotifyPumpOptions options;
    options.target = name;
    options.holder = holder;
    options.page = 5;
    NotifySeams seams{*store_, *pool_, clock_, *timers_, metrics_};
    return {seen, std::make_unique<NotifyPump>(seams, std::move(target), std::move(options))};
  }
  void configure(std::optional<std::string> setting) {
    const auto set =
        run_coro(filer_.set_bucket_setting({kBucket, std::string(kNotificationSetting), setting}));
    EXPECT_TRUE(set) << set.error().message();
  }
  void put(const std::string& key, EventCause cause = EventCause::kPut) {
    clock_.advance(std::chrono::seconds(1));
    PutObject request = test::put_of(kBucket, key, "body");
    request.conditions.origin.cause = cause;
    EXPECT_TRUE(run_coro(filer_.put_object(std::move(request))));
  }
  void remove(const std::string& key) {
    clock_.advance(std::chrono::seconds(1));
    EXPECT_TRUE(run_coro(filer_.delete_object({kBucket, key}, {})));
  }
  BucketEvents log() { return run_coro(filer_.get_bucket(kBucket))->events; }
  std::size_t rows(std::string prefix) {
    return store_->scan(keys::within(std::move(prefix)), 1000)->size();
  }
  void cut() {
    const auto batch = cut_events(*store_, log().log, clock_.wall(), 1000).value();
    ASSERT_TRUE(batch);
    store_->commit(*batch, [](const Result<void>& done) { EXPECT_TRUE(done); });
  }
  double metric(const std::string& name) {
    return metrics_.counter(name, "", {{"target", "hook"}}).Value();
  }

  std::unique_ptr<KvStore> store_ = make_mem_kv();
  std::unique_ptr<WorkPool> pool_ = make_thread_pool({.threads = 2});
  test::StillClock clock_;
  std::unique_ptr<Timers> timers_ = make_asio_timers();
  Metrics metrics_;
  FilerService filer_{*store_, *pool_, clock_, {.event_stream = 1}};
};

TEST_F(NotifyPumpTest, SendsATestAndThenWhatTheRulesSay) {
  put("before");
  configure(rule("hook", "s3:ObjectCreated:*", "in/"));
  put("in/a");
  put("out/b");
  put("in/c", EventCause::kCopy);
  remove("in/a");
  Sender hook = sender("hook");
  EXPECT_THAT(hook.news(), ElementsAre("TestEvent/", "Put/in/a", "Copy/in/c"));
  EXPECT_THAT(hook.news(), IsEmpty()) << "each once";
  put("in/d");
  ASSERT_FALSE(hook.round().failed);
  ASSERT_EQ(hook.target->got.size(), 1U);
  const auto read = boost::json::parse(hook.target->got.front().body);
  EXPECT_EQ(read.at("Records").at(0).at("s3").at("bucket").at("name").as_string(), kBucket);
  EXPECT_EQ(read.at("Records").at(0).at("s3").at("configurationId").as_string(), "hookin/");
}

TEST_F(NotifyPumpTest, GoesOnWhereItStoodWhenTheProcessDied) {
  configure(rule("hook", "s3:ObjectCreated:*"));
  put("a");
  EXPECT_THAT(sender("hook").news(), ElementsAre("TestEvent/", "Put/a"));
  put("b");
  EXPECT_THAT(sender("hook").news(), ElementsAre("Put/b"));
}

TEST_F(NotifyPumpTest, WhatWasNotTakenComesAgainInItsOrder) {
  configure(rule("hook", "s3:*"));
  configure(rule("hook", "s3:ObjectCreated:*"));
  Sender hook = sender("hook");
  EXPECT_THAT(hook.news(), ElementsAre("TestEvent/"));
  hook.target->away = true;
  std::vector<std::string> all;
  for (int i = 0; i < 13; ++i) {
    put(std::to_string(i));
    all.push_back("Put/" + std::to_string(i));
  }
  EXPECT_TRUE(hook.round().failed);
  EXPECT_THAT(hook.target->news(), IsEmpty());
  hook.target->away = false;
  EXPECT_EQ(hook.news(), all);
  EXPECT_EQ(metric("kelp_notify_failed_total"), 1);
  EXPECT_EQ(metric("kelp_notify_sent_total"), 14);
}

TEST_F(NotifyPumpTest, WhatIsRefusedHoldsUpOnlyWhatIsBehindIt) {
  configure(rule("hook", "s3:ObjectCreated:*"));
  Sender hook = sender("hook");
  hook.target->refused = "bad";
  for (const std::string key : {"a", "b", "bad", "c"}) put(key);
  EXPECT_FALSE(hook.round().failed) << "the target is there";
  EXPECT_THAT(hook.target->news(), ElementsAre("TestEvent/", "Put/a", "Put/b"));
  hook.round();
  EXPECT_THAT(hook.target->news(), IsEmpty()) << "it is left alone for a while";
  clock_.advance(std::chrono::minutes(1));
  hook.round();
  EXPECT_THAT(hook.target->news(), IsEmpty()) << "what was taken is not sent again";
  Sender next = sender("hook");
  EXPECT_THAT(next.news(), ElementsAre("Put/bad", "Put/c")) << "the place was kept";
}

TEST_F(NotifyPumpTest, LanesKeepTheOrderOfAKeyAndSendNothingTwice) {
  configure(rule("hook", "s3:ObjectCreated:*"));
  Sender hook = sender("hook", 0, 4);
  hook.news();
  hook.target->refused = "/0";
  std::map<std::string, int> written;
  for (int i = 0; i < 60; ++i) {
    // Some follow themselves, so that a page has them more than once.
    const std::string key = std::to_string(i / 2 % 7);
    put(key);
    ++written[key];
  }
  std::map<std::string, std::vector<std::string>> got;
  for (int i = 0; i < 100; ++i) {
    if (i == 3) hook.target->refused.clear();
    clock_.advance(std::chrono::minutes(1));
    hook.round();
    for (const notify::Message& message : std::exchange(hook.target->got, {})) {
      got[message.key].push_back(message.id);
    }
    std::set<std::string> seen;
    for (const auto& keys : std::exchange(hook.target->calls, {})) {
      for (const std::string& key : keys) EXPECT_TRUE(seen.insert(key).second) << key << " parted";
    }
  }
  EXPECT_EQ(got.size(), written.size());
  for (const auto& [key, ids] : got) {
    EXPECT_TRUE(std::ranges::is_sorted(ids)) << key;
    EXPECT_EQ(std::set(ids.begin(), ids.end()).size(), ids.size()) << key << " twice";
    EXPECT_EQ(static_cast<int>(ids.size()), written[key.substr(kBucket.size() + 1)]) << key;
  }
}

TEST_F(NotifyPumpTest, ATargetThatIsAwayDelaysNoOther) {
  configure(rule("hook", "s3:ObjectCreated:*") + rule("other", "s3:ObjectRemoved:*"));
  Sender hook = sender("hook");
  Sender other = sender("other");
  hook.target->away = true;
  put("a");
  remove("a");
  EXPECT_TRUE(hook.round().failed);
  EXPECT_THAT(other.news(), ElementsAre("TestEvent/", "Delete/a"));
  hook.target->away = false;
  EXPECT_THAT(hook.news(), ElementsAre("TestEvent/", "Put/a"));
}

TEST_F(NotifyPumpTest, WhatWasCutOffIsCountedAndTheRestComes) {
  configure(rule("hook", "s3:ObjectCreated:*"));
  Sender hook = sender("hook");
  EXPECT_THAT(hook.news(), ElementsAre("TestEvent/"));
  put("a");
  put("b");
  clock_.advance(hours(1));
  cut();
  put("c");
  EXPECT_THAT(hook.news(), ElementsAre("Put/c"));
  EXPECT_EQ(metric("kelp_notify_gaps_total"), 1);
  put("d");
  EXPECT_THAT(hook.news(), ElementsAre("Put/d"));
  EXPECT_EQ(metric("kelp_notify_gaps_total"), 1);
}

TEST_F(NotifyPumpTest, OfSeveralFilersOneSends) {
  configure(rule("hook", "s3:ObjectCreated:*"));
  Sender one = sender("hook", 1);
  Sender two = sender("hook", 2);
  put("a");
  EXPECT_THAT(one.news(), ElementsAre("TestEvent/", "Put/a"));
  put("b");
  EXPECT_THAT(two.news(), IsEmpty());
  clock_.advance(hours(1));
  EXPECT_THAT(two.news(), ElementsAre("Put/b")) << "the other one seems to be gone";
  put("c");
  EXPECT_THAT(one.news(), IsEmpty());
}

TEST_F(NotifyPumpTest, WhoWasOvertakenDoesNotMoveThePlaceBack) {
  configure(rule("hook", "s3:ObjectCreated:*"));
  Sender slow = sender("hook");
  slow.news();
  put("a");
  Sender quick = sender("hook");
  slow.target->before_next = [&] {
    put("b");
    EXPECT_THAT(quick.news(), ElementsAre("Put/a", "Put/b"));
  };
  EXPECT_TRUE(slow.round().failed);
  slow.target->news();
  EXPECT_THAT(slow.news(), IsEmpty());
}

TEST_F(NotifyPumpTest, TheLogIsKeptAsLongAsThereIsAConfiguration) {
  EXPECT_EQ(log().log, 0U);
  configure(rule("hook", "s3:ObjectCreated:*"));
  EXPECT_NE(log().log, 0U);
  EXPECT_EQ(log().keep_seconds, kNotifiedLogSeconds);
  put("a");
  EXPECT_GT(rows("e"), 0U);
  configure(std::nullopt);
  EXPECT_EQ(log().log, 0U);
  EXPECT_EQ(rows("e"), 0U);
  EXPECT_EQ(rows("s"), 0U);
  EXPECT_EQ(rows("j"), 0U);
  EXPECT_THAT(sender("hook").news(), IsEmpty());
}

TEST_F(NotifyPumpTest, AnOperatorsLogOutlivesTheConfigurationAndTheOtherWayRound) {
  ASSERT_TRUE(run_coro(filer_.set_bucket_events({kBucket, 60})));
  const std::uint64_t first = log().log;
  put("before");
  configure(rule("hook", "s3:ObjectCreated:*"));
  EXPECT_EQ(log(), (BucketEvents{60, first}));
  put("a");
  EXPECT_THAT(sender("hook").news(), ElementsAre("TestEvent/", "Put/a")) << "not those before";
  ASSERT_TRUE(run_coro(filer_.set_bucket_events({kBucket, 0})));
  EXPECT_EQ(log(), (BucketEvents{kNotifiedLogSeconds, first})) << "the targets need it";
  ASSERT_TRUE(run_coro(filer_.set_bucket_events({kBucket, 70})));
  configure(std::nullopt);
  EXPECT_EQ(log(), (BucketEvents{70, first})) << "the operator's again";
  ASSERT_TRUE(run_coro(filer_.set_bucket_events({kBucket, 0})));
  EXPECT_EQ(log().log, 0U);
  EXPECT_EQ(rows("e"), 0U);
}

TEST_F(NotifyPumpTest, ATargetThatStaysKeepsItsPlaceAndANewOneBeginsNow) {
  configure(rule("hook", "s3:ObjectCreated:*"));
  put("a");
  configure(rule("hook", "s3:ObjectCreated:*") + rule("other", "s3:ObjectRemoved:*"));
  put("b");
  remove("a");
  EXPECT_THAT(sender("hook").news(), ElementsAre("TestEvent/", "Put/a", "Put/b"));
  EXPECT_THAT(sender("other").news(), ElementsAre("TestEvent/", "Delete/a"));
  configure(rule("other", "s3:ObjectRemoved:*"));
  put("c");
  EXPECT_THAT(sender("hook").news(), IsEmpty());
  configure(rule("hook", "s3:ObjectCreated:*"));
  put("d");
  EXPECT_THAT(sender("hook").news(), ElementsAre("TestEvent/", "Put/d")) << "not what it missed";
}

TEST_F(NotifyPumpTest, ABucketThatIsGoneIsForgotten) {
  configure(rule("hook", "s3:ObjectCreated:*"));
  put("a");
  remove("a");
  ASSERT_TRUE(run_coro(filer_.delete_bucket(kBucket)));
  EXPECT_EQ(rows("j"), 0U);
  EXPECT_EQ(rows("s"), 0U);
  EXPECT_THAT(sender("hook").news(), IsEmpty());
}

TEST_F(NotifyPumpTest, AConfigurationThatCannotBeReadIsRefused) {
  const auto set =
      run_coro(filer_.set_bucket_setting({kBucket, std::string(kNotificationSetting), "<Queue"}));
  EXPECT_EQ(set.error().code(), Errc::kInvalidArgument);
  EXPECT_EQ(log().log, 0U);
}

TEST(NotifyRows, APlaceReadsBackAsItWasWritten) {
  const std::string position = EventPosition{.log = 7, .read = {{1, 2}}}.text();
  for (const bool test : {false, true}) {
    const NotifyCursor cursor{test, position};
    EXPECT_EQ(parse_cursor_text(cursor_text(cursor)).value(), cursor);
  }
  EXPECT_EQ(cursor_text({true, position}), "test " + position);
  EXPECT_EQ(parse_cursor_text("test").error().code(), Errc::kCorruption);
  EXPECT_EQ(parse_cursor_text("").error().code(), Errc::kCorruption);
}

}  // namespace
}  // namespace kelp
