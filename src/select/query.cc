#include "select/query.h"

#include <fmt/format.h>

#include <variant>

namespace kelp::select {

Query::Query(const Request& request, const Statement& statement, Moment now)
    : statement_(statement),
      csv_(std::holds_alternative<CsvInput>(request.input)),
      evaluator_(statement, now),
      writer_(request),
      sums_(statement.aggregates.size()) {}

Outcome<void> Query::bind(std::span<const std::string> names, bool has_names) {
  names_.assign(names.begin(), names.end());
  return evaluator_.bind(names, has_names);
}

bool Query::satisfied() const {
  return statement_.limit && written_ >= *statement_.limit;
}

Outcome<void> Query::take(const Record& record, std::string& out) {
  if (statement_.where) {
    KELP_TRY(const bool wanted, evaluator_.holds(*statement_.where, record));
    if (!wanted) return {};
  }
  if (!sums_.empty()) return gather(record);
  ++written_;
  return statement_.star ? write_all(record, out) : write_items(record, out);
}

Outcome<void> Query::gather(const Record& record) {
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    const Aggregate& aggregate = statement_.aggregates[i];
    if (!aggregate.input) {
      ++sums_[i].count;
      continue;
    }
    KELP_TRY(const Value value, evaluator_.value(*aggregate.input, record));
    if (value.absent()) continue;
    KELP_CHECK(add(sums_[i], aggregate.kind, value));
  }
  return {};
}

Outcome<void> Query::add(Sum& sum, Aggregate::Kind kind, const Value& value) {
  ++sum.count;
  if (kind == Aggregate::Kind::kCount) return {};
  if (kind == Aggregate::Kind::kSum || kind == Aggregate::Kind::kAverage) {
    KELP_TRY(sum.value,
             calculate(Sign::kPlus, sum.count == 1 ? integer_value(0) : sum.value, value));
    return {};
  }
  // A field of CSV is a number if it can be one.
  Value next = as_number(value).value_or(value);
  next.tree = {};
  if (sum.count > 1) {
    const auto order = compare(next, sum.value);
    if (!order || value.kind == ValueKind::kTree) {
      return Failure{FailureKind::kIncorrectSqlFunctionArgumentType,
                     "MIN and MAX need values of one kind"};
    }
    if (kind == Aggregate::Kind::kLeast ? *order >= 0 : *order <= 0) return {};
  } else if (value.kind == ValueKind::kTree) {
    return Failure{FailureKind::kIncorrectSqlFunctionArgumentType, "MIN and MAX of an object"};
  }
  sum.value = std::move(next);
  return {};
}

Outcome<Value> Query::result(const Aggregate& aggregate, const Sum& sum) const {
  if (aggregate.kind == Aggregate::Kind::kCount) {
    return integer_value(static_cast<std::int64_t>(sum.count));
  }
  if (aggregate.kind != Aggregate::Kind::kAverage || sum.count == 0) return sum.value;
  return calculate(Sign::kDivide, sum.value, real_value(static_cast<double>(sum.count)));
}

Outcome<void> Query::finish(std::string& out) {
  if (sums_.empty() || statement_.limit == 0) return {};
  std::vector<Value> values;
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    KELP_TRY(Value value, result(statement_.aggregates[i], sums_[i]));
    values.push_back(std::move(value));
  }
  evaluator_.set_aggregates(std::move(values));
  return write_items({}, out);
}

Outcome<void> Query::write_items(const Record& record, std::string& out) {
  writer_.begin(out);
  for (const Item& item : statement_.items) {
    KELP_TRY(const Value value, evaluator_.value(item.node, record));
    writer_.column(item.name, value);
    if (writer_.bytes() > kMaxRecordBytes + 8) break;
  }
  return writer_.end();
}

Outcome<void> Query::write_all(const Record& record, std::string& out) {
  writer_.begin(out);
  if (csv_) {
    for (std::size_t i = 0; i < record.fields.size(); ++i) {
      const bool named = i < names_.size();
      writer_.text_column(named ? names_[i] : fmt::format("_{}", i + 1), record.fields[i]);
    }
  } else if (record.json.tree != nullptr) {
    if (record.json.node().type == JsonType::kObject) {
      writer_.members(record.json);
    } else {
      writer_.column("_1", json_value(record.json));
    }
  }
  return writer_.end();
}

}  // namespace kelp::select
