#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "ec/layout.h"
#include "wire/needle_origin.h"

namespace kelp {

// A needle on disk: header, back pointer, body, trailer, padding to 8 bytes
// (docs/formats/needle.md).

inline constexpr std::uint32_t kNeedleMagic = 0x4c444e4b;  ///< "KNDL" in file order.
inline constexpr std::uint8_t kNeedleVersion = 5;          ///< The newest; 1 and 2 are only read.
inline constexpr std::size_t kNeedleHeaderBytes = 64;
inline constexpr std::size_t kNeedleAlignment = 8;
inline constexpr std::size_t kNeedleBlockBytes = 64 * 1024;  ///< Body bytes under one checksum.
inline constexpr std::uint64_t kMaxNeedleBodyBytes = 64 * 1024 * 1024;
inline constexpr std::size_t kMaxObjectKeyBytes = 1024;
/// Of an object's key, with the length of an origin and the origin in front.
inline constexpr std::size_t kMaxBackPointerBytes = 1 + kMaxOriginBytes + kMaxObjectKeyBytes;
/// The seed of images of needles that travel between servers.
inline constexpr std::uint32_t kImageSeed = 0;

/// Ties a needle's header to its volume and its place there, so that the image of a needle inside a
/// body, or a needle at a wrong place, is never taken for one. Made from the volume's secret salt.
class NeedleSeed {
 public:
  explicit NeedleSeed(ByteSpan salt);
  /// The CRC that a header at `offset` of the volume's file starts from.
  [[nodiscard]] std::uint32_t at(std::uint64_t offset) const;

 private:
  std::uint32_t salt_crc_;
};

/// The fixed front of a needle.
struct NeedleHeader {
  NeedleKey key;
  Cookie cookie;
  bool tombstone = false;        ///< Says that `key` is dead; has no body.
  std::uint64_t body_bytes = 0;  ///< 1 to kMaxNeedleBodyBytes, 0 for a tombstone.
  std::int64_t created_ns = 0;   ///< Nanoseconds since 1970, UTC; for people.
  BucketId bucket;
  std::uint16_t back_pointer_bytes = 0;  ///< At most kMaxBackPointerBytes.
  /// The back pointer begins with an origin (split_back_pointer()); else it is the object's key.
  bool has_origin = false;
  /// The body is this shard of a longer one; then body_bytes is stored_bytes(*part).
  std::optional<StripePart> part;
  /// Not 0: a stub. The needle's body has so many bytes and lies in an extent; the body here says
  /// where (volume/core/packing.h).
  std::uint64_t packed_bytes = 0;
  friend bool operator==(const NeedleHeader&, const NeedleHeader&) = default;
};

/// What stands between header and body.
struct BackPointer {
  std::string_view origin;  ///< As encode_origin() made it; empty: none.
  std::string_view key;     ///< The object's.
};
/// `origin` at most kMaxOriginBytes, `key` at most kMaxObjectKeyBytes; a header with such a back
/// pointer says has_origin when there is one.
[[nodiscard]] std::string encode_back_pointer(const BackPointer& pointer);
/// Points into `bytes`. kCorruption when an origin is longer than they are.
[[nodiscard]] Result<BackPointer> split_back_pointer(const NeedleHeader& header,
                                                     std::string_view bytes);

/// Number of block checksums of a body.
[[nodiscard]] constexpr std::uint64_t block_count(std::uint64_t body_bytes) {
  return (body_bytes + kNeedleBlockBytes - 1) / kNeedleBlockBytes;
}

/// Where the parts of a needle lie, from its first byte on.
struct NeedleLayout {
  std::uint64_t body_offset = 0;
  std::uint64_t trailer_offset = 0;
  std::uint64_t trailer_bytes = 0;  ///< Block checksums and the trailer's own, without padding.
  std::uint64_t total_bytes = 0;    ///< With padding; a multiple of 8.
};
/// The layout of a needle with so long a body and back pointer.
[[nodiscard]] constexpr NeedleLayout layout_of(std::uint64_t body_bytes,
                                               std::uint64_t back_pointer_bytes) {
  NeedleLayout layout;
  layout.body_offset = kNeedleHeaderBytes + back_pointer_bytes;
  layout.trailer_offset = layout.body_offset + body_bytes;
  layout.trailer_bytes = 4 * block_count(body_bytes) + 4;
  layout.total_bytes = (layout.trailer_offset + layout.trailer_bytes + kNeedleAlignment - 1) /
                       kNeedleAlignment * kNeedleAlignment;
  return layout;
}
/// The layout of the needle behind `header`.
[[nodiscard]] constexpr NeedleLayout layout_of(const NeedleHeader& header) {
  return layout_of(header.body_bytes, header.back_pointer_bytes);
}

/// Largest needle that there can be; its length in units of 8 fits 24 bits.
inline constexpr std::uint64_t kMaxNeedleBytes =
    layout_of(kMaxNeedleBodyBytes, kMaxBackPointerBytes).total_bytes;

/// kInvalidArgument for a part that no needle can be: its scheme, number or length is out of range.
[[nodiscard]] Result<void> check_part(const StripePart& part);

/// Writes the header of a needle that lies at the place of `seed` into the first kNeedleHeaderBytes
/// of `out`.
void encode_needle_header(const NeedleHeader& header, std::uint32_t seed, MutableByteSpan out);

/// Decodes the fixed header in front of a needle.
///
/// `bytes`  begins at the needle's first byte; may run past the header. Not kept.
/// `seed`   NeedleSeed::at() of the place that the bytes come from.
/// Returns  the header; nothing behind it is checked yet.
/// Errors   kCorruption for anything that encode_needle_header() would not write there;
///          kUnimplemented, naming both versions, for a header that checks and is of another
///          version.
[[nodiscard]] Result<NeedleHeader> decode_needle_header(ByteSpan bytes, std::uint32_t seed);

/// Computes the block checksums of a body that comes in pieces of any size.
class BlockChecksums {
 public:
  void update(ByteSpan piece);
  /// Checksums so far, a block begun but not full included.
  [[nodiscard]] std::vector<std::uint32_t> finish() &&;

