// What only an engine elsewhere can suffer: lost connections and answers, restarts, other writers,
// unsafe settings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <thread>

#include "os/system_clock.h"
#include "tests/unit/kv/external_engines.h"
#include "tests/unit/kv/kv_support.h"

namespace kelp::test {
namespace {

class KvExternal : public testing::TestWithParam<ExternalKind> {
 protected:
  KvExternal() { clear(GetParam()); }
  EngineServer& server() { return shared_server(GetParam()); }
  std::unique_ptr<KvStore> open(const std::string& url) {
    return GetParam().open(options_for(url), clock_).value();
  }
  static std::optional<Errc> commit(KvStore& store, std::vector<KvCondition> conditions,
                                    std::vector<KvWrite> writes) {
    return code_of(
        commit_now(store, {.conditions = std::move(conditions), .writes = std::move(writes)}));
  }
  static std::int64_t counter(KvStore& store, std::string_view key) {
    return decode_counter(store.get(key).value()).value();
  }

  const SystemClock clock_;
};

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KvExternal);
INSTANTIATE_TEST_SUITE_P(Engines, KvExternal, testing::ValuesIn(external_kinds()),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(KvExternal, WhatOneStoreCommitsTheOtherSeesAtOnce) {
  const auto one = open(server().url());
  const auto other = open(server().url());
  for (int i = 0; i < 50; ++i) {
    const std::string value = std::to_string(i);
    KvStore& writer = i % 2 == 0 ? *one : *other;
    KvStore& reader = i % 2 == 0 ? *other : *one;
    ASSERT_EQ(code_of(put_now(writer, "row", value)), std::nullopt);
    ASSERT_EQ(value_of(reader, "row"), value);
    ASSERT_EQ(reader.scan({"row", "rox"}, 1).value().at(0).second, value);
  }
}

TEST_P(KvExternal, OneOfManyCreatorsWinsThroughSeveralStores) {
  std::vector<std::unique_ptr<KvStore>> stores;
  for (int i = 0; i < 3; ++i) stores.push_back(open(server().url()));
  for (int round = 0; round < 30; ++round) {
    const std::string key = fmt::format("key{}", round);
    std::atomic<int> winners = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 12; ++t) {
      threads.emplace_back([&, t] {
        const auto code = commit(*stores[t % 3], {KvCondition::absent(key)},
                                 {KvWrite::put(key, std::to_string(t)), KvWrite::add("wins", 1)});
        if (!code) {
          ++winners;
        } else {
          EXPECT_EQ(code, Errc::kPrecondition);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(winners, 1) << "round " << round;
  }
  EXPECT_EQ(counter(*stores[0], "wins"), 30);
}

// Each removes a row on the condition that the other one's is there: only one can have been first.
TEST_P(KvExternal, ARowThatACommitNeedsIsNotChangedBeneathIt) {
  const std::array stores = {open(server().url()), open(server().url())};
  const std::array<std::string, 2> rows = {"left", "right"};
  std::barrier<> start(2);
  for (int round = 0; round < 150; ++round) {
    for (const std::string& row : rows) {
      ASSERT_EQ(code_of(put_now(*stores[0], row, "here")), std::nullopt);
    }
    std::atomic<int> removed = 0;
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 2; ++t) {
      threads.emplace_back([&, t] {
        start.arrive_and_wait();
        const auto code =
            commit(*stores[t], {KvCondition::present(rows[1 - t])}, {KvWrite::remove(rows[t])});
        removed += code ? 0 : 1;
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(removed, 1) << "round " << round;
  }
}

TEST_P(KvExternal, ARangeThatACommitNeedsEmptyStaysSo) {
  const std::array stores = {open(server().url()), open(server().url())};
  std::barrier<> start(2);
  for (int round = 0; round < 150; ++round) {
    const std::string bucket = fmt::format("bucket{}", round);
    ASSERT_EQ(code_of(put_now(*stores[0], bucket, "here")), std::nullopt);
    std::thread putter([&] {
      start.arrive_and_wait();
      (void)commit(*stores[1], {KvCondition::present(bucket)}, {KvWrite::put(bucket + "/a", "x")});
    });
    start.arrive_and_wait();
    (void)commit(*stores[0], {KvCondition::empty_range(bucket + "/", bucket + "0")},
                 {KvWrite::remove(bucket)});
    putter.join();
    const bool removed = value_of(*stores[0], bucket) == "(none)";
    ASSERT_EQ(removed, value_of(*stores[0], bucket + "/a") == "(none)") << "round " << round;
  }
}

TEST_P(KvExternal, BrokenConnectionsAreRiddenOut) {
  CuttingProxy proxy(server().endpoint());
  const auto store = open(server().url_at(proxy.port()));
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) {
      const auto value = store->get("n");
      EXPECT_TRUE(value.has_value());
    }
  });
  for (int i = 0; i < 60; ++i) {
    if (i % 3 == 0) proxy.cut();
    ASSERT_EQ(commit(*store, {KvCondition::absent(fmt::format("row{}", i))},
                     {KvWrite::put(fmt::format("row{}", i), "x"), KvWrite::add("n", 1)}),
              std::nullopt)
        << i;
  }
  stop = true;
  reader.join();
  EXPECT_EQ(counter(*store, "n"), 60);
}

TEST_P(KvExternal, ALostAnswerIsFoundAgainAndTheCommitDoneOnce) {
  CuttingProxy proxy(server().endpoint());
  const auto store = open(server().url_at(proxy.port()));
  for (int i = 0; i < 20; ++i) {
    proxy.swallow_an_answer();
    // A commit done twice would find its own row there.
    const std::string key = fmt::format("row{}", i);
    ASSERT_EQ(
        commit(*store, {KvCondition::absent(key)}, {KvWrite::put(key, "x"), KvWrite::add("n", 1)}),
        std::nullopt)
        << i;
    ASSERT_EQ(commit(*store, {KvCondition::absent(key)}, {KvWrite::add("n", 1)}),
              Errc::kPrecondition);
  }
  EXPECT_EQ(proxy.swallowed(), 20);
  EXPECT_EQ(counter(*store, "n"), 20);
}

TEST_P(KvExternal, ACursorWhosePointInTimeIsGoneFails) {
  CuttingProxy proxy(server().endpoint());
  const auto store = open(server().url_at(proxy.port()));
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(code_of(put_now(*store, fmt::format("row{:03}", i), "x")), std::nullopt);
  }
  const auto cursor = store->cursor({"", ""});
  cursor->seek("");
  ASSERT_TRUE(cursor->valid());
  proxy.cut();
  int rows = 0;
  for (; cursor->valid(); cursor->next()) ++rows;
  // Either it goes on from the very same point in time, or it says that it did not.
  EXPECT_TRUE(rows == 200 || !cursor->status().has_value()) << rows;
}

TEST_P(KvExternal, ARestartOfTheEngineIsRiddenOutAndLosesNothing) {
  const auto store = open(server().url());
  std::vector<std::thread> threads;
  std::atomic<int> done = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const std::string key = fmt::format("row{}/{}", t, i);
        EXPECT_EQ(commit(*store, {KvCondition::absent(key)},
                         {KvWrite::put(key, "x"), KvWrite::add("n", 1)}),
                  std::nullopt);
        ++done;
        done.notify_all();
      }
    });
  }
  for (int restart = 1; restart <= 2; ++restart) {
    for (int seen = done; seen < restart * 100; seen = done) done.wait(seen);
    server().kill();
    server().start();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter(*store, "n"), 400);
  EXPECT_EQ(store->scan({"row", "rox"}, 1000).value().size(), 400U);
}

