#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "select/evaluator.h"
#include "select/reader.h"
#include "select/request.h"
#include "select/result_writer.h"

namespace kelp::select {

/// A query on its way over the records of an object.
class Query {
 public:
  /// `request` and `statement` must outlive it.
  Query(const Request& request, const Statement& statement, Moment now);

  /// Of CSV: what the columns are called, if they have names; before the first record. Errors
  /// those of Evaluator::bind().
  Outcome<void> bind(std::span<const std::string> names, bool has_names);
  /// Appends to `out` what the record gives.
  /// Errors  those of the evaluator, OverMaxRecordSize.
  Outcome<void> take(const Record& record, std::string& out);
  /// Whether nothing could come any more.
  [[nodiscard]] bool satisfied() const;
  /// Nothing follows: appends the result of aggregates.
  Outcome<void> finish(std::string& out);
  /// What the work was so far.
  [[nodiscard]] std::uint64_t steps() const { return evaluator_.steps(); }

 private:
  /// An aggregate so far.
  struct Sum {
    std::uint64_t count = 0;
    Value value = null_value();
  };
  Outcome<void> gather(const Record& record);
  Outcome<void> add(Sum& sum, Aggregate::Kind kind, const Value& value);
  Outcome<Value> result(const Aggregate& aggregate, const Sum& sum) const;
  Outcome<void> write_items(const Record& record, std::string& out);
  Outcome<void> write_all(const Record& record, std::string& out);

  const Statement& statement_;
  const bool csv_;
  Evaluator evaluator_;
  ResultWriter writer_;
  std::vector<std::string> names_;
  std::vector<Sum> sums_;
  std::uint64_t written_ = 0;
};

}  // namespace kelp::select
