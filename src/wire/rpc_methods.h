#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace kelp {

/// Every method of the daemons' rpc. Values are on the wire: never renumber, never use one again.
/// A hundred numbers each: below 100 Raft, 100 master, 200 volume, 300 filer.
enum class RpcMethod : std::uint32_t {
  kMasterLease = 100,
  kMasterRelease = 101,
  kMasterLocate = 102,
  kMasterHeartbeat = 110,
  kMasterWatchLocations = 111,
  kMasterKeyFloor = 112,
  kMasterCountGateway = 113,
  kMasterView = 120,
  kMasterSetNodeIntent = 121,
  kMasterRemoveNode = 122,
  kMasterMoveVolume = 123,
  kMasterPauseJobs = 124,
  kMasterAddMaster = 125,
  kMasterRemoveMaster = 126,
  kMasterTransferLeadership = 127,
  kMasterAdminLock = 140,
  kMasterPlanJobs = 141,
  kMasterSealVolume = 142,
  kMasterGrowVolumes = 143,
  kMasterSetVolumeTier = 144,
  kMasterPackVolume = 145,

  kVolumeWrite = 200,
  kVolumeOpen = 201,
  kVolumeAppend = 202,
  kVolumeFinish = 203,
  kVolumeAbandon = 204,
  kVolumeRead = 205,
  kVolumeRemove = 206,
  kVolumeReadShard = 207,
  // As kVolumeWrite and kVolumeOpen, of shards: who does not know those must not take one for a
  // whole needle.
  kVolumeWriteShard = 208,
  kVolumeOpenShard = 209,
  kVolumeStatus = 220,
  kVolumeCreate = 221,
  kVolumeListNeedles = 222,
  kVolumeVerify = 223,
  kVolumeSetRole = 230,
  kVolumePull = 231,
  kVolumeDigest = 232,
  kVolumeRetire = 233,
  kVolumeReadNeedles = 234,
  kVolumeReadNeedle = 235,
  kVolumeRebuild = 236,
  kVolumeReadPart = 237,
  kVolumePack = 238,
  kVolumeVerifyPacked = 239,
  kVolumeAdoptPacked = 240,
  kVolumeDropPacked = 241,
  kVolumeReadPacked = 242,
  kVolumeFindPacked = 243,
  kVolumeRebuildTogether = 244,
  kVolumeReadRebuilt = 245,
  kVolumeRepack = 246,
  kVolumeSparse = 247,

  kFilerLimits = 300,
  kFilerCreateBucket = 301,
  kFilerGetBucket = 302,
  kFilerDeleteBucket = 303,
  kFilerListBuckets = 304,
  kFilerBucketUsage = 305,
  kFilerSetBucketQuota = 306,
  kFilerAskForRoom = 307,
  kFilerDropBucket = 308,
  kFilerSetBucketVersioning = 309,
  kFilerPutObject = 310,
  kFilerGetObject = 311,
  kFilerDeleteObject = 312,
  kFilerDeleteObjects = 313,
  kFilerListObjects = 314,
  kFilerShareObject = 315,
  kFilerListVersions = 316,
  kFilerSetObjectTags = 317,
  kFilerAppendObject = 318,
  kFilerRenameObject = 319,
  kFilerCreateUpload = 320,
  kFilerGetUpload = 321,
  kFilerPutPart = 322,
  kFilerListParts = 323,
  kFilerListUploads = 324,
  kFilerAbortUpload = 325,
  kFilerCompleteUpload = 326,
  kFilerSharePart = 327,
  kFilerRenamePrefix = 328,
  kFilerDump = 330,
  kFilerGetBucketSetting = 331,
  kFilerSetBucketSetting = 332,
  kFilerSetBucketEvents = 333,
  kFilerReadEvents = 334,
  kFilerSetBucketClass = 335,
  kFilerSetObjectLock = 336,
  kFilerSetBucketLock = 337,
  kFilerGetManifest = 338,
  kFilerGetBucketSettings = 339,
  kFilerSetObjectAcl = 340,
  kFilerListBucketSettings = 341,
  kFilerRestoreObject = 342,
  kFilerRewrapObject = 343,
  kFilerPutAnnotation = 344,
  kFilerGetAnnotation = 345,
  kFilerListAnnotations = 346,
  kFilerDeleteAnnotation = 347,
  kFilerFindRename = 348,
  kFilerReadIdentities = 350,
  kFilerChangeIdentities = 351,
};

/// How long a call may take, repetitions included: the class of its work.
enum class RpcTime : std::uint8_t {
  kLook,    ///< Reads rows or memory: 10 s.
  kCommit,  ///< Waits for a sync, or for a majority: 30 s.
  kData,    ///< Moves up to 1 MiB to or from a disk: 30 s.
  kScan,    ///< Reads whole volumes: an hour.
};

/// What callers know of a method.
struct RpcMethodInfo {
  RpcMethod method{};
  std::string_view name;  ///< For errors and logs: "filer.get_object".
  RpcTime time = RpcTime::kLook;
  /// Doing it twice comes to the same as once, or harms nobody: it may be sent again when the
  /// outcome of the first attempt is unknown.
  bool repeatable = false;
};

/// The row of `method`, which must be one of the enumerators.
[[nodiscard]] const RpcMethodInfo& info_of(RpcMethod method);
/// The default deadline of a class of work.
[[nodiscard]] std::chrono::milliseconds time_of(RpcTime time);

}  // namespace kelp
