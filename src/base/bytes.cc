#include "base/bytes.h"

#include <fmt/format.h>

namespace kelp {

Result<void> ByteReader::finish(std::string_view what) const {
  if (failed_) return Error(Errc::kCorruption, fmt::format("{}: truncated or malformed", what));
  if (!rest_.empty()) {
    return Error(Errc::kCorruption, fmt::format("{}: {} bytes too many", what, rest_.size()));
  }
  return {};
}

}  // namespace kelp
