#include "filer/core/manifest.h"

#include <fmt/format.h>

#include <utility>

#include "filer/core/keys.h"
#include "filer/core/object_commit.h"
#include "filer/core/rows.h"

namespace kelp {

bool is_long(const std::vector<Chunk>& chunks, std::size_t most) {
  return chunks.size() > most && !any_manifest(chunks);
}

void fold(std::vector<Chunk>& chunks, std::uint64_t id, KvBatch& batch) {
  Chunk whole{.fid = {kManifests, NeedleKey(id), Cookie(0)}};
  for (const Chunk& chunk : chunks) whole.size_bytes += chunk.size_bytes;
  batch.writes.push_back(KvWrite::put(keys::manifest(id), encode_manifest(chunks)));
  chunks.assign(1, whole);
}

Result<std::vector<Chunk>> read_manifest(KvStore& store, std::uint64_t id) {
  KELP_TRY(const auto row, store.get(keys::manifest(id)));
  if (!row) return Error(Errc::kNotFound, fmt::format("there is no manifest {}", id));
  return decode_manifest(*row);
}

Result<void> unfold_dead(KvStore& store, std::uint64_t id, WallTime since, KvBatch& batch) {
  const auto chunks = read_manifest(store, id);
  if (!chunks && chunks.error().code() == Errc::kNotFound) return {};
  KELP_CHECK(chunks);
  bury(*chunks, since, batch);
  batch.conditions.push_back(KvCondition::present(keys::manifest(id)));
  batch.writes.push_back(KvWrite::remove(keys::manifest(id)));
  return {};
}

}  // namespace kelp
