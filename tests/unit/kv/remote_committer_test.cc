// How groups of commits fare on a link that fails in every way.
#include "kv/remote_committer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "os/system_clock.h"
#include "tests/unit/kv/kv_support.h"

namespace kelp::test {
namespace {

using testing::ElementsAre;

TEST(GroupNumbers, TellWhatBecameOfTheGroupThatWasSentLast) {
  GroupNumbers numbers;
  EXPECT_EQ(numbers.recover(0, "").value(), std::nullopt);
  EXPECT_THAT(*numbers.recover(1, "-1,3,-2").value(), ElementsAre(kBatchDone, 3, kBatchAgain));
  EXPECT_EQ(numbers.next(), 2U);
  EXPECT_EQ(numbers.recover(1, "-1").value(), std::nullopt);
  EXPECT_EQ(code_of(numbers.recover(2, "-1,x")), Errc::kCorruption);
  EXPECT_EQ(code_of(numbers.recover(0, "")), Errc::kCorruption) << "it lost what it acknowledged";
  EXPECT_EQ(code_of(numbers.recover(3, "")), Errc::kCorruption) << "not from us";
}

TEST(GroupNumbers, OutcomesReadBack) {
  for (const GroupOutcomes& outcomes : {GroupOutcomes{}, GroupOutcomes{-1}, GroupOutcomes{0, -2}}) {
    EXPECT_EQ(parse_outcomes(print_outcomes(outcomes)).value(), outcomes);
  }
}

TEST(WriterMark, ReadsBackAndRefusesWhatIsNone) {
  const WriterMark mark = WriterMark::parse(WriterMark{3, 12, "-1,0"}.text()).value();
  EXPECT_EQ(mark.epoch, 3U);
  EXPECT_EQ(mark.number, 12U);
  EXPECT_EQ(mark.outcomes, "-1,0");
  EXPECT_EQ(WriterMark::parse("0.0.").value().outcomes, "");
  for (const char* text : {"", "1", "1.", "1.2", ".1.", "1..", "x.1.", "1.x.", "-1.1."}) {
    EXPECT_EQ(code_of(WriterMark::parse(text)), Errc::kInternal) << text;
  }
}

/// What a link is to answer, one after the other, and what it was sent; the last answer stays.
struct Script {
  std::deque<Result<GroupOutcomes>> sends;
  std::deque<Result<std::optional<GroupOutcomes>>> opens;
  std::vector<std::vector<std::string>> sent;  ///< Of each group the keys first written.
  std::mutex mutex;
};

class ScriptedLink final : public RemoteLink {
 public:
  explicit ScriptedLink(Script& script) : script_(script) {}
  Result<std::optional<GroupOutcomes>> open() override {
    const std::lock_guard lock(script_.mutex);
    return take(script_.opens, Result<std::optional<GroupOutcomes>>(std::nullopt));
  }
  Result<GroupOutcomes> send(std::span<const KvBatch* const> group) override {
    const std::lock_guard lock(script_.mutex);
    std::vector<std::string> keys;
    for (const KvBatch* batch : group) keys.push_back(batch->writes.at(0).key);
    script_.sent.push_back(std::move(keys));
    return take(script_.sends, Result<GroupOutcomes>(GroupOutcomes(group.size(), kBatchDone)));
  }

 private:
  template <typename T>
  static T take(std::deque<T>& answers, T otherwise) {
    if (answers.empty()) return otherwise;
    T answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
  Script& script_;
};

class RemoteCommits : public testing::Test {
 protected:
  void start(std::chrono::nanoseconds patience = std::chrono::seconds(60)) {
    RemoteKvOptions options;
    options.patience = patience;
    start(options);
  }
  void start(const RemoteKvOptions& options) {
    committer_ =
        std::make_unique<RemoteCommitter>(std::make_unique<ScriptedLink>(script_), options, clock_);
  }
  std::future<Result<void>> put(const std::string& key) {
    const auto done = std::make_shared<std::promise<Result<void>>>();
    committer_->commit({.conditions = {}, .writes = {KvWrite::put(key, "x")}},
                       [done](Result<void> outcome) { done->set_value(std::move(outcome)); });
    return done->get_future();
  }
  /// A first commit holds the thread until `go_on` is set.
  void hold_thread(std::promise<void>& go_on) {
    const auto held = std::make_shared<std::promise<void>>();
    committer_->commit({.conditions = {}, .writes = {KvWrite::put("first", "x")}},
                       [held, wait = go_on.get_future().share()](const Result<void>&) {
                         held->set_value();
                         wait.wait();
                       });
    held->get_future().wait();
  }
  /// Three commits that surely share a group.
  std::vector<std::optional<Errc>> put_together() {
    std::promise<void> go_on;
    hold_thread(go_on);
    std::vector<std::future<Result<void>>> futures;
    for (const char* key : {"a", "b", "c"}) futures.push_back(put(key));
    go_on.set_value();
    std::vector<std::optional<Errc>> codes;
    for (auto& future : futures) codes.push_back(code_of(future.get()));
    return codes;
  }

