// Events: FilerService's call that reads a bucket's log, and what its writes tell.

#include <algorithm>
#include <utility>

#include "filer/core/event_log.h"
#include "filer/core/keys.h"
#include "filer/filer_service.h"

namespace kelp {

Task<Result<EventPage>> FilerService::read_events(ReadEvents request) {
  KELP_CO_TRY(const FoundBucket found, co_await find_bucket(request.bucket));
  const std::uint64_t log = found.bucket.events.log;
  if (log == 0) co_return Error(Errc::kNotFound, "the bucket keeps no events");
  std::move_only_function<Result<EventPage>(KvStore&)> read =
      [log, request = std::move(request)](KvStore& store) {
        return kelp::read_events(store, log, request);
      };
  co_return co_await kv_.read<EventPage>(std::move(read));
}

Task<Result<KvCondition>> FilerService::as_it_is(std::string row_key) {
  KELP_CO_TRY(auto row, co_await kv_.get(row_key));
  co_return KvCondition::unchanged(std::move(row_key), std::move(row));
}

// An object has the time of its version, which was taken after the read of what was before. All
// else has the time of now, after such a read: whatever comes next has read it.
void FilerService::note(const BucketEntry& bucket, const WhatChanged& what, std::string_view key,
                        const ObjectEntry& entry, KvBatch& batch) const {
  if (bucket.events.log == 0) return;
  const bool is_new = what.kind == EventKind::kPut && what.origin.cause != EventCause::kTransition;
  ObjectEvent event{.kind = what.kind,
                    .time = is_new ? entry.modified : later_than(entry.modified, clock_.wall()),
                    .key = std::string(key),
                    .version = entry.version,
                    .version_id = shown_version_id(bucket, entry),
                    .size_bytes = entry.size_bytes,
                    .etag = entry.delete_marker ? std::string() : etag_text(entry),
                    .origin = what.origin};
  add_event(bucket.events.log, options_.event_stream, event, batch);
  if (!what.then) return;
  event.kind = *what.then;
  event.time += std::chrono::nanoseconds(1);  // Events of a key are told apart by their times.
  add_event(bucket.events.log, options_.event_stream, event, batch);
}

}  // namespace kelp
