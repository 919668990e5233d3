#include "s3gw/core/select_request.h"

#include <charconv>
#include <optional>
#include <span>

#include "s3gw/core/header_text.h"
#include "s3gw/core/select_codes.h"
#include "s3gw/core/xml_reader.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using select::Compression;
using select::CsvInput;
using select::CsvOutput;
using select::HeaderInfo;
using select::JsonInput;
using select::JsonOutput;

/// AWS takes delimiters of one or two characters.
constexpr std::size_t kMaxDelimiterBytes = 8;

std::unexpected<S3Error> refused(SelectCode code) {
  return s3_error(s3_code(code));
}

/// The same, about the element `name`.
std::unexpected<S3Error> refused(SelectCode code, std::string_view name) {
  std::string message(text_of(s3_code(code)).message);
  return s3_error(s3_code(code), message + " (" + std::string(name) + ")");
}

/// The element's child of this name; MalformedXML when there are two.
S3Result<pugi::xml_node> child(pugi::xml_node parent, std::string_view name) {
  pugi::xml_node found;
  for (const pugi::xml_node node : parent.children()) {
    if (node.type() != pugi::node_element || local_name(node) != name) continue;
    if (found) return s3_error(S3Code::kMalformedXML);
    found = node;
  }
  return found;
}

/// Its text; nothing when it is not there.
S3Result<std::optional<std::string>> text(pugi::xml_node parent, std::string_view name) {
  KELP_S3_TRY(const pugi::xml_node node, child(parent, name));
  if (!node) return std::nullopt;
  KELP_S3_TRY(std::string value, text_of(node));
  return value;
}

/// One of `words`, in any case, as its place; `fallback` when it is not there.
S3Result<std::size_t> word(pugi::xml_node parent, std::string_view name,
                           std::span<const std::string_view> words, SelectCode code,
                           std::size_t fallback) {
  KELP_S3_TRY(const auto value, text(parent, name));
  if (!value || value->empty()) return fallback;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (equals_lower(*value, words[i])) return i;
  }
  return refused(code, name);
}

S3Result<bool> truth(pugi::xml_node parent, std::string_view name) {
  constexpr std::string_view kWords[] = {"false", "true"};
  KELP_S3_TRY(const std::size_t place,
              word(parent, name, kWords, SelectCode::kInvalidRequestParameter, 0));
  return place == 1;
}

S3Result<void> delimiter(pugi::xml_node parent, std::string_view name, std::string& value) {
  KELP_S3_TRY(auto given, text(parent, name));
  if (!given) return {};
  if (given->empty() || given->size() > kMaxDelimiterBytes) {
    return refused(SelectCode::kInvalidRequestParameter, name);
  }
  value = *std::move(given);
  return {};
}

/// One ASCII character; an empty element is none at all.
S3Result<void> character(pugi::xml_node parent, std::string_view name, char& value) {
  KELP_S3_TRY(const auto given, text(parent, name));
  if (!given) return {};
  if (given->size() > 1 || (given->size() == 1 && (given->front() & 0x80) != 0)) {
    return refused(SelectCode::kInvalidRequestParameter, name);
  }
  value = given->empty() ? '\0' : given->front();
  return {};
}

S3Result<std::optional<std::uint64_t>> number(pugi::xml_node parent, std::string_view name) {
  KELP_S3_TRY(const auto given, text(parent, name));
  if (!given) return std::nullopt;
  std::uint64_t value = 0;
  const char* const end = given->data() + given->size();
  const auto parsed = std::from_chars(given->data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value > INT64_MAX) {
    return refused(SelectCode::kInvalidScanRange, name);
  }
  return value;
}

S3Result<CsvInput> csv_input(pugi::xml_node node) {
  constexpr std::string_view kHeaders[] = {"none", "ignore", "use"};
  CsvInput input;
  KELP_S3_TRY(const std::size_t header,
              word(node, "FileHeaderInfo", kHeaders, SelectCode::kInvalidFileHeaderInfo, 0));
  input.header = static_cast<HeaderInfo>(header);
  KELP_S3_CHECK(delimiter(node, "FieldDelimiter", input.field_delimiter));
  KELP_S3_CHECK(delimiter(node, "RecordDelimiter", input.record_delimiter));
  KELP_S3_CHECK(character(node, "QuoteCharacter", input.quote));
  KELP_S3_CHECK(character(node, "QuoteEscapeCharacter", input.quote_escape));
  KELP_S3_CHECK(character(node, "Comments", input.comment));
  KELP_S3_TRY(input.quoted_record_delimiter, truth(node, "AllowQuotedRecordDelimiter"));
  if (input.field_delimiter == input.record_delimiter) {
    return refused(SelectCode::kInvalidRequestParameter, "FieldDelimiter");
  }
  return input;
}

