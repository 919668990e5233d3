#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "select/value.h"

// A query as the parser understood it. Nodes refer to each other by their place in one list, so
// that nothing of it is deep but what the parser let be.

namespace kelp::select {

/// A step from a value to what is in it.
struct Step {
  enum class Kind : std::uint8_t { kName, kIndex, kEach };
  Kind kind = Kind::kName;
  std::string name = {};
  bool exact = false;  ///< The name was quoted: letters are to be of the same case.
  std::uint32_t index = 0;
};
/// What is in what.
struct Path {
  std::vector<Step> steps;  ///< None: the record itself.
  std::size_t at = 0;       ///< The byte of the expression.
  bool aliased = false;     ///< It began with the name of the record.
};

/// What a node does with its inputs.
enum class Op : std::uint8_t {
  kConstant,  ///< constants[index]
  kPath,      ///< paths[index]
  kAnd,
  kOr,
  kNot,
  kCompare,
  kArithmetic,  ///< Each input but the first with its operator, from left to right.
  kConcat,
  kNegate,
  kLike,  ///< Text, pattern and perhaps the escape.
  kIn,
  kBetween,
  kIsNull,
  kIsMissing,
  kCase,  ///< Conditions and values by turns, then the value of ELSE.
  kCast,
  kCall,
  kAggregate,  ///< The result of aggregates[index].
};

/// An operator of kCompare or kArithmetic.
enum class Sign : std::uint8_t {
  kEqual,
  kUnequal,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kPlus,
  kMinus,
  kTimes,
  kDivide,
  kModulo,
};

/// Functions that are called by a name.
enum class Function : std::uint8_t {
  kCharLength,
  kLower,
  kUpper,
  kSubstring,  ///< Text, first and perhaps the number of characters.
  kTrimBoth,   ///< Text and perhaps the characters that go; so the next two.
  kTrimLeading,
  kTrimTrailing,
  kCoalesce,
  kNullif,
  kDateAdd,
  kDateDiff,
  kExtract,
  kToTimestamp,
  kToString,
  kUtcNow,
};

/// One expression.
struct Node {
  Op op = Op::kConstant;
  bool negated = false;  ///< NOT LIKE, NOT IN, IS NOT NULL …
  Sign sign = Sign::kEqual;
  Function function = Function::kCharLength;
  DatePart part = DatePart::kYear;
  CastType type = CastType::kText;
  std::uint32_t index = 0;
  std::vector<std::uint32_t> inputs = {};
  std::vector<Sign> signs = {};  ///< Of kArithmetic, one for each input but the first.
};

/// What is computed over all records.
struct Aggregate {
  enum class Kind : std::uint8_t { kCount, kSum, kAverage, kLeast, kGreatest };
  Kind kind = Kind::kCount;
  std::optional<std::uint32_t> input;  ///< Nothing: COUNT(*).
};

/// A column of the result.
struct Item {
  std::uint32_t node = 0;
  std::string name = {};
};

/// SELECT … FROM … WHERE … LIMIT …
struct Statement {
  std::vector<Node> nodes;
  std::vector<Value> constants;
  std::vector<Path> paths;
  std::vector<Aggregate> aggregates;  ///< If there are any, the result is one record.

  bool star = false;  ///< All columns; else `items`.
  std::vector<Item> items;
  Path from;  ///< Behind S3Object and the [*] of the stream itself.
  std::optional<std::uint32_t> where;
  std::optional<std::uint64_t> limit;
};

}  // namespace kelp::select
