#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tests/linear/history.h"

namespace kelp::linear {

enum class Verdict : std::uint8_t {
  kOk,       ///< There is an order.
  kIllegal,  ///< There is none.
  kUnknown,  ///< The limits were reached before that was decided.
};

/// How much one search may take.
struct Limits {
  std::uint64_t steps = 200'000'000;      ///< Operations tried; some 50 ns each.
  std::size_t memory_bytes = 1ULL << 30;  ///< Of what it remembers.
};

/// What a search took.
struct Effort {
  std::uint64_t steps = 0;
  std::size_t configurations = 0;
};

/// Whether the operations of one partition can be put in an order in which each has the outcome
/// that it had, that begins with no objects, and in which one that returned before another was
/// called stands before it (Herlihy and Wing, "Linearizability", 1990).
///
/// The search is that of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with the
/// memory of Lowe ("Testing for Linearizability", 2017): a set of operations that were put in order
/// is tried once for each state it led to. An operation of unknown outcome is placed only where an
/// answer right after it depends on it: nobody can tell the other places from never.
[[nodiscard]] Verdict check(std::span<const Operation> operations, const Limits& limits,
                            Effort* effort = nullptr);

/// A part of `operations` (which are illegal) that is illegal too and small enough to be read, in
/// the order of their calls. What had not returned when the contradiction showed is unknown in it;
/// conditions that held are left out where it does not need them.
[[nodiscard]] std::vector<Operation> smallest_illegal(std::span<const Operation> operations,
                                                      const Limits& limits);

}  // namespace kelp::linear
