#pragma once

#include <cstdint>
#include <string>

#include "async/awaitable.h"
#include "kelp/result.h"

namespace kelp {

/// A piece of a dump (docs/formats/metadata-dump.md).
struct DumpPiece {
  std::uint64_t dump = 0;  ///< Names the dump when its next piece is asked for.
  bool last = false;
  std::string bytes;
};

/// Gives dumps of the metadata while it serves.
class MetadataDumps {
 public:
  virtual ~MetadataDumps() = default;
  /// The next piece of `dump`, each once; 0 begins one, of this moment: of everything, or, when
  /// `since` is not empty, of what changed since then (a dump's position, encoded). kNotFound when
  /// there is no such dump, or nobody asked for its next piece for a minute, or what changed since
  /// is not kept; kResourceExhausted when too many are under way.
  virtual Task<Result<DumpPiece>> next_piece(std::uint64_t dump, std::string since) = 0;
};

}  // namespace kelp
