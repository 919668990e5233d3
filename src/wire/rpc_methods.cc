#include "wire/rpc_methods.h"

#include <algorithm>
#include <iterator>

#include "base/assert.h"

namespace kelp {
namespace {

using enum RpcMethod;
using enum RpcTime;

// Sorted by number. Not repeatable: what counts, what makes a new thing each time, what answers a
// second call otherwise than the first, and what a second call would undo (put_part queues what it
// replaces for deletion: its own needles).
constexpr RpcMethodInfo kMethods[] = {
    {kMasterLease, "master.lease", kCommit, true},  // a lease that nobody got runs out
    {kMasterRelease, "master.release", kCommit, false},
    {kMasterLocate, "master.locate", kLook, true},
    {kMasterHeartbeat, "master.heartbeat", kLook, false},  // the next one comes anyway
    {kMasterWatchLocations, "master.watch_locations", kCommit, true},
    {kMasterKeyFloor, "master.key_floor", kLook, true},
    {kMasterCountGateway, "master.count_gateway", kLook, true},
    {kMasterView, "master.view", kLook, true},
    {kMasterSetNodeIntent, "master.set_node_intent", kCommit, true},
    {kMasterRemoveNode, "master.remove_node", kCommit, false},
    {kMasterMoveVolume, "master.move_volume", kCommit, false},
    {kMasterPauseJobs, "master.pause_jobs", kCommit, true},
    {kMasterAddMaster, "master.add_master", kCommit, false},
    {kMasterRemoveMaster, "master.remove_master", kCommit, false},
    {kMasterTransferLeadership, "master.transfer_leadership", kCommit, false},
    {kMasterAdminLock, "master.admin_lock", kCommit, true},
    {kMasterPlanJobs, "master.plan_jobs", kCommit, false},
    {kMasterSealVolume, "master.seal_volume", kCommit, true},
    {kMasterGrowVolumes, "master.grow_volumes", kCommit, false},
    {kMasterSetVolumeTier, "master.set_volume_tier", kCommit, true},
    {kMasterPackVolume, "master.pack_volume", kCommit, false},

    {kVolumeWrite, "volume.write", kData, false},
    {kVolumeOpen, "volume.open", kData, false},
    {kVolumeAppend, "volume.append", kData, false},
    {kVolumeFinish, "volume.finish", kData, false},
    {kVolumeAbandon, "volume.abandon", kLook, false},
    {kVolumeRead, "volume.read", kData, true},
    {kVolumeRemove, "volume.remove", kCommit, true},  // a needle that is gone counts as removed
    {kVolumeReadShard, "volume.read_shard", kData, true},
    {kVolumeWriteShard, "volume.write_shard", kData, false},
    {kVolumeOpenShard, "volume.open_shard", kData, false},
    {kVolumeStatus, "volume.status", kLook, true},
    {kVolumeCreate, "volume.create", kCommit, false},
    {kVolumeListNeedles, "volume.list_needles", kData, true},
    {kVolumeVerify, "volume.verify", kScan, false},
    {kVolumeSetRole, "volume.set_role", kCommit, true},
    {kVolumePull, "volume.pull", kScan, true},  // goes on where it was
    {kVolumeDigest, "volume.digest", kScan, true},
    {kVolumeRetire, "volume.retire", kCommit, true},
    {kVolumeReadNeedles, "volume.read_needles", kData, true},
    {kVolumeReadNeedle, "volume.read_needle", kData, true},
    {kVolumeRebuild, "volume.rebuild", kScan, true},  // goes on where it was
    {kVolumeReadPart, "volume.read_part", kData, true},
    {kVolumePack, "volume.pack", kScan, true},  // goes on where it was
    {kVolumeVerifyPacked, "volume.verify_packed", kScan, true},
    {kVolumeAdoptPacked, "volume.adopt_packed", kCommit, true},
    {kVolumeDropPacked, "volume.drop_packed", kCommit, true},
    {kVolumeReadPacked, "volume.read_packed", kData, true},
    {kVolumeFindPacked, "volume.find_packed", kData, true},
    {kVolumeRebuildTogether, "volume.rebuild_together", kScan, true},
    {kVolumeReadRebuilt, "volume.read_rebuilt", kData, false},  // is given once
    {kVolumeRepack, "volume.repack", kScan, true},              // goes on where it was
    {kVolumeSparse, "volume.sparse", kLook, true},

    {kFilerLimits, "filer.limits", kLook, true},
    {kFilerCreateBucket, "filer.create_bucket", kCommit, false},
    {kFilerGetBucket, "filer.get_bucket", kLook, true},
    {kFilerDeleteBucket, "filer.delete_bucket", kCommit, false},
    {kFilerListBuckets, "filer.list_buckets", kLook, true},
    {kFilerBucketUsage, "filer.bucket_usage", kLook, true},
    {kFilerSetBucketQuota, "filer.set_bucket_quota", kCommit, true},
    {kFilerAskForRoom, "filer.ask_for_room", kLook, true},
    {kFilerDropBucket, "filer.drop_bucket", kCommit, false},
    {kFilerSetBucketVersioning, "filer.set_bucket_versioning", kCommit, true},
    {kFilerPutObject, "filer.put_object", kCommit, false},
    {kFilerGetObject, "filer.get_object", kLook, true},
    {kFilerDeleteObject, "filer.delete_object", kCommit, false},
    {kFilerDeleteObjects, "filer.delete_objects", kCommit, false},
    {kFilerListObjects, "filer.list_objects", kLook, true},
    {kFilerShareObject, "filer.share_object", kCommit, false},
    {kFilerListVersions, "filer.list_versions", kLook, true},
    {kFilerSetObjectTags, "filer.set_object_tags", kCommit, false},  // undoes a later one
    {kFilerAppendObject, "filer.append_object", kCommit, false},
    {kFilerRenameObject, "filer.rename_object", kCommit, false},
    {kFilerCreateUpload, "filer.create_upload", kCommit, false},
    {kFilerGetUpload, "filer.get_upload", kLook, true},
    {kFilerPutPart, "filer.put_part", kCommit, false},
    {kFilerListParts, "filer.list_parts", kLook, true},
    {kFilerListUploads, "filer.list_uploads", kLook, true},
    {kFilerAbortUpload, "filer.abort_upload", kCommit, false},
    {kFilerCompleteUpload, "filer.complete_upload", kCommit, true},  // answers as the first time
    {kFilerSharePart, "filer.share_part", kCommit, false},
    {kFilerRenamePrefix, "filer.rename_prefix", kCommit, false},  // counts
    {kFilerDump, "filer.dump", kData, false},                     // each piece is given once
    {kFilerGetBucketSetting, "filer.get_bucket_setting", kLook, true},
    {kFilerSetBucketSetting, "filer.set_bucket_setting", kCommit, false},
    {kFilerSetBucketEvents, "filer.set_bucket_events", kCommit, true},
    {kFilerReadEvents, "filer.read_events", kLook, true},
    {kFilerSetBucketClass, "filer.set_bucket_class", kCommit, true},
    {kFilerSetObjectLock, "filer.set_object_lock", kCommit, false},  // undoes a later one
    {kFilerSetBucketLock, "filer.set_bucket_lock", kCommit, true},
    {kFilerGetManifest, "filer.get_manifest", kLook, true},
    {kFilerGetBucketSettings, "filer.get_bucket_settings", kLook, true},
    {kFilerSetObjectAcl, "filer.set_object_acl", kCommit, false},  // undoes a later one
    {kFilerListBucketSettings, "filer.list_bucket_settings", kLook, true},
    {kFilerRestoreObject, "filer.restore_object", kCommit, false},  // would find itself under way
    {kFilerRewrapObject, "filer.rewrap_object", kCommit, false},    // would find another key
    {kFilerPutAnnotation, "filer.put_annotation", kCommit, false},
    {kFilerGetAnnotation, "filer.get_annotation", kLook, true},
    {kFilerListAnnotations, "filer.list_annotations", kLook, true},
    {kFilerDeleteAnnotation, "filer.delete_annotation", kCommit, false},  // undoes a later put
    {kFilerFindRename, "filer.find_rename", kLook, true},
    {kFilerReadIdentities, "filer.read_identities", kLook, true},
    {kFilerChangeIdentities, "filer.change_identities", kCommit, false},
};
static_assert(std::ranges::adjacent_find(kMethods, std::ranges::greater_equal{},
                                         &RpcMethodInfo::method) == std::end(kMethods),
              "ascending, each number once");

}  // namespace

const RpcMethodInfo& info_of(RpcMethod method) {
  const auto* const at = std::ranges::lower_bound(kMethods, method, {}, &RpcMethodInfo::method);
  KELP_ASSERT(at != std::end(kMethods) && at->method == method, "the method has no row");
  return *at;
}

std::chrono::milliseconds time_of(RpcTime time) {
  using namespace std::chrono_literals;
  switch (time) {
    case kLook:
      return 10s;
    case kCommit:
      return 30s;
    case kData:
      return 30s;
    case kScan:
      return 1h;
  }
  return 10s;
}

}  // namespace kelp
