#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <limits>
#include <string>
#include <vector>

#include "kelp/result.h"

namespace kelp::linear {

/// A content of an object, a number for each; kAbsent: there is no object.
using Value = std::uint32_t;
inline constexpr Value kAbsent = 0;

enum class Kind : std::uint8_t {
  kPut,
  kPutIfAbsent,    ///< If-None-Match: *
  kPutIfMatch,     ///< If-Match: the ETag of `expected`
  kDelete,         ///< Succeeds whether or not there is an object.
  kDeleteIfMatch,  ///< If-Match: the ETag of `expected`
  kGet,
  kList,  ///< Of all keys of the partition.
};

enum class Outcome : std::uint8_t {
  kOk,
  kRefused,  ///< 412: the condition did not hold, and there is an object.
  kMissing,  ///< 404 to an If-Match: there is no object.
  kUnknown,  ///< No answer or 5xx. It may happen at any time after its call, or never.
};

/// When an operation that was never answered returned.
inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// What one client asked for, when, and what it was told.
struct Operation {
  Kind kind = Kind::kGet;
  Outcome outcome = Outcome::kOk;
  std::uint32_t key = 0;      ///< Of Partition::keys; not of a kList.
  Value written = kAbsent;    ///< By a put. No two puts of a history write the same.
  Value expected = kAbsent;   ///< By an If-Match.
  Value seen = kAbsent;       ///< By a kGet.
  std::vector<Value> listed;  ///< By a kList: what each of Partition::keys had.
  std::int64_t call_ns = 0;
  std::int64_t return_ns = 0;  ///< kNever when the outcome is unknown.
  std::string who;             ///< For people: which client, through which gateway.
};

/// The part of a history that no other part has to do with: the keys that are listed together, or
/// one key that is in no list.
struct Partition {
  std::string name;
  std::vector<std::string> keys;    ///< At most kMaxKeys.
  std::vector<std::string> values;  ///< Name of each Value; that of kAbsent is "nothing".
  std::vector<Operation> operations;
};
inline constexpr std::size_t kMaxKeys = 8;

/// What was done to the cluster meanwhile, for people.
struct Note {
  std::int64_t at_ns = 0;
  std::string text;
};

/// What was read from a file, and how many operations were of each outcome.
struct History {
  std::vector<Partition> partitions;
  std::vector<Note> notes;
  std::size_t ok = 0;
  std::size_t failed = 0;   ///< kRefused and kMissing.
  std::size_t unknown = 0;  ///< Reads too; those are in no partition, for they say nothing.
};

/// Reads a history of JSON lines (tests/linear/README.md). kInvalidArgument names the line.
[[nodiscard]] Result<History> read_history(std::istream& in);

/// One line that says what `operation` did, e.g. `put a = v7 -> ok`.
[[nodiscard]] std::string describe(const Partition& partition, const Operation& operation);

}  // namespace kelp::linear