  const SystemClock clock_;
  Script script_;
  std::unique_ptr<RemoteCommitter> committer_;
};

TEST_F(RemoteCommits, AGroupWhoseAnswerWasLostIsSentAgainOnlyWhenItHadNoEffect) {
  script_.sends = {Error(Errc::kIo, "cut"), GroupOutcomes{kBatchDone}, Error(Errc::kIo, "cut")};
  script_.opens = {std::nullopt, std::optional(GroupOutcomes{kBatchDone})};
  start();
  EXPECT_EQ(code_of(put("a").get()), std::nullopt);
  EXPECT_EQ(code_of(put("b").get()), std::nullopt);
  EXPECT_THAT(script_.sent, ElementsAre(ElementsAre("a"), ElementsAre("a"), ElementsAre("b")));
}

TEST_F(RemoteCommits, WhatWasNotTriedGoesFirstNextTime) {
  script_.sends = {GroupOutcomes{kBatchDone}, GroupOutcomes{kBatchDone, kBatchAgain, kBatchAgain}};
  start();
  EXPECT_THAT(put_together(), ElementsAre(std::nullopt, std::nullopt, std::nullopt));
  EXPECT_THAT(script_.sent,
              ElementsAre(ElementsAre("first"), ElementsAre("a", "b", "c"), ElementsAre("b", "c")));
}

TEST_F(RemoteCommits, OneThatTheEngineRefusesDoesNotTakeTheOthersWithIt) {
  script_.sends = {GroupOutcomes{kBatchDone}, Error(Errc::kInvalidArgument, "too large"),
                   GroupOutcomes{kBatchDone}, Error(Errc::kInvalidArgument, "too large")};
  start();
  EXPECT_THAT(put_together(), ElementsAre(std::nullopt, Errc::kInvalidArgument, std::nullopt));
}

TEST_F(RemoteCommits, AnOutcomeThatIsNotFoundOutIsUnknownAndOneNeverSentIsNot) {
  script_.sends = {Error(Errc::kIo, "cut")};
  for (int i = 0; i < 1000; ++i) script_.opens.emplace_back(Error(Errc::kUnavailable, "gone"));
  start(std::chrono::milliseconds(50));
  EXPECT_EQ(code_of(put("a").get()), Errc::kIo);
  EXPECT_EQ(code_of(put("b").get()), Errc::kUnavailable);
  EXPECT_TRUE(committer_->writable().has_value()) << "it may come back";
}

TEST_F(RemoteCommits, AnEngineThatLostCommitsIsWrittenToNoMore) {
  script_.sends = {Error(Errc::kIo, "cut")};
  script_.opens = {Error(Errc::kCorruption, "it lost commits")};
  start();
  EXPECT_EQ(code_of(put("a").get()), Errc::kIo);
  EXPECT_EQ(code_of(committer_->writable()), Errc::kUnavailable);
  EXPECT_EQ(code_of(put("b").get()), Errc::kUnavailable);
  EXPECT_EQ(script_.sent.size(), 1U);
}

TEST_F(RemoteCommits, AFullQueueRefuses) {
  RemoteKvOptions options;
  options.queue_limit = 2;
  start(options);
  std::promise<void> go_on;
  hold_thread(go_on);
  auto a = put("a");
  auto b = put("b");
  EXPECT_EQ(code_of(put("c").get()), Errc::kResourceExhausted);
  go_on.set_value();
  EXPECT_EQ(code_of(a.get()), std::nullopt);
  EXPECT_EQ(code_of(b.get()), std::nullopt);
}

}  // namespace
}  // namespace kelp::test
