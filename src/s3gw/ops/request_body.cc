#include "s3gw/ops/request_body.h"

#include <array>
#include <boost/asio/this_coro.hpp>

#include "async/task_group.h"
#include "async/work_pool.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::uint64_t kMaxUploadBytes = 5ULL << 30;
/// Framing of aws-chunked around a small body: chunk signatures and trailers.
constexpr std::uint64_t kChunkOverheadBytes = 8 * 1024;
/// Bodies of this size are read in pieces of kLargePieceBytes: fewer changes of threads.
constexpr std::uint64_t kLargeBodyBytes = 4 << 20;
constexpr std::size_t kLargePieceBytes = 512 * 1024;
/// Larger bodies that are read whole count against the memory budget.
constexpr std::size_t kUncountedBytes = 64 * 1024;
/// Up to here hashing takes less than a change of threads.
constexpr std::size_t kHashInPlaceBytes = 16 * 1024;

/// A decoder's verdict on a piece. Runs on a worker when the piece is large.
Task<S3Result<MutableByteSpan>> decode(WorkPool& pool, PayloadDecoder& decoder,
                                       MutableByteSpan raw) {
  if (raw.size() <= kHashInPlaceBytes) co_return decoder.feed(raw);
  S3Result<MutableByteSpan> data;
  std::move_only_function<Result<void>()> work = [&]() -> Result<void> {
    data = decoder.feed(raw);
    return {};
  };
  KELP_S3_CO_CHECK(co_await offload<void>(pool, std::move(work)));
  co_return data;
}

/// What the pieces of one body share. Lives in receive_stream(), which joins every task.
struct Stream {
  BodyWorkers& workers;
  PayloadDecoder decoder;
  ByteSink& sink;
  S3Result<void> outcome;
};

Task<void> process(Stream& stream, MutableByteSpan raw) {
  if (raw.size() > kHashInPlaceBytes) {
    stream.outcome = co_await stream.workers.process(stream.decoder, stream.sink, raw);
    co_return;
  }
  const auto data = stream.decoder.feed(raw);
  if (!data) {
    stream.outcome = std::unexpected(data.error());
  } else if (!data->empty()) {
    stream.outcome = co_await stream.sink.append(*data);
  }
}

std::string uninitialised(std::size_t bytes) {
  std::string text;
  text.resize_and_overwrite(bytes, [bytes](char*, std::size_t) { return bytes; });
  return text;
}

/// Its framing is no larger than it may be in one buffer with the data.
bool fits_one_buffer(const Call& call, const PayloadSpec& spec) {
  return call.http.content_length &&
         *call.http.content_length <= spec.decoded_bytes + kChunkOverheadBytes;
}

Task<S3Result<ReceivedBody>> receive_in_place(Call& call, PayloadSpec spec) {
  const auto raw_bytes = static_cast<std::size_t>(call.http.content_length.value_or(0));
  std::optional<BufferPool::Buffer> room;
  if (raw_bytes > kUncountedBytes) {
    room = call.services.buffers.reserve(raw_bytes);
    if (!room) co_return s3_error(S3Code::kSlowDown);
  }
  ReceivedBody received;
  received.data = uninitialised(raw_bytes);
  PayloadDecoder decoder(std::move(spec));
  const MutableByteSpan buffer = std::as_writable_bytes(std::span(received.data));
  if (!buffer.empty()) {
    KELP_S3_CO_TRY(const std::size_t bytes, co_await read_full(call.body, buffer));
    call.bytes_in = bytes;
    auto decoded = co_await decode(call.services.deps.pool, decoder, buffer.first(bytes));
    KELP_S3_CO_TRY(const MutableByteSpan data, std::move(decoded));
    if (data.data() == buffer.data() || data.empty()) {
      received.data.resize(data.size());
    } else {
      received.data.assign(as_text(data));
    }
  }
  KELP_S3_CO_TRY(received.result, decoder.finish());
  co_return received;
}

}  // namespace

