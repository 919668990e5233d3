#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "kv/kv_store.h"
#include "wire/entry.h"

namespace kelp {

// A manifest is a row with the chunks of one long part. Parts and objects name it by one chunk, so
// that their rows stay small however many needles a body has (docs/adr/0014-manifests.md). It lists
// needles only, never changes, and is named, shared, counted and buried as a needle is.

/// Whether `chunks` are better off in a manifest: there are more than `most`, all of them needles.
[[nodiscard]] bool is_long(const std::vector<Chunk>& chunks, std::size_t most);

/// Adds the manifest `id`, never used before, to `batch` and makes it the one of `chunks`.
void fold(std::vector<Chunk>& chunks, std::uint64_t id, KvBatch& batch);

/// The manifest's chunks. kNotFound when there is no such row; kCorruption.
[[nodiscard]] Result<std::vector<Chunk>> read_manifest(KvStore& store, std::uint64_t id);

/// Adds to `batch` that the manifest `id`, which nothing names since `since`, goes, and its needles
/// are dead since then. One that is not there has gone. kCorruption.
[[nodiscard]] Result<void> unfold_dead(KvStore& store, std::uint64_t id, WallTime since,
                                       KvBatch& batch);

}  // namespace kelp
