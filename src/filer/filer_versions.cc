// Versions: FilerService's calls that remove, list and tag them, and puts that keep older ones.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "filer/core/annotations.h"
#include "filer/core/key_floor.h"
#include "filer/core/keys.h"
#include "filer/core/object_lock.h"
#include "filer/core/rows.h"
#include "filer/core/version_listing.h"
#include "filer/filer_service.h"

namespace kelp {
namespace {

constexpr std::size_t kMaxDeletes = 1000;
constexpr std::uint32_t kMaxPage = 1000;
constexpr int kMaxNumbers = 100;
constexpr std::size_t kFewKeys = 8;  // Planned where the call came in.

}  // namespace

Error rises_too_fast() {
  return Error(Errc::kUnavailable, "others keep making versions of the key");
}

Task<Result<WriteOutcome>> FilerService::put_version(PutObject& request,
                                                     const std::optional<SharedFrom>& from,
                                                     FoundBucket in) {
  if (from && from->appends) {
    co_return Error(Errc::kInvalidArgument, "nothing is appended in a bucket with versions");
  }
  std::optional<FoundBucket> source;
  if (from) {
    KELP_CO_TRY(source, co_await find_bucket(from->object.bucket));
  }
  std::vector<Chunk>& chunks = request.entry.layout.chunks;
  const std::uint64_t staged = request.entry.layout.annotations.set;
  auto besides = [&](RowPlan& rows, KeyVersions& versions) -> Result<void> {
    KELP_CHECK(take_staged(rows, staged, request.entry));
    std::vector<Chunk> rest = chunks;
    if (from) {
      KELP_TRY(rest, share_version(rows, source->bucket, from->object.key, from->version, chunks));
      // The needles may be those of the key's newest version, which says so now.
      KELP_CHECK(versions.refresh());
    }
    if (rest.empty()) return {};
    KELP_TRY(auto floor, rows.get(keys::key_floor()));
    return require_above_floor(std::move(floor), rest, rows.rest());
  };
  NewVersion version{.in = std::move(in),
                     .key = request.key,
                     .entry = request.entry,
                     .conditions = request.conditions,
                     .inline_body = request.inline_body,
                     .besides = std::move(besides),
                     .more = {}};
  co_return co_await commit_version(std::move(version));
}

Task<Result<WriteOutcome>> FilerService::commit_version(NewVersion version) {
  ObjectLock& lock = version.entry.headers.lock;
  const ObjectLock asked = lock;
  const auto outcome = co_await try_version(std::move(version));
  if (!outcome) lock = asked;
  co_return outcome;
}

Task<Result<WriteOutcome>> FilerService::try_version(NewVersion version) {
  const ObjectLock asked = version.entry.headers.lock;
  ObjectEntry& entry = version.entry;
  const BucketEntry& bucket = version.in.bucket;
  const WallTime now = clock_.wall();
  std::uint64_t newest = 0;
  std::function<Result<UsageChange>(RowPlan&)> make = [&](RowPlan& rows) -> Result<UsageChange> {
    KELP_TRY(KeyVersions versions, KeyVersions::read(rows, bucket, version.key));
    newest = versions.newest();
    KELP_CHECK(check_conditions(version.conditions, versions.current()));
    if (newest >= entry.version) return UsageChange{};
    KELP_CHECK(versions.order_events());
    entry.modified = later_than(versions.newest_modified(), clock_.wall());
    entry.headers.lock = asked;
    KELP_CHECK(settle_lock(bucket, entry));
    KELP_CHECK(version.besides(rows, versions));
    return versions.put(entry, now);
  };
  for (int attempt = 0; attempt < kMaxNumbers; ++attempt) {
    KELP_CO_TRY(entry.version, co_await ids_.next(newest));
    const bool has_body = version.inline_body && !version.inline_body->empty();
    entry.layout.inline_id = has_body ? entry.version : 0;
    KELP_CO_TRY(auto planned, co_await plan(make));
    if (newest >= entry.version) continue;
    KvBatch& batch = planned.batch;
    batch.conditions.push_back(KvCondition::equals(version.in.row_key, std::move(version.in.row)));
    if (has_body) {
      std::string body = *version.inline_body;
      seal_body(entry.layout.inline_id, body);
      batch.writes.push_back(KvWrite::put(keys::body(entry.layout.inline_id), std::move(body)));
    }
    note(bucket, {EventKind::kPut, version.conditions.origin}, version.key, entry, batch);
    const UsageChange usage = planned.value + version.more;
    if (needs_room(bucket, usage)) {
      KELP_CO_CHECK(co_await require_room_now(bucket, usage, batch));
    }
    add_usage(bucket, usage, options_.counter_shard, batch);
    KELP_CO_CHECK(co_await kv_.commit(std::move(batch)));
    co_return WriteOutcome{entry.version, entry.modified, new_version_id(bucket, entry)};
  }
  co_return rises_too_fast();
}

Task<Result<UsageChange>> FilerService::change_of_version(FoundBucket in, std::string key,
                                                          std::uint64_t size_bytes) {
  std::function<Result<UsageChange>(RowPlan&)> make = [&](RowPlan& rows) -> Result<UsageChange> {
    KELP_TRY(KeyVersions versions, KeyVersions::read(rows, in.bucket, key));
    ObjectEntry entry;
    entry.version = versions.newest() + 1;
    entry.size_bytes = size_bytes;
    return versions.put(entry, clock_.wall());
  };
  KELP_CO_TRY(const auto planned, co_await plan(make));
  co_return planned.value;
}

Task<Result<DeleteOutcome>> FilerService::delete_object(ObjectKey name,
                                                        WriteConditions conditions) {
  std::vector<DeleteTarget> one;
  one.push_back({.key = std::move(name.key),
                 .version_id = name.version_id,
                 .conditions = std::move(conditions)});
  KELP_CO_TRY(auto outcomes, co_await delete_some(std::move(name.bucket), std::move(one)));
  co_return std::move(outcomes.front());
}

Task<Result<std::vector<Result<DeleteOutcome>>>> FilerService::delete_objects(
    DeleteObjects request) {
  const std::size_t count = request.keys.size();
  if (count > kMaxDeletes) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("{} keys; at most {} are deleted at once", count, kMaxDeletes));
  }
  KELP_CO_TRY(const MemoryBudget::Share memory, take_memory(count));
  if (!request.version_ids.empty() && request.version_ids.size() != count) {
    co_return Error(Errc::kInvalidArgument, "version ids of other keys");
  }
  std::vector<DeleteTarget> targets;
  targets.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    DeleteTarget& target = targets.emplace_back();
    target.key = std::move(request.keys[i]);
    if (!request.version_ids.empty()) target.version_id = request.version_ids[i];
    target.conditions.bypass_governance = request.bypass_governance;
    target.conditions.origin = request.origin;
  }
  co_return co_await delete_some(std::move(request.bucket), std::move(targets));
}

