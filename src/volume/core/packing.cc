#include "volume/core/packing.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "base/crc.h"
#include "ec/reed_solomon.h"

namespace kelp {
namespace {

constexpr std::size_t kStubHeadBytes = 24;  ///< In front of the block checksums.

Error corrupt(std::string_view what) {
  return {Errc::kCorruption, fmt::format("stub: {}", what)};
}

Error cannot_pack(const NeedleHeader& header, std::string_view why) {
  return {Errc::kInvalidArgument,
          fmt::format("needle {:x} cannot be packed: {}", header.key.value, why)};
}

Result<void> check_packable(const NeedleHeader& header) {
  if (header.tombstone) return cannot_pack(header, "it is a tombstone");
  if (header.part) return cannot_pack(header, "it is a shard");
  if (header.packed_bytes > 0) return cannot_pack(header, "it is packed");
  if (is_extent(header.key)) return cannot_pack(header, "its key is that of an extent");
  return {};
}

/// The header of the image at the front of `images`, which is whole.
Result<NeedleHeader> header_at(std::string_view images) {
  KELP_TRY(const NeedleHeader header, decode_needle_header(as_bytes(images), kImageSeed));
  if (layout_of(header).total_bytes <= images.size()) return header;
  return Error(Errc::kCorruption, fmt::format("needle {:x}: {} bytes of its image are there",
                                              header.key.value, images.size()));
}

std::string encode_stub(const NeedleHeader& of, std::string_view image, const PackedPlace& place) {
  std::string body;
  ByteWriter writer(body);
  writer.fixed(place.extent.value);
  writer.fixed(place.cookie.value);
  writer.fixed(std::uint32_t{0});
  writer.fixed(place.offset);
  writer.raw(place.table);
  NeedleHeader header = of;
  header.packed_bytes = of.body_bytes;
  const std::string_view back_pointer = image.substr(kNeedleHeaderBytes, of.back_pointer_bytes);
  return encode_needle(header, back_pointer, as_bytes(body), kImageSeed);
}

std::string room_for(std::size_t bytes) {
  std::string room;
  room.resize_and_overwrite(bytes, [](char*, std::size_t size) { return size; });
  return room;
}

/// The images of all shards of a body, under one header.
class Shards {
 public:
  Shards(EcScheme scheme, std::string_view body, NeedleHeader header,
         std::string_view back_pointer = {})
      : scheme_(scheme),
        longest_(shard_bytes(scheme, 0, body.size())),
        body_offset_(layout_of(1, back_pointer.size()).body_offset),
        back_pointer_(back_pointer) {
    header.part = StripePart{.scheme = scheme, .shard = 0, .body_bytes = body.size()};
    for (std::uint32_t shard = 0; shard < scheme.shards(); ++shard) {
      header.part->shard = static_cast<std::uint8_t>(shard);
      header.body_bytes = stored_bytes(*header.part);
      headers_.push_back(header);
      images_.push_back(room_for(std::max(layout_of(header).total_bytes, body_offset_ + longest_)));
    }
    for (const CellPiece& piece : cut_into_cells(scheme, 0, body.size())) {
      std::memcpy(lane(piece.shard).data() + piece.shard_offset, body.data() + piece.body_offset,
                  piece.bytes);
    }
    for (std::uint32_t shard = 0; shard < scheme.data; ++shard) {
      // Cells that are not there count as zeros.
      std::ranges::fill(lane(shard).subspan(shard_bytes(scheme, shard, body.size())), std::byte{0});
    }
  }

  Result<std::vector<std::string>> finish() && {
    KELP_TRY(const ReedSolomon* const code, ReedSolomon::shared(scheme_));
    std::vector<ByteSpan> data;
    std::vector<MutableByteSpan> parity;
    for (std::uint32_t shard = 0; shard < scheme_.shards(); ++shard) {
      if (shard < scheme_.data) {
        data.emplace_back(lane(shard));
      } else {
        parity.push_back(lane(shard));
      }
    }
    code->encode(data, parity);
    for (std::uint32_t shard = 0; shard < scheme_.shards(); ++shard) seal(shard);
    return std::move(images_);
  }

 private:
  /// Where a shard's bytes are computed, longer than what is stored of it perhaps.
  MutableByteSpan lane(std::uint32_t shard) {
    return std::as_writable_bytes(std::span(images_[shard])).subspan(body_offset_, longest_);
  }

  void seal(std::uint32_t shard) {
    std::string& image = images_[shard];
    const NeedleLayout layout = layout_of(headers_[shard]);
    const MutableByteSpan bytes = std::as_writable_bytes(std::span(image));
    encode_needle_header(headers_[shard], kImageSeed, bytes.first(kNeedleHeaderBytes));
    std::ranges::copy(back_pointer_, image.begin() + kNeedleHeaderBytes);
    BlockChecksums checksums;
    checksums.update(bytes.subspan(layout.body_offset, headers_[shard].body_bytes));
    const std::string trailer =
        encode_needle_trailer(bytes.first(layout.body_offset), std::move(checksums).finish());
    image.resize(layout.trailer_offset);
    image += trailer;
    image.resize(layout.total_bytes, '\0');
  }

