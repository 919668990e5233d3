#include "select/result_writer.h"

#include "base/json_text.h"
#include "select/reader.h"

namespace kelp::select {

ResultWriter::ResultWriter(const Request& request)
    : csv_(std::get_if<CsvOutput>(&request.output)),
      json_(std::get_if<JsonOutput>(&request.output)) {}

void ResultWriter::begin(std::string& out) {
  out_ = &out;
  begin_ = out.size();
  first_ = true;
  if (json_ != nullptr) out += '{';
}

void ResultWriter::name(std::string_view text) {
  if (!first_) *out_ += ',';
  first_ = false;
  append_json_text(text, *out_);
  *out_ += ':';
}

void ResultWriter::field(std::string_view text) {
  if (!first_) *out_ += csv_->field_delimiter;
  first_ = false;
  const bool quotes = csv_->quote_always || text.contains(csv_->field_delimiter) ||
                      text.contains(csv_->record_delimiter) || text.contains(csv_->quote) ||
                      text.contains('\n') || text.contains('\r');
  if (!quotes || csv_->quote == 0) {
    *out_ += text;
    return;
  }
  *out_ += csv_->quote;
  for (const char c : text) {
    if (c == csv_->quote || c == csv_->quote_escape) *out_ += csv_->quote_escape;
    *out_ += c;
  }
  *out_ += csv_->quote;
}

void ResultWriter::column(std::string_view column_name, const Value& value) {
  if (csv_ != nullptr) {
    scratch_.clear();
    append_text(value, scratch_);
    field(scratch_);
  } else if (value.kind != ValueKind::kMissing) {
    name(column_name);
    append_json(value, *out_);
  }
}

void ResultWriter::text_column(std::string_view column_name, std::string_view text) {
  if (csv_ != nullptr) {
    field(text);
  } else {
    name(column_name);
    append_json_text(text, *out_);
  }
}

void ResultWriter::members(JsonRef object) {
  const std::uint32_t end = object.node().end;
  for (std::uint32_t at = object.at + 1; at < end; at = object.tree->nodes[at].end) {
    const JsonNode& node = object.tree->nodes[at];
    column(object.tree->name(node), json_value({object.tree, at}));
  }
}

Outcome<void> ResultWriter::end() {
  if (json_ != nullptr) *out_ += '}';
  *out_ += csv_ != nullptr ? csv_->record_delimiter : json_->record_delimiter;
  if (bytes() > kMaxRecordBytes + 8) {
    return Failure{FailureKind::kOverMaxRecordSize, "a record of the result"};
  }
  return {};
}

}  // namespace kelp::select
