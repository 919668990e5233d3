#include "s3gw/ops/object_body.h"

#include <algorithm>

#include "base/log.h"
#include "s3gw/core/pieces.h"
#include "s3gw/encryption.h"
#include "s3gw/ops/sealed_reader.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

/// An answer whose head stays back until the first bytes of the object were read.
class BodyWriter {
 public:
  /// `call` must outlive it; `bytes` is what all of the body comes to.
  BodyWriter(Call& call, HttpResponse head, std::uint64_t bytes)
      : call_(call), head_(std::move(head)), bytes_(bytes) {}

  /// Text that goes out before the next bytes, or by flush().
  void put(std::string_view text) { text_ += text; }

  /// Sends the head, if that was not done, and the text. False when the answer ends here.
  Task<bool> flush() {
    if (!started_) call_.response.start(std::move(head_), bytes_);
    started_ = true;
    if (text_.empty()) co_return true;
    const std::string text = std::exchange(text_, {});
    co_return co_await write(as_bytes(text));
  }

  /// Behind flush(). False when the answer ends here.
  Task<bool> write(ByteSpan bytes) {
    if (!co_await call_.response.write(bytes)) co_return false;
    call_.bytes_out += bytes.size();
    co_return true;
  }

  [[nodiscard]] bool ready() const { return started_ && text_.empty(); }
  [[nodiscard]] bool started() const { return started_; }

 private:
  Call& call_;
  HttpResponse head_;
  const std::uint64_t bytes_;
  std::string text_;
  bool started_ = false;
};

/// Sends stretches of an object's needles.
class ChunkSender {
 public:
  /// All must outlive it.
  ChunkSender(Call& call, BodyWriter& writer) : call_(call), writer_(writer) {}

  /// False when the answer ends here.
  Task<S3Result<bool>> send(const ObjectEntry& entry, ByteRange range) {
    PieceCursor cursor(entry.layout.chunks, range.offset, range.size_bytes, PinnedPages::kMaxBytes);
    for (bool sent = true; sent;) {
      if (const auto piece = cursor.next()) {
        KELP_S3_CO_TRY(sent, co_await send(*piece));
      } else if (cursor.wanted()) {
        KELP_S3_CO_TRY(sent, co_await open(cursor));
      } else {
        co_return true;
      }
    }
    co_return false;
  }

 private:
  Task<S3Result<bool>> send(Piece piece) {
    while (piece.bytes > 0) {
      PinnedPages pages;
      if (call_.response.takes_pages()) {
        pages = call_.services.deps.volumes.try_pin(piece.fid, piece.offset, piece.bytes);
      }
      std::size_t bytes = pages.size();
      if (bytes > 0) {
        if (!writer_.ready() && !co_await writer_.flush()) co_return false;
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
    if (!writer_.started()) co_return std::unexpected(from_error(opened.error()));
    co_return false;
  }

  /// As send(), by way of a buffer.
  Task<S3Result<bool>> copy(Piece piece) {
    if (buffer_.span().empty()) {
      auto taken = call_.services.buffers.take(BufferPool::kPieceBytes);
      if (!taken && !writer_.started()) co_return s3_error(S3Code::kSlowDown);
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
      if (!writer_.started()) co_return std::unexpected(from_error(read.error()));
      co_return false;
    }
    if (!writer_.ready() && !co_await writer_.flush()) co_return false;
    co_return co_await writer_.write(bytes);
  }

  Call& call_;
  BodyWriter& writer_;
  BufferPool::Buffer buffer_;
};

Task<S3Result<void>> send_chunks(Call& call, BodyWriter& writer, const ObjectEntry& entry,
                                 std::span<const Stretch> body) {
  ChunkSender sender(call, writer);
  for (const Stretch& stretch : body) {
    writer.put(stretch.before);
    if (stretch.range.size_bytes == 0) continue;
    KELP_S3_CO_TRY(const bool sent, co_await sender.send(entry, stretch.range));
    if (!sent) co_return S3Result<void>{};
  }
  (void)co_await writer.flush();
  co_return S3Result<void>{};
}

Task<S3Result<void>> send_sealed(Call& call, BodyWriter& writer, const FoundObject& found,
                                 std::span<const Stretch> body) {
  KELP_S3_CO_TRY(const BodyKey key, co_await key_for_read(call, found.entry.headers.encryption));
  for (const Stretch& stretch : body) {
    writer.put(stretch.before);
    if (stretch.range.size_bytes == 0) continue;
    SealedReader reader(call, found, key, stretch.range);
    auto bytes = co_await reader.next();
    if (!bytes && !writer.started()) co_return std::unexpected(bytes.error());
    while (bytes && !bytes->empty()) {
      if (!writer.ready() && !co_await writer.flush()) co_return S3Result<void>{};
      if (!co_await writer.write(*bytes)) co_return S3Result<void>{};
      bytes = co_await reader.next();
    }
    if (!bytes) co_return S3Result<void>{};
  }
  (void)co_await writer.flush();
  co_return S3Result<void>{};
}

Task<S3Result<void>> send_inline(Call& call, HttpResponse head, FoundObject& found,
                                 std::span<const Stretch> body) {
  std::string bytes = std::move(found.inline_body).value_or(std::string());
  if (bytes.size() != found.entry.size_bytes) co_return s3_error(S3Code::kInternalError);
  if (body.size() > 1 || body.front().range.size_bytes != bytes.size()) {
    std::string picked;
    for (const auto& [before, range] : body) {
      picked.append(before).append(bytes, range.offset, range.size_bytes);
    }
    bytes = std::move(picked);
  }
  co_await reply(call, std::move(head), std::move(bytes));
  co_return S3Result<void>{};
}

}  // namespace

std::uint64_t body_bytes(std::span<const Stretch> body) {
  std::uint64_t bytes = 0;
  for (const auto& [before, range] : body) bytes += before.size() + range.size_bytes;
  return bytes;
}

Task<S3Result<void>> send_object(Call& call, HttpResponse head, FoundObject& found,
                                 std::span<const Stretch> body) {
  const ObjectEntry& entry = found.entry;
  const bool sealed = entry.headers.encryption.any() && entry.size_bytes > 0;
  if (!sealed && entry.layout.chunks.empty()) {
    co_return co_await send_inline(call, std::move(head), found, body);
  }
  BodyWriter writer(call, std::move(head), body_bytes(body));
  if (sealed) {
    KELP_S3_CO_CHECK(co_await send_sealed(call, writer, found, body));
  } else {
    KELP_S3_CO_CHECK(co_await send_chunks(call, writer, entry, body));
  }
  (void)co_await call.response.finish();
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
