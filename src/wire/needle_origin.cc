#include "wire/needle_origin.h"

#include <fmt/format.h>

#include <limits>

#include "base/bytes.h"

namespace kelp {
namespace {

constexpr std::uint8_t kOriginVersion = 1;

}  // namespace

std::string encode_origin(const NeedleOrigin& origin) {
  std::string out;
  ByteWriter writer(out);
  writer.fixed(kOriginVersion);
  writer.fixed(origin.body.value);
  writer.varint(origin.offset);
  writer.varint(origin.total_bytes);
  writer.varint(origin.part_number);
  writer.text(origin.upload_id);
  writer.text(origin.bucket);
  if (out.size() > kMaxOriginBytes) out.clear();
  return out;
}

Result<NeedleOrigin> decode_origin(std::string_view bytes) {
  ByteReader in(bytes);
  const auto version = in.fixed<std::uint8_t>();
  if (version > kOriginVersion) {
    return Error(Errc::kUnimplemented,
                 fmt::format("needle origin of version {}, this program knows version {}", version,
                             kOriginVersion));
  }
  NeedleOrigin origin;
  origin.body = NeedleKey{in.fixed<std::uint64_t>()};
  origin.offset = in.varint();
  origin.total_bytes = in.varint();
  const std::uint64_t part = in.varint();
  origin.upload_id = in.text();
  origin.bucket = in.text();
  KELP_CHECK(in.finish("needle origin"));
  if (version == 0 || part > std::numeric_limits<std::uint32_t>::max()) {
    return Error(Errc::kCorruption, "needle origin: a field out of range");
  }
  origin.part_number = static_cast<std::uint32_t>(part);
  return origin;
}

}  // namespace kelp
