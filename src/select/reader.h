#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "select/json_tree.h"
#include "select/request.h"
#include "select/statement.h"

namespace kelp::select {

/// AWS's limit of a record of the input or of the result.
inline constexpr std::size_t kMaxRecordBytes = 1 << 20;
/// Fields of a record of CSV.
inline constexpr std::size_t kMaxFields = 16'384;
/// Values in a record of JSON.
inline constexpr std::size_t kMaxJsonNodes = 131'072;
/// How deep JSON may be.
inline constexpr std::size_t kMaxJsonDepth = 64;

/// What a query is asked about. Valid until the reader is asked for the next one.
struct Record {
  std::span<const std::string_view> fields;  ///< Of CSV.
  JsonRef json;                              ///< Of JSON; no tree: the path led nowhere.
};

/// Cuts a stream into records. What it holds is bounded by the largest record and what was fed.
class RecordReader {
 public:
  virtual ~RecordReader() = default;
  /// The stream goes on; only after next() gave false.
  virtual void feed(std::string_view bytes) = 0;
  /// Nothing follows; next() gives what is left.
  virtual void finish() = 0;
  /// False: it needs more, or after finish() that was all.
  /// Errors  OverMaxRecordSize, OverMaxColumn; CSVParsingError and its kin; JSONParsingError.
  [[nodiscard]] virtual Outcome<bool> next(Record& record) = 0;
  /// Names of the columns, of CSV with a header; empty before that was read.
  [[nodiscard]] virtual std::span<const std::string> names() const = 0;
};

/// Of CSV, as `input` says.
[[nodiscard]] std::unique_ptr<RecordReader> make_csv_reader(const CsvInput& input);
/// Of values of JSON, one behind the other; records are what `from` leads to in each of them.
/// `from` must outlive it.
[[nodiscard]] std::unique_ptr<RecordReader> make_json_reader(const Path& from);

}  // namespace kelp::select
