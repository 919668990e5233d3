#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "s3gw/archive.h"
#include "s3gw/core/checksum.h"
#include "s3gw/core/conditions.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/pieces.h"
#include "s3gw/core/range.h"
#include "s3gw/encryption.h"
#include "s3gw/expiration.h"
#include "s3gw/object_headers.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/sealed_reader.h"
#include "s3gw/s3_try.h"
#include "s3gw/write_headers.h"

namespace kelp::s3 {
namespace {

/// What of the object the answer carries.
struct Selection {
  ByteRange range;                     ///< Empty objects: size 0.
  bool partial = false;                ///< 206 with Content-Range.
  const PartInfo* part = nullptr;      ///< The part that partNumber named.
  std::optional<std::uint64_t> parts;  ///< x-amz-mp-parts-count.
};

S3Result<Selection> select_part(const ObjectEntry& entry, std::string_view text) {
  std::uint32_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || number > 10'000) number = 20'000;
    if (number <= 10'000) number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (number < 1 || number > 10'000) {
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                "Part number must be an integer between 1 and 10000, inclusive",
                {{"ArgumentName", "partNumber"}, {"ArgumentValue", std::string(text)}}});
  }
  Selection selection{.range = {.offset = 0, .size_bytes = entry.size_bytes}};
  selection.partial = entry.size_bytes > 0;
  if (entry.parts.empty()) {
    if (number == 1) return selection;
  } else {
    selection.parts = entry.parts.size();
  }
  // The client's part numbers may have gaps; partNumber counts the parts that are there.
  if (number > entry.parts.size()) {
    return std::unexpected(S3Error{
        S3Code::kInvalidPartNumber,
        {},
        {{"PartNumberRequested", std::to_string(number)},
         {"ActualPartCount", std::to_string(std::max<std::size_t>(entry.parts.size(), 1))}}});
  }
  selection.part = &entry.parts[number - 1];
  for (std::uint32_t i = 0; i + 1 < number; ++i) {
    selection.range.offset += entry.parts[i].size_bytes;
  }
  selection.range.size_bytes = selection.part->size_bytes;
  return selection;
}

/// If-Range (RFC 9110 section 13.1.5): a range is of what the client has already, or of nothing.
bool is_what_client_has(const Call& call, const ObjectEntry& entry) {
  const auto held = call.header("if-range");
  if (!held) return true;
  if (const auto date = parse_http_date(*held)) {
    return std::chrono::floor<std::chrono::seconds>(entry.modified) == *date;
  }
  return etag_list_matches(*held, etag_text(entry), false);
}

S3Result<Selection> select(const Call& call, const ObjectEntry& entry) {
  const auto range = call.header("range");
  if (const auto part = call.parameter("partNumber")) {
    if (range) {
      return s3_error(S3Code::kInvalidRequest,
                      "Cannot specify both Range header and partNumber query parameter");
    }
    return select_part(entry, *part);
  }
  Selection whole{.range = {.offset = 0, .size_bytes = entry.size_bytes}};
  if (!range || !is_what_client_has(call, entry)) return whole;
  KELP_S3_TRY(const std::optional<ByteRange> resolved, resolve_range(*range, entry.size_bytes));
  if (!resolved) return whole;
  return Selection{.range = *resolved, .partial = true};
}

/// The answer when a condition of the request does not hold: 304 without a body.
Task<void> reply_not_modified(Call& call, const FoundObject& found) {
  const ObjectEntry& entry = found.entry;
  HttpResponse head = begin_response(call, 304);
  add_version_id(shown_version_id(found.bucket, entry), head);
  head.add("Last-Modified", http_date(entry.modified));
  add_etag(entry, head);
  for (const auto& [name, value] : entry.headers.standard) {
    if (name == "cache-control" || name == "expires") head.add(name, value);
  }
  (void)co_await call.response.send_head(std::move(head), std::nullopt);
}

/// Names that AWS knows behind `response-`.
constexpr std::string_view kOverridable[] = {"cache-control",    "content-disposition",
                                             "content-encoding", "content-language",
                                             "content-type",     "expires"};

S3Result<void> check_overrides(const Call& call) {
  if (call.request.query.empty()) return {};
  for (const auto& [name, value] : call.request.query.parameters()) {
    constexpr std::string_view kPrefix = "response-";
    if (!name.starts_with(kPrefix)) continue;
    const std::string_view target = std::string_view(name).substr(kPrefix.size());
    if (std::ranges::find(kOverridable, target) != std::end(kOverridable)) {
      // Or anybody could make a page of anybody's upload.
      if (call.auth.credential != nullptr) continue;
      return s3_error(S3Code::kInvalidRequest,
                      "Request specific response headers cannot be used for anonymous GET "
                      "requests.");
    }
    return std::unexpected(
        S3Error{S3Code::kInvalidArgument,
                std::string(name) +
                    " is not in the set of overridable response headers. Please refer to the S3 "
                    "API documentation for a complete list of overridable response headers.",
                {{"ArgumentName", std::string(name)}, {"ArgumentValue", std::string(value)}}});
  }
  return {};
}

