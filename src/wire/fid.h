#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "kelp/result.h"

namespace kelp {

/// Names a needle for good. Text form `volume,keyhex cookiehex` without the space, e.g.
/// "3,01637037d6": decimal volume, then key and cookie in lower-case hex, the cookie always the
/// last 8 digits, the key without leading zero bytes.
struct FileId {
  VolumeId volume;
  NeedleKey key;
  Cookie cookie;
  friend bool operator==(const FileId&, const FileId&) = default;
};

/// "volume,KEYCOOKIE": the volume in decimal, key and cookie in hex, cookie in 8 digits.
[[nodiscard]] std::string to_string(const FileId& fid);
/// kInvalidArgument for anything that to_string() would not make (upper case is accepted).
[[nodiscard]] Result<FileId> parse_fid(std::string_view text);

}  // namespace kelp
