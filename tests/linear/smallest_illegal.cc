// What is left of an illegal history when all that the contradiction does not need is taken away.
// Nothing is taken that could make a legal history illegal, so what is left is a proof.

#include <algorithm>

#include "tests/linear/checker.h"
#include "tests/linear/model.h"

namespace kelp::linear {
namespace {

using Operations = std::vector<Operation>;

bool changes(const Operation& operation) {
  return operation.kind != Kind::kGet && operation.kind != Kind::kList &&
         (operation.outcome == Outcome::kOk || operation.outcome == Outcome::kUnknown);
}

/// What was known of `operations` at `time`.
Operations until(const Operations& operations, std::int64_t time) {
  Operations known;
  for (const Operation& operation : operations) {
    if (operation.call_ns > time) continue;
    if (operation.return_ns <= time) {
      known.push_back(operation);
    } else if (operation.kind != Kind::kGet && operation.kind != Kind::kList) {
      Operation& open = known.emplace_back(operation);
      open.outcome = Outcome::kUnknown;
      open.return_ns = kNever;
    }
  }
  return known;
}

/// Whether `operation` depends on there being the object that `change` made, or none if it removed.
bool depends_on(const Operation& operation, const Operation& change) {
  const Value after = change.written;  // A deletion writes kAbsent.
  if (operation.kind == Kind::kList) return operation.listed[change.key] == after;
  if (operation.key != change.key) return false;
  switch (operation.kind) {
    case Kind::kGet:
      return operation.seen == after;
    case Kind::kPutIfAbsent:
      return operation.outcome == Outcome::kRefused ? after != kAbsent : after == kAbsent;
    case Kind::kPutIfMatch:
    case Kind::kDeleteIfMatch:
      if (operation.outcome == Outcome::kRefused) return after != kAbsent;
      return after == (operation.outcome == Outcome::kMissing ? kAbsent : operation.expected);
    default:
      return false;
  }
}

/// Whether `operation` may stand between `change` and the next change of its key.
bool may_follow(const Operations& operations, const Operation& change, const Operation& operation) {
  if (operation.return_ns < change.call_ns) return false;
  return std::ranges::none_of(operations, [&](const Operation& next) {
    return next.key == change.key && changes(next) && next.outcome == Outcome::kOk &&
           change.return_ns < next.call_ns && next.return_ns < operation.call_ns;
  });
}

/// Without what `change` wrote nobody could read what `operation` says.
bool names(const Operation& operation, const Operation& change) {
  const Value value = change.written;
  return value != kAbsent && (operation.seen == value || operation.expected == value ||
                              std::ranges::find(operation.listed, value) != operation.listed.end());
}

/// A history that is legal with the operation at `index` is legal without it: it changes nothing,
/// or nobody's answer depends on its change.
bool can_go(const Operations& operations, std::size_t index) {
  const Operation& operation = operations[index];
  return !changes(operation) || std::ranges::none_of(operations, [&](const Operation& other) {
    return &other != &operation &&
           (names(other, operation) ||
            (depends_on(other, operation) && may_follow(operations, operation, other)));
  });
}

/// What `operation` would have been without its condition, which makes nothing illegal either.
Kind without_condition(const Operation& operation) {
  if (!changes(operation)) return operation.kind;
  return operation.kind == Kind::kDelete || operation.kind == Kind::kDeleteIfMatch ? Kind::kDelete
                                                                                   : Kind::kPut;
}

}  // namespace

Operations smallest_illegal(std::span<const Operation> operations, const Limits& limits) {
  Operations rest(operations.begin(), operations.end());
  const auto illegal = [&](const Operations& some) {
    return check(some, limits) == Verdict::kIllegal;
  };

  std::vector<std::int64_t> returns;
  for (const Operation& operation : rest) {
    if (operation.return_ns != kNever) returns.push_back(operation.return_ns);
  }
  std::ranges::sort(returns);
  const auto first = std::ranges::partition_point(
      returns, [&](std::int64_t time) { return !illegal(until(rest, time)); });
  if (first != returns.end()) rest = until(rest, *first);

  std::ranges::sort(rest, {}, &Operation::call_ns);
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (std::size_t i = 0; i < rest.size();) {
      Operations less = rest;
      less[i].kind = without_condition(rest[i]);
      if (less[i].kind != rest[i].kind && illegal(less)) {
        rest = less;
        smaller = true;
      }
      less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
      if (can_go(rest, i) && illegal(less)) {
        rest = std::move(less);
        smaller = true;
      } else {
        ++i;
      }
    }
  }
  return rest;
}

}  // namespace kelp::linear
