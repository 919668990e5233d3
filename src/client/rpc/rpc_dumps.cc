#include "client/rpc/rpc_dumps.h"

#include <utility>

#include "base/crc.h"
#include "client/rpc/rpc_serve.h"
#include "wire/filer_messages.h"

namespace kelp {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;  // Nearly all of them.

Task<Result<RpcMessage>> send_piece(MetadataDumps& dumps, RpcMessage message, RpcCallInfo info) {
  KELP_CO_TRY(AskForDump request,
              decode_message<AskForDump>(message.message, info_of(RpcMethod::kFilerDump).name));
  KELP_CO_CHECK(co_await info.reserve_answer(kPieceBytes));
  KELP_CO_TRY(DumpPiece piece, co_await dumps.next_piece(request.dump, std::move(request.since)));
  const DumpPieceHead head{piece.dump, piece.last, crc32c(as_bytes(piece.bytes))};
  co_return RpcMessage{.message = encode_message(head), .attachment = std::move(piece.bytes)};
}

}  // namespace

Task<Result<DumpPiece>> RpcMetadataDumps::next_piece(std::uint64_t dump, std::string since) {
  RpcMessage request{.message = encode_message(AskForDump{dump, std::move(since)})};
  KELP_CO_TRY(RpcMessage answer, co_await caller_.call(RpcMethod::kFilerDump, std::move(request)));
  KELP_CO_TRY(const DumpPieceHead head,
              decode_message<DumpPieceHead>(answer.message, info_of(RpcMethod::kFilerDump).name));
  if (crc32c(as_bytes(answer.attachment)) != head.bytes_crc) {
    co_return Error(Errc::kCorruption, "a piece of the dump is not what was sent");
  }
  co_return DumpPiece{head.dump, head.last, std::move(answer.attachment)};
}

void serve_dumps(RpcServer& server, MetadataDumps& dumps) {
  auto serve = [&dumps](RpcMessage message, RpcCallInfo info) {
    return send_piece(dumps, std::move(message), info);
  };
  handle_method(server, RpcMethod::kFilerDump, serve);
}

}  // namespace kelp
