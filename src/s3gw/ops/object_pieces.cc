#include "s3gw/ops/object_pieces.h"

#include <algorithm>

#include "base/log.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {

ObjectPieces::ObjectPieces(Call& call, const FoundObject& object, const BodyKey& key,
                           ByteRange range)
    : call_(call), offset_(range.offset), left_(range.size_bytes) {
  if (left_ == 0) return;
  if (key.any()) {
    sealed_.emplace(call, object, key, range);
  } else {
    stored_.emplace(call, object, range);
  }
}

Task<S3Result<ByteSpan>> ObjectPieces::next() {
  if (left_ == 0) co_return ByteSpan{};
  if (sealed_) {
    KELP_S3_CO_TRY(const ByteSpan bytes, co_await sealed_->next());
    left_ -= bytes.size();
    co_return bytes;
  }
  if (buffer_.span().empty()) {
    auto taken = call_.services.buffers.take(BufferPool::kPieceBytes);
    if (!taken) co_return s3_error(S3Code::kSlowDown);
    buffer_ = *std::move(taken);
  }
  const std::size_t room = BufferPool::kPieceBytes - offset_ % BufferPool::kPieceBytes;
  const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(left_, room));
  const MutableByteSpan piece = buffer_.span().first(bytes);
  const S3Result<void> read = co_await stored_->read(piece);
  if (!read) {
    logger("s3gw").error("read_failed offset={} bytes={} request_id={} detail={}", offset_, bytes,
                         call_.request_id(), log_value(read.error().detail));
    co_return std::unexpected(read.error());
  }
  offset_ += bytes;
  left_ -= bytes;
  co_return piece;
}

}  // namespace kelp::s3
