// Object lock: FilerService's calls that change what keeps versions.

#include <utility>

#include "filer/core/object_lock.h"
#include "filer/filer_service.h"

namespace kelp {

Task<Result<BucketEntry>> FilerService::set_bucket_lock(SetBucketLock request) {
  if (!request.lock.enabled) {
    co_return Error(Errc::kInvalidArgument, "object lock is never taken back");
  }
  auto change = [&request](BucketEntry& bucket, KvBatch&) { bucket.lock = request.lock; };
  co_return co_await change_bucket(request.name, std::move(change));
}

Task<Result<void>> FilerService::set_object_lock(SetObjectLock request) {
  auto change = [&request, this](const BucketEntry& bucket, ObjectEntry& entry) {
    return change_lock(bucket, request, clock_.wall(), entry.headers.lock);
  };
  WhatChanged what{EventKind::kLock, {}};
  const auto changed = co_await change_version(request.name, std::move(what), std::move(change));
  if (!changed) co_return changed.error();
  co_return Result<void>();
}

}  // namespace kelp
