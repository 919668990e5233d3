#include "filer/core/key_floor.h"

#include <fmt/format.h>

#include <utility>

#include "filer/core/keys.h"
#include "filer/core/rows.h"

namespace kelp {

Result<NeedleKey> key_floor_of(const std::optional<std::string>& row) {
  if (!row) return NeedleKey(0);
  return decode_key_floor(*row);
}

KvCondition key_floor_is(std::optional<std::string> row) {
  return KvCondition::unchanged(keys::key_floor(), std::move(row));
}

Result<void> require_above_floor(std::optional<std::string> row, const std::vector<Chunk>& fresh,
                                 KvBatch& batch) {
  KELP_TRY(const NeedleKey floor, key_floor_of(row));
  for (const Chunk& chunk : fresh) {
    if (chunk.is_manifest()) {
      return Error(
          Errc::kInvalidArgument,
          fmt::format("manifest {}: only what names it can share it", chunk.fid.key.value));
    }
    if (chunk.fid.key >= floor) continue;
    return Error(Errc::kConflict,
                 fmt::format("needle {:x} was leased too long ago: keys below {:x} are no longer "
                             "taken",
                             chunk.fid.key.value, floor.value),
                 Reason::kKeyTooOld);
  }
  batch.conditions.push_back(key_floor_is(std::move(row)));
  return {};
}

}  // namespace kelp
