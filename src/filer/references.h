#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "async/awaitable.h"
#include "client/filer_client.h"
#include "client/volume_admin.h"
#include "kv/kv_async.h"
#include "wire/fid.h"

namespace kelp {

/// A needle or manifest that the metadata names.
struct NamedNeedle {
  FileId fid;
  bool dead = false;  ///< By a dead row: it goes when its quarantine ends, unless others name it.
  bool shared = false;
  std::uint64_t size_bytes = 0;
};

/// A bucket's usage counted row by row, beside what its counters claim.
struct BucketCount {
  bool known = false;    ///< There is a bucket with this id.
  bool dropped = false;  ///< It was dropped, and its rows are on their way out.
  std::string name;      ///< Empty when there is none.
  BucketUsage counted;   ///< Its rows, counted.
  BucketUsage counters;  ///< What its counters say.
};

/// The annotations under one number, beside what names them.
struct AnnotationSet {
  std::uint32_t count = 0;  ///< Its rows, counted.
  std::uint64_t bytes = 0;
  std::uint32_t names = 0;  ///< Versions and rows of loose sets with its number: one is right.
  std::uint32_t named_count = 0;  ///< What the last of them says.
  std::uint64_t named_bytes = 0;
  bool doomed = false;  ///< Its version is gone: it is taken apart, and may be so in part.
  /// Whether one thing names it, as it is.
  [[nodiscard]] bool sound() const {
    return names == 1 && (doomed || (count == named_count && bytes == named_bytes));
  }
};

/// What the metadata names at one point in time.
struct References {
  /// By volume, then key, the dead last; a needle stands once for each name. Manifests come first,
  /// as if they were the needles of the volume kManifests.
  std::vector<NamedNeedle> needles;
  std::vector<NeedleInfo> manifests;  ///< Those that there are, ascending by key.
  /// What is counted of shared needles: names but one.
  std::map<std::pair<VolumeId, NeedleKey>, std::int64_t> shares;
  std::vector<std::uint64_t> inline_ids;  ///< Ascending; only when asked for.
  std::map<BucketId, BucketCount> buckets;
  std::map<std::uint64_t, AnnotationSet> annotation_sets;  ///< By number; only when asked for.
  std::uint64_t annotations = 0;
  std::uint64_t objects = 0;  ///< Versions; delete markers are none.
  std::uint64_t uploads = 0;
  std::uint64_t parts = 0;
  std::uint64_t left_over_parts = 0;  ///< Of `parts`: their upload is gone.
};

/// Reads all metadata but inline bodies in one walk (filer/row_walk.h). Takes 32 bytes a chunk and,
/// `with_inline_ids`, 8 an inline object and about 100 a set of annotations, which are asked for
/// with them. `kv` must outlive the call.
Task<Result<References>> read_references(KvAsync& kv, bool with_inline_ids);

/// Every live needle of one volume, ascending by key. `volumes` must outlive the call.
Task<Result<std::vector<NeedleInfo>>> read_needles(VolumeAdmin& volumes, VolumeId volume);

/// The needles of `named` (sorted as in References) in one volume, ascending by key.
[[nodiscard]] std::vector<NamedNeedle> named_in(const std::vector<NamedNeedle>& named,
                                                VolumeId volume);

}  // namespace kelp
