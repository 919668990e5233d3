#include "tests/linear/model.h"

#include <algorithm>
#include <span>

namespace kelp::linear {
namespace {

/// What is written is `after`; whether that was as it should be is the answer.
bool change(Value& current, Value after, Outcome outcome, Outcome should_be) {
  if (outcome == Outcome::kUnknown) {
    if (should_be != Outcome::kOk || current == after) return false;
  } else if (outcome != should_be) {
    return false;
  }
  if (should_be == Outcome::kOk) current = after;
  return true;
}

Outcome if_match(Value current, Value expected) {
  if (current == kAbsent) return Outcome::kMissing;
  return current == expected ? Outcome::kOk : Outcome::kRefused;
}

}  // namespace

bool apply(const Operation& operation, State& state) {
  Value& current = state[operation.key];
  const Outcome outcome = operation.outcome;
  switch (operation.kind) {
    case Kind::kPut:
      return change(current, operation.written, outcome, Outcome::kOk);
    case Kind::kPutIfAbsent:
      return change(current, operation.written, outcome,
                    current == kAbsent ? Outcome::kOk : Outcome::kRefused);
    case Kind::kPutIfMatch:
      return change(current, operation.written, outcome, if_match(current, operation.expected));
    case Kind::kDelete:
      return change(current, kAbsent, outcome, Outcome::kOk);
    case Kind::kDeleteIfMatch:
      return change(current, kAbsent, outcome, if_match(current, operation.expected));
    case Kind::kGet:
      return current == operation.seen;
    case Kind::kList:
      return std::ranges::equal(operation.listed, std::span(state).first(operation.listed.size()));
  }
  return false;
}

std::uint32_t observed_keys(const Operation& operation) {
  switch (operation.kind) {
    case Kind::kPut:
    case Kind::kDelete:
      return 0;
    case Kind::kList:
      return (1U << operation.listed.size()) - 1;
    default:
      return 1U << operation.key;
  }
}

}  // namespace kelp::linear
