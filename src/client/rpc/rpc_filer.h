#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "client/filer_client.h"
#include "client/rpc/rpc_caller.h"

namespace kelp {

/// The namespace at some addresses, any of which answers. Safe from any io thread.
class RpcFilerClient final : public FilerClient {
 public:
  /// `channels` must outlive this.
  RpcFilerClient(RpcChannels& channels, std::vector<std::string> addresses)
      : caller_(channels, std::move(addresses), {.waits = true, .probe = RpcMethod::kFilerLimits}) {
  }

  /// Asks the filer for its limits; get_bucket() does so when nobody has. Until then
  /// inline_limit_bytes() is 0.
  Task<Result<void>> prepare();

  [[nodiscard]] std::uint64_t inline_limit_bytes() const override {
    return inline_limit_bytes_.load(std::memory_order_relaxed);
  }
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

 private:
  RpcCaller caller_;
  std::atomic<std::uint64_t> inline_limit_bytes_ = 0;
  std::atomic<bool> prepared_ = false;
};

/// Answers RpcFilerClient's calls with `filer`, which must outlive the server. Before
/// RpcServer::start(); of RpcServers, on each.
void serve_filer(RpcServer& server, FilerClient& filer);

}  // namespace kelp
