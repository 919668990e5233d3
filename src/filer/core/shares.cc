#include "filer/core/shares.h"

#include <algorithm>
#include <map>
#include <utility>

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

Result<std::vector<Chunk>> keep_needles(CurrentObject& current, std::uint64_t version,
                                        std::vector<Chunk>& chunks) {
  if (!current.row || current.entry.version != version) {
    return Error(Errc::kConflict, "what was to grow has changed", Reason::kConditionConflict);
  }
  std::vector<Chunk>& kept = current.entry.layout.chunks;
  const auto same = [](const Chunk& a, const Chunk& b) {
    return a.fid == b.fid && a.size_bytes == b.size_bytes;
  };
  const auto [old_end, new_begin] = std::ranges::mismatch(kept, chunks, same);
  if (old_end != kept.end()) {
    return Error(Errc::kInvalidArgument, "the body does not begin with the one that is there");
  }
  for (std::size_t i = 0; i < kept.size(); ++i) chunks[i].shared = kept[i].shared;
  for (auto at = new_begin; at != chunks.end(); ++at) at->shared = false;
  kept.clear();
  return std::vector<Chunk>(new_begin, chunks.end());
}

}  // namespace kelp