/// What the commit comes to does not count for keys that are none: they have errors of their own.
Task<Result<std::vector<Result<DeleteOutcome>>>> FilerService::delete_some(
    std::string bucket, std::vector<DeleteTarget> targets) {
  std::vector<std::optional<Error>> refused(targets.size());
  std::vector<DeleteTarget> good;
  good.reserve(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) {
    auto checked = check_object_key(targets[i].key);
    if (checked) {
      good.push_back(std::move(targets[i]));
    } else {
      refused[i] = std::move(checked).error();
    }
  }
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(FoundBucket in, co_await find_bucket(bucket));
    PlanDeletes make = [&good, bucket = in.bucket, now = clock_.wall()](RowPlan& rows) {
      return plan_deletes(rows, bucket, good, now);
    };
    const bool is_short = good.size() <= kFewKeys;
    auto done = co_await delete_once(std::move(in), good, std::move(make), is_short);
    if (!done && lost_race(done.error())) continue;
    KELP_CO_CHECK(done);
    std::vector<Result<DeleteOutcome>> outcomes;
    outcomes.reserve(refused.size());
    auto next = done->outcomes.begin();
    for (auto& error : refused) {
      if (error) {
        outcomes.emplace_back(*std::move(error));
      } else {
        outcomes.push_back(std::move(*next++));
      }
    }
    co_return outcomes;
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<PlannedDelete>> FilerService::delete_once(FoundBucket in,
                                                      std::vector<DeleteTarget>& targets,
                                                      PlanDeletes make, bool is_short) {
  const bool versioned = in.bucket.versioning != Versioning::kNever;
  std::uint64_t above = 0;
  for (int attempt = 0; attempt < kMaxNumbers; ++attempt) {
    for (DeleteTarget& target : targets) {
      if (!versioned || target.version_id) continue;
      KELP_CO_TRY(target.marker, co_await ids_.next(above));
    }
    KELP_CO_TRY(auto planned, co_await plan(make, is_short));
    above = planned.value.too_low;
    if (above != 0) continue;
    KvBatch& batch = planned.batch;
    if (batch.writes.empty()) {
      if (!versioned) co_return std::move(planned.value);
      // What was read of versions must still be so, as it took several reads; of no row at all.
      batch.writes.push_back(KvWrite::remove(keys::version(in.bucket.id, {}, 0)));
    }
    add_usage(in.bucket, planned.value.usage, options_.counter_shard, batch);
    const EventOrigin& origin = targets.front().conditions.origin;  // Of one request: all alike.
    for (const auto& [kind, key, entry] : planned.value.changes) {
      note(in.bucket, {kind, origin}, key, entry, batch);
    }
    // Else the object could be one that a bucket with versions keeps.
    batch.conditions.push_back(KvCondition::equals(std::move(in.row_key), std::move(in.row)));
    KELP_CO_CHECK(co_await kv_.commit(std::move(batch)));
    co_return std::move(planned.value);
  }
  co_return rises_too_fast();
}

Task<Result<ListedVersions>> FilerService::list_versions(ListVersions request) {
  KELP_CO_TRY(FoundBucket in, co_await find_bucket(request.bucket));
  request.limit = std::min(request.limit, kMaxPage);
  std::move_only_function<Result<ListedVersions>(KvStore&)> list =
      [bucket = std::move(in.bucket), request = std::move(request)](KvStore& store) {
        return kelp::list_versions(store, bucket, request);
      };
  co_return co_await kv_.read<ListedVersions>(std::move(list));
}

Task<Result<TaggedVersion>> FilerService::set_object_tags(SetObjectTags request) {
  auto change = [&request](const BucketEntry&, ObjectEntry& entry) -> Result<void> {
    entry.headers.tags.clear();
    for (const Tag& tag : request.tags) entry.headers.tags.emplace_back(tag.key, tag.value);
    return {};
  };
  WhatChanged what{EventKind::kTags, request.origin};
  co_return co_await change_version(request.name, std::move(what), std::move(change));
}

Task<Result<TaggedVersion>> FilerService::set_object_acl(SetObjectAcl request) {
  auto change = [&request](const BucketEntry&, ObjectEntry& entry) -> Result<void> {
    entry.headers.acl = request.acl;
    return {};
  };
  WhatChanged what{EventKind::kAcl, request.origin};
  co_return co_await change_version(request.name, std::move(what), std::move(change));
}

Task<Result<TaggedVersion>> FilerService::change_version(ObjectKey name, WhatChanged what,
                                                         ChangeEntry change) {
  KELP_CO_CHECK(check_object_key(name.key));
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    auto changed = co_await change_version_once(name, what, change);
    if (changed || !lost_race(changed.error())) co_return changed;
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<TaggedVersion>> FilerService::change_version_once(ObjectKey name, WhatChanged what,
                                                              ChangeEntry change) {
  KELP_CO_TRY(FoundBucket in, co_await find_bucket(name.bucket));
  const auto& wanted = name.version_id;
  ObjectEntry changed;
  std::function<Result<TaggedVersion>(RowPlan&)> make =
      [&](RowPlan& rows) -> Result<TaggedVersion> {
    KELP_TRY(KeyVersions versions, KeyVersions::read(rows, in.bucket, name.key));
    KELP_TRY(FoundVersion version, find_named(versions, wanted));
    ObjectEntry& entry = version.object.entry;
    KELP_CHECK(change(in.bucket, entry));
    const TaggedVersion answer{shown_version_id(in.bucket, entry)};
    changed = entry;
    versions.rewrite(std::move(version));
    return answer;
  };
  KELP_CO_TRY(auto planned, co_await plan(make));
  note(in.bucket, what, name.key, changed, planned.batch);
  planned.batch.conditions.push_back(KvCondition::equals(std::move(in.row_key), std::move(in.row)));
  KELP_CO_CHECK(co_await kv_.commit(std::move(planned.batch)));
  co_return planned.value;
}

}  // namespace kelp
