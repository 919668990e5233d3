#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "volume/core/needle_format.h"

namespace kelp {

// Needles as a tar file (POSIX pax interchange format, IEEE 1003.1, "pax"): any tar reads the
// bodies; our own records make whole needles of them again (docs/formats/needle-tar.md).

inline constexpr std::size_t kTarBlockBytes = 512;

/// A member that is about to be written.
struct TarMember {
  std::string name;  ///< At most 100 bytes behind its last '/', and 155 in front of that.
  std::uint64_t body_bytes = 0;
  std::int64_t time_ns = 0;  ///< Since 1970, UTC.
  std::string keyword;       ///< Of the record in its pax header; empty: it has no pax header.
  std::string record;
};
/// What stands in front of its bytes; whole blocks.
[[nodiscard]] std::string encode_tar_member(const TarMember& member);
/// Zeros that follow a body of so many bytes.
[[nodiscard]] std::string tar_padding(std::uint64_t body_bytes);
/// What ends a tar file.
[[nodiscard]] std::string tar_end();

/// A header block.
struct TarBlock {
  std::string name;
  char type = '0';  ///< 'x': its body are pax records of the next member.
  std::uint64_t body_bytes = 0;
};
/// `block` is kTarBlockBytes long. Nothing: the end. kCorruption when its checksum does not match.
[[nodiscard]] Result<std::optional<TarBlock>> decode_tar_block(std::string_view block);
/// The value of a keyword in the body of a pax header; nothing when it is not there. kCorruption.
[[nodiscard]] Result<std::optional<std::string>> find_pax_record(std::string_view body,
                                                                 std::string_view keyword);

}  // namespace kelp
