#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "async/work_pool.h"
#include "base/clock.h"
#include "base/memory_budget.h"
#include "client/filer_client.h"
#include "filer/core/annotations.h"
#include "filer/core/expiry.h"
#include "filer/core/moves.h"
#include "filer/core/multipart.h"
#include "filer/core/object_commit.h"
#include "filer/core/rows.h"
#include "filer/core/versions.h"
#include "filer/id_leases.h"
#include "kv/kv_async.h"

namespace kelp {

/// Limits of a filer; the defaults are those of a server.
struct FilerOptions {
  std::uint64_t inline_limit_bytes = 8192;  ///< See FilerClient; at most 1 MiB.
  std::uint64_t min_part_bytes = kMinPartBytes;
  std::uint64_t lease_ids = 1 << 20;  ///< Ids taken at once; a crash forgets at most these.
  /// How often a commit that lost to another writer is tried again.
  int max_attempts = 1000;
  /// The chunks of a part with more are kept in a manifest (core/manifest.h).
  std::size_t most_chunks = 8;
  /// Which of a bucket's counter rows this filer adds to; filers that share a store, each its own.
  std::uint8_t counter_shard = 0;
  /// Which stream of event logs this filer writes: another one for each process (random), as are
  /// those of filers that share a store.
  std::uint64_t event_stream = 0;
  /// Of calls that hold much; kResourceExhausted past it. None: no limit. Must outlive the filer.
  MemoryBudget* memory = nullptr;
  /// How long a repeated CompleteMultipartUpload, or rename with a token, gets the first one's
  /// answer.
  std::chrono::nanoseconds finished_memory = std::chrono::days(7);
  /// Buckets that one account may own; 0: no limit. What is made at the same moment is not counted,
  /// so together they may pass it by as many as are under way.
  std::uint32_t bucket_limit = 10'000;
};

/// The namespace on a metadata store. Every write reads what it replaces, then commits under the
/// condition that this has not changed, and begins again when it has: so writes are linearizable
/// without a lock, through any number of filers. Thread-safe.
class FilerService final : public FilerClient {
 public:
  /// All references must outlive this.
  FilerService(KvStore& store, WorkPool& pool, Clock& clock, FilerOptions options = {});

  [[nodiscard]] std::uint64_t inline_limit_bytes() const override;

  Task<Result<BucketEntry>> create_bucket(BucketEntry bucket) override;
  Task<Result<BucketEntry>> get_bucket(std::string name) override;
  Task<Result<void>> delete_bucket(std::string name) override;
  Task<Result<void>> drop_bucket(std::string name) override;
  Task<Result<ListedBuckets>> list_buckets(ListBuckets request) override;
  Task<Result<BucketUsage>> bucket_usage(std::string name) override;
  Task<Result<BucketEntry>> set_bucket_quota(SetBucketQuota quota) override;
  Task<Result<BucketEntry>> set_bucket_versioning(SetBucketVersioning request) override;
  Task<Result<BucketSetting>> get_bucket_setting(BucketSetting request) override;
  Task<Result<void>> set_bucket_setting(BucketSetting setting) override;
  Task<Result<BucketWithSettings>> get_bucket_settings(GetBucketSettings request) override;
  Task<Result<ListedBucketSettings>> list_bucket_settings(ListBucketSettings request) override;
  Task<Result<BucketEntry>> set_bucket_class(SetBucketClass request) override;
  Task<Result<BucketEntry>> set_bucket_lock(SetBucketLock request) override;
  Task<Result<BucketEntry>> set_bucket_events(SetBucketEvents request) override;
  Task<Result<EventPage>> read_events(ReadEvents request) override;
  Task<Result<void>> ask_for_room(AskForRoom request) override;

