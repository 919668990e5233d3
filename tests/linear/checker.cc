#include "tests/linear/checker.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <tuple>
#include <unordered_set>

#include "tests/linear/model.h"

namespace kelp::linear {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;
constexpr std::size_t kRememberedOverheadBytes = 80;  // Hash node, string, allocations.

/// The calls and returns that are not in order yet, by time: a list in an array. An operation is
/// taken out and, last out first in, put back.
class Events {
 public:
  explicit Events(std::span<const Operation> operations) : at_(operations.size()) {
    std::vector<std::tuple<std::int64_t, bool, std::uint32_t>> all;
    for (std::uint32_t i = 0; i < operations.size(); ++i) {
      // Of one moment the calls first: the two may have overlapped.
      all.emplace_back(operations[i].call_ns, false, i);
      if (operations[i].outcome != Outcome::kUnknown) {
        all.emplace_back(operations[i].return_ns, true, i);
      }
    }
    std::ranges::sort(all);
    nodes_.resize(all.size() + 2);
    for (std::uint32_t i = 0; i < nodes_.size(); ++i)
      nodes_[i] = {.previous = i - 1, .next = i + 1};
    for (std::uint32_t i = 0; i < all.size(); ++i) {
      const auto [time, is_return, operation] = all[i];
      Node& node = nodes_[i + 1];
      node.operation = operation;
      node.is_return = is_return;
      (is_return ? at_[operation].back : at_[operation].call) = i + 1;
    }
  }

  /// The call after `node`, or kNone when a return comes first, or the end: what is called later
  /// has to wait for that return.
  [[nodiscard]] std::uint32_t next_call(std::uint32_t node) const {
    const std::uint32_t next = nodes_[node].next;
    return next + 1 == nodes_.size() || nodes_[next].is_return ? kNone : next;
  }
  [[nodiscard]] std::uint32_t first_call() const { return next_call(0); }
  [[nodiscard]] std::uint32_t operation_of(std::uint32_t node) const {
    return nodes_[node].operation;
  }
  [[nodiscard]] std::uint32_t call_of(std::uint32_t operation) const { return at_[operation].call; }

  void take_out(std::uint32_t operation) {
    unlink(at_[operation].call);
    if (at_[operation].back != kNone) unlink(at_[operation].back);
  }
  void put_back(std::uint32_t operation) {
    if (at_[operation].back != kNone) link(at_[operation].back);
    link(at_[operation].call);
  }

 private:
  struct Node {
    std::uint32_t previous = 0, next = 0;
    std::uint32_t operation = 0;
    bool is_return = false;
  };
  struct Places {
    std::uint32_t call = kNone, back = kNone;
  };
  void unlink(std::uint32_t node) {
    nodes_[nodes_[node].previous].next = nodes_[node].next;
    nodes_[nodes_[node].next].previous = nodes_[node].previous;
  }
  void link(std::uint32_t node) {
    nodes_[nodes_[node].previous].next = node;
    nodes_[nodes_[node].next].previous = node;
  }

  std::vector<Node> nodes_;  ///< The first and the last are no events.
  std::vector<Places> at_;
};

/// How far a search is.
struct Position {
  State state{};
  /// Keys that an operation of unknown outcome wrote and nobody has observed yet. What comes next
  /// has to.
  std::uint32_t unobserved = 0;
};

class Search {
 public:
  Search(std::span<const Operation> operations, const Limits& limits)
      : operations_(operations),
        limits_(limits),
        events_(operations),
        ordered_((operations.size() + 63) / 64) {
    for (const Operation& operation : operations) known_ += !is_unknown(operation);
  }

  Verdict run() {
    std::uint32_t call = events_.first_call();
    bool unknown_ones = false;  // Those are tried last.
    while (known_ > 0) {
      if (call == kNone && !unknown_ones) {
        unknown_ones = true;
        call = events_.first_call();
      } else if (call == kNone) {
        if (path_.empty()) return Verdict::kIllegal;
        unknown_ones = path_.back().unknown_ones;
        call = events_.next_call(events_.call_of(step_back()));
      } else if (const std::uint32_t operation = events_.operation_of(call);
                 is_unknown(operations_[operation]) == unknown_ones &&
                 step(operation, unknown_ones)) {
        unknown_ones = false;
        call = events_.first_call();
      } else {
        call = events_.next_call(call);
      }
      if (effort_.steps > limits_.steps || remembered_bytes_ > limits_.memory_bytes) {
        return Verdict::kUnknown;
      }
    }
    return Verdict::kOk;
  }

  [[nodiscard]] Effort effort() const {
    return {.steps = effort_.steps, .configurations = remembered_.size()};
  }

 private:
  struct Step {
    std::uint32_t operation;
    bool unknown_ones;
    Position before;
  };
  static bool is_unknown(const Operation& operation) {
    return operation.outcome == Outcome::kUnknown;
  }

  /// Puts `operation` next in the order, if that is legal and new.
  bool step(std::uint32_t number, bool unknown_ones) {
    ++effort_.steps;
    const Operation& operation = operations_[number];
    Position after = now_;
    const std::uint32_t open = now_.unobserved & ~observed_keys(operation);
    if (is_unknown(operation)) {
      const std::uint32_t own = 1U << operation.key;
      if ((open & own) != 0) return false;  // It would hide what nobody has seen.
      after.unobserved |= own;
    } else {
      if (open != 0) return false;
      after.unobserved = 0;
    }
    if (!apply(operation, after.state)) return false;
    ordered_[number / 64] ^= 1ULL << number % 64;
    if (!remember(after)) {
      ordered_[number / 64] ^= 1ULL << number % 64;
      return false;
    }
    events_.take_out(number);
    known_ -= !is_unknown(operation);
    path_.push_back({.operation = number, .unknown_ones = unknown_ones, .before = now_});
    now_ = after;
    return true;
  }

  std::uint32_t step_back() {
    const Step last = path_.back();
    path_.pop_back();
    events_.put_back(last.operation);
    ordered_[last.operation / 64] ^= 1ULL << last.operation % 64;
    known_ += !is_unknown(operations_[last.operation]);
    now_ = last.before;
    return last.operation;
  }

  /// False when what is in order now led to `position` before.
  bool remember(const Position& position) {
    std::string all(ordered_.size() * sizeof(std::uint64_t) + sizeof(Position), '\0');
    std::memcpy(all.data(), ordered_.data(), ordered_.size() * sizeof(std::uint64_t));
    std::memcpy(all.data() + all.size() - sizeof(Position), &position, sizeof(Position));
    const std::size_t bytes = all.size() + kRememberedOverheadBytes;
    const bool is_new = remembered_.insert(std::move(all)).second;
    if (is_new) remembered_bytes_ += bytes;
    return is_new;
  }

  const std::span<const Operation> operations_;
  const Limits limits_;
  Events events_;
  std::vector<std::uint64_t> ordered_;  ///< Bits: which operations have their place.
  std::size_t known_ = 0;               ///< Operations of known outcome that have none.
  Position now_;
  std::vector<Step> path_;
  std::unordered_set<std::string> remembered_;
  std::size_t remembered_bytes_ = 0;
  Effort effort_;
};

}  // namespace

Verdict check(std::span<const Operation> operations, const Limits& limits, Effort* effort) {
  Search search(operations, limits);
  const Verdict verdict = search.run();
  if (effort != nullptr) *effort = search.effort();
  return verdict;
}

}  // namespace kelp::linear
