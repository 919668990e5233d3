#include "filer/core/shares.h"

#include <map>

#include "filer/core/keys.h"

namespace kelp {

std::vector<Chunk> share(ShareSource& source, std::vector<Chunk>& chunks, bool rewrites_source,
                         KvBatch& batch) {
  std::multimap<std::pair<VolumeId, NeedleKey>, Chunk*> offered;
  for (Chunk& chunk : source.object.entry.layout.chunks) {
    offered.emplace(std::pair(chunk.fid.volume, chunk.fid.key), &chunk);
  }
  std::vector<Chunk> fresh;
  bool marked = false;
  for (Chunk& chunk : chunks) {
    const auto [begin, end] = offered.equal_range(std::pair(chunk.fid.volume, chunk.fid.key));
    chunk.shared = begin != end;
    if (!chunk.shared) {
      fresh.push_back(chunk);
      continue;
    }
    batch.writes.push_back(KvWrite::add(keys::share(chunk.fid), 1));
    for (auto at = begin; at != end; ++at) {
      marked = marked || !at->second->shared;
      at->second->shared = true;
    }
  }
  if (rewrites_source) return fresh;
  batch.conditions.push_back(KvCondition::equals(source.row_key, source.object.row.value()));
  if (marked) {
    batch.writes.push_back(KvWrite::put(source.row_key, encode_entry(source.object.entry)));
  }
  return fresh;
}

}  // namespace kelp