  Task<Result<WriteOutcome>> put_object(PutObject request) override;
  Task<Result<WriteOutcome>> share_object(ShareObject request) override;
  Task<Result<WriteOutcome>> append_object(AppendObject request) override;
  Task<Result<WriteOutcome>> rename_object(RenameObject request) override;
  Task<Result<DoneRename>> find_rename(FindRename request) override;
  Task<Result<RenamedPrefix>> rename_prefix(RenamePrefix request) override;
  Task<Result<FoundObject>> get_object(ObjectKey name, bool with_inline_body) override;
  Task<Result<std::vector<Chunk>>> get_manifest(std::uint64_t manifest) override;
  Task<Result<DeleteOutcome>> delete_object(ObjectKey name, WriteConditions conditions) override;
  Task<Result<std::vector<Result<DeleteOutcome>>>> delete_objects(DeleteObjects request) override;
  Task<Result<ListedPage>> list_objects(ListObjects request) override;
  Task<Result<ListedVersions>> list_versions(ListVersions request) override;
  Task<Result<TaggedVersion>> set_object_tags(SetObjectTags request) override;
  Task<Result<TaggedVersion>> set_object_acl(SetObjectAcl request) override;
  Task<Result<void>> set_object_lock(SetObjectLock request) override;
  Task<Result<RestoreOutcome>> restore_object(RestoreObject request) override;
  Task<Result<TaggedVersion>> rewrap_object(RewrapObject request) override;
  Task<Result<AnnotationOutcome>> put_annotation(PutAnnotation request) override;
  Task<Result<FoundAnnotation>> get_annotation(GetAnnotation request) override;
  Task<Result<ListedAnnotations>> list_annotations(ListAnnotations request) override;
  Task<Result<TaggedVersion>> delete_annotation(DeleteAnnotation request) override;

  Task<Result<UploadInfo>> create_upload(CreateUpload request) override;
  Task<Result<UploadInfo>> get_upload(UploadName name) override;
  Task<Result<void>> put_part(PutPart request) override;
  Task<Result<void>> share_part(SharePart request) override;
  Task<Result<ListedParts>> list_parts(UploadName name, std::uint32_t after_part,
                                       std::uint32_t limit) override;
  Task<Result<ListedUploads>> list_uploads(ListUploads request) override;
  Task<Result<void>> abort_upload(UploadName name) override;
  Task<Result<CompletedUpload>> complete_upload(CompleteUpload request) override;

  /// Does what lifecycle rules demand, in one commit which requires that the rules, the versions
  /// and what the judgements rest on are still as they were judged; what is not stays, and what
  /// object lock keeps. At most 1,000 of a bucket. kConflict with kConditionConflict: the rules or
  /// the bucket are others now, and nothing happened.
  Task<Result<Expired>> expire(Expire request);
  /// Makes a version one of another storage class; its id, ETag and time stay, and so does all
  /// else. False: it is not what was judged any more. Errors as expire(), and kConflict with
  /// kKeyTooOld.
  Task<Result<bool>> move_class(MoveClass request);
  /// abort_upload() of one that its rules say is over; kConflict as expire().
  Task<Result<void>> expire_upload(UploadName name, KvRow rules);

 private:
  /// A bucket and its row, as it was read.
  struct FoundBucket {
    std::string row_key;
    std::string row;
    BucketEntry bucket;
    bool remembered =
        false;  ///< Read long ago: only a commit that requires the row may rest on it.
  };
  /// An object whose needles a write shares.
  struct SharedFrom {
    ObjectKey object;
    std::uint64_t version = 0;
    bool appends = false;  ///< The object is the one that is put, and keeps its needles.
  };
  /// An upload and its row, as it was read.
  struct FoundUpload {
    FoundBucket in;
    std::uint64_t id = 0;
    std::string row_key;
    std::string row;
    UploadRow upload;
  };

  /// A version to commit, in any bucket. What it refers to must outlive the call.
  struct NewVersion {
    FoundBucket in;
    const std::string& key;
    ObjectEntry& entry;  ///< Its version, modified and inline id are filled in.
    const WriteConditions& conditions;
    const std::optional<std::string>& inline_body;
    /// Plans what else belongs to the commit, once the entry's version and time are known; reads
    /// the key's versions anew when that changes them.
    std::function<Result<void>(RowPlan&, KeyVersions&)> besides;
    UsageChange more;  ///< What that changes.
  };
  /// What a plan came to, and its commit.
  template <typename T>
  struct Planned {
    T value;
    KvBatch batch;
  };
  /// Makes a plan: a short one of rows in memory on this thread, when these will do, else on the
  /// pool; so `make` may run twice.
  template <typename T>
  Task<Result<Planned<T>>> plan(std::function<Result<T>(RowPlan&)> make, bool is_short = true);

