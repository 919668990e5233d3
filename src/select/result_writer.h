#pragma once

#include <span>
#include <string>
#include <string_view>

#include "select/request.h"
#include "select/value.h"

namespace kelp::select {

/// Writes records of a result, as CSV or JSON.
class ResultWriter {
 public:
  /// `request` must outlive it.
  explicit ResultWriter(const Request& request);

  /// Begins a record at the end of `out`, which must stay until end().
  void begin(std::string& out);
  /// A column. What is missing is an empty field of CSV and nothing in JSON.
  void column(std::string_view name, const Value& value);
  /// A column that is text.
  void text_column(std::string_view name, std::string_view text);
  /// All members of an object.
  void members(JsonRef object);
  /// Ends it. Errors  OverMaxRecordSize.
  Outcome<void> end();
  /// How long the record is so far.
  [[nodiscard]] std::size_t bytes() const { return out_->size() - begin_; }

 private:
  void field(std::string_view text);
  void name(std::string_view text);

  const CsvOutput* csv_ = nullptr;
  const JsonOutput* json_ = nullptr;
  std::string* out_ = nullptr;
  std::size_t begin_ = 0;
  bool first_ = true;
  std::string scratch_;
};

}  // namespace kelp::select
