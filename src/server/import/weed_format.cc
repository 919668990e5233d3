#include "server/import/weed_format.h"

#include <fmt/format.h>
#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <bit>
#include <boost/json.hpp>
#include <charconv>
#include <cstring>

#include "base/crc.h"
#include "wire/fid.h"

namespace kelp::weed {
namespace {

enum Flag : std::uint8_t {
  kCompressed = 0x01,
  kHasName = 0x02,
  kHasMime = 0x04,
  kHasModified = 0x08,
  kHasTtl = 0x10,
  kHasPairs = 0x20,
  kManifest = 0x80,
};

constexpr std::uint32_t kDeletedSize = 0xffffffff;
/// Entries that are tried to tell the width of offsets.
constexpr std::size_t kTried = 64;

/// Reads big-endian integers, never past the end; the first short read latches failed().
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (const char c : raw(bytes)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view raw(std::size_t bytes) {
    if (rest_.size() < bytes) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view out = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return out;
  }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

/// What older programs stored in place of the CRC itself.
std::uint32_t masked(std::uint32_t crc) {
  return std::rotl(crc, 17) + 0xa282ead8U;
}

std::map<std::string, std::string> pairs_of(std::string_view text) {
  std::map<std::string, std::string> out;
  boost::system::error_code failed;
  const auto parsed = boost::json::parse(text, failed);
  if (failed || !parsed.is_object()) return out;
  for (const auto& [name, value] : parsed.as_object()) {
    if (!value.is_string()) continue;
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
      return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    });
    out.emplace(std::move(lower), value.as_string());
  }
  return out;
}

Error wrong(const Header& header, std::string_view what) {
  return {Errc::kCorruption, fmt::format("needle {:x}: {}", header.key, what)};
}

/// Between header and checksum, versions 2 and 3.
Result<Needle> decode_body(const Header& header, std::string_view body) {
  Needle needle{.header = header, .data = {}, .name = {}, .mime = {}, .pairs = {}};
  if (body.empty()) return needle;
  Reader reader(body);
  needle.data = reader.raw(reader.number(4));
  const auto flags = static_cast<std::uint8_t>(reader.number(1));
  if ((flags & kHasName) != 0) needle.name = reader.raw(reader.number(1));
  if ((flags & kHasMime) != 0) needle.mime = reader.raw(reader.number(1));
  if ((flags & kHasModified) != 0) needle.modified_seconds = reader.number(5);
  if ((flags & kHasTtl) != 0) reader.raw(2);
  if ((flags & kHasPairs) != 0) needle.pairs = pairs_of(reader.raw(reader.number(2)));
  needle.compressed = (flags & kCompressed) != 0;
  needle.manifest = (flags & kManifest) != 0;
  if (reader.failed()) return wrong(header, "its parts are longer than it is");
  return needle;
}

}  // namespace

Result<Superblock> decode_superblock(ByteSpan bytes) {
  if (bytes.size() < kSuperblockBytes) {
    return Error(Errc::kCorruption,
                 fmt::format("superblock: {} of {} bytes", bytes.size(), kSuperblockBytes));
  }
  Reader reader(as_text(bytes));
  Superblock out;
  out.version = static_cast<std::uint8_t>(reader.number(1));
  if (out.version != 2 && out.version != 3) {
    return Error(Errc::kUnimplemented,
                 fmt::format("a volume of version {}; 2 and 3 are known", out.version));
  }
  reader.raw(5);
  out.data_begin = kSuperblockBytes + reader.number(2);
  out.data_begin = (out.data_begin + kAlignment - 1) / kAlignment * kAlignment;
  return out;
}

Result<Header> decode_header(ByteSpan bytes) {
  if (bytes.size() < kHeaderBytes) {
    return Error(Errc::kCorruption,
                 fmt::format("needle header: {} of {} bytes", bytes.size(), kHeaderBytes));
  }
  Reader reader(as_text(bytes));
  Header header;
  header.cookie = static_cast<std::uint32_t>(reader.number(4));
  header.key = reader.number(8);
  header.size = static_cast<std::uint32_t>(reader.number(4));
  if (header.size == kDeletedSize) header.size = 0;
  return header;
}

std::uint64_t needle_bytes(std::uint8_t version, std::uint32_t size) {
  const std::uint64_t used = kHeaderBytes + std::uint64_t{size} + 4 + (version == 3 ? 8 : 0);
  return used + kAlignment - used % kAlignment;  // at least one byte of padding
}

