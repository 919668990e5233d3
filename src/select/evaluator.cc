#include "select/evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "select/text.h"

namespace kelp::select {
namespace {

Value truth_value(std::optional<bool> truth, bool negated = false) {
  return truth ? bool_value(*truth != negated) : null_value();
}

/// The number behind the `_` of a column without a name, from 1; 0: it is no such name.
std::uint32_t position_of(std::string_view name) {
  std::uint32_t position = 0;
  if (name.size() < 2 || name.front() != '_') return 0;
  const char* const end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + 1, end, position);
  return parsed.ec == std::errc() && parsed.ptr == end ? position : 0;
}

bool compares(Sign sign, std::partial_ordering order) {
  switch (sign) {
    case Sign::kEqual:
      return order == 0;
    case Sign::kUnequal:
      return order != 0;
    case Sign::kLess:
      return order < 0;
    case Sign::kLessOrEqual:
      return order <= 0;
    case Sign::kGreater:
      return order > 0;
    default:
      return order >= 0;
  }
}

/// The member of an object or the element of an array; no tree: there is none.
Outcome<JsonRef> step_into(JsonRef from, const Step& step) {
  const JsonNode& node = from.node();
  const bool object = node.type == JsonType::kObject;
  const bool fits = step.kind == Step::Kind::kName ? object : node.type == JsonType::kArray;
  if (!fits) return JsonRef{};
  JsonRef found;
  std::uint32_t index = 0;
  for (std::uint32_t at = from.at + 1; at < node.end; at = from.tree->nodes[at].end, ++index) {
    const JsonNode& child = from.tree->nodes[at];
    if (!object) {
      if (index == step.index) return JsonRef{from.tree, at};
      continue;
    }
    const std::string_view name = from.tree->name(child);
    if (step.exact ? name != step.name : !same_word(name, step.name)) continue;
    if (step.exact) return JsonRef{from.tree, at};
    if (found.tree != nullptr) {
      return Failure{FailureKind::kAmbiguousFieldName, step.name + " fits several members"};
    }
    found = {from.tree, at};
  }
  return found;
}

}  // namespace

Outcome<std::uint32_t> Evaluator::column_of(const Path& path, std::span<const std::string> names,
                                            bool has_names) const {
  if (path.steps.size() > 1) {
    const auto kind = path.aliased ? FailureKind::kInvalidKeyPath : FailureKind::kInvalidTableAlias;
    return Failure{kind, path.steps.front().name + " at byte " + std::to_string(path.at)};
  }
  if (path.steps.empty() || path.steps.front().kind != Step::Kind::kName) {
    return Failure{FailureKind::kInvalidKeyPath, "at byte " + std::to_string(path.at)};
  }
  const Step& step = path.steps.front();
  std::optional<std::uint32_t> found;
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    if (step.exact ? names[i] != step.name : !same_word(names[i], step.name)) continue;
    if (found) return Failure{FailureKind::kAmbiguousFieldName, step.name};
    found = i;
  }
  if (found) return *found;
  const std::uint32_t position = position_of(step.name);
  if (position > 0) return position - 1;
  return Failure{has_names ? FailureKind::kMissingHeaders : FailureKind::kInvalidColumnIndex,
                 "there is no column " + step.name};
}

Outcome<void> Evaluator::bind(std::span<const std::string> names, bool has_names) {
  columns_.clear();
  for (const Path& path : statement_.paths) {
    KELP_TRY(const std::uint32_t column, column_of(path, names, has_names));
    columns_.push_back(column);
  }
  return {};
}

Outcome<Value> Evaluator::path(const Node& node, const Record& record) const {
  if (!columns_.empty()) {
    const std::uint32_t column = columns_[node.index];
    if (column >= record.fields.size()) return missing_value();
    Value field = text_value(record.fields[column]);
    field.loose = true;
    return field;
  }
  JsonRef at = record.json;
  const Path& path = statement_.paths[node.index];
  // A record that is no object has one column.
  const bool lone = path.steps.size() == 1 && path.steps.front().name == "_1" &&
                    at.tree != nullptr && at.node().type != JsonType::kObject;
  for (const Step& step : path.steps) {
    if (at.tree == nullptr) return missing_value();
    if (lone) break;
    KELP_TRY(at, step_into(at, step));
  }
  return at.tree == nullptr ? missing_value() : json_value(at);
}

Outcome<Evaluator::Truth> Evaluator::truth(std::uint32_t node, const Record& record) {
  KELP_TRY(const Value found, value(node, record));
  if (found.absent()) return Truth();
  const auto known = as_bool(found);
  if (!known)
    return Failure{FailureKind::kInvalidDataType, "a condition that is not true or false"};
  return Truth(*known);
}

Outcome<bool> Evaluator::holds(std::uint32_t node, const Record& record) {
  KELP_TRY(const Truth known, truth(node, record));
  return known.value_or(false);
}

