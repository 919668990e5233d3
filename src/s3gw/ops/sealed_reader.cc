#include "s3gw/ops/sealed_reader.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::uint64_t kFramesAtOnce = BufferPool::kPieceBytes / kFrameBytes;
// Up to here opening takes less than a change of threads.
constexpr std::size_t kOpenInPlaceBytes = 16 * 1024;

}  // namespace

StoredReader::StoredReader(Call& call, const FoundObject& object, ByteRange range)
    : call_(call),
      object_(object),
      cursor_(object.entry.layout.chunks, range.offset,
              object.entry.layout.chunks.empty() ? 0 : range.size_bytes, BufferPool::kPieceBytes),
      inline_at_(range.offset) {}

Task<S3Result<Piece>> StoredReader::next() {
  for (;;) {
    if (const auto piece = cursor_.next()) co_return *piece;
    const auto manifest = cursor_.wanted();
    if (!manifest) co_return s3_error(S3Code::kInternalError);
    KELP_S3_CO_TRY(auto chunks, co_await call_.services.deps.filer.get_manifest(*manifest));
    KELP_S3_CO_CHECK(cursor_.open(std::move(chunks)));
  }
}

Task<S3Result<void>> StoredReader::read(MutableByteSpan buffer) {
  if (object_.entry.layout.chunks.empty()) {
    const std::string_view body = object_.inline_body ? *object_.inline_body : std::string_view();
    if (inline_at_ > body.size() || body.size() - inline_at_ < buffer.size()) {
      co_return s3_error(S3Code::kInternalError);
    }
    std::ranges::copy(as_bytes(body.substr(inline_at_, buffer.size())), buffer.begin());
    inline_at_ += buffer.size();
    co_return S3Result<void>{};
  }
  while (!buffer.empty()) {
    if (rest_.bytes == 0) {
      KELP_S3_CO_TRY(rest_, co_await next());
    }
    const std::size_t now = std::min(buffer.size(), rest_.bytes);
    KELP_S3_CO_CHECK(
        co_await call_.services.deps.volumes.read(rest_.fid, rest_.offset, buffer.first(now)));
    buffer = buffer.subspan(now);
    rest_.offset += now;
    rest_.bytes -= now;
  }
  co_return S3Result<void>{};
}

SealedReader::SealedReader(Call& call, const FoundObject& object, const BodyKey& key,
                           ByteRange range)
    : call_(call), object_(object), key_(key), cursor_(object.entry, range) {}

Task<S3Result<ByteSpan>> SealedReader::next() {
  if (ready_.empty()) {
    if (!stretch_ || stretch_->frames == 0) {
      KELP_S3_CO_TRY(const bool more, co_await open_stretch());
      if (!more) co_return ByteSpan{};
    }
    KELP_S3_CO_CHECK(co_await read_frames());
  }
  const ByteSpan given = ready_;
  ready_ = {};
  co_return given;
}

/// Its salt is in front of its first frame, wherever the range begins.
Task<S3Result<bool>> SealedReader::open_stretch() {
  stretch_ = cursor_.next();
  if (!stretch_) co_return false;
  if (buffer_.span().empty()) {
    auto taken = call_.services.buffers.take(BufferPool::kPieceBytes);
    if (!taken) co_return s3_error(S3Code::kSlowDown);
    buffer_ = *std::move(taken);
  }
  // The frames of one body and those of the next lie side by side.
  if (!stored_) {
    const std::uint64_t from = stretch_->stored().offset;
    const std::uint64_t to = stored_bytes(object_.entry);
    stored_.emplace(call_, object_, ByteRange{.offset = from, .size_bytes = to - from});
  }
  opener_.reset();
  if (stretch_->first_frame > 0) {
    Salt salt;
    StoredReader front(call_, object_, {.offset = stretch_->offset, .size_bytes = salt.size()});
    KELP_S3_CO_CHECK(co_await front.read(salt));
    opener_.emplace(key_.key, stretch_->body, salt);
  }
  co_return true;
}

Task<S3Result<void>> SealedReader::read_frames() {
  const std::uint64_t first = stretch_->first_frame;
  const std::uint64_t count = std::min(stretch_->frames, kFramesAtOnce);
  std::size_t bytes = 0;
  for (std::uint64_t i = 0; i < count; ++i) bytes += stretch_->frame_bytes(first + i);
  const MutableByteSpan sealed = buffer_.span().first(bytes);
  KELP_S3_CO_CHECK(co_await stored_->read(sealed));
  if (!opener_) {
    opener_.emplace(key_.key, stretch_->body, ByteSpan(sealed).first<kFrameSaltBytes>());
  }
  std::optional<std::uint64_t> bad;
  std::size_t made = 0;
  std::move_only_function<Result<void>()> work = [&]() -> Result<void> {
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < count && !bad; ++i) {
      const std::size_t frame_bytes = stretch_->frame_bytes(first + i);
      const auto plain = opener_->open(first + i, sealed.subspan(at, frame_bytes));
      if (!plain) {
        bad = first + i;
        break;
      }
      // Close up: the tags go, and what comes before the range.
      const MutableByteSpan wanted = i == 0 ? plain->subspan(stretch_->skip_bytes) : *plain;
      std::memmove(sealed.data() + made, wanted.data(), wanted.size());
      made += wanted.size();
      at += frame_bytes;
    }
    return {};
  };
  if (bytes <= kOpenInPlaceBytes) {
    KELP_S3_CO_CHECK(work());
  } else {
    KELP_S3_CO_CHECK(co_await offload<void>(call_.services.deps.pool, std::move(work)));
  }
  if (bad) co_return std::unexpected(damaged(*bad));
  const auto given = static_cast<std::size_t>(std::min<std::uint64_t>(made, stretch_->plain_bytes));
  ready_ = sealed.first(given);
  stretch_->first_frame += count;
  stretch_->frames -= count;
  stretch_->skip_bytes = 0;
  stretch_->plain_bytes -= given;
  co_return S3Result<void>{};
}

S3Error SealedReader::damaged(std::uint64_t frame) const {
  logger("s3gw").error("frame_refused version={} part={} frame={} request_id={}",
                       object_.entry.version, stretch_->body.part_number, frame,
                       call_.request_id());
  S3Error error{S3Code::kInternalError, {}, {}};
  error.detail = "an encrypted frame is not what was written";
  return error;
}

}  // namespace kelp::s3