S3Result<PayloadSpec> payload_spec(const Call& call, BodyNeeds needs) {
  PayloadHead head{.headers = call.headers,
                   .content_length = call.http.content_length,
                   .claim = call.auth.payload,
                   .chunk_signing = call.auth.chunk_signing,
                   .checksum_of_body = needs.checksum_of_body,
                   .compute_md5 = needs.compute_md5,
                   .default_checksum = needs.default_checksum};
  return parse_payload_spec(head);
}

S3Result<void> check_upload_size(const PayloadSpec& spec) {
  if (spec.decoded_bytes <= kMaxUploadBytes) return {};
  return std::unexpected(S3Error{S3Code::kEntityTooLarge,
                                 {},
                                 {{"ProposedSize", std::to_string(spec.decoded_bytes)},
                                  {"MaxSizeAllowed", std::to_string(kMaxUploadBytes)}}});
}

Task<S3Result<ReceivedBody>> receive_whole(Call& call, PayloadSpec spec) {
  if (fits_one_buffer(call, spec)) co_return co_await receive_in_place(call, std::move(spec));
  ReceivedBody received;
  StringSink sink;
  KELP_S3_CO_TRY(received.result, co_await receive_stream(call, std::move(spec), sink));
  received.data = std::move(sink.data);
  co_return received;
}

Task<S3Result<PayloadResult>> receive_stream(Call& call, PayloadSpec spec, ByteSink& sink) {
  // Cancellation arrives as an error of the read, so that what was spawned is always joined.
  co_await asio::this_coro::throw_if_cancelled(false);
  const std::uint64_t total = call.http.content_length.value_or(std::uint64_t(-1));
  const std::size_t piece_bytes =
      spec.decoded_bytes >= kLargeBodyBytes ? kLargePieceBytes : BufferPool::kPieceBytes;
  std::array<BufferPool::Buffer, 2> buffers;
  for (std::size_t i = 0; i < (total <= piece_bytes ? 1 : 2); ++i) {
    auto taken = call.services.buffers.take(piece_bytes);
    if (!taken) co_return s3_error(S3Code::kSlowDown);
    buffers[i] = *std::move(taken);
  }
  Stream stream{.workers = call.services.body_workers,
                .decoder = PayloadDecoder(std::move(spec)),
                .sink = sink,
                .outcome = {}};
  TaskGroup running(co_await asio::this_coro::executor);
  for (std::size_t turn = 0;; turn ^= 1) {
    const MutableByteSpan buffer = buffers[turn].span();
    const Result<std::size_t> bytes = co_await read_full(call.body, buffer);
    co_await running.join();
    KELP_S3_CO_CHECK(stream.outcome);
    KELP_S3_CO_CHECK(bytes);
    call.bytes_in += *bytes;
    if (*bytes < buffer.size() || call.bytes_in == total) {
      if (*bytes > 0) co_await process(stream, buffer.first(*bytes));
      KELP_S3_CO_CHECK(stream.outcome);
      break;
    }
    running.spawn(process(stream, buffer));
  }
  co_return stream.decoder.finish();
}

Task<S3Result<std::string>> read_request_xml(Call& call, std::size_t limit_bytes,
                                             bool checksum_of_body) {
  const std::uint64_t announced = call.http.content_length.value_or(0);
  if (announced == 0 && !call.http.chunked) co_return std::string();
  const BodyNeeds needs{.checksum_of_body = checksum_of_body, .compute_md5 = false};
  KELP_S3_CO_TRY(PayloadSpec spec, payload_spec(call, needs));
  if (spec.decoded_bytes > limit_bytes) co_return s3_error(S3Code::kMaxMessageLengthExceeded);
  KELP_S3_CO_TRY(ReceivedBody received, co_await receive_whole(call, std::move(spec)));
  co_return std::move(received.data);
}

}  // namespace kelp::s3
