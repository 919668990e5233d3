// The rpc frame's header, message check and error, and both sides' handshake messages.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "rpc/frame.h"
#include "rpc/hello.h"

namespace {

void zeros(kelp::MutableByteSpan out) {
  for (auto& byte : out) byte = std::byte{0};
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kelp;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto header = decode_header(as_bytes(input), FrameLimits{})) {
    std::string again;
    encode_header(*header, again);
    require(again == input.substr(0, kFrameHeaderBytes));
    require(header->message_bytes <= FrameLimits{}.message_bytes);
    const auto message = input.substr(kFrameHeaderBytes);
    static_cast<void>(verify_message(*header, message));
    static_cast<void>(decode_error(message));
  }
  static_cast<void>(decode_error(input));
  const RpcIdentity identity{.cluster_id = "cluster", .secret = "0123456789abcdef"};
  ServerHello server(identity, zeros);
  static_cast<void>(server.answer(input));
  require(!server.accept(input));
  require(!ClientHello(identity, zeros).confirm(input));
  return 0;
}