  Task<Result<FoundBucket>> find_bucket(std::string name);
  /// As it was when a write last needed it; find_bucket() when that is not known.
  Task<Result<FoundBucket>> remember_bucket(std::string name);
  void forget_bucket(const std::string& name);
  /// One attempt; `request` and `from` must outlive the call. `guess`: what must be absent and
  /// would have to be waited for is not looked for; when it is there after all, the commit loses
  /// its race.
  Task<Result<WriteOutcome>> put_once(PutObject& request, const std::optional<SharedFrom>& from,
                                      FoundBucket in, bool guess);
  /// put_once() in a bucket with versions.
  Task<Result<WriteOutcome>> put_version(PutObject& request, const std::optional<SharedFrom>& from,
                                         FoundBucket in);
  /// One attempt to commit a new version of a key.
  Task<Result<WriteOutcome>> commit_version(NewVersion version);
  /// commit_version(), which leaves the entry's lock as it is settled when it fails.
  Task<Result<WriteOutcome>> try_version(NewVersion version);
  /// What became of some moves.
  struct MovesDone {
    std::size_t looked_at = 0;  ///< Of the moves: the first ones.
    std::size_t moved = 0;
    WriteOutcome last;             ///< Of those that moved.
    std::optional<Error> refused;  ///< Why one of those that were looked at did not.
  };
  /// What is remembered of a rename's token.
  struct RememberedRename {
    std::string row_key;  ///< Empty without a token.
    std::optional<std::string> row;
    std::optional<RenamedRow> done;  ///< Nothing where that was too long ago.
  };
  Task<Result<RememberedRename>> remembered(const FoundBucket& in, std::string token);
  Task<Result<WriteOutcome>> rename_once(RenameObject request);
  Task<Result<WriteOutcome>> rename_to_itself(FoundBucket in, RenameObject request,
                                              const RememberedRename& before);
  /// Adds to `batch` that the rename happened, once.
  void remember(const RememberedRename& before, const IdempotencyToken& token,
                const WriteOutcome& outcome, KvBatch& batch) const;
  /// Plans what else belongs to the commit of moves.
  using BesidesMoves = std::function<void(const WriteOutcome& last, KvBatch& batch)>;
  Task<Result<MovesDone>> move_once(FoundBucket from, FoundBucket to, std::vector<Move> moves,
                                    BesidesMoves besides);
  Task<Result<std::vector<Result<DeleteOutcome>>>> delete_some(std::string bucket,
                                                               std::vector<DeleteTarget> targets);
  /// Plans deletes; may run several times.
  using PlanDeletes = std::function<Result<PlannedDelete>(RowPlan&)>;
  /// One attempt; `make` plans `targets`, which it may leave out, whose markers get their numbers
  /// here.
  Task<Result<PlannedDelete>> delete_once(FoundBucket in, std::vector<DeleteTarget>& targets,
                                          PlanDeletes make, bool is_short);
  /// `required`: a row that must be as it is here.
  Task<Result<void>> abort_upload(UploadName name, std::optional<KvRow> required);
  /// Changes what the row of an object's version says, but not of its bytes; an event tells of it.
  using ChangeEntry = std::function<Result<void>(const BucketEntry&, ObjectEntry&)>;
  struct WhatChanged {
    EventKind kind{};
    EventOrigin origin;
    std::optional<EventKind> then = {};  ///< And this, at once.
  };
  Task<Result<TaggedVersion>> change_version(ObjectKey name, WhatChanged what, ChangeEntry change);
  Task<Result<TaggedVersion>> change_version_once(ObjectKey name, WhatChanged what,
                                                  ChangeEntry change);
  /// Plans a change of a version's annotations, which gets the number that is given.
  using PlanAnnotation =
      std::function<Result<PlannedAnnotation>(RowPlan&, const BucketEntry&, std::uint64_t)>;
  /// Makes it and commits it. `body`: of the number, when it is inline; must outlive the call.
  Task<Result<PlannedAnnotation>> change_annotations(std::string bucket, PlanAnnotation make,
                                                     const std::optional<std::string>& body);
  Task<Result<PlannedAnnotation>> change_annotations_once(std::string bucket, PlanAnnotation make,
                                                          const std::optional<std::string>& body);
  Task<Result<FoundObject>> find_annotated(ObjectKey name);
  Task<Result<BucketEntry>> change_bucket(std::string name,
                                          std::function<void(BucketEntry&, KvBatch&)> change);
  /// Reads what a change of a bucket's row needs, makes it, and adds what else is to be committed.
  /// May block.
  using PlanBucket = std::function<Result<void>(KvStore&, BucketEntry&, KvBatch&)>;
  Task<Result<BucketEntry>> plan_bucket(std::string name, PlanBucket plan_change);
  Task<Result<void>> set_notification(BucketSetting setting);
  /// Memory of a call that holds so many parts, keys or the like, while it lasts.
  [[nodiscard]] Result<MemoryBudget::Share> take_memory(std::size_t things) const;
  /// That the row is as it is now.
  Task<Result<KvCondition>> as_it_is(std::string row_key);
  /// Adds to `batch`, when the bucket keeps events, that the version became what `what` says.
  void note(const BucketEntry& bucket, const WhatChanged& what, std::string_view key,
            const ObjectEntry& entry, KvBatch& batch) const;
  Task<Result<CurrentObject>> find_object(std::string row_key);
  Task<Result<FoundUpload>> find_upload(UploadName name);
  Task<Result<CountedUsage>> count_usage(BucketId bucket);
  /// kTooManyBuckets when `account` has FilerOptions::bucket_limit of them.
  Task<Result<void>> check_bucket_limit(std::string account);
  /// require_room() by the counters as they are now. `batch` must outlive the call.
  Task<Result<void>> require_room_now(BucketEntry bucket, UsageChange change, KvBatch& batch);
  Task<Result<UsageChange>> change_of(AskForRoom request);
  Task<Result<UsageChange>> change_of_version(FoundBucket in, std::string key,
                                              std::uint64_t size_bytes);
  Task<Result<WriteOutcome>> put(PutObject request, std::optional<SharedFrom> from);
  Task<Result<void>> put_part(PutPart request, std::optional<SharedFrom> from);
  Task<Result<void>> put_part_once(PutPart request, std::optional<SharedFrom> from);
  Task<Result<void>> name_chunks(const std::optional<SharedFrom>& from, const std::string& row_key,
                                 CurrentObject& current, std::vector<Chunk>& chunks,
                                 KvBatch& batch);
  Task<Result<CompletedUpload>> complete_once(CompleteUpload request);
  Task<Result<CompletedUpload>> finished_answer(UploadName name, Error missing);

