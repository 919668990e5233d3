#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "async/work_pool.h"
#include "client/volume_admin.h"
#include "kv/kv_store.h"

namespace kelp {

/// Metadata and needles compared. With nobody writing, every figure of the second group is 0 after
/// a quiet period (leases expired, collector done); `orphan_needles` before it counts what the
/// collector will take.
struct FsckReport {
  std::uint64_t objects = 0;
  std::uint64_t buckets = 0;
  std::uint64_t uploads = 0;
  std::uint64_t parts = 0;
  std::uint64_t inline_bodies = 0;
  std::uint64_t needles = 0;       ///< On disk, dead ones in quarantine included.
  std::uint64_t dead_needles = 0;  ///< Named by dead rows.

  std::uint64_t orphan_needles = 0;  ///< On disk and named by nothing.
  std::uint64_t orphan_bytes = 0;
  std::uint64_t missing_needles = 0;  ///< Named by an object or a part and not on disk: lost data.
  std::uint64_t wrong_size_needles = 0;
  std::uint64_t doubly_named_needles = 0;
  std::uint64_t missing_inline_bodies = 0;  ///< Lost data.
  std::uint64_t corrupt_inline_bodies = 0;
  std::uint64_t unnamed_inline_bodies = 0;
  std::uint64_t wrong_counters = 0;  ///< Buckets whose counters differ from a recount.
  std::uint64_t left_over_parts = 0;
  std::uint64_t objects_without_bucket = 0;

  /// One line for each of the first findings, at most kMaxFindings; object keys are not named.
  std::vector<std::string> findings;

  /// Nothing is lost or wrong. Orphans and left-over parts are not wrong: they are to be collected.
  [[nodiscard]] bool sound() const {
    return missing_needles + wrong_size_needles + doubly_named_needles + missing_inline_bodies +
               corrupt_inline_bodies + unnamed_inline_bodies + wrong_counters +
               objects_without_bucket ==
           0;
  }
  /// sound(), and nothing is to be collected.
  [[nodiscard]] bool clean() const { return sound() && orphan_needles + left_over_parts == 0; }
};

inline constexpr std::size_t kMaxFindings = 100;

/// Compares all metadata with all needles and recounts. Nobody may write meanwhile. All references
/// must outlive the call. Errors are those of reading; what is wrong stands in the report.
Task<Result<FsckReport>> fsck(KvStore& store, WorkPool& pool, VolumeAdmin& volumes);

}  // namespace kelp
