#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "select/event_stream.h"
#include "select/line_range.h"
#include "select/query.h"
#include "select/reader.h"
#include "select/request.h"
#include "select/text.h"
#include "select/unpacker.h"

namespace kelp::select {

/// So much of a result is made at once, and a record.
inline constexpr std::size_t kResultBytes = 64 * 1024;

/// What a Scan wants next.
enum class ScanState : std::uint8_t {
  kWantsInput,
  kGoesOn,  ///< It stopped for others to have their turn, or for the result to be taken.
  kDone,
};

/// A query from the bytes of an object to the bytes of its result, step by step: each step does a
/// bounded amount of work in bounded memory. Pure; one thread at a time.
class Scan {
 public:
  /// `stretch` is the request's range, when it has one; `now` is what UTCNOW() is.
  /// Errors  those of parse_statement().
  [[nodiscard]] static Outcome<std::unique_ptr<Scan>> open(Request request,
                                                           std::optional<ByteStretch> stretch,
                                                           Moment now);

  /// Whether the object's beginning is to be fed first, to feed_header(): the names of columns
  /// stand there, and the range does not.
  [[nodiscard]] bool wants_header() const { return header_ != nullptr; }
  /// True once it has the names.
  Outcome<bool> feed_header(std::string_view bytes, bool last);
  /// The byte of the object at which feed() begins.
  [[nodiscard]] std::uint64_t read_from() const { return range_ ? range_->read_from() : 0; }

  /// The object goes on; after kWantsInput. `bytes` must stay until run() says so again.
  void feed(std::string_view bytes);
  /// The object ends here.
  void finish() { input_ended_ = true; }
  /// Goes on, and appends to `result`.
  /// Errors  all that there are; the scan is over then.
  Outcome<ScanState> run(std::string& result);
  /// How far it is.
  [[nodiscard]] const Progress& progress() const { return progress_; }

 private:
  Scan(Request request, Statement statement, Moment now);
  Outcome<bool> read_on();
  Outcome<bool> next_bytes(std::string_view& bytes);
  Outcome<void> bind_once();

  const Request request_;
  const Statement statement_;
  Query query_;
  std::unique_ptr<RecordReader> reader_;
  std::unique_ptr<RecordReader> header_;
  std::vector<std::string> names_;
  std::unique_ptr<Unpacker> unpacker_;
  std::optional<LineRange> range_;
  Utf8Check utf8_;
  std::string_view input_;
  bool input_ended_ = false;
  bool reader_ended_ = false;
  bool bound_ = false;
  Progress progress_;
};

/// What a scan of this request holds at most, apart from the piece of the object.
[[nodiscard]] std::size_t memory_bytes(const Request& request);

}  // namespace kelp::select
