#pragma once

#include <atomic>
#include <boost/asio/this_coro.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "async/timers.h"
#include "client/filer_client.h"
#include "client/master_client.h"
#include "client/master_control.h"
#include "client/rpc/replica_messages.h"
#include "client/volume_admin.h"
#include "client/volume_client.h"
#include "client/volume_replicas.h"
#include "tests/support/random_message.h"

namespace kelp::test {

/// What a fake service was asked and what it answers: the request as bytes; the answer drawn from a
/// seed, so that whoever knows the seed knows the answer. Thread-safe but for set_error().
class Script {
 public:
  static constexpr std::uint64_t kSeed = 7;

  template <typename Answer, typename Request>
  Task<Result<Answer>> answer(Request request) {
    note(encode_message(request));
    if (error_) co_return *error_;
    co_return RandomMessage(kSeed).make<Answer>();
  }
  template <typename Request>
  Task<Result<void>> done(Request request) {
    note(encode_message(request));
    if (error_) co_return *error_;
    co_return Result<void>();
  }
  template <typename Answer, typename Value, typename Request>
  Task<Result<Value>> answer(Request request, Value Answer::* member) {
    KELP_CO_TRY(Answer whole, co_await answer<Answer>(std::move(request)));
    co_return std::move(whole.*member);
  }
  void set_error(std::optional<Error> error) { error_ = std::move(error); }
  /// The last request, and how many there were.
  [[nodiscard]] std::string last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  [[nodiscard]] int calls() const { return calls_; }
  /// How many threads called.
  [[nodiscard]] std::size_t threads() const {
    const std::lock_guard lock(mutex_);
    return threads_.size();
  }

 private:
  void note(std::string request) {
    const std::lock_guard lock(mutex_);
    last_ = std::move(request);
    threads_.insert(std::this_thread::get_id());
    ++calls_;
  }
  mutable std::mutex mutex_;
  std::string last_;
  std::set<std::thread::id> threads_;
  std::atomic<int> calls_ = 0;
  std::optional<Error> error_;
};

class FakeMaster final : public MasterClient, public MasterControl {
 public:
  Script script;

  Task<Result<WriteLease>> lease(LeaseRequest r) override {
    return script.answer<WriteLease>(std::move(r));
  }
  Task<Result<void>> release(VolumeId volume, std::uint64_t bytes) override {
    return script.done(ReleaseLease{volume, bytes});
  }
  Task<Result<VolumeLocation>> locate(VolumeId volume) override {
    return script.answer<VolumeLocation>(LocateVolume{volume});
  }
  Task<Result<HeartbeatAnswer>> heartbeat(Heartbeat r) override {
    return script.answer<HeartbeatAnswer>(std::move(r));
  }
  Task<Result<LocationChange>> watch_locations(std::uint64_t after, MonoTime deadline) override {
    watched_until = deadline;
    return script.answer<LocationChange>(WatchLocations{after});
  }
  Task<Result<NeedleKey>> key_floor() override { return script.answer(Done{}, &KeyFloor::key); }
  Task<Result<std::uint32_t>> count_gateway(std::uint64_t gateway) override {
    return script.answer(CountGateway{gateway}, &GatewayCount::count);
  }
  Task<Result<ClusterView>> view() override { return script.answer<ClusterView>(Done{}); }
  Task<Result<void>> set_node_intent(std::string node_id, NodeIntent intent) override {
    return script.done(SetNodeIntent{std::move(node_id), intent});
  }
  Task<Result<void>> remove_node(std::string node_id) override {
    return script.done(RemoveNode{std::move(node_id)});
  }
  Task<Result<std::uint64_t>> move_volume(VolumeId volume, std::string from,
                                          std::string to) override {
    return script.answer(MoveVolume{volume, std::move(from), std::move(to)}, &JobId::id);
  }
  Task<Result<void>> pause_jobs(bool paused) override { return script.done(PauseJobs{paused}); }
  Task<Result<AdminLockView>> admin_lock(AdminLockRequest r) override {
    return script.answer<AdminLockView>(std::move(r));
  }
  Task<Result<std::vector<JobView>>> plan_jobs(PlanKind kind, bool start) override {
    return script.answer(PlanJobs{kind, start}, &PlannedJobs::jobs);
  }
  Task<Result<std::uint64_t>> pack_volume(VolumeId volume, EcScheme scheme,
                                          std::optional<Spread> spread) override {
    return script.answer(PackVolumeJob{volume, scheme, spread}, &JobId::id);
  }
  Task<Result<void>> seal_volume(VolumeId volume) override {
    return script.done(SealVolume{volume});
  }
  Task<Result<void>> set_volume_tier(VolumeId volume, std::string tag) override {
    return script.done(SetVolumeTier{volume, std::move(tag)});
  }
  Task<Result<std::vector<VolumeId>>> grow_volumes(std::string collection,
                                                   std::uint32_t count) override {
    return script.answer(GrowVolumes{std::move(collection), count}, &GrownVolumes::volumes);
  }
  Task<Result<void>> add_master(std::uint64_t id, std::string address) override {
    return script.done(AddMaster{id, std::move(address)});
  }
  Task<Result<void>> remove_master(std::uint64_t id) override {
    return script.done(RemoveMaster{id});
  }
  Task<Result<void>> transfer_leadership(std::optional<std::uint64_t> id) override {
    return script.done(TransferLeadership{id});
  }

