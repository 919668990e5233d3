#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/work_pool.h"
#include "base/clock.h"
#include "client/filer_client.h"
#include "client/master_client.h"
#include "client/volume_client.h"
#include "net/http.h"

// Stand-ins for everything that the gateway talks to, in memory. They keep the contracts of the
// headers they implement, without durability or concurrency.

namespace kelp::s3::test {

/// Time stands still until a test moves it.
class FakeClock final : public Clock {
 public:
  [[nodiscard]] MonoTime mono() const override { return MonoTime{passed}; }
  [[nodiscard]] WallTime wall() const override { return now; }
  WallTime now;
  std::chrono::nanoseconds passed{};
};

/// Runs work at once on the calling thread, or refuses it.
class InlinePool final : public WorkPool {
 public:
  [[nodiscard]] bool try_post(Work work) override {
    if (full) return false;
    work();
    return true;
  }
  bool full = false;
};

/// One volume, keys without end.
class FakeMaster final : public MasterClient {
 public:
  Task<Result<WriteLease>> lease(LeaseRequest request) override;
  Task<Result<void>> release(VolumeId volume, std::uint64_t bytes) override;
  Task<Result<VolumeLocation>> locate(VolumeId volume) override;
  const Clock* clock = nullptr;
  std::vector<VolumeId> excluded;  ///< By the last lease.

 private:
  std::uint64_t next_key_ = 1;
};

class FakeVolumes final : public VolumeClient {
 public:
  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle request) override;
  Task<Result<void>> read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) override;
  PinnedPages try_pin(FileId fid, std::uint64_t offset, std::size_t bytes) override;
  Task<Result<void>> remove(std::vector<FileId> fids) override;

  bool pins = false;                             ///< try_pin() lends whole blocks.
  std::size_t pinned = 0;                        ///< Bytes that it lent.
  std::map<std::uint64_t, std::string> needles;  ///< By key; finished ones only.
  std::vector<OpenNeedle> opened;
  int refuse_opens = 0;      ///< So many open() fail with kUnavailable.
  bool fail_finish = false;  ///< finish() fails with kIo.
  int refuse_finishes = 0;   ///< So many finish() fail with kConflict,
  int take_finishes = 0;     ///< after so many were taken.
  bool remote = false;    ///< Uploads take nothing from a worker thread, and give their body back.
  int reads = 0;          ///< Calls of read().
  int corrupt_read = -1;  ///< This read() (from 0) finds corruption.
};

class FakeFiler final : public FilerClient {
 public:
  [[nodiscard]] std::uint64_t inline_limit_bytes() const override { return inline_limit; }
  Task<Result<BucketEntry>> create_bucket(BucketEntry bucket) override;
  Task<Result<BucketEntry>> get_bucket(std::string name) override;
  Task<Result<void>> delete_bucket(std::string name) override;
  Task<Result<void>> drop_bucket(std::string name) override;
  Task<Result<ListedBuckets>> list_buckets(ListBuckets request) override;
  Task<Result<BucketUsage>> bucket_usage(std::string name) override;
  Task<Result<BucketEntry>> set_bucket_quota(SetBucketQuota quota) override;
  Task<Result<void>> ask_for_room(AskForRoom request) override;
  Task<Result<WriteOutcome>> put_object(PutObject request) override;
  Task<Result<FoundObject>> get_object(ObjectKey name, bool with_inline_body) override;
  Task<Result<DeleteOutcome>> delete_object(ObjectKey name, WriteConditions conditions) override;
  Task<Result<std::vector<Result<DeleteOutcome>>>> delete_objects(DeleteObjects request) override;
  Task<Result<ListedPage>> list_objects(ListObjects request) override;
  // Versions, tags and settings: gateway_versions_test.cc has a real filer.
  Task<Result<BucketEntry>> set_bucket_versioning(SetBucketVersioning request) override;
  Task<Result<BucketSetting>> get_bucket_setting(BucketSetting request) override;
  Task<Result<BucketWithSettings>> get_bucket_settings(GetBucketSettings request) override;
  Task<Result<void>> set_bucket_setting(BucketSetting setting) override;
  Task<Result<ListedBucketSettings>> list_bucket_settings(ListBucketSettings request) override;
  Task<Result<ListedVersions>> list_versions(ListVersions request) override;
  Task<Result<TaggedVersion>> set_object_tags(SetObjectTags request) override;
  Task<Result<TaggedVersion>> set_object_acl(SetObjectAcl request) override;
  Task<Result<void>> set_object_lock(SetObjectLock request) override;
  Task<Result<TaggedVersion>> rewrap_object(RewrapObject request) override;
  Task<Result<RestoreOutcome>> restore_object(RestoreObject request) override;
  Task<Result<AnnotationOutcome>> put_annotation(PutAnnotation request) override;
  Task<Result<FoundAnnotation>> get_annotation(GetAnnotation request) override;
  Task<Result<ListedAnnotations>> list_annotations(ListAnnotations request) override;
  Task<Result<TaggedVersion>> delete_annotation(DeleteAnnotation request) override;
  ObjectEntry annotated;  ///< The version whose annotations are answered, whoever asks for what.
  /// Those of `manifests`, which a test fills.
  Task<Result<std::vector<Chunk>>> get_manifest(std::uint64_t manifest) override {
    co_return manifests.at(manifest);
  }
  std::map<std::uint64_t, std::vector<Chunk>> manifests;
  Task<Result<BucketEntry>> set_bucket_lock(SetBucketLock request) override;
  Task<Result<BucketEntry>> set_bucket_class(SetBucketClass request) override;
  Task<Result<BucketEntry>> set_bucket_events(SetBucketEvents request) override;
  Task<Result<EventPage>> read_events(ReadEvents request) override;
  Task<Result<UploadInfo>> create_upload(CreateUpload request) override;
  Task<Result<UploadInfo>> get_upload(UploadName name) override;
  Task<Result<void>> put_part(PutPart request) override;
  Task<Result<WriteOutcome>> share_object(ShareObject request) override;
  Task<Result<WriteOutcome>> append_object(AppendObject request) override;
  Task<Result<WriteOutcome>> rename_object(RenameObject request) override;
  Task<Result<DoneRename>> find_rename(FindRename request) override;
  Task<Result<RenamedPrefix>> rename_prefix(RenamePrefix request) override;
  Task<Result<void>> share_part(SharePart request) override;
  Task<Result<ListedParts>> list_parts(UploadName name, std::uint32_t after_part,
                                       std::uint32_t limit) override;
  Task<Result<ListedUploads>> list_uploads(ListUploads request) override;
  Task<Result<void>> abort_upload(UploadName name) override;
  Task<Result<CompletedUpload>> complete_upload(CompleteUpload request) override;