  const EcScheme scheme_;
  const std::uint64_t longest_;
  const std::uint64_t body_offset_;
  const std::string_view back_pointer_;
  std::vector<NeedleHeader> headers_;
  std::vector<std::string> images_;
};

}  // namespace

Result<PackedExtent> pack_extent(EcScheme scheme, std::string_view images) {
  KELP_CHECK(check_scheme(scheme));
  if (images.empty() || images.size() > kMaxNeedleBodyBytes) {
    return Error(Errc::kInvalidArgument, fmt::format("an extent has 1 to {} bytes, not {}",
                                                     kMaxNeedleBodyBytes, images.size()));
  }
  KELP_TRY(const NeedleHeader first, header_at(images));
  PackedExtent extent{.key = NeedleKey{first.key.value | kExtentBit}, .last = {}};
  // Says of what bytes it is: shards of another body under this key are never taken for its own.
  const Cookie cookie{crc32c(as_bytes(images))};
  for (std::uint64_t at = 0; at < images.size();) {
    const std::string_view image = images.substr(at);
    KELP_TRY(const NeedleHeader header, header_at(image));
    KELP_CHECK(check_packable(header));
    if (at > 0 && header.key <= extent.last) return cannot_pack(header, "its key does not rise");
    extent.last = header.key;
    const NeedleLayout layout = layout_of(header);
    const PackedPlace place{
        .extent = extent.key,
        .cookie = cookie,
        .offset = at + layout.body_offset,
        .body_bytes = header.body_bytes,
        .table = std::string(image.substr(layout.trailer_offset, layout.trailer_bytes - 4))};
    extent.stubs += encode_stub(header, image, place);
    at += layout.total_bytes;
  }
  Shards shards(scheme, images,
                {.key = extent.key, .cookie = cookie, .created_ns = first.created_ns});
  KELP_TRY(extent.shards, std::move(shards).finish());
  return extent;
}

PackedExtent keep_whole(std::string images) {
  PackedExtent copy{.key = {}, .last = {}};
  copy.shards.emplace_back();
  copy.stubs = std::move(images);
  return copy;
}

Result<PackedExtent> split_needle(EcScheme scheme, const NeedleFrame& frame,
                                  std::string_view body) {
  NeedleHeader header = frame.header;
  if (!header.part || header.part->body_bytes != body.size()) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("needle {:x} is no shard of {} bytes", header.key.value, body.size()));
  }
  header.part.reset();
  header.body_bytes = body.size();
  if (!scheme) {
    return keep_whole(encode_needle(header, frame.back_pointer, as_bytes(body), kImageSeed));
  }
  KELP_CHECK(check_scheme(scheme));
  PackedExtent split{.key = header.key, .last = header.key};
  Shards shards(scheme, body, header, frame.back_pointer);
  KELP_TRY(split.shards, std::move(shards).finish());
  return split;
}

Result<PackedPlace> decode_stub(const NeedleHeader& header, ByteSpan body) {
  if (header.packed_bytes == 0) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("needle {:x} is not packed", header.key.value));
  }
  const std::size_t table_bytes = 4 * block_count(header.packed_bytes);
  if (body.size() != kStubHeadBytes + table_bytes) {
    return corrupt(
        fmt::format("{} bytes, {} would be right", body.size(), kStubHeadBytes + table_bytes));
  }
  ByteReader reader(body);
  PackedPlace place;
  place.extent.value = reader.fixed<std::uint64_t>();
  place.cookie.value = reader.fixed<std::uint32_t>();
  const auto reserved = reader.fixed<std::uint32_t>();
  place.offset = reader.fixed<std::uint64_t>();
  place.body_bytes = header.packed_bytes;
  place.table = as_text(body.subspan(kStubHeadBytes));
  const bool inside = place.offset >= kNeedleHeaderBytes && place.offset < kMaxNeedleBodyBytes &&
                      place.body_bytes <= kMaxNeedleBodyBytes - place.offset;
  if (reserved != 0 || !is_extent(place.extent) || !inside) return corrupt("a field out of range");
  return place;
}

Result<NeedleKey> last_key_of(std::string_view images) {
  NeedleKey last;
  while (!images.empty()) {
    KELP_TRY(const NeedleHeader header, header_at(images));
    last = header.key;
    images.remove_prefix(layout_of(header).total_bytes);
  }
  return last;
}

Result<std::string_view> leading_stubs(std::string_view images, NeedleKey& last) {
  std::size_t at = 0;
  while (at < images.size()) {
    KELP_TRY(const NeedleHeader header, header_at(images.substr(at)));
    if (is_extent(header.key)) break;
    last = header.key;
    at += layout_of(header).total_bytes;
  }
  return images.substr(0, at);
}

}  // namespace kelp