  MonoTime watched_until{};
};

class FakeFiler final : public FilerClient {
 public:
  Script script;
  static constexpr std::uint64_t kInlineLimit = 4321;

  [[nodiscard]] std::uint64_t inline_limit_bytes() const override { return kInlineLimit; }
  Task<Result<BucketEntry>> create_bucket(BucketEntry bucket) override {
    return script.answer(BucketMessage{std::move(bucket)}, &BucketMessage::bucket);
  }
  Task<Result<BucketEntry>> get_bucket(std::string name) override {
    return script.answer(BucketName{std::move(name)}, &BucketMessage::bucket);
  }
  Task<Result<void>> delete_bucket(std::string name) override {
    return script.done(BucketName{std::move(name)});
  }
  Task<Result<void>> drop_bucket(std::string name) override {
    return script.done(BucketName{std::move(name)});
  }
  Task<Result<ListedBuckets>> list_buckets(ListBuckets r) override {
    return script.answer<ListedBuckets>(std::move(r));
  }
  Task<Result<BucketUsage>> bucket_usage(std::string name) override {
    return script.answer<BucketUsage>(BucketName{std::move(name)});
  }
  Task<Result<BucketEntry>> set_bucket_quota(SetBucketQuota r) override {
    return script.answer(std::move(r), &BucketMessage::bucket);
  }
  Task<Result<BucketEntry>> set_bucket_versioning(SetBucketVersioning r) override {
    return script.answer(std::move(r), &BucketMessage::bucket);
  }
  Task<Result<BucketSetting>> get_bucket_setting(BucketSetting r) override {
    return script.answer<BucketSetting>(std::move(r));
  }
  Task<Result<BucketWithSettings>> get_bucket_settings(GetBucketSettings r) override {
    return script.answer<BucketWithSettings>(std::move(r));
  }
  Task<Result<void>> set_bucket_setting(BucketSetting r) override {
    return script.done(std::move(r));
  }
  Task<Result<ListedBucketSettings>> list_bucket_settings(ListBucketSettings r) override {
    return script.answer<ListedBucketSettings>(std::move(r));
  }
  Task<Result<BucketEntry>> set_bucket_class(SetBucketClass r) override {
    return script.answer(std::move(r), &BucketMessage::bucket);
  }
  Task<Result<BucketEntry>> set_bucket_lock(SetBucketLock r) override {
    return script.answer(std::move(r), &BucketMessage::bucket);
  }
  Task<Result<BucketEntry>> set_bucket_events(SetBucketEvents r) override {
    return script.answer(std::move(r), &BucketMessage::bucket);
  }
  Task<Result<EventPage>> read_events(ReadEvents r) override {
    return script.answer<EventPage>(std::move(r));
  }
  Task<Result<void>> ask_for_room(AskForRoom r) override { return script.done(std::move(r)); }
  Task<Result<WriteOutcome>> put_object(PutObject r) override {
    return script.answer<WriteOutcome>(std::move(r));
  }
  Task<Result<WriteOutcome>> share_object(ShareObject r) override {
    return script.answer<WriteOutcome>(std::move(r));
  }
  Task<Result<WriteOutcome>> append_object(AppendObject r) override {
    return script.answer<WriteOutcome>(std::move(r));
  }
  Task<Result<WriteOutcome>> rename_object(RenameObject r) override {
    return script.answer<WriteOutcome>(std::move(r));
  }
  Task<Result<DoneRename>> find_rename(FindRename r) override {
    return script.answer<DoneRename>(std::move(r));
  }
  Task<Result<RenamedPrefix>> rename_prefix(RenamePrefix r) override {
    return script.answer<RenamedPrefix>(std::move(r));
  }
  Task<Result<FoundObject>> get_object(ObjectKey name, bool with_inline_body) override {
    return script.answer<FoundObject>(GetObject{std::move(name), with_inline_body});
  }
  Task<Result<DeleteOutcome>> delete_object(ObjectKey name, WriteConditions conditions) override {
    return script.answer<DeleteOutcome>(DeleteObject{std::move(name), std::move(conditions)});
  }
  /// Every second key fails.
  Task<Result<std::vector<Result<DeleteOutcome>>>> delete_objects(DeleteObjects request) override {
    const std::size_t count = request.keys.size();
    KELP_CO_CHECK(co_await script.done(std::move(request)));
    std::vector<Result<DeleteOutcome>> outcomes;
    for (std::size_t i = 0; i < count; ++i) {
      if (i % 2 == 1) {
        outcomes.emplace_back(
            Error(Errc::kNotFound, "not " + std::to_string(i), Reason::kNoSuchKey));
      } else {
        outcomes.emplace_back(DeleteOutcome{.existed = i % 4 == 0});
      }
    }
    co_return outcomes;
  }
  Task<Result<std::vector<Chunk>>> get_manifest(std::uint64_t manifest) override {
    KELP_CO_TRY(ManifestChunks answer,
                co_await script.answer<ManifestChunks>(GetManifest{manifest}));
    co_return std::move(answer.chunks);
  }
  Task<Result<ListedPage>> list_objects(ListObjects r) override {
    return script.answer<ListedPage>(std::move(r));
  }
  Task<Result<ListedVersions>> list_versions(ListVersions r) override {
    return script.answer<ListedVersions>(std::move(r));
  }
  Task<Result<TaggedVersion>> set_object_acl(SetObjectAcl r) override {
    return script.answer<TaggedVersion>(std::move(r));
  }
  Task<Result<TaggedVersion>> set_object_tags(SetObjectTags r) override {
    return script.answer<TaggedVersion>(std::move(r));
  }
  Task<Result<void>> set_object_lock(SetObjectLock r) override { return script.done(std::move(r)); }
  Task<Result<TaggedVersion>> rewrap_object(RewrapObject r) override {
    return script.answer<TaggedVersion>(std::move(r));
  }
  Task<Result<AnnotationOutcome>> put_annotation(PutAnnotation r) override {
    return script.answer<AnnotationOutcome>(std::move(r));
  }
  Task<Result<FoundAnnotation>> get_annotation(GetAnnotation r) override {
    return script.answer<FoundAnnotation>(std::move(r));
  }
  Task<Result<ListedAnnotations>> list_annotations(ListAnnotations r) override {
    return script.answer<ListedAnnotations>(std::move(r));
  }
  Task<Result<TaggedVersion>> delete_annotation(DeleteAnnotation r) override {
    return script.answer<TaggedVersion>(std::move(r));
  }
  Task<Result<RestoreOutcome>> restore_object(RestoreObject r) override {
    return script.answer<RestoreOutcome>(std::move(r));
  }
  Task<Result<UploadInfo>> create_upload(CreateUpload r) override {
    return script.answer<UploadInfo>(std::move(r));
  }
  Task<Result<UploadInfo>> get_upload(UploadName name) override {
    return script.answer<UploadInfo>(std::move(name));
  }
  Task<Result<void>> put_part(PutPart r) override { return script.done(std::move(r)); }
  Task<Result<void>> share_part(SharePart r) override { return script.done(std::move(r)); }
  Task<Result<ListedParts>> list_parts(UploadName name, std::uint32_t after_part,
                                       std::uint32_t limit) override {
    return script.answer<ListedParts>(ListParts{std::move(name), after_part, limit});
  }
  Task<Result<ListedUploads>> list_uploads(ListUploads r) override {
    return script.answer<ListedUploads>(std::move(r));
  }
  Task<Result<void>> abort_upload(UploadName name) override { return script.done(std::move(name)); }
  Task<Result<CompletedUpload>> complete_upload(CompleteUpload r) override {
    return script.answer<CompletedUpload>(std::move(r));
  }
};

class FakeReplicas final : public VolumeReplicas {
 public:
  Script script;
  std::string images;  ///< What read_needles() and read_needle() answer.