S3Result<void> read_input(pugi::xml_node node, select::Request& request) {
  constexpr std::string_view kPacked[] = {"none", "gzip", "bzip2"};
  KELP_S3_TRY(const std::size_t packed,
              word(node, "CompressionType", kPacked, SelectCode::kInvalidCompressionFormat, 0));
  request.compression = static_cast<Compression>(packed);
  KELP_S3_TRY(const pugi::xml_node csv, child(node, "CSV"));
  KELP_S3_TRY(const pugi::xml_node json, child(node, "JSON"));
  KELP_S3_TRY(const pugi::xml_node parquet, child(node, "Parquet"));
  if (int{!csv.empty()} + int{!json.empty()} + int{!parquet.empty()} > 1) {
    return refused(SelectCode::kObjectSerializationConflict);
  }
  if (parquet) return refused(SelectCode::kInvalidDataSource, "Parquet");
  if (csv) {
    KELP_S3_TRY(request.input, csv_input(csv));
    return {};
  }
  if (!json) return refused(SelectCode::kMissingRequiredParameter, "InputSerialization");
  constexpr std::string_view kTypes[] = {"document", "lines"};
  KELP_S3_TRY(const std::size_t type, word(json, "Type", kTypes, SelectCode::kInvalidJsonType, 2));
  if (type == 2) return refused(SelectCode::kMissingRequiredParameter, "Type");
  request.input = JsonInput{.lines = type == 1};
  return {};
}

S3Result<void> read_output(pugi::xml_node node, select::Request& request) {
  KELP_S3_TRY(const pugi::xml_node csv, child(node, "CSV"));
  KELP_S3_TRY(const pugi::xml_node json, child(node, "JSON"));
  if (csv && json) return refused(SelectCode::kObjectSerializationConflict);
  if (json) {
    JsonOutput output;
    KELP_S3_CHECK(delimiter(json, "RecordDelimiter", output.record_delimiter));
    request.output = std::move(output);
    return {};
  }
  if (!csv) return refused(SelectCode::kMissingRequiredParameter, "OutputSerialization");
  constexpr std::string_view kQuotes[] = {"asneeded", "always"};
  CsvOutput output;
  KELP_S3_TRY(const std::size_t quotes,
              word(csv, "QuoteFields", kQuotes, SelectCode::kInvalidQuoteFields, 0));
  output.quote_always = quotes == 1;
  KELP_S3_CHECK(delimiter(csv, "FieldDelimiter", output.field_delimiter));
  KELP_S3_CHECK(delimiter(csv, "RecordDelimiter", output.record_delimiter));
  KELP_S3_CHECK(character(csv, "QuoteCharacter", output.quote));
  KELP_S3_CHECK(character(csv, "QuoteEscapeCharacter", output.quote_escape));
  request.output = std::move(output);
  return {};
}

S3Result<void> read_range(pugi::xml_node node, select::Request& request) {
  select::ScanRange range;
  KELP_S3_TRY(range.first, number(node, "Start"));
  KELP_S3_TRY(range.last, number(node, "End"));
  if (!range.first && !range.last)
    return refused(SelectCode::kMissingRequiredParameter, "ScanRange");
  if (range.first && range.last && *range.first > *range.last) {
    return refused(SelectCode::kInvalidScanRange);
  }
  const auto* const csv = std::get_if<CsvInput>(&request.input);
  const bool splits =
      csv != nullptr ? !csv->quoted_record_delimiter : std::get<JsonInput>(request.input).lines;
  if (!splits || request.compression != Compression::kNone) {
    return refused(SelectCode::kUnsupportedScanRangeInput);
  }
  request.scan_range = range;
  return {};
}

}  // namespace

S3Result<select::Request> parse_select(std::string body) {
  if (body.empty()) return refused(SelectCode::kEmptyRequestBody);
  pugi::xml_document document;
  KELP_S3_TRY(const pugi::xml_node root, parse_xml(body, document, "SelectObjectContentRequest"));
  select::Request request;
  KELP_S3_TRY(auto expression, text(root, "Expression"));
  if (!expression || expression->empty()) {
    return refused(SelectCode::kMissingRequiredParameter, "Expression");
  }
  request.expression = *std::move(expression);
  constexpr std::string_view kLanguages[] = {"sql"};
  KELP_S3_TRY(const std::size_t language,
              word(root, "ExpressionType", kLanguages, SelectCode::kInvalidExpressionType, 1));
  if (language != 0) return refused(SelectCode::kMissingRequiredParameter, "ExpressionType");
  KELP_S3_TRY(const pugi::xml_node input, child(root, "InputSerialization"));
  if (!input) return refused(SelectCode::kMissingRequiredParameter, "InputSerialization");
  KELP_S3_CHECK(read_input(input, request));
  KELP_S3_TRY(const pugi::xml_node output, child(root, "OutputSerialization"));
  if (!output) return refused(SelectCode::kMissingRequiredParameter, "OutputSerialization");
  KELP_S3_CHECK(read_output(output, request));
  KELP_S3_TRY(const pugi::xml_node progress, child(root, "RequestProgress"));
  if (progress) {
    KELP_S3_TRY(request.progress, truth(progress, "Enabled"));
  }
  KELP_S3_TRY(const pugi::xml_node range, child(root, "ScanRange"));
  if (range) {
    KELP_S3_CHECK(read_range(range, request));
  }
  return request;
}

S3Error select_error(const select::Failure& failure) {
  const auto code_of = [](select::FailureKind kind) {
    switch (kind) {
#define KELP_SELECT_CODE(name)       \
  case select::FailureKind::k##name: \
    return s3_code(SelectCode::k##name);
      KELP_SELECT_FAILURES(KELP_SELECT_CODE)
#undef KELP_SELECT_CODE
    }
    return S3Code::kInternalError;
  };
  S3Error error{code_of(failure.kind), {}, {}};
  if (!failure.message.empty()) {
    error.message = std::string(text_of(error.code).message) + " (" + failure.message + ")";
  }
  return error;
}

}  // namespace kelp::s3
