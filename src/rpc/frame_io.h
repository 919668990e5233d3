#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "async/event.h"
#include "net/network.h"
#include "rpc/frame.h"

namespace kelp {

/// A frame in memory.
struct Frame {
  FrameHeader header;
  std::string message;
  std::string attachment;
};

/// Fills in lengths and checksum.
[[nodiscard]] Frame make_frame(FrameKind kind, std::uint64_t request_id, std::string message,
                               std::string attachment = {});

/// Cuts the bytes of a stream into frames. Attachments are read where they stay. One coroutine.
class FrameReader {
 public:
  /// `stream` must outlive the reader.
  FrameReader(Stream& stream, FrameLimits limits);
  /// The next frame, verified. Errors: kUnavailable (the peer ended or broke the stream), and those
  /// of decode_header and Stream. After an error the stream is of no more use.
  Task<Result<Frame>> next();
  void set_limits(FrameLimits limits) { limits_ = limits; }
  /// Bytes that came so far, also of a frame that is not whole yet.
  [[nodiscard]] std::uint64_t received() const { return received_; }

 private:
  Task<Result<void>> read_at_least(std::size_t bytes);
  Task<Result<void>> read_into(MutableByteSpan out);

  Stream& stream_;
  FrameLimits limits_;
  std::string buffer_;
  std::size_t begin_ = 0;  ///< Of what is not consumed.
  std::size_t end_ = 0;
  std::uint64_t received_ = 0;
};

/// Sends frames; all that gather while a write is under way leave in the next one. One executor.
class FrameWriter {
 public:
  /// `stream` must outlive the writer.
  explicit FrameWriter(Stream& stream) : stream_(stream) {}

  /// Queues `frame`; never waits.
  void push(Frame frame);
  /// More than 8 MiB are queued: hold back.
  [[nodiscard]] bool full() const;
  /// All that was pushed is with the stream, or never will be.
  [[nodiscard]] bool idle() const { return queued_bytes_ == 0; }
  /// Returns when it is not full. kCancelled, or kUnavailable when run() has ended.
  Task<Result<void>> wait_for_room();
  /// Writes until the stream breaks or the coroutine is cancelled, then closes the stream.
  Task<void> run();
  /// Called after each write.
  void on_written(std::function<void()> call) { on_written_ = std::move(call); }

 private:
  void gather(const std::vector<Frame>& frames);

  Stream& stream_;
  std::vector<Frame> queue_;
  std::size_t queued_bytes_ = 0;
  bool ended_ = false;
  Event pushed_;
  Event written_;
  std::function<void()> on_written_;
  std::string small_;             ///< Headers, messages and short attachments of one write.
  std::vector<ByteSpan> pieces_;  ///< Of the same.
};

}  // namespace kelp