  struct Stored {
    ObjectEntry entry;
    std::optional<std::string> body;
  };
  struct Bucket {
    BucketEntry entry;
    std::map<std::string, Stored> objects;
    std::map<std::string, std::string> settings;
  };
  struct Upload {
    std::string bucket;
    UploadInfo info;
    std::map<std::uint32_t, PutPart> parts;
  };
  std::map<std::string, Bucket> buckets;
  std::map<std::string, Upload> uploads;  ///< By id.
  std::uint64_t inline_limit = 16 * 1024;
  const Clock* clock = nullptr;
  int calls = 0;
  std::vector<AskForRoom> asked_for_room;
  bool shares = true;  ///< Else as a filer of before.
  std::function<void()> before_share;

 private:
  Result<void> test_shared(const ObjectKey& from, std::uint64_t version);
  Result<Bucket*> bucket(const std::string& name);
  Result<Upload*> upload(const UploadName& name);
  Result<void> test(const Bucket& bucket, const std::string& key,
                    const WriteConditions& conditions);
  std::uint64_t sequence_ = 0;
};

/// A request body that arrives as a whole, or breaks off.
class FakeBody final : public BodyReader {
 public:
  Task<Result<std::size_t>> read_some(MutableByteSpan buffer) override;
  std::string data;
  bool truncated = false;  ///< The peer closes instead of ending the body.
  bool asked = false;      ///< read_some() was called: 100-continue was sent.
  std::size_t piece_bytes = 1 << 20;

 private:
  std::size_t at_ = 0;
};

/// Records the answer.
class FakeResponse final : public ResponseWriter {
 public:
  Task<Result<void>> send(HttpResponse head, std::string body) override;
  Task<Result<void>> send_head(HttpResponse head, std::optional<std::uint64_t> body_bytes) override;
  void start(HttpResponse head, std::optional<std::uint64_t> body_bytes) override;
  Task<Result<void>> write(ByteSpan bytes) override;
  [[nodiscard]] bool takes_pages() const override { return true; }
  Task<Result<void>> write_pages(PinnedPages pages) override;
  Task<Result<void>> finish() override;
  [[nodiscard]] bool started() const override { return started_; }

  int status = 0;
  std::string lines;
  std::string body;
  std::optional<std::uint64_t> announced;
  bool cut_short = false;  ///< The connection closed before the announced length.
  int answers = 0;

 private:
  void keep(const HttpResponse& head);
  bool started_ = false;
};

}  // namespace kelp::s3::test
