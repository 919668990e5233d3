#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "kelp/result.h"

namespace kelp::weed {

// Volumes of SeaweedFS, as they lie on its disks, to be read once and left alone
// (docs/operations/import.md). Integers are big-endian. Pure.

inline constexpr std::size_t kSuperblockBytes = 8;
inline constexpr std::size_t kHeaderBytes = 16;
inline constexpr std::size_t kAlignment = 8;

/// The front of a .dat file.
struct Superblock {
  std::uint8_t version = 0;      ///< 2 or 3.
  std::uint64_t data_begin = 0;  ///< Where the first needle lies.
};
/// `bytes` is at least the first kSuperblockBytes. kCorruption for too few, kUnimplemented for
/// another version, naming it.
[[nodiscard]] Result<Superblock> decode_superblock(ByteSpan bytes);

/// The front of a needle.
struct Header {
  std::uint32_t cookie = 0;
  std::uint64_t key = 0;
  std::uint32_t size = 0;  ///< Of what lies between header and checksum; 0: empty, or a deletion.
};
/// `bytes` begins at a needle. kCorruption for too few.
[[nodiscard]] Result<Header> decode_header(ByteSpan bytes);
/// What a needle takes in the file, with header, checksum and padding.
[[nodiscard]] std::uint64_t needle_bytes(std::uint8_t version, std::uint32_t size);

/// A needle that checks.
struct Needle {
  Header header;
  std::string_view data;                     ///< As stored; into the bytes given.
  std::string name;                          ///< Often empty.
  std::string mime;                          ///< Often empty.
  std::map<std::string, std::string> pairs;  ///< What the client said beside; lower-case names.
  std::uint64_t modified_seconds = 0;        ///< Since 1970; 0: it does not say.
  bool compressed = false;                   ///< `data` is gzip or zstd.
  bool manifest = false;  ///< `data` is a list of the file ids that make the file.
};
/// Checks and decodes a whole needle; its checksum is the plain CRC-32C of its data or the masked
/// one of older programs. `bytes` may run past its end. kCorruption.
[[nodiscard]] Result<Needle> decode_needle(ByteSpan bytes, std::uint8_t version);

/// `data`, decompressed from gzip. kUnimplemented for another compression, kCorruption;
/// kInvalidArgument for more than `most_bytes`.
[[nodiscard]] Result<std::string> decompress(std::string_view data, std::size_t most_bytes);

/// How wide the offsets of an index are: 4 bytes, or 5 in builds for large volumes.
enum class OffsetWidth : std::uint8_t { k4 = 4, k5 = 5 };

/// A live needle, as an index has it.
struct Place {
  std::uint64_t key = 0;
  std::uint64_t offset = 0;
  std::uint32_t size = 0;
  friend bool operator==(const Place&, const Place&) = default;
};
/// What is alive after all entries of a .idx file, by offset. kCorruption when its length is no
/// multiple of an entry's.
[[nodiscard]] Result<std::vector<Place>> read_index(ByteSpan bytes, OffsetWidth width);
/// Reads the header at an offset of the .dat file; nothing past its end.
using ReadHeader = std::optional<Header> (*)(void* file, std::uint64_t offset);
/// The width under which live entries name the needles that are there. Nothing when neither does.
[[nodiscard]] std::optional<OffsetWidth> width_of(ByteSpan index, ReadHeader read, void* file);

/// "3,01637037d6".
[[nodiscard]] std::string fid_text(std::uint32_t volume, const Header& header);
/// 3 of "3.dat" and "pictures_3.dat", a path in front or not; nothing for another name.
[[nodiscard]] std::optional<std::uint32_t> volume_of(std::string_view path);

}  // namespace kelp::weed
