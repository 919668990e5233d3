#include "select/scan.h"

#include <variant>

#include "select/parser.h"

namespace kelp::select {
namespace {

/// A step ends after so many nodes were computed, or so many bytes were read.
constexpr std::uint64_t kStepNodes = 100'000;
constexpr std::uint64_t kStepBytes = 512 * 1024;
constexpr std::size_t kFeedBytes = 64 * 1024;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

Scan::Scan(Request request, Statement statement, Moment now)
    : request_(std::move(request)),
      statement_(std::move(statement)),
      query_(request_, statement_, now),
      unpacker_(make_unpacker(request_.compression)) {}

Outcome<std::unique_ptr<Scan>> Scan::open(Request request, std::optional<ByteStretch> stretch,
                                          Moment now) {
  KELP_TRY(Statement statement, parse_statement(request.expression));
  std::unique_ptr<Scan> scan(new Scan(std::move(request), std::move(statement), now));
  const auto* const csv = std::get_if<CsvInput>(&scan->request_.input);
  if (stretch) {
    scan->range_.emplace(csv != nullptr ? csv->record_delimiter : "\n", *stretch);
  }
  if (csv == nullptr) {
    scan->reader_ = make_json_reader(scan->statement_.from);
    scan->bound_ = true;
    return scan;
  }
  if (!scan->statement_.from.steps.empty()) {
    return Failure{FailureKind::kInvalidKeyPath, "CSV has no paths"};
  }
  CsvInput input = *csv;
  if (stretch && stretch->begin > 0 && input.header != HeaderInfo::kNone) {
    // The first line lies before the range.
    if (input.header == HeaderInfo::kUse) scan->header_ = make_csv_reader(*csv);
    input.header = HeaderInfo::kNone;
  }
  scan->reader_ = make_csv_reader(input);
  return scan;
}

Outcome<bool> Scan::feed_header(std::string_view bytes, bool last) {
  if (progress_.scanned_bytes == 0 && bytes.starts_with(kByteOrderMark)) {
    bytes.remove_prefix(kByteOrderMark.size());
  }
  progress_.scanned_bytes += bytes.size();
  header_->feed(bytes);
  if (last) header_->finish();
  Record record;
  KELP_TRY(const bool found, header_->next(record));
  if (header_->names().empty() && !found && !last) return false;
  names_.assign(header_->names().begin(), header_->names().end());
  header_.reset();
  return true;
}

void Scan::feed(std::string_view bytes) {
  progress_.scanned_bytes += bytes.size();
  input_ = bytes;
  if (unpacker_) unpacker_->feed(bytes);
}

Outcome<ScanState> Scan::run(std::string& result) {
  const std::uint64_t nodes = query_.steps() + kStepNodes;
  const std::uint64_t bytes = progress_.processed_bytes + kStepBytes;
  const std::size_t before = result.size();
  while (!query_.satisfied()) {
    Record record;
    KELP_TRY(const bool found, reader_->next(record));
    if (found) {
      KELP_CHECK(bind_once());
      KELP_CHECK(query_.take(record, result));
    } else if (reader_ended_) {
      break;
    } else {
      KELP_TRY(const bool more, read_on());
      if (!more) {
        progress_.returned_bytes += result.size() - before;
        return ScanState::kWantsInput;
      }
    }
    if (result.size() - before >= kResultBytes || query_.steps() >= nodes ||
        progress_.processed_bytes >= bytes) {
      progress_.returned_bytes += result.size() - before;
      return ScanState::kGoesOn;
    }
  }
  KELP_CHECK(query_.finish(result));
  progress_.returned_bytes += result.size() - before;
  return ScanState::kDone;
}

/// The names of columns are known with the first record.
Outcome<void> Scan::bind_once() {
  if (bound_) return {};
  bound_ = true;
  const bool has_names = std::get<CsvInput>(request_.input).header == HeaderInfo::kUse;
  return query_.bind(names_.empty() ? reader_->names() : std::span<const std::string>(names_),
                     has_names);
}

/// Gives the reader its next bytes, or tells it that there are none. False: it has to wait.
Outcome<bool> Scan::read_on() {
  std::string_view bytes;
  KELP_TRY(const bool any, next_bytes(bytes));
  if (!any && !input_ended_) return false;
  if (!any) {
    if (unpacker_) {
      KELP_CHECK(unpacker_->finish());
    }
    if (!utf8_.complete()) {
      return Failure{FailureKind::kInvalidTextEncoding, "the object ends within a character"};
    }
    reader_->finish();
    reader_ended_ = true;
    return true;
  }
  const bool first = progress_.processed_bytes == 0;
  progress_.processed_bytes += bytes.size();
  if (range_) {
    bytes = range_->filter(bytes);
    if (range_->complete()) {
      input_ = {};
      input_ended_ = true;
    }
  }
  if (first && bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  if (!utf8_.feed(bytes)) {
    return Failure{FailureKind::kInvalidTextEncoding, "the object is no UTF-8"};
  }
  reader_->feed(bytes);
  return true;
}

Outcome<bool> Scan::next_bytes(std::string_view& bytes) {
  if (unpacker_) {
    KELP_TRY(bytes, unpacker_->next());
  } else {
    bytes = input_.substr(0, kFeedBytes);
    input_.remove_prefix(bytes.size());
  }
  return !bytes.empty();
}

std::size_t memory_bytes(const Request& request) {
  constexpr std::size_t kFixed = 3 * kMaxRecordBytes;
  constexpr std::size_t kJson = 4 * kMaxRecordBytes;
  constexpr std::size_t kUnpacking = 4 * kMaxRecordBytes;  // bzip2 takes 3.6 MB.
  std::size_t bytes = kFixed + request.expression.size() * 32;
  if (std::holds_alternative<JsonInput>(request.input)) bytes += kJson;
  if (request.compression == Compression::kBzip2) bytes += kUnpacking;
  return bytes;
}

}  // namespace kelp::select
