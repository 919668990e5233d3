#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kelp/result.h"
#include "wire/entry.h"
#include "wire/needle_origin.h"

namespace kelp {

// The namespace from what volumes hold, when the metadata is lost: which objects there were, as far
// as needles say it (docs/operations/disk-failure.md). What never was in a needle - bodies in the
// metadata, headers, tags, settings, what a copy shared - does not come back.

/// A live needle, whole as far as its header and trailer show; of a striped one, enough shards.
struct FoundNeedle {
  FileId fid;
  std::uint64_t body_bytes = 0;  ///< Of the whole body of a striped one.
  std::int64_t created_ns = 0;
  BucketId bucket;
  std::string key;                     ///< Of its object.
  std::optional<NeedleOrigin> origin;  ///< Nothing: of a format that did not say.
};

/// A body that was written in one piece: an object's, or a part's.
struct FoundBody {
  std::uint32_t part_number = 0;  ///< 0: an object's.
  std::uint64_t size_bytes = 0;
  std::vector<Chunk> chunks;  ///< In their order.
};

/// A body, or the parts of an upload, that could be what a key named.
struct FoundGeneration {
  WallTime written;               ///< Of its last needle.
  std::string upload_id;          ///< Empty: no multipart object.
  std::vector<FoundBody> bodies;  ///< One, or parts by number.
  std::uint64_t size_bytes = 0;
  bool guessed = false;  ///< A needle without an origin was taken for a whole object.
  /// Why it cannot be an object; empty when it can.
  std::string missing;
};

/// A key with what was found under it, the newest first.
struct FoundKey {
  BucketId bucket;
  std::string key;
  std::vector<FoundGeneration> generations;
};

/// A bucket as its needles tell it.
struct FoundBucket {
  std::string name;
  bool named = false;  ///< The name is its own; else it was made of its id.
  WallTime written;    ///< Of its oldest needle.
};

/// All that was found.
struct FoundNamespace {
  std::map<BucketId, FoundBucket> buckets;
  std::vector<FoundKey> keys;  ///< By bucket and key.
  std::uint64_t next_id = 1;   ///< Over every bucket's and upload's.
};
/// Sorts needles into bodies, bodies into generations of keys. Of two buckets of one name the one
/// that was made later has it.
[[nodiscard]] FoundNamespace sort_needles(std::vector<FoundNeedle> needles);

/// The rows of a store from objects that were chosen.
class RebuiltRows {
 public:
  /// `owner_id`  of every bucket and object: the needles do not say whose they were.
  RebuiltRows(const FoundNamespace& found, std::string owner_id);
  /// Makes the object of a generation of `key`; once a key. `md5s`: raw, of each of its bodies.
  void add(const FoundKey& key, const FoundGeneration& generation,
           const std::vector<std::string>& md5s);
  /// By row key; buckets without an object too.
  [[nodiscard]] std::map<std::string, std::string> finish() &&;

 private:
  const FoundNamespace& found_;
  const std::string owner_id_;
  std::uint64_t next_id_;
  std::map<BucketId, std::pair<std::int64_t, std::int64_t>> usage_;  ///< Objects and bytes.
  std::map<std::string, std::string> rows_;
};

}  // namespace kelp
