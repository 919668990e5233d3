// Records of CSV: RFC 4180, with the delimiters that the request names.

#include <fmt/format.h>

#include <optional>

#include "select/reader.h"

namespace kelp::select {
namespace {

class CsvReader final : public RecordReader {
 public:
  explicit CsvReader(const CsvInput& input) : input_(input) {}

  void feed(std::string_view bytes) override {
    buffer_.erase(0, at_);
    at_ = 0;
    buffer_ += bytes;
  }
  void finish() override { finished_ = true; }
  std::span<const std::string> names() const override { return names_; }

  Outcome<bool> next(Record& record) override {
    for (;;) {
      KELP_TRY(const bool found, read_record());
      if (!found) return false;
      if (header_done_ || input_.header == HeaderInfo::kNone) {
        record.fields = fields_;
        return true;
      }
      header_done_ = true;
      if (input_.header == HeaderInfo::kUse) names_.assign(fields_.begin(), fields_.end());
    }
  }

 private:
  /// A field of the record that is being read: bytes of buffer_, or of unquoted_.
  struct Field {
    std::size_t at = 0;
    std::size_t bytes = 0;
    bool unquoted = false;
  };
  enum class End : std::uint8_t { kField, kRecord, kNone };

  [[nodiscard]] std::string_view rest() const { return std::string_view(buffer_).substr(cursor_); }

  Outcome<bool> read_record() {
    KELP_TRY(const bool any, skip_comments());
    if (!any) return false;
    cursor_ = at_;
    places_.clear();
    unquoted_.clear();
    for (;;) {
      KELP_TRY(const End end, read_field());
      if (cursor_ - at_ > kMaxRecordBytes + 8) return too_long();
      if (end == End::kNone) return false;
      if (places_.size() > kMaxFields) {
        return Failure{FailureKind::kOverMaxColumn,
                       fmt::format("more than {} columns", kMaxFields)};
      }
      if (end == End::kRecord) break;
    }
    fields_.clear();
    for (const Field& field : places_) {
      const std::string_view source = field.unquoted ? unquoted_ : buffer_;
      fields_.push_back(source.substr(field.at, field.bytes));
    }
    at_ = cursor_;
    return true;
  }

  static Failure too_long() {
    return {FailureKind::kOverMaxRecordSize,
            fmt::format("a record of more than {} bytes", kMaxRecordBytes)};
  }

  /// Comments and empty lines are no records. False when there is nothing yet to look at.
  Outcome<bool> skip_comments() {
    for (;;) {
      cursor_ = at_;
      if (rest().empty()) return false;
      const bool comment = input_.comment != 0 && rest().front() == input_.comment;
      const auto ended = delimiter_at(0, input_.record_delimiter);
      if (!ended) return false;
      if (*ended > 0) {
        at_ += *ended;
        continue;
      }
      if (!comment) return true;
      const std::size_t end = rest().find(input_.record_delimiter);
      if (end == std::string_view::npos) {
        if (rest().size() > kMaxRecordBytes) return too_long();
        if (finished_) at_ = buffer_.size();
        return false;
      }
      at_ += end + input_.record_delimiter.size();
    }
  }

  /// Bytes of the delimiter that stands at `at` of the rest; 0: none. Nothing while the rest is too
  /// short to know.
  [[nodiscard]] std::optional<std::size_t> delimiter_at(std::size_t at,
                                                        const std::string& delimiter) const {
    const std::string_view here = rest().substr(at);
    if (here.starts_with(delimiter)) return delimiter.size();
    if (!finished_ && here.size() < delimiter.size() && delimiter.starts_with(here)) {
      return std::nullopt;
    }
    if (delimiter == "\n" && here.starts_with('\r')) {
      if (here.size() == 1 && !finished_) return std::nullopt;
      if (here.starts_with("\r\n") || here.size() == 1)
        return std::min<std::size_t>(2, here.size());
    }
    return 0;
  }

  /// What a field ends with at `at` of the rest; kNone: it does not.
  struct Stop {
    End end = End::kNone;
    std::size_t bytes = 0;
  };
  [[nodiscard]] std::optional<Stop> stop_at(std::size_t at) const {
    if (at == rest().size()) {
      if (!finished_) return std::nullopt;
      return Stop{End::kRecord, 0};
    }
    // Of two delimiters that begin alike the longer one counts.
    const auto record = delimiter_at(at, input_.record_delimiter);
    const auto field = delimiter_at(at, input_.field_delimiter);
    if (!record || !field) return std::nullopt;
    if (*record > 0 && *record >= *field) return Stop{End::kRecord, *record};
    if (*field > 0) return Stop{End::kField, *field};
    return Stop{};
  }

  Outcome<End> read_field() {
    if (rest().empty() && !finished_) return End::kNone;
    if (input_.quote != 0 && rest().starts_with(input_.quote)) return read_quoted();
    const std::string_view text = rest();
    for (std::size_t at = 0;; ++at) {
      // Most bytes begin no delimiter.
      while (at < text.size() && text[at] != input_.field_delimiter.front() &&
             text[at] != input_.record_delimiter.front() && text[at] != '\r') {
        ++at;
      }
      const auto stop = stop_at(at);
      if (!stop) return wait(at);
      if (stop->end == End::kNone) continue;
      places_.push_back({cursor_, at, false});
      cursor_ += at + stop->bytes;
      return stop->end;
    }
  }

  Outcome<End> read_quoted() {
    const std::string_view text = rest();
    const Field field{unquoted_.size(), 0, true};
    for (std::size_t at = 1;; ++at) {
      if (at == text.size()) {
        if (!finished_) return wait(at);
        return Failure{FailureKind::kCSVUnescapedQuote, "a quote is never closed"};
      }
      const char c = text[at];
      const bool more = at + 1 < text.size();
      if (c == input_.quote_escape && (c != input_.quote || (more && text[at + 1] == c))) {
        if (!more && !finished_) return wait(at);
        if (more) unquoted_ += text[++at];
        continue;
      }
      if (c == input_.quote) {
        if (!more && !finished_) return wait(at);
        const auto stop = stop_at(at + 1);
        if (!stop) return wait(at);
        if (stop->end == End::kNone) {
          return Failure{FailureKind::kCSVUnescapedQuote,
                         "behind a closing quote there is no delimiter"};
        }
        places_.push_back(field);
        places_.back().bytes = unquoted_.size() - field.at;
        cursor_ += at + 1 + stop->bytes;
        return stop->end;
      }
      if (!input_.quoted_record_delimiter && c == input_.record_delimiter.front()) {
        const auto ended = delimiter_at(at, input_.record_delimiter);
        if (!ended) return wait(at);
        if (*ended > 0) return Failure{FailureKind::kCSVEscapingRecordDelimiter};
      }
      unquoted_ += c;
    }
  }

  /// The field goes on where the bytes end; the record is read again when there are more.
  Outcome<End> wait(std::size_t bytes) {
    cursor_ += bytes;
    return End::kNone;
  }

  const CsvInput input_;
  std::string buffer_;
  std::size_t at_ = 0;      ///< Where the record begins that comes next.
  std::size_t cursor_ = 0;  ///< How far it was read.
  bool finished_ = false;
  bool header_done_ = false;
  std::vector<Field> places_;
  std::string unquoted_;
  std::vector<std::string_view> fields_;
  std::vector<std::string> names_;
};

}  // namespace

std::unique_ptr<RecordReader> make_csv_reader(const CsvInput& input) {
  return std::make_unique<CsvReader>(input);
}

}  // namespace kelp::select
