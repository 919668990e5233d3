#pragma once

#include <optional>
#include <string>
#include <vector>

#include "async/awaitable.h"
#include "wire/annotations.h"
#include "wire/bucket_settings.h"
#include "wire/events.h"
#include "wire/namespace.h"
#include "wire/restore.h"
#include "wire/rewrap.h"

namespace kelp {

/// The namespace, from whoever holds it: in process in `kelp server`, over rpc in a cluster. Every
/// call but rename_prefix() is one metadata commit or read. Safe from any io thread. Besides the
/// errors named, all give kUnavailable, kResourceExhausted, kIo and kCorruption. Reasons:
/// kelp/error.h; calls that name a bucket give kNotFound with kNoSuchBucket.
class FilerClient {
 public:
  virtual ~FilerClient() = default;

  /// Largest body that travels in the metadata commit; 0 when the engine takes none.
  [[nodiscard]] virtual std::uint64_t inline_limit_bytes() const = 0;

  /// kAlreadyExists with kBucketOwnedByYou or kBucketExists.
  virtual Task<Result<BucketEntry>> create_bucket(BucketEntry bucket) = 0;
  virtual Task<Result<BucketEntry>> get_bucket(std::string name) = 0;
  /// kConflict with kBucketNotEmpty while it holds an object or a version; uploads go with it.
  virtual Task<Result<void>> delete_bucket(std::string name) = 0;
  /// Removes it with all that it holds, in one commit: from the answer on nobody finds it, and a
  /// bucket of that name can be made. The collector takes the rest apart.
  virtual Task<Result<void>> drop_bucket(std::string name) = 0;
  virtual Task<Result<ListedBuckets>> list_buckets(ListBuckets request) = 0;
  virtual Task<Result<BucketUsage>> bucket_usage(std::string name) = 0;
  /// From the answer on no commit lets the bucket grow past it. kInvalidArgument past 2^62.
  virtual Task<Result<BucketEntry>> set_bucket_quota(SetBucketQuota quota) = 0;
  /// From the answer on every write keeps what it replaces, or (suspended) replaces the null
  /// version only. kUnimplemented by a filer of before.
  virtual Task<Result<BucketEntry>> set_bucket_versioning(SetBucketVersioning request) = 0;
  /// `value` of the request does not count; of the answer it is the setting.
  virtual Task<Result<BucketSetting>> get_bucket_setting(BucketSetting request) = 0;
  virtual Task<Result<void>> set_bucket_setting(BucketSetting setting) = 0;
  virtual Task<Result<BucketWithSettings>> get_bucket_settings(GetBucketSettings request) = 0;
  /// kUnimplemented by a filer of before.
  virtual Task<Result<ListedBucketSettings>> list_bucket_settings(ListBucketSettings request) = 0;
  /// Of what is written from the answer on. kUnimplemented by a filer of before.
  virtual Task<Result<BucketEntry>> set_bucket_class(SetBucketClass request) = 0;
  /// kConflict with kLockNeedsVersions, as set_bucket_versioning() of a bucket with a lock: its
  /// versioning is enabled and stays so.
  virtual Task<Result<BucketEntry>> set_bucket_lock(SetBucketLock request) = 0;
  /// From the answer on every change of an object has its event, or none has.
  virtual Task<Result<BucketEntry>> set_bucket_events(SetBucketEvents request) = 0;
  /// kNotFound when the bucket keeps no events, or when some behind the position are kept no more;
  /// kInvalidArgument for a bad position. kUnimplemented by a filer of before.
  virtual Task<Result<EventPage>> read_events(ReadEvents request) = 0;
  /// Whether the body would fit now; put_object, put_part and complete_upload decide anew.
  /// kPermissionDenied with kQuotaExceeded; kNotFound with kNoSuchUpload.
  virtual Task<Result<void>> ask_for_room(AskForRoom request) = 0;

