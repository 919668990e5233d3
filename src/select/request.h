#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

// What SelectObjectContent asks for, as a value. Source: its request syntax, S3 API reference.

namespace kelp::select {

/// What the first line of CSV is.
enum class HeaderInfo : std::uint8_t { kNone, kIgnore, kUse };

/// How an object of CSV is written. Delimiters are one or two characters.
struct CsvInput {
  HeaderInfo header = HeaderInfo::kNone;
  std::string field_delimiter = ",";
  std::string record_delimiter = "\n";  ///< "\n" stands for "\r\n" too.
  char quote = '"';                     ///< 0: there are no quotes.
  char quote_escape = '"';
  char comment = '#';  ///< Lines that begin with it are none; 0: there are no comments.
  bool quoted_record_delimiter = false;
};
/// An object of JSON: values one behind the other.
struct JsonInput {
  bool lines = false;  ///< One in each line.
};

/// How the object is packed.
enum class Compression : std::uint8_t { kNone, kGzip, kBzip2 };

/// A result as CSV.
struct CsvOutput {
  bool quote_always = false;
  std::string field_delimiter = ",";
  std::string record_delimiter = "\n";
  char quote = '"';
  char quote_escape = '"';
};
/// A result as JSON.
struct JsonOutput {
  std::string record_delimiter = "\n";
};

/// The records that begin in these bytes of the object, both ends included. `first` alone goes to
/// the end; `last` alone is the number of bytes at the end.
struct ScanRange {
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> last;
};

/// The whole request.
struct Request {
  std::string expression;
  std::variant<CsvInput, JsonInput> input;
  Compression compression = Compression::kNone;
  std::variant<CsvOutput, JsonOutput> output;
  std::optional<ScanRange> scan_range;
  bool progress = false;
};

}  // namespace kelp::select
