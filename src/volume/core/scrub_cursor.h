#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "kelp/result.h"

namespace kelp {

/// How far a pass of scrub has come: volumes in the order of their ids, needles of their keys.
struct ScrubCursor {
  std::int64_t began_ns = 0;  ///< When the pass began; nanoseconds since 1970, UTC.
  VolumeId volume;            ///< The one to go on with; those with smaller ids are done.
  NeedleKey after;            ///< In it, needles up to this key are done.
  friend bool operator==(const ScrubCursor&, const ScrubCursor&) = default;
};

/// docs/formats/volume.md, "Scrub".
[[nodiscard]] std::string encode_scrub_cursor(const ScrubCursor& cursor);
/// kCorruption for anything that encode_scrub_cursor() would not make; kUnimplemented, naming both
/// versions, for a newer one.
[[nodiscard]] Result<ScrubCursor> decode_scrub_cursor(std::string_view bytes);

}  // namespace kelp
