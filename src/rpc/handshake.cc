#include "rpc/handshake.h"

#include <fmt/format.h>

namespace kelp {
namespace {

Task<Result<void>> send(Stream& stream, FrameKind kind, std::string message) {
  const Frame frame = make_frame(kind, 0, std::move(message));
  std::string bytes;
  encode_header(frame.header, bytes);
  bytes += frame.message;
  const ByteSpan piece = as_bytes(bytes);
  co_return co_await stream.write(std::span(&piece, 1));
}

Task<Result<std::string>> receive(FrameReader& reader) {
  KELP_CO_TRY(Frame frame, co_await reader.next());
  if (frame.header.kind == FrameKind::kError) co_return decode_error(frame.message);
  if (frame.header.kind != FrameKind::kHello) {
    co_return Error(Errc::kUnauthenticated, fmt::format("frame of kind {} before the handshake",
                                                        static_cast<unsigned>(frame.header.kind)));
  }
  co_return std::move(frame.message);
}

Task<Result<void>> play_server(Stream& stream, FrameReader& reader, ServerHello& hello) {
  KELP_CO_TRY(const std::string open, co_await receive(reader));
  KELP_CO_TRY(std::string answer, hello.answer(open));
  KELP_CO_CHECK(co_await send(stream, FrameKind::kHello, std::move(answer)));
  KELP_CO_TRY(const std::string confirm, co_await receive(reader));
  KELP_CO_CHECK(hello.accept(confirm));
  co_return co_await send(stream, FrameKind::kHello, "");
}

}  // namespace

Task<Result<void>> greet_server(Stream& stream, FrameReader& reader, ClientHello hello) {
  KELP_CO_CHECK(co_await send(stream, FrameKind::kHello, hello.open()));
  KELP_CO_TRY(const std::string answer, co_await receive(reader));
  KELP_CO_TRY(std::string confirm, hello.confirm(answer));
  KELP_CO_CHECK(co_await send(stream, FrameKind::kHello, std::move(confirm)));
  KELP_CO_TRY(const std::string welcome, co_await receive(reader));
  if (!welcome.empty()) co_return Error(Errc::kCorruption, "rpc hello: the welcome is not empty");
  co_return Result<void>();
}

Task<Result<void>> greet_client(Stream& stream, FrameReader& reader, ServerHello hello) {
  auto outcome = co_await play_server(stream, reader, hello);
  if (!outcome) {
    // The peer may be gone, or never have spoken this protocol: nothing to do about it.
    static_cast<void>(co_await send(stream, FrameKind::kError, encode_error(outcome.error())));
  }
  co_return outcome;
}

}  // namespace kelp