Outcome<Value> Evaluator::value(std::uint32_t index, const Record& record) {
  ++steps_;
  const Node& node = statement_.nodes[index];
  switch (node.op) {
    case Op::kConstant:
      return statement_.constants[node.index];
    case Op::kPath:
      return path(node, record);
    case Op::kAnd:
    case Op::kOr:
      return junction(node, record);
    case Op::kNot: {
      KELP_TRY(const Truth known, truth(node.inputs.front(), record));
      return truth_value(known, !node.negated);
    }
    case Op::kCompare:
      return compare_two(node, record);
    case Op::kArithmetic:
      return arithmetic(node, record);
    case Op::kConcat:
      return concat(node, record);
    case Op::kNegate:
      return negate(node, record);
    case Op::kLike:
      return like(node, record);
    case Op::kIn:
      return in(node, record);
    case Op::kBetween:
      return between(node, record);
    case Op::kIsNull: {
      KELP_TRY(const Value input, value(node.inputs.front(), record));
      return bool_value(input.absent() != node.negated);
    }
    case Op::kIsMissing: {
      KELP_TRY(const Value input, value(node.inputs.front(), record));
      return bool_value((input.kind == ValueKind::kMissing) != node.negated);
    }
    case Op::kCase:
      return conditional(node, record);
    case Op::kCast: {
      KELP_TRY(const Value input, value(node.inputs.front(), record));
      return cast(input, node.type);
    }
    case Op::kCall:
      return call(node, record);
    case Op::kAggregate:
      return aggregates_.at(node.index);
  }
  return null_value();
}

/// FALSE decides an AND, TRUE an OR; else NULL wins.
Outcome<Value> Evaluator::junction(const Node& node, const Record& record) {
  const bool decides = node.op == Op::kOr;
  bool unknown = false;
  for (const std::uint32_t input : node.inputs) {
    KELP_TRY(const Truth known, truth(input, record));
    if (known == decides) return bool_value(decides);
    unknown |= !known;
  }
  return unknown ? null_value() : bool_value(!decides);
}

Outcome<Value> Evaluator::compare_two(const Node& node, const Record& record) {
  KELP_TRY(const Value left, value(node.inputs[0], record));
  KELP_TRY(const Value right, value(node.inputs[1], record));
  const auto order = compare(left, right);
  return order ? bool_value(compares(node.sign, *order)) : null_value();
}

Outcome<Value> Evaluator::arithmetic(const Node& node, const Record& record) {
  KELP_TRY(Value result, value(node.inputs.front(), record));
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    KELP_TRY(const Value next, value(node.inputs[i], record));
    KELP_TRY(result, calculate(node.signs[i - 1], result, next));
  }
  return result;
}

Outcome<Value> Evaluator::negate(const Node& node, const Record& record) {
  KELP_TRY(const Value input, value(node.inputs.front(), record));
  return calculate(Sign::kMinus, integer_value(0), input);
}

Outcome<Value> Evaluator::concat(const Node& node, const Record& record) {
  std::string text;
  for (const std::uint32_t input : node.inputs) {
    KELP_TRY(const Value part, value(input, record));
    if (part.absent()) return null_value();
    append_text(part, text);
    if (text.size() > kMaxRecordBytes) return Failure{FailureKind::kOverMaxRecordSize};
  }
  return text_value(text);
}

Outcome<Value> Evaluator::like(const Node& node, const Record& record) {
  std::vector<Value> inputs;
  for (const std::uint32_t input : node.inputs) {
    KELP_TRY(Value part, value(input, record));
    if (part.absent()) return null_value();
    if (part.kind != ValueKind::kText) return Failure{FailureKind::kLikeInvalidInputs};
    inputs.push_back(std::move(part));
  }
  // What a bad pattern costs counts as work.
  steps_ += inputs[0].text.size() * inputs[1].text.size() / 64;
  KELP_TRY(const bool fits, matches_like(inputs[0].text, inputs[1].text,
                                         inputs.size() > 2 ? inputs[2].text : std::string_view()));
  return bool_value(fits != node.negated);
}

Outcome<Value> Evaluator::in(const Node& node, const Record& record) {
  KELP_TRY(const Value left, value(node.inputs.front(), record));
  bool unknown = left.absent();
  for (std::size_t i = 1; i < node.inputs.size() && !left.absent(); ++i) {
    KELP_TRY(const Value right, value(node.inputs[i], record));
    const auto order = compare(left, right);
    if (order && *order == 0) return bool_value(!node.negated);
    unknown |= right.absent();
  }
  return unknown ? null_value() : bool_value(node.negated);
}

Outcome<Value> Evaluator::between(const Node& node, const Record& record) {
  KELP_TRY(const Value middle, value(node.inputs[0], record));
  KELP_TRY(const Value low, value(node.inputs[1], record));
  KELP_TRY(const Value high, value(node.inputs[2], record));
  const auto above = compare(middle, low);
  const auto below = compare(middle, high);
  const bool outside = (above && *above < 0) || (below && *below > 0);
  if (!outside && (!above || !below)) return null_value();
  return bool_value(outside == node.negated);
}

Outcome<Value> Evaluator::conditional(const Node& node, const Record& record) {
  for (std::size_t i = 0; i + 1 < node.inputs.size(); i += 2) {
    KELP_TRY(const bool chosen, holds(node.inputs[i], record));
    if (chosen) return value(node.inputs[i + 1], record);
  }
  return value(node.inputs.back(), record);
}

Outcome<Value> Evaluator::call(const Node& node, const Record& record) {
  if (node.function == Function::kCoalesce) {
    for (const std::uint32_t input : node.inputs) {
      KELP_TRY(Value found, value(input, record));
      if (!found.absent()) return found;
    }
    return null_value();
  }
  std::vector<Value> arguments;
  for (const std::uint32_t input : node.inputs) {
    KELP_TRY(Value argument, value(input, record));
    arguments.push_back(std::move(argument));
  }
  return call_function(node, arguments, now_);
}

}  // namespace kelp::select