 private:
  std::vector<std::uint32_t> done_;
  std::uint32_t current_ = 0;
  std::size_t filled_ = 0;  ///< Bytes in the current block.
};

/// The trailer without padding: block checksums, then a CRC32C over header, back pointer and them.
///
/// `head`  the encoded header, of any version, and the back pointer.
[[nodiscard]] std::string encode_needle_trailer(ByteSpan head,
                                                const std::vector<std::uint32_t>& blocks);

/// A needle without its body: what has to be known to verify any block of it.
struct NeedleFrame {
  NeedleHeader header;
  std::string back_pointer;
  std::string table;  ///< Block checksums, as in the trailer.
};
/// The image of a needle without its body and padding.
[[nodiscard]] std::string encode_needle_frame(const NeedleFrame& frame, std::uint32_t seed);
/// Checks all of it. kCorruption, kUnimplemented as decode_needle_header().
[[nodiscard]] Result<NeedleFrame> decode_needle_frame(ByteSpan bytes, std::uint32_t seed);

/// True when `trailer` (which may run past its end) belongs to `head`, the encoded header with the
/// back pointer, and so its block checksums can be trusted.
[[nodiscard]] bool needle_trailer_matches(const NeedleHeader& header, ByteSpan head,
                                          ByteSpan trailer);

/// True when each block of `bytes` has its checksum. `bytes` begins with block `first_block` and
/// ends with a whole block or the body's end. `table`: the block checksums, as in the trailer; past
/// its end: false.
[[nodiscard]] bool blocks_match(ByteSpan bytes, std::size_t first_block, ByteSpan table);

/// A whole needle, as it lies at the place of `seed`. For small bodies and tombstones.
[[nodiscard]] std::string encode_needle(NeedleHeader header, std::string_view back_pointer,
                                        ByteSpan body, std::uint32_t seed);

/// Makes a needle that was read as a whole and checked, `needle`, one of the place of `seed`. Body
/// and block checksums stay as they are: what was stored is still what is compared.
void reseal_needle(const NeedleHeader& header, MutableByteSpan needle, std::uint32_t seed);

/// A needle that was read as a whole; views into the bytes given.
struct WholeNeedle {
  NeedleHeader header;
  std::string_view back_pointer;
  ByteSpan body;
};
/// Checks every byte of a needle. `bytes` may run past its end. kCorruption, kUnimplemented as
/// decode_needle_header().
[[nodiscard]] Result<WholeNeedle> decode_needle(ByteSpan bytes, std::uint32_t seed);

}  // namespace kelp