  Task<Result<void>> set_role(VolumeId volume, Generation oldest, CopyRole role) override {
    return script.done(SetRole{volume, oldest, role});
  }
  Task<Result<VolumeDigest>> pull(VolumeId volume, Generation generation, std::string collection,
                                  VolumeMember source, Urgency urgency) override {
    return script.answer<VolumeDigest>(
        PullVolume{volume, generation, std::move(collection), std::move(source), urgency});
  }
  Task<Result<VolumeDigest>> digest(VolumeId volume, bool verify) override {
    return script.answer<VolumeDigest>(DigestVolume{volume, verify});
  }
  Task<Result<void>> retire(VolumeId volume, Generation generation) override {
    return script.done(RetireVolume{volume, generation});
  }
  Task<Result<std::string>> read_needles(VolumeId volume, Generation generation, NeedleKey after,
                                         Urgency urgency) override {
    KELP_CO_CHECK(co_await script.done(ReadNeedles{volume, generation, after, urgency}));
    co_return images;
  }
  Task<Result<std::string>> read_needle(VolumeId volume, Generation generation,
                                        NeedleKey key) override {
    KELP_CO_CHECK(co_await script.done(ReadOneNeedle{volume, generation, key}));
    co_return images;
  }
  Task<Result<NeedlePart>> read_part(VolumeId volume, Generation generation, NeedleKey key,
                                     std::uint64_t offset, std::size_t bytes) override {
    const auto asked = static_cast<std::uint32_t>(bytes);
    KELP_CO_CHECK(co_await script.done(ReadNeedlePart{volume, generation, key, offset, asked}));
    co_return NeedlePart{"frame", std::string(bytes, 'b')};
  }
  Task<Result<VolumeDigest>> pack(VolumeId volume, Generation generation, std::string collection,
                                  PackSource from, Urgency urgency) override {
    return script.answer<VolumeDigest>(PackVolume{volume, generation, std::move(collection),
                                                  from.scheme, from.shard, from.copy, urgency,
                                                  from.from, std::move(from.members)});
  }
  Task<Result<VolumeDigest>> verify_packed(VolumeId volume, Generation generation,
                                           Urgency urgency) override {
    return script.answer<VolumeDigest>(PackedVolume{volume, generation, urgency});
  }
  Task<Result<void>> adopt_packed(VolumeId volume, Generation generation) override {
    return script.done(PackedVolume{volume, generation});
  }
  Task<Result<void>> drop_packed(VolumeId volume, Generation generation) override {
    return script.done(PackedVolume{volume, generation});
  }
  Task<Result<std::string>> read_packed(VolumeId volume, Generation generation, PackSource from,
                                        NeedleKey after, Urgency urgency) override {
    KELP_CO_CHECK(
        co_await script.done(ReadPacked{volume, generation, from.scheme, from.shard, after, urgency,
                                        from.from, std::move(from.members)}));
    co_return images;
  }
  Task<Result<PackedPlace>> find_packed(FileId fid, EcScheme scheme) override {
    return script.answer<PackedPlace>(FindPacked{fid, scheme});
  }
  Task<Result<VolumeDigest>> repack(VolumeId volume, Generation generation, std::string collection,
                                    StripeSources from, Urgency urgency) override {
    return script.answer<VolumeDigest>(RebuildVolume{volume, generation, std::move(collection),
                                                     from.scheme, from.shard,
                                                     std::move(from.members), urgency});
  }
  Task<Result<std::vector<SparseVolume>>> sparse_volumes() override {
    KELP_CO_CHECK(co_await script.done(Done{}));
    co_return std::vector{SparseVolume{VolumeId(3), 8 << 20, 5 << 20}};
  }
};

/// Needles in memory. Volume 1 has generation 1 and takes the token "good"; volume 2 is read-only.
class FakeVolume final : public VolumeClient, public VolumeAdmin {
 public:
  Script script;  ///< Of VolumeAdmin's calls and remove().
  Timers* timers = nullptr;
  const Clock* clock = nullptr;
  std::chrono::milliseconds append_takes{0};  ///< Needs timers and clock.
  bool cannot_be_cancelled = false;           ///< Goes on with an append whose caller left.
  std::atomic<int> uploads = 0;               ///< Alive.
  std::atomic<std::size_t> appended_bytes = 0;
  std::atomic<int> finished = 0;
  std::atomic<int> reads = 0;

