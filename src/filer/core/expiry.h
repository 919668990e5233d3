#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "filer/core/rows.h"
#include "filer/core/versions.h"
#include "kelp/result.h"
#include "kv/kv_store.h"
#include "lifecycle/key_judge.h"
#include "wire/entry.h"
#include "wire/namespace.h"

// The lifecycle of a bucket's objects as rows: what is due is found by a walk, and goes by a commit
// that requires what the judgement rests on. Pure.

namespace kelp {

/// A version, or a delete marker, whose time has come: to go, or to move to another storage class.
struct Doomed {
  lifecycle::Act act{};
  std::string key;
  std::uint64_t version_id = kNullVersion;  ///< Of what is removed; of kExpire it means nothing.
  KvRow row;                                ///< The version's, as it was judged.
  /// Rows of the key that must be as they were, too: the newest version's, and of those that are
  /// not current as many as the rule keeps. Null: none.
  std::shared_ptr<const std::vector<KvRow>> besides;
  std::string to;  ///< Of kMove: the storage class.
};

/// A bucket whose rules are applied, as it was read.
struct RuledBucket {
  BucketEntry bucket;
  KvRow rules_row;  ///< The setting's.
  lifecycle::Rules rules;
};

/// How much a page looks at.
struct ExpiryLimits {
  std::size_t rows = 20'000;
  std::size_t doomed = 1000;
  std::size_t moves = 64;
};

/// What a page of a bucket's rows came to.
struct ExpiryPage {
  std::vector<Doomed> doomed;
  std::vector<UploadName> uploads;  ///< Those that are to be aborted.
  std::vector<Doomed> moves;        ///< Those of kMove, which are not among the doomed.
  LifecycleRow next;                ///< Where to go on.
  /// The key of `next` was left half way: when nothing of it goes, the next page begins behind it.
  bool cut = false;
  std::uint64_t rows = 0;
  std::uint64_t locked = 0;  ///< Due, but kept by object lock.
};

/// What find_rules() came upon.
struct FoundRules {
  std::optional<RuledBucket> found;
  std::string next;                  ///< Where to go on when none was found; empty: nowhere.
  std::vector<std::string> unknown;  ///< Buckets whose rules are not understood: why.
};
/// The first bucket from `from` on, by its name, which has rules that are enabled, in at most
/// `most` buckets. Blocks.
[[nodiscard]] Result<FoundRules> find_rules(KvStore& store, const std::string& from,
                                            std::size_t most);

/// A moment and the length of a day.
struct JudgedAt {
  lifecycle::Calendar calendar;
  WallTime now;
};

/// Judges the next rows of a bucket, from `place` on. Blocks.
[[nodiscard]] Result<ExpiryPage> find_doomed(KvStore& store, const RuledBucket& ruled,
                                             const LifecycleRow& place, const JudgedAt& at,
                                             const ExpiryLimits& limits);

/// What is to be done in one commit.
struct Expire {
  std::string bucket;
  BucketId bucket_id;
  KvRow rules_row;
  std::vector<Doomed> doomed;
};

/// A version that is to be of another storage class.
struct MoveClass {
  std::string bucket;
  BucketId bucket_id;
  KvRow rules_row;
  Doomed moved;
  /// Where its bytes are from now on, durable; nothing: where they were.
  std::optional<std::vector<Chunk>> chunks;
};

/// Plans it, for a version that is as it was judged; false: it is not. kConflict with
/// kConditionConflict when the rules changed, and with kKeyTooOld as require_above_floor(). What
/// the version had dies since `now`. `manifest`: a number never used before, for many chunks.
struct ClassChange {
  WallTime now;
  std::uint64_t manifest = 0;
  std::size_t most_chunks = 0;  ///< FilerOptions::most_chunks.
};
/// See ClassChange. The version as it is then; nothing where it is not what was judged any more.
[[nodiscard]] Result<std::optional<ObjectEntry>> plan_move(RowPlan& rows, const BucketEntry& bucket,
                                                           const MoveClass& request,
                                                           const ClassChange& how);

/// What became of it.
struct Expired {
  std::uint64_t expired = 0;  ///< Current versions.
  std::uint64_t removed = 0;  ///< Versions that were not current.
  std::uint64_t markers = 0;  ///< Delete markers that were alone.
  std::uint64_t locked = 0;   ///< Kept by object lock.
  std::uint64_t changed = 0;  ///< Not what was judged any more; the next pass judges anew.
};

/// Plans it: `targets` are those of `request.doomed`, one for each; those that are not as they were
/// judged have a refusal as their outcome, kConditionConflict. kConflict with kConditionConflict
/// when the rules changed. `now` is for object lock and delete markers.
[[nodiscard]] Result<PlannedDelete> plan_expiry(RowPlan& rows, const BucketEntry& bucket,
                                                const Expire& request,
                                                const std::vector<DeleteTarget>& targets,
                                                WallTime now);

}  // namespace kelp
