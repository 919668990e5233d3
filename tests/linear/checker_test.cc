#include "tests/linear/checker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <sstream>

namespace kelp::linear {
namespace {

/// A history of the keys a and b by hand. Times are anything that orders.
class Script {
 public:
  Script& put(int begin, int end, Value value, Outcome outcome = Outcome::kOk) {
    return add(begin, end, {.kind = Kind::kPut, .outcome = outcome, .written = value});
  }
  Script& put_if_absent(int begin, int end, Value value, Outcome outcome = Outcome::kOk) {
    return add(begin, end, {.kind = Kind::kPutIfAbsent, .outcome = outcome, .written = value});
  }
  Script& put_if(int begin, int end, Value expected, Value value, Outcome outcome = Outcome::kOk) {
    return add(
        begin, end,
        {.kind = Kind::kPutIfMatch, .outcome = outcome, .written = value, .expected = expected});
  }
  Script& remove(int begin, int end, Outcome outcome = Outcome::kOk) {
    return add(begin, end, {.kind = Kind::kDelete, .outcome = outcome});
  }
  Script& remove_if(int begin, int end, Value expected, Outcome outcome = Outcome::kOk) {
    return add(begin, end,
               {.kind = Kind::kDeleteIfMatch, .outcome = outcome, .expected = expected});
  }
  Script& get(int begin, int end, Value seen) {
    return add(begin, end, {.kind = Kind::kGet, .seen = seen});
  }
  Script& list(int begin, int end, Value a, Value b) {
    return add(begin, end, {.kind = Kind::kList, .listed = {a, b}});
  }
  /// The operation before this was on b.
  Script& on_b() {
    operations_.back().key = 1;
    return *this;
  }
  [[nodiscard]] const std::vector<Operation>& operations() const { return operations_; }
  [[nodiscard]] Verdict verdict() const { return check(operations_, {}); }

