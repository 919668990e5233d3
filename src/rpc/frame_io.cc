#include "rpc/frame_io.h"

#include <algorithm>
#include <cstring>

#include "base/crc.h"
#include "rpc/rpc_types.h"

namespace kelp {
namespace {

constexpr std::size_t kReadBufferBytes = 64 << 10;
constexpr std::size_t kQueueLimitBytes = 8 << 20;
/// Shorter attachments are copied beside their header: cheaper than one more piece.
constexpr std::size_t kCopyLimitBytes = 8 << 10;

std::size_t size_of(const Frame& frame) {
  return kFrameHeaderBytes + frame.message.size() + frame.attachment.size();
}

}  // namespace

std::string uninitialized(std::size_t size) {
  std::string text;
  // libstdc++ 12 may pass the capacity instead of the size: return our own.
  text.resize_and_overwrite(size, [size](char*, std::size_t) { return size; });
  return text;
}

Frame make_frame(FrameKind kind, std::uint64_t request_id, std::string message,
                 std::string attachment) {
  Frame frame;
  frame.header.kind = kind;
  frame.header.request_id = request_id;
  frame.header.message_bytes = static_cast<std::uint32_t>(message.size());
  frame.header.attachment_bytes = static_cast<std::uint32_t>(attachment.size());
  frame.header.message_crc = crc32c(as_bytes(message));
  frame.message = std::move(message);
  frame.attachment = std::move(attachment);
  return frame;
}

FrameReader::FrameReader(Stream& stream, FrameLimits limits)
    : stream_(stream), limits_(limits), buffer_(uninitialized(kReadBufferBytes)) {}

Task<Result<Frame>> FrameReader::next() {
  if (end_ - begin_ < kFrameHeaderBytes) {
    KELP_CO_CHECK(co_await read_at_least(kFrameHeaderBytes));
  }
  const auto have = as_bytes(std::string_view(buffer_).substr(begin_, end_ - begin_));
  Frame frame;
  KELP_CO_TRY(frame.header, decode_header(have, limits_));
  begin_ += kFrameHeaderBytes;
  frame.message = uninitialized(frame.header.message_bytes);
  KELP_CO_CHECK(co_await read_into(std::as_writable_bytes(std::span(frame.message))));
  KELP_CO_CHECK(verify_message(frame.header, frame.message));
  frame.attachment = uninitialized(frame.header.attachment_bytes);
  if (!frame.attachment.empty()) {
    KELP_CO_CHECK(co_await read_into(std::as_writable_bytes(std::span(frame.attachment))));
  }
  co_return frame;
}

Task<Result<void>> FrameReader::read_at_least(std::size_t bytes) {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  while (end_ < bytes) {
    const auto room = std::as_writable_bytes(std::span(buffer_)).subspan(end_);
    KELP_CO_TRY(const std::size_t got, co_await stream_.read_some(room));
    if (got == 0) co_return Error(Errc::kUnavailable, stream_.peer() + ": the peer closed");
    end_ += got;
    received_ += got;
  }
  co_return Result<void>();
}

/// First what is buffered; what is long then comes straight from the stream.
Task<Result<void>> FrameReader::read_into(MutableByteSpan out) {
  while (!out.empty()) {
    if (begin_ < end_) {
      const std::size_t count = std::min(out.size(), end_ - begin_);
      std::memcpy(out.data(), buffer_.data() + begin_, count);
      begin_ += count;
      out = out.subspan(count);
    } else if (out.size() < kCopyLimitBytes) {
      KELP_CO_CHECK(co_await read_at_least(1));
    } else {
      KELP_CO_TRY(const std::size_t got, co_await stream_.read_some(out));
      if (got == 0) co_return Error(Errc::kUnavailable, stream_.peer() + ": the peer closed");
      received_ += got;
      out = out.subspan(got);
    }
  }
  co_return Result<void>();
}

void FrameWriter::push(Frame frame) {
  if (ended_) return;
  queued_bytes_ += size_of(frame);
  queue_.push_back(std::move(frame));
  pushed_.notify_all();
}

bool FrameWriter::full() const {
  return queued_bytes_ > kQueueLimitBytes;
}

Task<Result<void>> FrameWriter::wait_for_room() {
  while (full() && !ended_) {
    KELP_CO_CHECK(co_await written_.wait());
  }
  if (ended_) co_return Error(Errc::kUnavailable, stream_.peer() + ": connection ended");
  co_return Result<void>();
}

Task<void> FrameWriter::run() {
  std::vector<Frame> sending;
  while (true) {
    while (queue_.empty()) {
      if (!co_await pushed_.wait()) break;
    }
    if (queue_.empty()) break;
    sending.swap(queue_);
    gather(sending);
    const auto sent = co_await stream_.write(pieces_);
    for (const auto& frame : sending) queued_bytes_ -= size_of(frame);
    sending.clear();
    written_.notify_all();
    if (!sent) break;
    if (on_written_) on_written_();
  }
  ended_ = true;
  queue_.clear();
  queued_bytes_ = 0;
  written_.notify_all();
  stream_.close();
}

void FrameWriter::gather(const std::vector<Frame>& frames) {
  small_.clear();
  pieces_.clear();
  std::size_t total = 0;
  for (const auto& frame : frames) {
    total += kFrameHeaderBytes + frame.message.size();
    if (frame.attachment.size() < kCopyLimitBytes) total += frame.attachment.size();
  }
  small_.reserve(total);  // pieces_ point into it: it must not move
  std::size_t from = 0;
  const auto end_piece = [&] {
    const auto piece = std::string_view(small_).substr(from);
    if (!piece.empty()) pieces_.push_back(as_bytes(piece));
    from = small_.size();
  };
  for (const auto& frame : frames) {
    encode_header(frame.header, small_);
    small_ += frame.message;
    if (frame.attachment.size() < kCopyLimitBytes) {
      small_ += frame.attachment;
      continue;
    }
    end_piece();
    pieces_.push_back(as_bytes(frame.attachment));
  }
  end_piece();
}

}  // namespace kelp
