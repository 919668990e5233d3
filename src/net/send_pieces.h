#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"

namespace kelp {

/// Pieces of memory to be sent one after another. Sending takes them off the front.
using SendPieces = std::vector<ByteSpan>;

/// The first `bytes` of `pieces` are gone, and empty pieces at the front with them.
inline void take_front(SendPieces& pieces, std::size_t bytes) {
  std::size_t gone = 0;
  while (gone < pieces.size() && bytes >= pieces[gone].size()) bytes -= pieces[gone++].size();
  pieces.erase(pieces.begin(), pieces.begin() + static_cast<std::ptrdiff_t>(gone));
  if (bytes > 0) pieces.front() = pieces.front().subspan(bytes);
}

}  // namespace kelp