Result<Needle> decode_needle(ByteSpan bytes, std::uint8_t version) {
  KELP_TRY(const Header header, decode_header(bytes));
  const std::string_view rest = as_text(bytes).substr(kHeaderBytes);
  if (rest.size() < std::uint64_t{header.size} + 4) return wrong(header, "it is cut short");
  KELP_TRY(Needle needle, decode_body(header, rest.substr(0, header.size)));
  Reader reader(rest.substr(header.size));
  const auto stored = static_cast<std::uint32_t>(reader.number(4));
  const std::uint32_t crc = crc32c(as_bytes(needle.data));
  if (header.size > 0 && stored != crc && stored != masked(crc)) {
    return wrong(header, fmt::format("its checksum is {:08x}, stored is {:08x}", crc, stored));
  }
  static_cast<void>(version);
  return needle;
}

Result<std::string> decompress(std::string_view data, std::size_t most_bytes) {
  if (!data.starts_with("\x1f\x8b")) {
    return Error(Errc::kUnimplemented, "it is compressed, and not with gzip");
  }
  inflate_state state;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  std::string in(data);
  state.next_in = reinterpret_cast<std::uint8_t*>(in.data());
  state.avail_in = static_cast<std::uint32_t>(in.size());
  std::string out;
  std::string piece(1 << 20, '\0');
  do {
    state.next_out = reinterpret_cast<std::uint8_t*>(piece.data());
    state.avail_out = static_cast<std::uint32_t>(piece.size());
    const int code = isal_inflate(&state);
    const std::size_t made = piece.size() - state.avail_out;
    out.append(piece, 0, made);
    if (code != ISAL_DECOMP_OK || (made == 0 && state.block_state != ISAL_BLOCK_FINISH)) {
      return Error(Errc::kCorruption, "its compressed bytes are broken");
    }
    if (out.size() > most_bytes) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("it has more than {} bytes once decompressed", most_bytes));
    }
  } while (state.block_state != ISAL_BLOCK_FINISH);
  return out;
}

Result<std::vector<Place>> read_index(ByteSpan bytes, OffsetWidth width) {
  const std::size_t wide = static_cast<std::size_t>(width);
  const std::size_t entry = 8 + wide + 4;
  if (bytes.size() % entry != 0) {
    return Error(Errc::kCorruption,
                 fmt::format("index: {} bytes are no multiple of {}", bytes.size(), entry));
  }
  std::map<std::uint64_t, Place> live;
  Reader reader(as_text(bytes));
  for (std::size_t i = 0; i < bytes.size() / entry; ++i) {
    Place place;
    place.key = reader.number(8);
    place.offset = reader.number(4);
    if (wide == 5) place.offset |= reader.number(1) << 32;  // the highest byte comes last
    place.offset *= kAlignment;
    place.size = static_cast<std::uint32_t>(reader.number(4));
    // A file may be empty: a deletion says so by a size below zero, or has no place.
    const bool deleted = place.offset == 0 || place.size > INT32_MAX;
    if (deleted) {
      live.erase(place.key);
    } else {
      live[place.key] = place;
    }
  }
  std::vector<Place> out;
  out.reserve(live.size());
  for (const auto& [key, place] : live) out.push_back(place);
  std::ranges::sort(out, {}, &Place::offset);
  return out;
}

std::optional<OffsetWidth> width_of(ByteSpan index, ReadHeader read, void* file) {
  std::optional<OffsetWidth> without_any;
  for (const OffsetWidth width : {OffsetWidth::k4, OffsetWidth::k5}) {
    const auto places = read_index(index, width);
    if (!places) continue;
    const std::size_t tried = std::min(places->size(), kTried);
    std::size_t found = 0;
    for (std::size_t i = 0; i < tried; ++i) {
      const Place& place = (*places)[i * places->size() / tried];
      const auto header = read(file, place.offset);
      if (header && header->key == place.key && header->size == place.size) ++found;
    }
    if (tried == 0) without_any = width;
    // Some may be damaged; under the wrong width none is there.
    if (tried > 0 && 2 * found >= tried) return width;
  }
  return without_any;  // nothing is alive
}

std::string fid_text(std::uint32_t volume, const Header& header) {
  return to_string(FileId{VolumeId{volume}, NeedleKey{header.key}, Cookie{header.cookie}});
}

std::optional<std::uint32_t> volume_of(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  if (!name.ends_with(".dat")) return std::nullopt;
  name.remove_suffix(4);
  name = name.substr(name.rfind('_') + 1);
  std::uint32_t volume = 0;
  const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), volume);
  if (name.empty() || code != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return volume;
}

}  // namespace kelp::weed
