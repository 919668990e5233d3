#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "base/rng.h"
#include "wire/filer_messages.h"
#include "wire/master_messages.h"
#include "wire/volume_messages.h"

namespace kelp::test {

/// Every message that is sent by itself.
using AllMessages = std::tuple<
    Done, LeaseRequest, WriteLease, ReleaseLease, LocateVolume, VolumeLocation, Heartbeat,
    HeartbeatAnswer, WatchLocations, LocationChange, KeyFloor, ClusterView, SetNodeIntent,
    RemoveNode, MoveVolume, JobId, PauseJobs, AddMaster, RemoveMaster, TransferLeadership,
    AdminLockRequest, AdminLockView, PlanJobs, PlannedJobs, SealVolume, PackVolumeJob, GrowVolumes,
    GrownVolumes, WriteNeedle, OpenNeedle, OpenedNeedle, AppendNeedle, FinishNeedle, AbandonNeedle,
    ReadNeedle, ReadShard, NeedleBytes, RemoveNeedles, NodeStatus, CreateVolume, ListNeedles,
    VerifyVolume, NeedleList, FilerLimits, BucketMessage, BucketName, ListBuckets, ListedBuckets,
    BucketUsage, SetBucketQuota, AskForRoom, PutObject, WriteOutcome, GetObject, GetManifest,
    ManifestChunks, FoundObject, DeleteObject, DeleteOutcome, DeleteObjects, DeletedObjects,
    ListObjects, ListedPage, ListVersions, ListedVersions, SetObjectTags, SetObjectAcl,
    GetBucketSettings, BucketWithSettings, ListBucketSettings, ListedBucketSettings, TaggedVersion,
    SetBucketVersioning, SetBucketClass, SetObjectLock, RestoreObject, RewrapObject, RestoreOutcome,
    SetBucketLock, BucketSetting, SetBucketEvents, ReadEvents, EventPage, CreateUpload, UploadInfo,
    UploadName, PutPart, ShareObject, SharePart, AppendObject, RenameObject, FindRename, DoneRename,
    RenamePrefix, RenamedPrefix, ListParts, ListedParts, ListUploads, ListedUploads, CompleteUpload,
    CompletedUpload, AskForDump, DumpPieceHead, PutAnnotation, AnnotationOutcome, GetAnnotation,
    FoundAnnotation, ListAnnotations, ListedAnnotations, DeleteAnnotation>;

/// Gives every member of whatever travels a random value.
class RandomMessage {
 public:
  explicit RandomMessage(std::uint64_t seed) : rng_(seed) {}

  template <message::Struct T>
  T make() {
    T value;
    fill(value);
    return value;
  }

  void fill(bool& value) { value = rng_.chance(500'000); }
  template <std::unsigned_integral T>
  void fill(T& value) {
    value = static_cast<T>(rng_.next() >> rng_.below(64));
  }
  void fill(std::int64_t& value) { value = static_cast<std::int64_t>(rng_.next()); }
  void fill(std::string& value) {
    value.resize(rng_.below(40));
    for (char& c : value) c = static_cast<char>(rng_.below(256));
  }
  void fill(WallTime& value) {
    value = WallTime(std::chrono::nanoseconds(static_cast<std::int64_t>(rng_.next())));
  }
  void fill(std::chrono::milliseconds& value) {
    value = std::chrono::milliseconds(rng_.below(1'000'000));
  }
  template <typename Tag, typename Int>
  void fill(StrongId<Tag, Int>& value) {
    fill(value.value);
  }
  template <typename E>
    requires std::is_enum_v<E>
  void fill(E& value) {
    const auto first = static_cast<std::uint64_t>(kEnumerators<E>.first);
    const auto last = static_cast<std::uint64_t>(kEnumerators<E>.second);
    value = static_cast<E>(first + rng_.below(last - first + 1));
  }
  template <typename T>
  void fill(std::optional<T>& value) {
    if (rng_.chance(500'000)) fill(value.emplace());
  }
  template <typename T>
  void fill(std::vector<T>& values) {
    const auto count = rng_.below(4);
    for (std::uint64_t i = 0; i < count; ++i) fill(values.emplace_back());
  }
  void fill(std::pair<std::string, std::string>& pair) {
    fill(pair.first);
    fill(pair.second);
  }
  void fill(Checksum& sum) {
    fill(sum.algorithm);
    fill(sum.type);
    fill(sum.value);
    fill(sum.part_count);
  }
  void fill(Chunk& chunk) {
    fill(chunk.fid);
    fill(chunk.size_bytes);
  }
  void fill(PartInfo& part) {
    fill(part.part_number);
    fill(part.size_bytes);
    fill(part.checksums);
  }
  void fill(ObjectHeaders& headers) {
    fill(headers.content_type);
    fill(headers.standard);
    fill(headers.user);
    fill(headers.storage_class);
    fill(headers.tags);
  }
  void fill(BucketEntry& bucket) {
    fill(bucket.id);
    fill(bucket.name);
    fill(bucket.owner_id);
    fill(bucket.region);
    fill(bucket.created);
    if (rng_.chance(500'000)) bucket.quota = {rng_.below(9) + 1, rng_.below(9), rng_.below(9)};
    bucket.versioning = static_cast<Versioning>(rng_.below(3));
    if (rng_.chance(300'000)) bucket.events = {static_cast<std::uint32_t>(rng_.below(9) + 1), 7};
    if (rng_.chance(300'000)) bucket.storage_class = "STANDARD_IA";
  }
  void fill(ObjectEntry& entry) {
    fill(entry.version);
    fill(entry.modified);
    fill(entry.size_bytes);
    fill(entry.etag);
    fill(entry.etag_parts);
    fill(entry.owner_id);
    fill(entry.delete_marker);
    fill(entry.has_id);
    if (rng_.chance(500'000)) entry.older_null = rng_.below(1000);
    fill(entry.headers);
    fill(entry.checksums);
    fill(entry.parts);
    fill(entry.layout.chunks);
    if (rng_.chance(100'000)) entry.layout.annotations = {rng_.below(9) + 1, 1, rng_.below(9), 7};
  }
  template <message::Struct T>
  void fill(T& value) {
    std::apply([&](const auto&... field) { (fill_member(value, field), ...); }, kFields<T>);
  }

 private:
  template <typename T, typename Member>
  void fill_member(T& value, Member member) {
    fill(value.*member);
  }
  template <typename T, typename Member>
  void fill_member(T& value, Since<Member> field) {
    fill(value.*field.member);
  }

  Rng rng_;
};

}  // namespace kelp::test
