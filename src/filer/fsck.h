#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "async/work_pool.h"
#include "client/volume_admin.h"
#include "filer/damage.h"
#include "kv/kv_store.h"

namespace kelp {

/// What fsck does besides comparing.
struct FsckOptions {
  bool verify = false;  ///< Reads every byte of every volume and compares it with its checksums.
};

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
  std::uint64_t fid_needles = 0;   ///< Of kFidCollection, where scripts name them.

  std::uint64_t remote_needles = 0;  ///< Named in remotes, which are not looked into.

  std::uint64_t orphan_needles = 0;  ///< On disk and named by nothing.
  std::uint64_t orphan_bytes = 0;
  std::uint64_t missing_needles = 0;  ///< Named by an object or a part and not on disk: lost data.
  std::uint64_t wrong_size_needles = 0;
  /// Named, or kept by file id, and not as their checksums say; only `verify`.
  std::uint64_t corrupt_needles = 0;
  std::uint64_t verified_bytes = 0;      ///< Of needles' bodies; only `verify`.
  std::uint64_t unreadable_volumes = 0;  ///< The volume server refuses or cannot read them.
  std::uint64_t unreadable_needles = 0;  ///< Named in such volumes: what became of them is unknown.
  std::uint64_t doubly_named_needles = 0;
  std::uint64_t wrong_shares = 0;  ///< Shared needles whose count of names differs from a recount.
  std::uint64_t missing_inline_bodies = 0;  ///< Lost data.
  std::uint64_t corrupt_inline_bodies = 0;
  std::uint64_t unnamed_inline_bodies = 0;
  std::uint64_t wrong_counters = 0;   ///< Buckets whose counters differ from a recount.
  std::uint64_t dropped_buckets = 0;  ///< Their rows go, one after the other.
  std::uint64_t left_over_parts = 0;
  std::uint64_t objects_without_bucket = 0;
  std::uint64_t annotations = 0;
  /// Sets of annotations that nothing or several name, or that are not as what names them says.
  std::uint64_t wrong_annotation_sets = 0;
  std::uint64_t loose_annotation_sets = 0;  ///< Their versions are gone: they go, one by one.

  std::uint64_t damaged_objects = 0;  ///< Some of their bytes cannot be read.
  std::uint64_t damaged_parts = 0;    ///< The same of parts of uploads under way.

  /// One line for each of the first findings, at most kMaxFindings; object keys are not named.
  std::vector<std::string> findings;
  /// The damaged objects and parts, in the order of the metadata, at most kMaxDamaged.
  std::vector<Damaged> damaged;

  /// Nothing is lost or wrong. Orphans and left-over parts are not wrong: they are to be collected.
  [[nodiscard]] bool sound() const {
    return missing_needles + wrong_size_needles + corrupt_needles + unreadable_volumes +
               unreadable_needles + doubly_named_needles + wrong_shares + missing_inline_bodies +
               corrupt_inline_bodies + unnamed_inline_bodies + wrong_counters +
               objects_without_bucket + wrong_annotation_sets ==
           0;
  }
  /// sound(), and nothing is to be collected.
  [[nodiscard]] bool clean() const {
    return sound() &&
           orphan_needles + left_over_parts + dropped_buckets + loose_annotation_sets == 0;
  }
};

inline constexpr std::size_t kMaxFindings = 100;
inline constexpr std::size_t kMaxDamaged = 10'000;

/// Compares all metadata with all needles and recounts. Nobody may write meanwhile. All references
/// must outlive the call. A volume that cannot be read is reported and the others are compared.
/// Errors are those of reading the metadata and of VolumeAdmin::status(); what is wrong stands in
/// the report.
Task<Result<FsckReport>> fsck(KvStore& store, WorkPool& pool, VolumeAdmin& volumes,
                              FsckOptions options = {});

}  // namespace kelp