/// `response-…` parameters replace stored headers; the entry is a copy of ours.
void override_headers(const Call& call, ObjectHeaders& headers) {
  if (call.request.query.empty()) return;
  constexpr std::string_view kPrefix = "response-";
  for (const auto& [name, value] : call.request.query.parameters()) {
    if (!name.starts_with(kPrefix) || value.empty()) continue;
    const std::string_view target = name.substr(kPrefix.size());
    if (target == "content-type") {
      headers.content_type.assign(value);
    } else if (target == "cache-control" || target == "content-disposition" ||
               target == "content-encoding" || target == "content-language" ||
               target == "expires") {
      std::erase_if(headers.standard, [&](const auto& line) { return line.first == target; });
      headers.standard.emplace_back(target, value);
    }
  }
}

HttpResponse object_head(Call& call, const FoundObject& found, const Selection& selection) {
  const ObjectEntry& entry = found.entry;
  HttpResponse head =
      begin_response(call, call.document_status.value_or(selection.partial ? 206 : 200));
  add_version_id(shown_version_id(found.bucket, entry), head);
  head.add("Accept-Ranges", "bytes");
  add_object_headers(entry, head);
  add_encryption(call, entry.headers.encryption, head);
  // Older versions have rules of their own.
  if (!call.parameter("versionId")) add_expiration(call, call.request.key, entry, head);
  add_restore(call, entry, head);
  if (selection.partial) {
    const std::uint64_t first = selection.range.offset;
    head.add("Content-Range", "bytes " + std::to_string(first) + '-' +
                                  std::to_string(first + selection.range.size_bytes - 1) + '/' +
                                  std::to_string(entry.size_bytes));
  }
  if (selection.parts) head.add("x-amz-mp-parts-count", *selection.parts);
  const auto mode = call.header("x-amz-checksum-mode");
  if (mode && equals_lower(*mode, "enabled")) {
    const bool whole = selection.range.size_bytes == entry.size_bytes && selection.part == nullptr;
    if (whole) add_checksums(entry.checksums, head);
    if (selection.part != nullptr) add_checksums(selection.part->checksums, head);
  }
  return head;
}

/// Sends stretches of an object's needles. Before the first byte an error is an error; after it the
/// answer stays short of its length and the connection closes.
class ChunkSender {
 public:
  /// `call` must outlive it; `bytes` is what all pieces come to.
  ChunkSender(Call& call, HttpResponse head, std::uint64_t bytes)
      : call_(call), head_(std::move(head)), bytes_(bytes) {}

  /// False when the answer ends here.
  Task<S3Result<bool>> send(Piece piece) {
    while (piece.bytes > 0) {
      PinnedPages pages;
      if (call_.response.takes_pages()) {
        pages = call_.services.deps.volumes.try_pin(piece.fid, piece.offset, piece.bytes);
      }
      std::size_t bytes = pages.size();
      if (bytes > 0) {
        start();
        if (!co_await call_.response.write_pages(std::move(pages))) co_return false;
        call_.bytes_out += bytes;
      } else {
        const std::size_t room = BufferPool::kPieceBytes - piece.offset % BufferPool::kPieceBytes;
        bytes = std::min(piece.bytes, room);
        const Piece front{piece.fid, piece.offset, bytes};
        KELP_S3_CO_TRY(const bool sent, co_await copy(front));
        if (!sent) co_return false;
      }
      piece.offset += bytes;
      piece.bytes -= bytes;
    }
    co_return true;
  }

  /// Opens the manifest that `cursor` wants. False when the answer ends here.
  Task<S3Result<bool>> open(PieceCursor& cursor) {
    const std::uint64_t manifest = cursor.wanted().value();
    auto chunks = co_await call_.services.deps.filer.get_manifest(manifest);
    const Result<void> opened =
        chunks ? cursor.open(*std::move(chunks)) : Result<void>(chunks.error());
    if (opened) co_return true;
    logger("s3gw").error("read_failed manifest={} request_id={} detail={}", manifest,
                         call_.request_id(), log_value(opened.error().message()));
    if (!started_) co_return std::unexpected(from_error(opened.error()));
    co_return false;
  }

