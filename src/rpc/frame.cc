#include "rpc/frame.h"

#include <fmt/format.h>

#include "base/crc.h"

namespace kelp {
namespace {

constexpr std::string_view kMagic = "KRP";
constexpr std::uint8_t kVersion1 = 1;
constexpr FrameKind kGreatestKind = FrameKind::kFarewell;
constexpr std::size_t kCrcAt = kFrameHeaderBytes - sizeof(std::uint32_t);
constexpr std::size_t kErrorDetailLimit = 4096;

Error corrupt(std::string detail) {
  return {Errc::kCorruption, "rpc frame: " + std::move(detail)};
}

bool is_known(std::uint8_t kind) {
  return kind >= static_cast<std::uint8_t>(FrameKind::kHello) &&
         kind <= static_cast<std::uint8_t>(kGreatestKind);
}

}  // namespace

void encode_header(const FrameHeader& header, std::string& out) {
  const std::size_t start = out.size();
  ByteWriter writer(out);
  writer.raw(kMagic);
  writer.fixed(kVersion1);
  writer.fixed(static_cast<std::uint8_t>(header.kind));
  writer.fixed(std::uint8_t{0});
  writer.fixed(std::uint16_t{0});
  writer.fixed(header.method);
  writer.fixed(header.message_bytes);
  writer.fixed(header.request_id);
  writer.fixed(header.deadline_micros);
  writer.fixed(header.attachment_bytes);
  writer.fixed(header.message_crc);
  writer.fixed(crc32c(as_bytes(std::string_view(out).substr(start))));
}

Result<FrameHeader> decode_header(ByteSpan bytes, const FrameLimits& limits) {
  if (bytes.size() < kFrameHeaderBytes) {
    return corrupt(fmt::format("header has {} of {} bytes", bytes.size(), kFrameHeaderBytes));
  }
  ByteReader reader(bytes.first(kFrameHeaderBytes));
  if (reader.raw(kMagic.size()) != kMagic)
    return corrupt("no magic: the peer speaks something else");
  const auto version = reader.fixed<std::uint8_t>();
  if (version != kVersion1) {
    return Error(Errc::kUnimplemented,
                 fmt::format("rpc frame: version {}, this is version {}", version, kVersion1));
  }
  const auto kind = reader.fixed<std::uint8_t>();
  const auto flags = reader.fixed<std::uint8_t>();
  const auto reserved = reader.fixed<std::uint16_t>();
  FrameHeader header;
  header.method = reader.fixed<std::uint32_t>();
  header.message_bytes = reader.fixed<std::uint32_t>();
  header.request_id = reader.fixed<std::uint64_t>();
  header.deadline_micros = reader.fixed<std::uint64_t>();
  header.attachment_bytes = reader.fixed<std::uint32_t>();
  header.message_crc = reader.fixed<std::uint32_t>();
  const auto crc = reader.fixed<std::uint32_t>();
  if (crc != crc32c(bytes.first(kCrcAt))) return corrupt("the header's checksum differs");
  if (!is_known(kind)) return corrupt(fmt::format("kind {}", kind));
  if (flags != 0 || reserved != 0) return corrupt("bits are set that must be 0");
  header.kind = static_cast<FrameKind>(kind);
  if (header.message_bytes > limits.message_bytes ||
      header.attachment_bytes > limits.attachment_bytes) {
    return Error(
        Errc::kInvalidArgument,
        fmt::format("rpc frame: message of {} and attachment of {} bytes; limits {} and {}",
                    header.message_bytes, header.attachment_bytes, limits.message_bytes,
                    limits.attachment_bytes));
  }
  return header;
}

Result<void> verify_message(const FrameHeader& header, std::string_view message) {
  if (message.size() != header.message_bytes || crc32c(as_bytes(message)) != header.message_crc) {
    return corrupt("the message's checksum differs");
  }
  return {};
}

std::string encode_known_kinds() {
  return std::string(1, static_cast<char>(kGreatestKind));
}

bool knows_kind(std::string_view pong, FrameKind kind) {
  return !pong.empty() && static_cast<std::uint8_t>(pong[0]) >= static_cast<std::uint8_t>(kind);
}

std::string encode_error(const Error& error) {
  std::string out;
  ByteWriter writer(out);
  writer.fixed(static_cast<std::uint8_t>(error.code()));
  writer.fixed(static_cast<std::uint16_t>(error.reason()));
  writer.text(std::string_view(error.detail()).substr(0, kErrorDetailLimit));
  return out;
}

Error decode_error(std::string_view message) {
  ByteReader reader(message);
  const auto code = reader.fixed<std::uint8_t>();
  const auto reason = reader.fixed<std::uint16_t>();
  std::string detail(reader.text());
  if (const auto whole = reader.finish("rpc error"); !whole) return whole.error();
  const bool known = code >= 1 && code <= static_cast<std::uint8_t>(Errc::kInternal);
  return {known ? static_cast<Errc>(code) : Errc::kInternal, std::move(detail),
          static_cast<Reason>(reason)};
}

}  // namespace kelp
