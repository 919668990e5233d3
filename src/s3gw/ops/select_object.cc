// SelectObjectContent: a query over an object, answered as a stream of messages. What queries are
// and do: src/select.

#include <chrono>
#include <memory>

#include "async/work_pool.h"
#include "base/log.h"
#include "s3gw/archive.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/conditions.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/select_codes.h"
#include "s3gw/core/select_request.h"
#include "s3gw/encryption.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/object_pieces.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"
#include "select/event_stream.h"
#include "select/scan.h"

namespace kelp::s3 {
namespace {

/// After so long without a message clients get one, or they would take the server for dead.
constexpr std::chrono::seconds kSilence(5);

select::Moment moment_of(WallTime now) {
  return {.micros = std::chrono::floor<std::chrono::microseconds>(now).time_since_epoch().count()};
}

/// One answer. Before its first message an error is an error, after it a message.
class Selection {
 public:
  /// All must outlive it.
  Selection(Call& call, const FoundObject& found, const BodyKey& key)
      : call_(call), found_(found), key_(key) {}

  Task<S3Result<void>> run(select::Request request, std::optional<select::ByteStretch> stretch) {
    progress_ = request.progress;
    sent_at_ = call_.services.deps.clock.mono();
    const select::Moment now = moment_of(call_.services.deps.clock.wall());
    std::move_only_function<Result<void>()> open = [&]() -> Result<void> {
      auto opened = select::Scan::open(std::move(request), stretch, now);
      if (opened) {
        scan_ = *std::move(opened);
      } else {
        failure_ = std::move(opened).error();
      }
      return {};
    };
    KELP_S3_CO_CHECK(co_await offload<void>(call_.services.deps.pool, std::move(open)));
    if (failure_) co_return std::unexpected(select_error(*failure_));
    S3Result<void> done = co_await read_header();
    if (done) done = co_await read_object();
    if (!started_) co_return done;
    if (!done) co_await end_with(done.error());
    (void)co_await call_.response.finish();
    co_return S3Result<void>{};
  }

 private:
  /// The names of columns, where the range does not begin with them.
  Task<S3Result<void>> read_header() {
    if (!scan_->wants_header()) co_return S3Result<void>{};
    ObjectPieces pieces(call_, found_, key_, all());
    while (scan_->wants_header()) {
      KELP_S3_CO_TRY(const ByteSpan piece, co_await pieces.next());
      std::move_only_function<Result<void>()> work = [&]() -> Result<void> {
        const auto fed = scan_->feed_header(as_text(piece), piece.empty());
        if (!fed) failure_ = fed.error();
        return {};
      };
      KELP_S3_CO_CHECK(co_await offload<void>(call_.services.deps.pool, std::move(work)));
      if (failure_) co_return std::unexpected(select_error(*failure_));
    }
    co_return S3Result<void>{};
  }

  Task<S3Result<void>> read_object() {
    const std::uint64_t from = scan_->read_from();
    ObjectPieces pieces(call_, found_, key_,
                        ByteRange{.offset = from, .size_bytes = found_.entry.size_bytes - from});
    for (;;) {
      KELP_S3_CO_TRY(const select::ScanState state, co_await step());
      const bool done = state == select::ScanState::kDone;
      if (done || result_.size() >= select::kResultBytes) {
        if (!co_await send_records()) co_return S3Result<void>{};
      }
      if (done) break;
      if (!co_await break_silence()) co_return S3Result<void>{};
      if (state != select::ScanState::kWantsInput) continue;
      KELP_S3_CO_TRY(const ByteSpan piece, co_await pieces.next());
      if (piece.empty()) {
        scan_->finish();
      } else {
        scan_->feed(as_text(piece));
      }
    }
    if (progress_) select::append_progress(scan_->progress(), messages_);
    select::append_stats(scan_->progress(), messages_);
    select::append_end(messages_);
    (void)co_await send();
    co_return S3Result<void>{};
  }

  /// Goes on a bit, on a worker.
  Task<S3Result<select::ScanState>> step() {
    auto state = select::ScanState::kDone;
    std::move_only_function<Result<void>()> work = [&]() -> Result<void> {
      auto stepped = scan_->run(result_);
      if (stepped) {
        state = *stepped;
      } else {
        failure_ = std::move(stepped).error();
      }
      return {};
    };
    KELP_S3_CO_CHECK(co_await offload<void>(call_.services.deps.pool, std::move(work)));
    if (failure_) co_return std::unexpected(select_error(*failure_));
    co_return state;
  }