 private:
  Script& add(int begin, int end, Operation operation) {
    operation.call_ns = begin;
    operation.return_ns = operation.outcome == Outcome::kUnknown ? kNever : end;
    operations_.push_back(std::move(operation));
    return *this;
  }
  std::vector<Operation> operations_;
};

constexpr int kOpen = 0;  // Where an operation returned that did not.
constexpr Verdict kLegal = Verdict::kOk;
constexpr Verdict kIllegal = Verdict::kIllegal;
constexpr Outcome kRefused = Outcome::kRefused;
constexpr Outcome kMissing = Outcome::kMissing;
constexpr Outcome kUnanswered = Outcome::kUnknown;

TEST(LinearChecker, AcceptsWhatOneClientDidInTurn) {
  EXPECT_EQ(Script().verdict(), kLegal);
  EXPECT_EQ(
      Script().get(1, 2, kAbsent).put(3, 4, 7).get(5, 6, 7).remove(7, 8).get(9, 10, 0).verdict(),
      kLegal);
}

TEST(LinearChecker, RefusesAStaleRead) {
  EXPECT_EQ(Script().put(1, 2, 7).put(3, 4, 8).get(5, 6, 7).verdict(), kIllegal);
  EXPECT_EQ(Script().put(1, 2, 7).get(3, 4, kAbsent).verdict(), kIllegal);
  EXPECT_EQ(Script().put(1, 2, 7).remove(3, 4).get(5, 6, 7).verdict(), kIllegal);
}

TEST(LinearChecker, RefusesAReadOfWhatNobodyWrote) {
  EXPECT_EQ(Script().put(1, 2, 7).get(3, 4, 9).verdict(), kIllegal);
  EXPECT_EQ(Script().get(1, 2, 7).put(3, 4, 7).verdict(), kIllegal);
}

TEST(LinearChecker, LetsOverlappingOperationsStandEitherWay) {
  for (const Value seen : {7U, 8U}) {
    EXPECT_EQ(Script().put(1, 10, 7).put(2, 9, 8).get(11, 12, seen).verdict(), kLegal);
    EXPECT_EQ(Script().put(1, 2, 7).put(3, 9, 8).get(4, 5, seen).verdict(), kLegal);
  }
}

TEST(LinearChecker, TakesOperationsThatTouchForOverlapping) {
  EXPECT_EQ(Script().put(1, 2, 7).put(3, 4, 8).get(4, 5, 7).verdict(), kLegal);
}

TEST(LinearChecker, RefusesReadersThatSeeTwoOrders) {
  // One saw 8 replaced by 7, a later one the other way round.
  EXPECT_EQ(Script().put(1, 20, 7).put(1, 20, 8).get(2, 3, 8).get(4, 5, 7).get(6, 7, 8).verdict(),
            kIllegal);
  EXPECT_EQ(Script().put(1, 20, 7).put(1, 20, 8).get(2, 3, 8).get(4, 5, 7).get(6, 7, 7).verdict(),
            kLegal);
}

TEST(LinearChecker, RefusesALostUpdate) {
  // Both say that they replaced 7.
  EXPECT_EQ(Script().put(1, 2, 7).put_if(3, 10, 7, 8).put_if(4, 9, 7, 9).verdict(), kIllegal);
  EXPECT_EQ(Script().put(1, 2, 7).put_if(3, 10, 7, 8).put_if(4, 9, 7, 9, kRefused).verdict(),
            kLegal);
  // It said yes, and is gone.
  EXPECT_EQ(Script().put(1, 2, 7).put_if(3, 4, 7, 8).get(5, 6, 7).verdict(), kIllegal);
}

TEST(LinearChecker, RefusesTwoWinnersOfOneCreation) {
  EXPECT_EQ(Script().put_if_absent(1, 10, 7).put_if_absent(2, 9, 8).verdict(), kIllegal);
  EXPECT_EQ(Script().put_if_absent(1, 10, 7).put_if_absent(2, 9, 8, kRefused).verdict(), kLegal);
  EXPECT_EQ(Script().put_if_absent(1, 10, 7).remove(3, 4).put_if_absent(2, 9, 8).verdict(), kLegal);
}

TEST(LinearChecker, RefusesAConditionThatFailedForNoReason) {
  EXPECT_EQ(Script().put_if_absent(1, 2, 7, kRefused).verdict(), kIllegal);
  EXPECT_EQ(Script().put(1, 2, 7).put_if(3, 4, 7, 8, kRefused).verdict(), kIllegal);
  EXPECT_EQ(Script().put(1, 2, 7).put_if(3, 4, 7, 8, kMissing).verdict(), kIllegal);
  EXPECT_EQ(Script().put(1, 2, 7).remove_if(3, 4, 7, kRefused).verdict(), kIllegal);
  EXPECT_EQ(Script().remove_if(3, 4, 7, kMissing).verdict(), kLegal);
}

TEST(LinearChecker, RefusesARefusedWriteThatHappened) {
  EXPECT_EQ(Script().put(1, 2, 7).put_if_absent(3, 4, 8, kRefused).get(5, 6, 8).verdict(),
            kIllegal);
}

TEST(LinearChecker, RefusesAListThatMissesAnAcknowledgedPut) {
  EXPECT_EQ(Script().put(1, 2, 7).list(3, 4, kAbsent, kAbsent).verdict(), kIllegal);
  EXPECT_EQ(Script().put(1, 4, 7).list(3, 5, kAbsent, kAbsent).verdict(), kLegal);
}

TEST(LinearChecker, RefusesAListOfTwoMoments) {
  // b was written after a: who sees b has to see a.
  EXPECT_EQ(Script().put(1, 2, 7).put(3, 4, 8).on_b().list(1, 9, kAbsent, 8).verdict(), kIllegal);
  for (const auto& [a, b] : {std::pair(0U, 0U), std::pair(7U, 0U), std::pair(7U, 8U)}) {
    EXPECT_EQ(Script().put(1, 2, 7).put(3, 4, 8).on_b().list(1, 9, a, b).verdict(), kLegal);
  }
}

TEST(LinearChecker, LetsAnUnansweredWriteHappenAnyTimeLaterOrNever) {
  for (const Value seen : {7U, 8U}) {
    EXPECT_EQ(Script().put(1, 2, 7).put(3, kOpen, 8, kUnanswered).get(100, 101, seen).verdict(),
              kLegal);
  }
  Script late;
  late.put(1, 2, 7).put(3, kOpen, 8, kUnanswered).get(100, 101, 7).get(102, 103, 8);
  EXPECT_EQ(late.verdict(), kLegal);
  EXPECT_EQ(late.get(104, 105, 7).verdict(), kIllegal);
}

TEST(LinearChecker, LetsNoUnansweredWriteHappenBeforeItsCallOrTwice) {
  EXPECT_EQ(Script().get(1, 2, 8).put(3, kOpen, 8, kUnanswered).verdict(), kIllegal);
  Script twice;
  twice.put(1, kOpen, 8, kUnanswered).get(2, 3, 8).remove(4, 5).get(6, 7, 8);
  EXPECT_EQ(twice.verdict(), kIllegal);
}

TEST(LinearChecker, LetsAnUnansweredConditionHoldOrNot) {
  Script history;
  history.put(1, 2, 7).put_if(3, kOpen, 7, 8, kUnanswered);
  EXPECT_EQ(Script(history).get(4, 5, 8).verdict(), kLegal);
  EXPECT_EQ(Script(history).put(4, 5, 9).get(6, 7, 9).verdict(), kLegal);
  EXPECT_EQ(Script(history).put(4, 5, 9).get(6, 7, 8).verdict(), kIllegal);
}

TEST(LinearChecker, ChainsUnansweredWritesThatNeedEachOther) {
  // The list needs both keys; 9 needs 8, which nobody else saw.
  Script history;
  history.put(1, 2, 7).put(3, kOpen, 8, kUnanswered).put_if(3, kOpen, 8, 9, kUnanswered);
  history.put(3, kOpen, 5, kUnanswered).on_b();
  EXPECT_EQ(Script(history).list(4, 5, 9, 5).verdict(), kLegal);
  EXPECT_EQ(Script(history).list(4, 5, 9, 5).list(6, 7, 8, 5).verdict(), kIllegal);
  EXPECT_EQ(Script(history).list(4, 5, 7, 5).list(6, 7, 8, 5).list(8, 9, 9, 5).verdict(), kLegal);
  // A refusal sees that there is an object, whichever.
  EXPECT_EQ(Script(history).remove(4, 5).put_if_absent(6, 7, 6, kRefused).get(8, 9, 9).verdict(),
            kLegal);
}

TEST(LinearChecker, SaysUnknownAtItsLimits) {
  Script history;
  for (Value value = 1; value <= 20; ++value) history.put(1, 100, value);
  history.get(101, 102, 99);
  const auto& operations = history.operations();
  EXPECT_EQ(check(operations, {.steps = 10'000}), Verdict::kUnknown);
  EXPECT_EQ(check(operations, {.memory_bytes = 100'000}), Verdict::kUnknown);
}

TEST(LinearChecker, IsQuickWithManyUnansweredWrites) {
  Script history;
  Value value = 1;
  for (int i = 0; i < 60; ++i) history.put(i, kOpen, value++, kUnanswered);
  for (int i = 0; i < 400; ++i) {
    history.put(100 + 4 * i, 101 + 4 * i, value).get(102 + 4 * i, 103 + 4 * i, value);
    ++value;
  }
  EXPECT_EQ(check(history.operations(), {.steps = 10'000}), kLegal);
  history.get(9000, 9001, value - 3);
  EXPECT_EQ(check(history.operations(), {.steps = 10'000'000}), kIllegal);
}

/// Every order, tried one after the other.
bool some_order_fits(std::vector<Operation> left, std::vector<Value> state) {
  bool open_ones_only = true;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const Operation next = left[i];
    if (next.outcome != kUnanswered) open_ones_only = false;
    const auto waits = [&](const Operation& other) { return other.return_ns < next.call_ns; };
    if (std::ranges::any_of(left, waits)) continue;
    std::vector<Value> after = state;
    Value& own = after[next.key];
    const bool is_there = own != kAbsent;
    const bool matches = own == next.expected;
    const bool is_open = next.outcome == kUnanswered;
    Outcome outcome = Outcome::kOk;
    if (next.kind == Kind::kPutIfAbsent && is_there) outcome = kRefused;
    if (next.kind == Kind::kPutIfMatch && !matches) outcome = is_there ? kRefused : kMissing;
    if (next.kind == Kind::kGet && own != next.seen) continue;
    if (next.kind == Kind::kList && after != next.listed) continue;
    if (!is_open && outcome != next.outcome) continue;
    const bool writes = next.kind != Kind::kGet && next.kind != Kind::kList;
    if (writes && outcome == Outcome::kOk) own = next.written;
    std::vector<Operation> others = left;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    if (some_order_fits(std::move(others), std::move(after))) return true;
  }
  return open_ones_only;
}

/// Six operations at random on two keys; few have an order.
std::vector<Operation> random_history(std::mt19937& engine) {
  const auto below = [&](unsigned limit) { return static_cast<unsigned>(engine() % limit); };
  std::vector<Operation> history;
  for (Value i = 1; i <= 6; ++i) {
    constexpr std::array kKinds = {Kind::kPut,    Kind::kPutIfAbsent, Kind::kPutIfMatch,
                                   Kind::kDelete, Kind::kGet,         Kind::kList};
    Operation one{.kind = kKinds[below(kKinds.size())], .key = below(2)};
    one.call_ns = below(12);
    one.return_ns = one.call_ns + below(6);
    const bool reads = one.kind == Kind::kGet || one.kind == Kind::kList;
    if (!reads && one.kind != Kind::kDelete) one.written = i;
    if (one.kind == Kind::kPutIfMatch) one.expected = 1 + below(6);
    if (one.kind == Kind::kGet) one.seen = below(4);
    if (one.kind == Kind::kList) one.listed = {below(4), below(4)};
    if (one.kind == Kind::kPutIfAbsent && below(3) == 0) one.outcome = kRefused;
    if (one.kind == Kind::kPutIfMatch && below(3) == 0)
      one.outcome = below(2) ? kRefused : kMissing;
    if (!reads && below(3) == 0) {
      one.outcome = kUnanswered;
      one.return_ns = kNever;
    }
    history.push_back(std::move(one));
  }
  return history;
}

TEST(LinearChecker, AgreesWithTryingEveryOrder) {
  std::mt19937 engine(1);
  int legal = 0;
  constexpr int kHistories = 20'000;
  for (int i = 0; i < kHistories; ++i) {
    const auto history = random_history(engine);
    const bool fits = some_order_fits(history, {kAbsent, kAbsent});
    legal += fits;
    ASSERT_EQ(check(history, {}), fits ? kLegal : kIllegal) << "history " << i;
    if (fits) continue;
    const auto part = smallest_illegal(history, {});
    ASSERT_LE(part.size(), history.size());
    ASSERT_FALSE(some_order_fits(part, {kAbsent, kAbsent})) << "history " << i;
  }
  EXPECT_GT(legal, kHistories / 20);
  EXPECT_LT(legal, kHistories - kHistories / 20);
}

TEST(LinearChecker, KeepsOfAnIllegalHistoryWhatTheContradictionNeeds) {
  Script history;
  int time = 0;
  for (Value value = 1; value <= 100; ++value, time += 10) {
    history.put(time, time + 1, value).get(time + 2, time + 3, value);
    history.list(time + 4, time + 5, value, kAbsent);
    history.put_if_absent(time + 6, time + 7, 1000 + value, kRefused);
  }
  history.get(time, time + 1, 50);
  for (Value value = 101; value <= 200; ++value, time += 10) history.put(time + 2, time + 3, value);
  const auto window = smallest_illegal(history.operations(), {});
  // 50 is written, is replaced, and is read.
  ASSERT_EQ(window.size(), 3);
  EXPECT_EQ(window[0].written, 50);
  EXPECT_GT(window[1].written, 50);
  EXPECT_EQ(window[2].seen, 50);
}

History read(const std::string& text) {
  std::istringstream in(text);
  auto history = read_history(in);
  EXPECT_TRUE(history.has_value()) << (history ? "" : history.error().detail());
  return history ? std::move(*history) : History();
}

TEST(LinearHistory, IsSplitByWhatIsListedTogether) {
  const History history = read(
      R"({"group":"g","key":"a","op":"put","value":"v1","outcome":"ok","call":1,"return":2}
{"note":"master1 is killed","at":2}
{"group":"g","key":"b","op":"delete-if-match","expect":"v1","outcome":"missing","call":3,"return":4}
{"group":"h","key":"a","op":"get","seen":"v3","outcome":"ok","call":3,"return":4}
{"group":"h","key":"b","op":"get","outcome":"unknown","call":3}
{"group":"h","key":"b","op":"delete","outcome":"unknown","call":5,"return":6,"who":"client 4"}
{"group":"g","op":"list","list":{"a":"v1"},"outcome":"ok","call":5,"return":6}
)");
  ASSERT_EQ(history.partitions.size(), 3);
  const Partition& listed = history.partitions[0];
  EXPECT_EQ(listed.name, "g");
  EXPECT_EQ(listed.operations.back().listed, (std::vector<Value>{1, kAbsent}));
  EXPECT_EQ(describe(listed, listed.operations.back()), "list -> {a: v1, b: nothing}");
  EXPECT_EQ(describe(listed, listed.operations[1]), "delete-if-match b (if v1) -> missing");
  EXPECT_EQ(history.partitions[1].name, "h/a");
  EXPECT_EQ(history.partitions[2].operations.front().return_ns, kNever);
  EXPECT_EQ(history.ok, 3);
  EXPECT_EQ(history.failed, 1);
  EXPECT_EQ(history.unknown, 2);
  EXPECT_EQ(history.notes.size(), 1);
}

TEST(LinearHistory, RefusesWhatIsNoHistory) {
  for (const char* const line :
       {"[]", "{", R"({"group":"g"})",
        R"({"group":"g","key":"a","op":"put","outcome":"ok","call":1,"return":2})",
        R"({"group":"g","key":"a","op":"put","value":"v","outcome":"ok","call":1})",
        R"({"group":"g","key":"a","op":"get","outcome":"ok","call":3,"return":2})",
        R"({"group":"g","key":"a","op":"get","outcome":"refused","call":1,"return":2})",
        R"({"key":"a","op":"get","outcome":"ok","call":1,"return":2})"}) {
    std::istringstream in(line);
    const auto history = read_history(in);
    ASSERT_FALSE(history.has_value()) << line;
    EXPECT_NE(history.error().detail().find("line 1"), std::string::npos);
  }
  const std::string put =
      R"({"group":"g","key":"a","op":"put","value":"v","outcome":"ok","call":1,"return":2})";
  std::istringstream twice(put + "\n" + put);
  EXPECT_FALSE(read_history(twice).has_value());
}

}  // namespace
}  // namespace kelp::linear
