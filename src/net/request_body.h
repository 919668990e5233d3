#pragma once

#include <optional>

#include "net/chunked.h"
#include "net/http_worker.h"
#include "net/input_buffer.h"
#include "net/transport.h"

namespace kelp {

/// The body of the request that a connection is serving. One object a connection, begun anew for
/// each request.
class RequestBody final : public BodyReader {
 public:
  /// All must outlive the reader.
  RequestBody(Transport& transport, InputBuffer& input, HttpWorker& worker)
      : transport_(transport), input_(input), worker_(worker) {}

  /// The next request; its body begins at the front of the input buffer.
  void begin(const HttpRequest& request, bool expects_continue);
  Task<Result<std::size_t>> read_some(MutableByteSpan buffer) override;

  /// Nothing is left unread.
  [[nodiscard]] bool finished() const { return !error_ && at_end(); }
  /// True when the rest may be read away to keep the connection: the framing is intact, the peer
  /// is sending, and what is left is within the drain limit as far as we know.
  [[nodiscard]] bool worth_draining() const;
  /// Reads the rest away, up to the drain limit. False when the connection cannot be kept.
  Task<bool> drain();

 private:
  [[nodiscard]] bool at_end() const { return chunked_ ? chunks_.done() : left_ == 0; }
  [[nodiscard]] Result<void> send_continue();
  Task<Result<std::size_t>> read_plain(MutableByteSpan buffer);
  Task<Result<std::size_t>> read_chunked(MutableByteSpan buffer);
  [[nodiscard]] Result<std::size_t> take_buffered_chunks(MutableByteSpan buffer);
  Task<Result<std::size_t>> receive(MutableByteSpan into);
  Error fail(Error error);
  Error failure_of(IoStatus status);

  Transport& transport_;
  InputBuffer& input_;
  HttpWorker& worker_;
  bool chunked_ = false;
  bool expects_continue_ = false;
  std::uint64_t left_ = 0;  ///< Of a body with a Content-Length.
  ChunkedDecoder chunks_;
  std::size_t start_offset_ = 0;      ///< In the input buffer, where the body began.
  std::uint64_t received_bytes_ = 0;  ///< From the socket, framing included.
  std::chrono::nanoseconds waited_{0};
  std::optional<Error> error_;
};

}  // namespace kelp