 private:
  /// As send(), by way of a buffer.
  Task<S3Result<bool>> copy(Piece piece) {
    if (buffer_.span().empty()) {
      auto taken = call_.services.buffers.take(BufferPool::kPieceBytes);
      if (!taken && !started_) co_return s3_error(S3Code::kSlowDown);
      if (!taken) co_return false;
      buffer_ = std::move(*taken);
    }
    const MutableByteSpan bytes = buffer_.span().first(piece.bytes);
    const Result<void> read =
        co_await call_.services.deps.volumes.read(piece.fid, piece.offset, bytes);
    if (!read) {
      logger("s3gw").error("read_failed fid={} offset={} bytes={} request_id={} detail={}",
                           to_string(piece.fid), piece.offset, piece.bytes, call_.request_id(),
                           log_value(read.error().message()));
      if (!started_) co_return std::unexpected(from_error(read.error()));
      co_return false;
    }
    start();
    if (!co_await call_.response.write(bytes)) co_return false;
    call_.bytes_out += piece.bytes;
    co_return true;
  }

  void start() {
    if (!started_) call_.response.start(std::move(head_), bytes_);
    started_ = true;
  }

  Call& call_;
  HttpResponse head_;
  const std::uint64_t bytes_;
  BufferPool::Buffer buffer_;
  bool started_ = false;
};

Task<S3Result<void>> send_chunks(Call& call, HttpResponse head, const ObjectEntry& entry,
                                 ByteRange range) {
  PieceCursor cursor(entry.layout.chunks, range.offset, range.size_bytes, PinnedPages::kMaxBytes);
  ChunkSender sender(call, std::move(head), range.size_bytes);
  for (bool sent = true; sent;) {
    if (const auto piece = cursor.next()) {
      KELP_S3_CO_TRY(sent, co_await sender.send(*piece));
    } else if (cursor.wanted()) {
      KELP_S3_CO_TRY(sent, co_await sender.open(cursor));
    } else {
      break;
    }
  }
  (void)co_await call.response.finish();
  co_return S3Result<void>{};
}

/// Sends a stretch of an encrypted object; errors as ChunkSender.
Task<S3Result<void>> send_sealed(Call& call, HttpResponse head, const FoundObject& found,
                                 BodyKey key, ByteRange range) {
  SealedReader reader(call, found, key, range);
  auto bytes = co_await reader.next();
  if (!bytes) co_return std::unexpected(bytes.error());
  call.response.start(std::move(head), range.size_bytes);
  while (bytes && !bytes->empty() && co_await call.response.write(*bytes)) {
    call.bytes_out += bytes->size();
    bytes = co_await reader.next();
  }
  (void)co_await call.response.finish();
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<void>> get_object(Call& call) {
  const bool head_only = call.http.method == "HEAD";
  KELP_S3_CO_CHECK(check_overrides(call));
  KELP_S3_CO_TRY(FoundObject found, co_await find_object(call, !head_only));
  ObjectEntry& entry = found.entry;
  call.object_bytes = entry.size_bytes;
  KELP_S3_CO_CHECK(refuse_write_encryption(call));
  KELP_S3_CO_CHECK(co_await check_read_key(call, entry.headers.encryption));

  if (const ReadConditions conditions = read_conditions(call.headers); conditions.any()) {
    const std::string etag = etag_text(entry);
    const ConditionOutcome outcome =
        evaluate(conditions, {.etag = etag, .modified = entry.modified});
    if (outcome.result == ConditionResult::kPreconditionFailed) {
      co_return std::unexpected(precondition_failed(outcome.condition));
    }
    if (outcome.result == ConditionResult::kNotModified) {
      co_await reply_not_modified(call, found);
      co_return S3Result<void>{};
    }
  }
  if (!head_only) KELP_S3_CO_CHECK(check_readable(call, entry));
  KELP_S3_CO_TRY(const Selection selection, select(call, entry));
  override_headers(call, entry.headers);
  HttpResponse head = object_head(call, found, selection);
  const ByteRange range = selection.range;
  if (head_only) {
    (void)co_await call.response.send_head(std::move(head), range.size_bytes);
  } else if (entry.headers.encryption.any() && entry.size_bytes > 0) {
    KELP_S3_CO_TRY(BodyKey key, co_await key_for_read(call, entry.headers.encryption));
    co_return co_await send_sealed(call, std::move(head), found, std::move(key), range);
  } else if (!entry.layout.chunks.empty()) {
    co_return co_await send_chunks(call, std::move(head), entry, range);
  } else {
    std::string body = std::move(found.inline_body).value_or(std::string());
    if (body.size() != entry.size_bytes) co_return s3_error(S3Code::kInternalError);
    if (selection.partial) body = body.substr(range.offset, range.size_bytes);
    co_await reply(call, std::move(head), std::move(body));
  }
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
