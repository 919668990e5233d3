#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/awaitable.h"
#include "kv/kv_async.h"
#include "wire/entry.h"

namespace kelp {

/// Why bytes of an object cannot be read.
enum class Damage : std::uint8_t {
  kMissing,
  kWrongSize,
  kCorrupt,
  kUnreadableVolume,
  kMissingBody,
  kCorruptBody
};

/// "needle 3,01637037d6" or "manifest 7".
[[nodiscard]] std::string name_of(const FileId& fid);
/// "is missing", "is corrupt", …: what follows the name of a needle or an inline body.
[[nodiscard]] std::string_view text_of(Damage damage);

/// An object, or a part of an upload under way, that cannot be read in full.
struct Damaged {
  std::string bucket;         ///< Name; "bucket-ID" when there is none.
  std::string key;            ///< As bytes.
  std::uint64_t version = 0;  ///< Of an older version: its number.
  std::string upload_id;
  std::uint32_t part_number = 0;  ///< 0: an object; else a part, and upload_id says of what.
  Damage damage{};                ///< The first that was found.
  std::string where;              ///< name_of() or "inline body 7".
};

/// What was found to be damaged, by what names it.
struct DamagedPlaces {
  std::map<std::pair<VolumeId, NeedleKey>, Damage> needles;  ///< And manifests, in kManifests.
  std::set<VolumeId> unreadable;
  std::map<std::uint64_t, Damage> inline_bodies;

  [[nodiscard]] bool empty() const {
    return needles.empty() && unreadable.empty() && inline_bodies.empty();
  }
};

/// Who names what is damaged.
struct DamagedNames {
  std::vector<Damaged> first;  ///< At most the limit that was given.
  std::uint64_t objects = 0;
  std::uint64_t parts = 0;
};

/// Walks all manifests, objects and parts (filer/row_walk.h) and names those that lie in `places`,
/// in the order of the metadata. `buckets`: names by id. All references must outlive the call.
Task<Result<DamagedNames>> name_damaged(KvAsync& kv, const DamagedPlaces& places,
                                        const std::map<BucketId, std::string>& buckets,
                                        std::size_t limit);

}  // namespace kelp