  /// Makes the object visible and queues what it replaced for deletion, in one commit.
  /// kPrecondition with kConditionFailed; kNotFound with kNoSuchKey for if_match without a current
  /// version; kConflict with kConditionConflict when other writers kept winning; kPermissionDenied
  /// with kQuotaExceeded, as put_part and complete_upload.
  virtual Task<Result<WriteOutcome>> put_object(PutObject request) = 0;
  /// put_object() of needles that an object names already: nothing is copied, and a needle dies
  /// with its last name. kConflict with kConditionConflict when `from` is not that version any
  /// more. kUnimplemented by a filer of before.
  virtual Task<Result<WriteOutcome>> share_object(ShareObject request) = 0;
  /// put_object() of what begins with the bytes of the current version: its needles stay, the new
  /// ones come behind them. kConflict with kConditionConflict when the current version is not the
  /// one that was read any more, also when there is none; kInvalidArgument for other needles, and
  /// in a bucket that has, or had, versions. kUnimplemented by a filer of before.
  virtual Task<Result<WriteOutcome>> append_object(AppendObject request) = 0;
  /// In one commit the current version of one key becomes that of another one, in the same bucket
  /// or another one of the same owner, with all that belongs to it but its version number and time;
  /// nothing is copied. At the old key the object is gone, or where its bucket has versions there
  /// is a delete marker (and what was not null stays below it). What it replaces dies as in
  /// put_object(). A key renamed to itself stays as it is. kNotFound with kNoSuchKey without a
  /// current version; else as put_object(), and kConflict with kConditionConflict when `from` is
  /// not that version any more; kPermissionDenied for another owner's bucket. kUnimplemented by a
  /// filer of before. A rename with a token happens once: sent again within 7 days, with the same
  /// digest, it answers what it answered; with another one kConflict with kConditionConflict.
  virtual Task<Result<WriteOutcome>> rename_object(RenameObject request) = 0;
  /// What rename_object() did with that token. kUnimplemented by a filer of before, which remembers
  /// none.
  virtual Task<Result<DoneRename>> find_rename(FindRename request) = 0;
  /// rename_object() of each object whose key begins with `from`, in key order, in commits of some
  /// objects each; what it replaces dies. At any time each object is there under one of its two
  /// keys, and some are renamed while others are not yet; a listing of several pages, which is no
  /// point in time, may meet one twice or not at all. What is put under `from` meanwhile may stay.
  /// Whoever is told of `more` calls again; after a failure or a crash the call is repeated, from
  /// the beginning or from the last `next`, and does what was left. kInvalidArgument when one
  /// prefix begins with the other or a new key would be too long (it and what follows it stay);
  /// else as rename_object(). kUnimplemented by a filer of before.
  virtual Task<Result<RenamedPrefix>> rename_prefix(RenamePrefix request) = 0;
  /// kNotFound with kNoSuchKey, or kNoSuchVersion for a version that was named. What is found may
  /// be a delete marker: look at the entry before its body.
  virtual Task<Result<FoundObject>> get_object(ObjectKey name, bool with_inline_body) = 0;
  /// The needles of a chunk that names a manifest, in their order. kNotFound once nothing has named
  /// it for longer than needles are kept. kUnimplemented by a filer of before, which has none.
  virtual Task<Result<std::vector<Chunk>>> get_manifest(std::uint64_t manifest) = 0;
  /// A version that is named goes; else, in a bucket with versions, a delete marker becomes the
  /// current version. kPermissionDenied with kObjectLocked for a version that is locked.
  virtual Task<Result<DeleteOutcome>> delete_object(ObjectKey name, WriteConditions conditions) = 0;
  /// One commit for all; outcomes in the order of the keys.
  virtual Task<Result<std::vector<Result<DeleteOutcome>>>> delete_objects(
      DeleteObjects request) = 0;
  /// Of objects that are the current version of their key.
  virtual Task<Result<ListedPage>> list_objects(ListObjects request) = 0;
  virtual Task<Result<ListedVersions>> list_versions(ListVersions request) = 0;
  /// Of the current version, or of the one that is named; errors as get_object(), and kConflict
  /// with kConditionConflict. kNotFound with kNoSuchKey for a delete marker, too.
  virtual Task<Result<TaggedVersion>> set_object_tags(SetObjectTags request) = 0;
  virtual Task<Result<TaggedVersion>> set_object_acl(SetObjectAcl request) = 0;
  /// As set_object_tags(). kPermissionDenied with kObjectLocked when the lock does not allow it;
  /// kInvalidArgument with kNoObjectLock.
  virtual Task<Result<void>> set_object_lock(SetObjectLock request) = 0;
  /// As set_object_tags(). kAlreadyExists while a restore is under way. kUnimplemented by a filer
  /// of before.
  virtual Task<Result<RestoreOutcome>> restore_object(RestoreObject request) = 0;

  virtual Task<Result<UploadInfo>> create_upload(CreateUpload request) = 0;
  /// kNotFound with kNoSuchUpload, as all that follow.
  virtual Task<Result<UploadInfo>> get_upload(UploadName name) = 0;
  virtual Task<Result<void>> put_part(PutPart request) = 0;
  /// put_part() as share_object().
  virtual Task<Result<void>> share_part(SharePart request) = 0;
  virtual Task<Result<ListedParts>> list_parts(UploadName name, std::uint32_t after_part,
                                               std::uint32_t limit) = 0;
  virtual Task<Result<ListedUploads>> list_uploads(ListUploads request) = 0;
  virtual Task<Result<void>> abort_upload(UploadName name) = 0;
  /// Answers a repeated call of a finished upload as the first one (for 7 days). kInvalidArgument
  /// with kInvalidPart, kInvalidPartOrder or kPartTooSmall; conditions as put_object.
  virtual Task<Result<CompletedUpload>> complete_upload(CompleteUpload request) = 0;

  /// As set_object_tags(). kPermissionDenied with kObjectLocked for a version that is locked.
  /// kUnimplemented by a filer of before.
  virtual Task<Result<TaggedVersion>> rewrap_object(RewrapObject request) = 0;

  /// In one commit the version has the annotation, and what it replaces is queued for deletion. It
  /// dies with its version, in that commit. Errors as set_object_tags(); kPrecondition with
  /// kConditionFailed when the version has another ETag; kPermissionDenied with kObjectLocked when
  /// it would replace one of a locked version, or with kQuotaExceeded; kConflict with
  /// kConditionConflict when it is not encrypted as its version is, or `set` was not staged or has
  /// been given up. kUnimplemented by a filer of before, as all that follow.
  virtual Task<Result<AnnotationOutcome>> put_annotation(PutAnnotation request) = 0;
  /// Errors of the version as set_object_tags(); kNotFound without a reason: it has no such
  /// annotation.
  virtual Task<Result<FoundAnnotation>> get_annotation(GetAnnotation request) = 0;
  /// A page is of one point in time.
  virtual Task<Result<ListedAnnotations>> list_annotations(ListAnnotations request) = 0;
  /// One that is not there is no error. Else as put_annotation().
  virtual Task<Result<TaggedVersion>> delete_annotation(DeleteAnnotation request) = 0;
};

}  // namespace kelp
