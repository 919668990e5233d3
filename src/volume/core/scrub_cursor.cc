#include "volume/core/scrub_cursor.h"

#include <fmt/core.h>

#include "base/bytes.h"
#include "base/crc.h"

namespace kelp {
namespace {

constexpr std::string_view kMagic = "KLPS";
constexpr std::uint32_t kVersion = 1;

}  // namespace

std::string encode_scrub_cursor(const ScrubCursor& cursor) {
  std::string out(kMagic);
  ByteWriter writer(out);
  writer.fixed(kVersion);
  writer.fixed(static_cast<std::uint64_t>(cursor.began_ns));
  writer.fixed(cursor.volume.value);
  writer.fixed(cursor.after.value);
  writer.fixed(crc32c(as_bytes(out)));
  return out;
}

Result<ScrubCursor> decode_scrub_cursor(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return Error(Errc::kCorruption, "not a scrub cursor");
  ByteReader reader(bytes.substr(kMagic.size()));
  const auto version = reader.fixed<std::uint32_t>();
  if (version > kVersion) {
    return Error(Errc::kUnimplemented, fmt::format("a scrub cursor has format {}, this program "
                                                   "knows {}",
                                                   version, kVersion));
  }
  ScrubCursor cursor;
  cursor.began_ns = static_cast<std::int64_t>(reader.fixed<std::uint64_t>());
  cursor.volume.value = reader.fixed<std::uint32_t>();
  cursor.after.value = reader.fixed<std::uint64_t>();
  const auto crc = reader.fixed<std::uint32_t>();
  KELP_CHECK(reader.finish("a scrub cursor"));
  if (version != kVersion || crc != crc32c(as_bytes(bytes.substr(0, bytes.size() - sizeof crc)))) {
    return Error(Errc::kCorruption, "a scrub cursor does not check");
  }
  return cursor;
}

}  // namespace kelp
