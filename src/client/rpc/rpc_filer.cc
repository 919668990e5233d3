#include "client/rpc/rpc_filer.h"

#include "client/rpc/rpc_serve.h"
#include "rpc/frame.h"
#include "wire/filer_messages.h"

namespace kelp {
namespace {

using enum RpcMethod;
using Outcomes = std::vector<Result<DeleteOutcome>>;

DeletedObjects to_message(const Outcomes& outcomes) {
  DeletedObjects message;
  for (const auto& outcome : outcomes) {
    DeletedObject& one = message.objects.emplace_back();
    if (outcome) {
      one.outcome = *outcome;
    } else {
      one.error = encode_error(outcome.error());
    }
  }
  return message;
}

Outcomes from_message(const DeletedObjects& message) {
  Outcomes outcomes;
  for (const DeletedObject& one : message.objects) {
    if (one.error.empty()) {
      outcomes.emplace_back(one.outcome);
    } else {
      outcomes.emplace_back(decode_error(one.error));
    }
  }
  return outcomes;
}

Task<Result<DeletedObjects>> delete_many(FilerClient& filer, DeleteObjects request) {
  KELP_CO_TRY(const Outcomes outcomes, co_await filer.delete_objects(std::move(request)));
  co_return to_message(outcomes);
}

Task<Result<ManifestChunks>> manifest_of(FilerClient& filer, std::uint64_t manifest) {
  KELP_CO_TRY(std::vector<Chunk> chunks, co_await filer.get_manifest(manifest));
  co_return ManifestChunks{std::move(chunks)};
}

Task<Result<FilerLimits>> limits_of(const FilerClient& filer) {
  co_return FilerLimits{filer.inline_limit_bytes()};
}

}  // namespace

Task<Result<void>> RpcFilerClient::prepare() {
  KELP_CO_TRY(const FilerLimits limits, co_await caller_.ask<FilerLimits>(kFilerLimits, Done{}));
  inline_limit_bytes_.store(limits.inline_limit_bytes, std::memory_order_relaxed);
  prepared_.store(true, std::memory_order_relaxed);
  co_return Result<void>();
}

Task<Result<BucketEntry>> RpcFilerClient::create_bucket(BucketEntry bucket) {
  return caller_.ask(kFilerCreateBucket, BucketMessage{std::move(bucket)}, &BucketMessage::bucket);
}
Task<Result<BucketEntry>> RpcFilerClient::get_bucket(std::string name) {
  if (!prepared_.load(std::memory_order_relaxed)) {
    KELP_CO_CHECK(co_await prepare());
  }
  co_return co_await caller_.ask(kFilerGetBucket, BucketName{std::move(name)},
                                 &BucketMessage::bucket);
}
Task<Result<void>> RpcFilerClient::delete_bucket(std::string name) {
  return caller_.tell(kFilerDeleteBucket, BucketName{std::move(name)});
}
Task<Result<void>> RpcFilerClient::drop_bucket(std::string name) {
  return caller_.tell(kFilerDropBucket, BucketName{std::move(name)});
}
Task<Result<ListedBuckets>> RpcFilerClient::list_buckets(ListBuckets request) {
  return caller_.ask<ListedBuckets>(kFilerListBuckets, std::move(request));
}
Task<Result<BucketUsage>> RpcFilerClient::bucket_usage(std::string name) {
  return caller_.ask<BucketUsage>(kFilerBucketUsage, BucketName{std::move(name)});
}
Task<Result<BucketEntry>> RpcFilerClient::set_bucket_quota(SetBucketQuota quota) {
  return caller_.ask(kFilerSetBucketQuota, std::move(quota), &BucketMessage::bucket);
}
Task<Result<BucketEntry>> RpcFilerClient::set_bucket_versioning(SetBucketVersioning request) {
  return caller_.ask(kFilerSetBucketVersioning, std::move(request), &BucketMessage::bucket);
}
Task<Result<BucketSetting>> RpcFilerClient::get_bucket_setting(BucketSetting request) {
  return caller_.ask<BucketSetting>(kFilerGetBucketSetting, std::move(request));
}
Task<Result<BucketWithSettings>> RpcFilerClient::get_bucket_settings(GetBucketSettings request) {
  return caller_.ask<BucketWithSettings>(kFilerGetBucketSettings, std::move(request));
}
Task<Result<void>> RpcFilerClient::set_bucket_setting(BucketSetting setting) {
  return caller_.tell(kFilerSetBucketSetting, std::move(setting));
}
Task<Result<ListedBucketSettings>> RpcFilerClient::list_bucket_settings(
    ListBucketSettings request) {
  return caller_.ask<ListedBucketSettings>(kFilerListBucketSettings, std::move(request));
}
Task<Result<BucketEntry>> RpcFilerClient::set_bucket_class(SetBucketClass request) {
  return caller_.ask(kFilerSetBucketClass, std::move(request), &BucketMessage::bucket);
}
Task<Result<BucketEntry>> RpcFilerClient::set_bucket_lock(SetBucketLock request) {
  return caller_.ask(kFilerSetBucketLock, std::move(request), &BucketMessage::bucket);
}
Task<Result<BucketEntry>> RpcFilerClient::set_bucket_events(SetBucketEvents request) {
  return caller_.ask(kFilerSetBucketEvents, std::move(request), &BucketMessage::bucket);
}
Task<Result<EventPage>> RpcFilerClient::read_events(ReadEvents request) {
  return caller_.ask<EventPage>(kFilerReadEvents, std::move(request));
}
Task<Result<void>> RpcFilerClient::ask_for_room(AskForRoom request) {
  return caller_.tell(kFilerAskForRoom, std::move(request));
}
Task<Result<WriteOutcome>> RpcFilerClient::put_object(PutObject request) {
  return caller_.ask<WriteOutcome>(kFilerPutObject, std::move(request));
}
Task<Result<WriteOutcome>> RpcFilerClient::share_object(ShareObject request) {
  return caller_.ask<WriteOutcome>(kFilerShareObject, std::move(request));
}
Task<Result<WriteOutcome>> RpcFilerClient::append_object(AppendObject request) {
  return caller_.ask<WriteOutcome>(kFilerAppendObject, std::move(request));
}
Task<Result<WriteOutcome>> RpcFilerClient::rename_object(RenameObject request) {
  return caller_.ask<WriteOutcome>(kFilerRenameObject, std::move(request));
}
Task<Result<DoneRename>> RpcFilerClient::find_rename(FindRename request) {
  return caller_.ask<DoneRename>(kFilerFindRename, std::move(request));
}
Task<Result<RenamedPrefix>> RpcFilerClient::rename_prefix(RenamePrefix request) {
  return caller_.ask<RenamedPrefix>(kFilerRenamePrefix, std::move(request));
}
Task<Result<FoundObject>> RpcFilerClient::get_object(ObjectKey name, bool with_inline_body) {
  return caller_.ask<FoundObject>(kFilerGetObject, GetObject{std::move(name), with_inline_body});
}
Task<Result<std::vector<Chunk>>> RpcFilerClient::get_manifest(std::uint64_t manifest) {
  KELP_CO_TRY(ManifestChunks answer,
              co_await caller_.ask<ManifestChunks>(kFilerGetManifest, GetManifest{manifest}));
  co_return std::move(answer.chunks);
}
Task<Result<DeleteOutcome>> RpcFilerClient::delete_object(ObjectKey name,
                                                          WriteConditions conditions) {
  return caller_.ask<DeleteOutcome>(kFilerDeleteObject,
                                    DeleteObject{std::move(name), std::move(conditions)});
}
Task<Result<Outcomes>> RpcFilerClient::delete_objects(DeleteObjects request) {
  KELP_CO_TRY(const DeletedObjects answer,
              co_await caller_.ask<DeletedObjects>(kFilerDeleteObjects, std::move(request)));
  co_return from_message(answer);
}
Task<Result<ListedPage>> RpcFilerClient::list_objects(ListObjects request) {
  return caller_.ask<ListedPage>(kFilerListObjects, std::move(request));
}
Task<Result<ListedVersions>> RpcFilerClient::list_versions(ListVersions request) {
  return caller_.ask<ListedVersions>(kFilerListVersions, std::move(request));
}
Task<Result<TaggedVersion>> RpcFilerClient::set_object_acl(SetObjectAcl request) {
  return caller_.ask<TaggedVersion>(kFilerSetObjectAcl, std::move(request));
}
Task<Result<TaggedVersion>> RpcFilerClient::set_object_tags(SetObjectTags request) {
  return caller_.ask<TaggedVersion>(kFilerSetObjectTags, std::move(request));
}
Task<Result<void>> RpcFilerClient::set_object_lock(SetObjectLock request) {
  return caller_.tell(kFilerSetObjectLock, std::move(request));
}
Task<Result<RestoreOutcome>> RpcFilerClient::restore_object(RestoreObject request) {
  return caller_.ask<RestoreOutcome>(kFilerRestoreObject, std::move(request));
}
Task<Result<TaggedVersion>> RpcFilerClient::rewrap_object(RewrapObject request) {
  return caller_.ask<TaggedVersion>(kFilerRewrapObject, std::move(request));
}
Task<Result<AnnotationOutcome>> RpcFilerClient::put_annotation(PutAnnotation request) {
  return caller_.ask<AnnotationOutcome>(kFilerPutAnnotation, std::move(request));
}
Task<Result<FoundAnnotation>> RpcFilerClient::get_annotation(GetAnnotation request) {
  return caller_.ask<FoundAnnotation>(kFilerGetAnnotation, std::move(request));
}
Task<Result<ListedAnnotations>> RpcFilerClient::list_annotations(ListAnnotations request) {
  return caller_.ask<ListedAnnotations>(kFilerListAnnotations, std::move(request));
}
Task<Result<TaggedVersion>> RpcFilerClient::delete_annotation(DeleteAnnotation request) {
  return caller_.ask<TaggedVersion>(kFilerDeleteAnnotation, std::move(request));
}
Task<Result<UploadInfo>> RpcFilerClient::create_upload(CreateUpload request) {
  return caller_.ask<UploadInfo>(kFilerCreateUpload, std::move(request));
}
Task<Result<UploadInfo>> RpcFilerClient::get_upload(UploadName name) {
  return caller_.ask<UploadInfo>(kFilerGetUpload, std::move(name));
}
Task<Result<void>> RpcFilerClient::put_part(PutPart request) {
  return caller_.tell(kFilerPutPart, std::move(request));
}
Task<Result<void>> RpcFilerClient::share_part(SharePart request) {
  return caller_.tell(kFilerSharePart, std::move(request));
}
Task<Result<ListedParts>> RpcFilerClient::list_parts(UploadName name, std::uint32_t after_part,
                                                     std::uint32_t limit) {
  return caller_.ask<ListedParts>(kFilerListParts, ListParts{std::move(name), after_part, limit});
}
Task<Result<ListedUploads>> RpcFilerClient::list_uploads(ListUploads request) {
  return caller_.ask<ListedUploads>(kFilerListUploads, std::move(request));
}
Task<Result<void>> RpcFilerClient::abort_upload(UploadName name) {
  return caller_.tell(kFilerAbortUpload, std::move(name));
}
Task<Result<CompletedUpload>> RpcFilerClient::complete_upload(CompleteUpload request) {
  return caller_.ask<CompletedUpload>(kFilerCompleteUpload, std::move(request));
}

namespace {

void serve_buckets(RpcServer& server, FilerClient* f) {
  serve_method<Done>(server, kFilerLimits, [f](Done) { return limits_of(*f); });
  serve_method<BucketMessage>(server, kFilerCreateBucket, [f](BucketMessage r) {
    return wrap<BucketMessage>(f->create_bucket(std::move(r.bucket)));
  });
  serve_method<BucketName>(server, kFilerGetBucket, [f](BucketName r) {
    return wrap<BucketMessage>(f->get_bucket(std::move(r.name)));
  });
  serve_method<BucketName>(server, kFilerDeleteBucket,
                           [f](BucketName r) { return f->delete_bucket(std::move(r.name)); });
  serve_method<BucketName>(server, kFilerDropBucket,
                           [f](BucketName r) { return f->drop_bucket(std::move(r.name)); });
  serve_method<ListBuckets>(server, kFilerListBuckets,
                            [f](ListBuckets r) { return f->list_buckets(std::move(r)); });
  serve_method<BucketName>(server, kFilerBucketUsage,
                           [f](BucketName r) { return f->bucket_usage(std::move(r.name)); });
  serve_method<SetBucketQuota>(server, kFilerSetBucketQuota, [f](SetBucketQuota r) {
    return wrap<BucketMessage>(f->set_bucket_quota(std::move(r)));
  });
  serve_method<SetBucketVersioning>(server, kFilerSetBucketVersioning, [f](SetBucketVersioning r) {
    return wrap<BucketMessage>(f->set_bucket_versioning(std::move(r)));
  });
  serve_method<GetBucketSettings>(server, kFilerGetBucketSettings, [f](GetBucketSettings r) {
    return f->get_bucket_settings(std::move(r));
  });
  serve_method<BucketSetting>(server, kFilerGetBucketSetting,
                              [f](BucketSetting r) { return f->get_bucket_setting(std::move(r)); });
  serve_method<BucketSetting>(server, kFilerSetBucketSetting,
                              [f](BucketSetting r) { return f->set_bucket_setting(std::move(r)); });
  serve_method<ListBucketSettings>(server, kFilerListBucketSettings, [f](ListBucketSettings r) {
    return f->list_bucket_settings(std::move(r));
  });
  serve_method<SetBucketClass>(server, kFilerSetBucketClass, [f](SetBucketClass r) {
    return wrap<BucketMessage>(f->set_bucket_class(std::move(r)));
  });
  serve_method<SetBucketLock>(server, kFilerSetBucketLock, [f](SetBucketLock r) {
    return wrap<BucketMessage>(f->set_bucket_lock(std::move(r)));
  });
  serve_method<SetBucketEvents>(server, kFilerSetBucketEvents, [f](SetBucketEvents r) {
    return wrap<BucketMessage>(f->set_bucket_events(std::move(r)));
  });
  serve_method<ReadEvents>(server, kFilerReadEvents,
                           [f](ReadEvents r) { return f->read_events(std::move(r)); });
  serve_method<AskForRoom>(server, kFilerAskForRoom,
                           [f](AskForRoom r) { return f->ask_for_room(std::move(r)); });
}

void serve_objects(RpcServer& server, FilerClient* f) {
  serve_method<PutObject>(server, kFilerPutObject,
                          [f](PutObject r) { return f->put_object(std::move(r)); });
  serve_method<ShareObject>(server, kFilerShareObject,
                            [f](ShareObject r) { return f->share_object(std::move(r)); });
  serve_method<AppendObject>(server, kFilerAppendObject,
                             [f](AppendObject r) { return f->append_object(std::move(r)); });
  serve_method<RenameObject>(server, kFilerRenameObject,
                             [f](RenameObject r) { return f->rename_object(std::move(r)); });
  serve_method<FindRename>(server, kFilerFindRename,
                           [f](FindRename r) { return f->find_rename(std::move(r)); });
  serve_method<RenamePrefix>(server, kFilerRenamePrefix,
                             [f](RenamePrefix r) { return f->rename_prefix(std::move(r)); });
  serve_method<GetObject>(server, kFilerGetObject, [f](GetObject r) {
    return f->get_object(std::move(r.name), r.with_inline_body);
  });
  serve_method<GetManifest>(server, kFilerGetManifest,
                            [f](GetManifest r) { return manifest_of(*f, r.manifest); });
  serve_method<DeleteObject>(server, kFilerDeleteObject, [f](DeleteObject r) {
    return f->delete_object(std::move(r.name), std::move(r.conditions));
  });
  serve_method<DeleteObjects>(server, kFilerDeleteObjects,
                              [f](DeleteObjects r) { return delete_many(*f, std::move(r)); });
  serve_method<ListObjects>(server, kFilerListObjects,
                            [f](ListObjects r) { return f->list_objects(std::move(r)); });
  serve_method<ListVersions>(server, kFilerListVersions,
                             [f](ListVersions r) { return f->list_versions(std::move(r)); });
  serve_method<SetObjectAcl>(server, kFilerSetObjectAcl,
                             [f](SetObjectAcl r) { return f->set_object_acl(std::move(r)); });
  serve_method<SetObjectTags>(server, kFilerSetObjectTags,
                              [f](SetObjectTags r) { return f->set_object_tags(std::move(r)); });
  serve_method<SetObjectLock>(server, kFilerSetObjectLock,
                              [f](SetObjectLock r) { return f->set_object_lock(std::move(r)); });
  serve_method<RestoreObject>(server, kFilerRestoreObject,
                              [f](RestoreObject r) { return f->restore_object(std::move(r)); });
  serve_method<RewrapObject>(server, kFilerRewrapObject,
                             [f](RewrapObject r) { return f->rewrap_object(std::move(r)); });
}

void serve_annotations(RpcServer& server, FilerClient* f) {
  serve_method<PutAnnotation>(server, kFilerPutAnnotation,
                              [f](PutAnnotation r) { return f->put_annotation(std::move(r)); });
  serve_method<GetAnnotation>(server, kFilerGetAnnotation,
                              [f](GetAnnotation r) { return f->get_annotation(std::move(r)); });
  serve_method<ListAnnotations>(server, kFilerListAnnotations, [f](ListAnnotations r) {
    return f->list_annotations(std::move(r));
  });
  serve_method<DeleteAnnotation>(server, kFilerDeleteAnnotation, [f](DeleteAnnotation r) {
    return f->delete_annotation(std::move(r));
  });
}

void serve_uploads(RpcServer& server, FilerClient* f) {
  serve_method<CreateUpload>(server, kFilerCreateUpload,
                             [f](CreateUpload r) { return f->create_upload(std::move(r)); });
  serve_method<UploadName>(server, kFilerGetUpload,
                           [f](UploadName r) { return f->get_upload(std::move(r)); });
  serve_method<PutPart>(server, kFilerPutPart,
                        [f](PutPart r) { return f->put_part(std::move(r)); });
  serve_method<SharePart>(server, kFilerSharePart,
                          [f](SharePart r) { return f->share_part(std::move(r)); });
  serve_method<ListParts>(server, kFilerListParts, [f](ListParts r) {
    return f->list_parts(std::move(r.name), r.after_part, r.limit);
  });
  serve_method<ListUploads>(server, kFilerListUploads,
                            [f](ListUploads r) { return f->list_uploads(std::move(r)); });
  serve_method<UploadName>(server, kFilerAbortUpload,
                           [f](UploadName r) { return f->abort_upload(std::move(r)); });
  serve_method<CompleteUpload>(server, kFilerCompleteUpload,
                               [f](CompleteUpload r) { return f->complete_upload(std::move(r)); });
}

}  // namespace

void serve_filer(RpcServer& server, FilerClient& filer) {
  serve_buckets(server, &filer);
  serve_objects(server, &filer);
  serve_annotations(server, &filer);
  serve_uploads(server, &filer);
}

}  // namespace kelp