  void put(const FileId& fid, std::string body) {
    const std::lock_guard lock(mutex_);
    bodies_[{fid.key, fid.cookie}] = std::move(body);
  }
  [[nodiscard]] std::optional<std::string> body(const FileId& fid) const {
    const std::lock_guard lock(mutex_);
    const auto found = bodies_.find({fid.key, fid.cookie});
    if (found == bodies_.end()) return {};
    return found->second;
  }

  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle request) override {
    if (request.token != "good") co_return Error(Errc::kPermissionDenied, "the token is not good");
    if (request.generation != Generation(1)) co_return Error(Errc::kConflict, "generation 1 it is");
    if (request.fid.volume == VolumeId(2)) co_return Error(Errc::kUnavailable, "read-only");
    std::unique_ptr<NeedleUpload> upload = std::make_unique<Upload>(*this, std::move(request));
    co_return upload;
  }
  Task<Result<void>> read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) override {
    ++reads;
    const auto found = body(fid);
    if (!found) co_return Error(Errc::kNotFound, "no needle " + to_string(fid));
    if (*found == "corrupt") co_return Error(Errc::kCorruption, "block 0");
    if (offset + buffer.size() > found->size()) {
      co_return Error(Errc::kInvalidArgument, "past the end");
    }
    std::copy_n(as_bytes(*found).begin() + static_cast<std::ptrdiff_t>(offset), buffer.size(),
                buffer.begin());
    co_return Result<void>();
  }
  Task<Result<void>> remove(std::vector<FileId> fids) override {
    return script.done(RemoveNeedles{std::move(fids)});
  }
  Task<Result<NodeStatus>> status() override { return script.answer<NodeStatus>(Done{}); }
  Task<Result<void>> create_volume(VolumeId volume, Generation generation,
                                   std::string collection) override {
    return script.done(CreateVolume{volume, generation, std::move(collection)});
  }
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId volume, NeedleKey after,
                                                     std::uint32_t limit) override {
    return script.answer(ListNeedles{volume, after, limit}, &NeedleList::needles);
  }
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId volume) override {
    return script.answer(VerifyVolume{volume}, &NeedleList::needles);
  }

 private:
  class Upload final : public NeedleUpload {
   public:
    Upload(FakeVolume& volume, OpenNeedle needle) : volume_(volume), needle_(std::move(needle)) {
      ++volume_.uploads;
    }
    ~Upload() override { --volume_.uploads; }
    Task<Result<void>> append(ByteSpan bytes) override {
      if (volume_.append_takes.count() > 0) {
        const MonoTime until = volume_.clock->mono() + volume_.append_takes;
        auto slept = co_await volume_.timers->sleep_until(until);
        if (volume_.cannot_be_cancelled) {
          co_await asio::this_coro::reset_cancellation_state();
          slept = co_await volume_.timers->sleep_until(until);
        }
        if (!slept) co_return slept;
      }
      if (bytes.size() > needle_.body_bytes - body_.size()) {
        co_return Error(Errc::kInvalidArgument, "more than was announced");
      }
      body_ += as_text(bytes);
      volume_.appended_bytes += bytes.size();
      co_return Result<void>();
    }
    Task<Result<void>> finish() override {
      if (body_.size() != needle_.body_bytes) {
        co_return Error(Errc::kInvalidArgument, "less than was announced");
      }
      volume_.put(needle_.fid, std::move(body_));
      ++volume_.finished;
      co_return Result<void>();
    }

   private:
    FakeVolume& volume_;
    const OpenNeedle needle_;
    std::string body_;
  };

  mutable std::mutex mutex_;
  std::map<std::pair<NeedleKey, Cookie>, std::string> bodies_;
};

}  // namespace kelp::test