TEST_P(KvExternal, AnEngineThatIsGoneIsAnErrorAndNotForever) {
  auto options = options_for(server().url());
  options.patience = std::chrono::milliseconds(300);
  const auto store = GetParam().open(options, clock_).value();
  server().kill();
  EXPECT_EQ(code_of(store->get("a")), Errc::kUnavailable);
  const auto code = code_of(put_now(*store, "a", "1"));
  EXPECT_TRUE(code == Errc::kUnavailable || code == Errc::kIo);
  EXPECT_FALSE(store->scan({"", ""}, 10).has_value());
  const auto cursor = store->cursor({"", ""});
  cursor->seek("");
  EXPECT_FALSE(cursor->valid());
  EXPECT_FALSE(cursor->status().has_value());
  server().start();
  const auto patient = open(server().url());
  ASSERT_EQ(code_of(put_now(*patient, "b", "1")), std::nullopt);
  EXPECT_TRUE(store->writable().has_value());
  while (code_of(put_now(*store, "a", "1"))) std::this_thread::yield();
  EXPECT_EQ(value_of(*patient, "a"), "1");
}

TEST_P(KvExternal, AnUnsafeEngineIsRefusedUnlessTheOperatorSaysSo) {
  for (const auto& [setting, word] : GetParam().unsafe) {
    const auto unsafe = GetParam().start({setting});
    auto options = options_for(unsafe->url());
    const auto refused = GetParam().open(options, clock_);
    ASSERT_EQ(code_of(refused), Errc::kInvalidArgument) << setting;
    EXPECT_THAT(refused.error().detail(), testing::HasSubstr(word));
    EXPECT_THAT(refused.error().detail(), testing::HasSubstr("filer.allow_unsafe_engine"));
    options.allow_unsafe = true;
    EXPECT_EQ(code_of(GetParam().open(options, clock_)), std::nullopt) << setting;
  }
}

TEST_P(KvExternal, AWrongPasswordIsRefusedAtOnceAndNotSaidAloud) {
  if (GetParam().with_password.empty()) return;
  const auto guarded = GetParam().start({GetParam().with_password});
  auto options = options_for(guarded->url());
  for (const char* password : {"", "wrong"}) {
    options.password = password;
    const auto refused = GetParam().open(options, clock_);
    ASSERT_EQ(code_of(refused), Errc::kUnauthenticated) << password;
    EXPECT_THAT(refused.error().detail(), testing::Not(testing::HasSubstr("hush")));
  }
  options.password = "hush";
  const auto store = GetParam().open(options, clock_).value();
  EXPECT_EQ(code_of(put_now(*store, "a", "1")), std::nullopt);
  EXPECT_EQ(value_of(*store, "a"), "1");
}

}  // namespace
}  // namespace kelp::test