  /// False, as from all that send: the client is gone.
  Task<bool> send_records() {
    constexpr std::size_t kMessageBytes = 512 * 1024;
    for (std::string_view rest = result_; !rest.empty();) {
      const std::string_view piece = rest.substr(0, kMessageBytes);
      select::append_records(piece, messages_);
      rest.remove_prefix(piece.size());
      if (!co_await send()) co_return false;
    }
    result_.clear();
    co_return true;
  }

  Task<bool> break_silence() {
    if (call_.services.deps.clock.mono() - sent_at_ < kSilence) co_return true;
    if (progress_) {
      select::append_progress(scan_->progress(), messages_);
    } else {
      select::append_continuation(messages_);
    }
    co_return co_await send();
  }

  Task<bool> send() {
    if (!started_) {
      HttpResponse head = begin_response(call_, 200);
      head.add("Content-Type", "application/vnd.amazon.eventstream");
      add_encryption(call_, found_.entry.headers.encryption, head);
      call_.response.start(std::move(head), std::nullopt);
      started_ = true;
    }
    const bool sent = (co_await call_.response.write(as_bytes(messages_))).has_value();
    if (sent) call_.bytes_out += messages_.size();
    messages_.clear();
    sent_at_ = call_.services.deps.clock.mono();
    co_return sent;
  }

  /// The last message of an answer that had begun. What was found before the error comes first.
  Task<void> end_with(S3Error error) {
    const S3ErrorText text = text_of(error.code);
    call_.error = error.code;
    if (text.status >= 500) {
      logger("s3gw").error("select_failed code={} request_id={} detail={}", text.code,
                           call_.request_id(), log_value(error.detail));
    }
    if (!result_.empty() && !co_await send_records()) co_return;
    select::append_error(text.code, error.message.empty() ? text.message : error.message,
                         messages_);
    (void)co_await send();
  }

  [[nodiscard]] ByteRange all() const {
    return {.offset = 0, .size_bytes = found_.entry.size_bytes};
  }

  Call& call_;
  const FoundObject& found_;
  const BodyKey& key_;
  std::unique_ptr<select::Scan> scan_;
  std::optional<select::Failure> failure_;
  std::string result_;    ///< Records that were not sent.
  std::string messages_;  ///< That were not either.
  bool progress_ = false;
  bool started_ = false;
  MonoTime sent_at_;
};

}  // namespace

Task<S3Result<void>> select_object_content(Call& call) {
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  if (call.header("range")) co_return s3_error(s3_code(SelectCode::kUnsupportedRangeHeader));
  KELP_S3_CO_TRY(select::Request request, parse_select(std::move(body)));
  KELP_S3_CO_TRY(const FoundObject found, co_await find_object(call, true));
  const ObjectEntry& entry = found.entry;
  call.object_bytes = entry.size_bytes;
  KELP_S3_CO_CHECK(refuse_write_encryption(call));
  KELP_S3_CO_CHECK(co_await check_read_key(call, entry.headers.encryption));
  const std::string etag = etag_text(entry);
  const ConditionOutcome outcome =
      evaluate(read_conditions(call.headers), {.etag = etag, .modified = entry.modified});
  // Of what is no GET a condition that fails is an error (RFC 9110 section 13.1.2).
  if (outcome.result != ConditionResult::kProceed) {
    co_return std::unexpected(precondition_failed(outcome.condition));
  }
  KELP_S3_CO_CHECK(check_readable(call, entry));
  std::optional<select::ByteStretch> stretch;
  if (request.scan_range) {
    stretch = select::resolve(*request.scan_range, entry.size_bytes);
    if (!stretch) co_return s3_error(s3_code(SelectCode::kInvalidScanRange));
  }
  const auto memory = call.services.buffers.reserve(select::memory_bytes(request));
  if (!memory) co_return s3_error(S3Code::kSlowDown);
  BodyKey key;
  if (entry.headers.encryption.any() && entry.size_bytes > 0) {
    KELP_S3_CO_TRY(key, co_await key_for_read(call, entry.headers.encryption));
  }
  Selection selection(call, found, key);
  co_return co_await selection.run(std::move(request), stretch);
}

}  // namespace kelp::s3