  KvAsync kv_;
  Clock& clock_;
  const FilerOptions options_;
  IdLeases ids_;
  std::mutex memory_mutex_;
  std::unordered_map<std::string, FoundBucket> memory_;  ///< By name; a bounded number.
};

/// See the declaration.
template <typename T>
Task<Result<FilerService::Planned<T>>> FilerService::plan(std::function<Result<T>(RowPlan&)> make,
                                                          bool is_short) {
  if (is_short) {
    RowPlan in_memory(kv_.store(), false);
    Result<T> quick = make(in_memory);
    if (!in_memory.gave_up()) {
      if (!quick) co_return std::move(quick).error();
      co_return Planned<T>{*std::move(quick), in_memory.take()};
    }
  }
  std::move_only_function<Result<Planned<T>>(KvStore&)> slow =
      [&make](KvStore& store) -> Result<Planned<T>> {
    RowPlan rows(store, true);
    KELP_TRY(T value, make(rows));
    return Planned<T>{std::move(value), rows.take()};
  };
  co_return co_await kv_.read<Planned<T>>(std::move(slow));
}

/// A commit lost to another writer: read again and retry.
[[nodiscard]] inline bool lost_race(const Error& error) {
  return error.code() == Errc::kPrecondition && error.reason() == Reason::kNone;
}
/// What a write answers when that happened too often.
[[nodiscard]] Error kept_losing(int attempts);
[[nodiscard]] Result<void> check_object_key(std::string_view key);
[[nodiscard]] Error no_such_upload();
/// Rules of a lifecycle changed behind a judgement.
[[nodiscard]] Error judged_otherwise();
/// Others keep making versions of a key.
[[nodiscard]] Error rises_too_fast();

}  // namespace kelp
