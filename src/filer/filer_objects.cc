// Objects: FilerService's calls that put, find and list them.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "filer/core/annotations.h"
#include "filer/core/event_log.h"
#include "filer/core/key_floor.h"
#include "filer/core/keys.h"
#include "filer/core/listing.h"
#include "filer/core/manifest.h"
#include "filer/core/object_lock.h"
#include "filer/core/rows.h"
#include "filer/core/shares.h"
#include "filer/filer_service.h"
#include "wire/sealed.h"

namespace kelp {
namespace {

constexpr std::uint32_t kMaxPage = 1000;
// A body may be overwritten again and again between the read of its entry and its own.
constexpr int kMaxBodyReads = 100;

/// What only a faulty caller gets wrong.
Result<void> check_put(const PutObject& request, std::uint64_t inline_limit_bytes) {
  KELP_CHECK(check_object_key(request.key));
  const ObjectEntry& entry = request.entry;
  if (entry.delete_marker || entry.older_null != 0) {
    return Error(Errc::kInvalidArgument, "an entry that only a filer makes");
  }
  const std::uint64_t stored = stored_bytes(entry);
  if (request.inline_body) {
    if (request.inline_body->size() <= inline_limit_bytes &&
        request.inline_body->size() == stored && entry.layout.chunks.empty()) {
      return {};
    }
    return Error(Errc::kInvalidArgument,
                 fmt::format("inline body of {} bytes for an entry of {} bytes and {} chunks",
                             request.inline_body->size(), stored, entry.layout.chunks.size()));
  }
  std::uint64_t in_chunks = 0;
  for (const Chunk& chunk : entry.layout.chunks) in_chunks += chunk.size_bytes;
  if (in_chunks == stored) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("chunks of {} bytes for an entry of {}", in_chunks, stored));
}

/// Reads rows, when told so only as far as that needs no wait.
struct RowReader {
  KvStore& store;
  bool may_wait = true;
  bool gave_up = false;  ///< A row was not in memory; whatever came out means nothing.

  Result<std::optional<std::string>> get(std::string_view key) {
    if (may_wait) return store.get(key);
    if (auto known = store.try_get(key)) return std::move(*known);
    return give_up();
  }
  /// The newest version row of a key, with its value.
  Result<std::optional<KvRow>> newest_version(BucketId bucket, std::string_view key) {
    if (!may_wait) return give_up();
    KELP_TRY(auto rows, store.scan(keys::within(keys::versions_of_key(bucket, key)), 1));
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
  }
  Error give_up() {
    gave_up = true;
    return Error(Errc::kUnavailable, "not in memory");
  }
};

Error no_such_key() {
  return Error(Errc::kNotFound, "no such key", Reason::kNoSuchKey);
}

Error no_such_version() {
  return Error(Errc::kNotFound, "no such version", Reason::kNoSuchVersion);
}

/// Whether the version is there at one point in time, which several reads are not.
Result<bool> is_there(RowReader& rows, const BucketEntry& bucket, const ObjectKey& name) {
  if (!rows.may_wait) return rows.give_up();
  const std::string object = keys::object(bucket.id, name.key);
  const std::string versions = keys::versions_of_key(bucket.id, name.key);
  const auto cursor = rows.store.cursor({object, keys::behind(versions)});
  std::uint64_t number = *name.version_id;
  const auto look = [&](std::string_view from) -> Result<bool> {
    cursor->seek(from);
    KELP_CHECK(cursor->status());
    const bool newest =
        cursor->valid() && (cursor->key() == object || cursor->key().starts_with(versions));
    if (!newest) return false;
    KELP_TRY(const ObjectEntry entry, decode_entry(cursor->value()));
    if (version_id_of(entry) == *name.version_id) return true;
    if (*name.version_id == kNullVersion) number = entry.older_null;
    return false;
  };
  KELP_TRY(bool found, look(object));
  if (!found && number == 0) {
    KELP_TRY(found, look(versions));
  }
  if (!found && number != 0) {
    KELP_TRY(found, look(keys::version(bucket.id, name.key, number)));
  }
  return found;
}

/// The row of the version that `name` means; nothing: the rows changed while they were read.
Result<std::optional<std::string>> find_version(RowReader& rows, const BucketEntry& bucket,
                                                const ObjectKey& name) {
  const bool versioned = bucket.versioning != Versioning::kNever;
  KELP_TRY(auto object, rows.get(keys::object(bucket.id, name.key)));
  if (!name.version_id || (!versioned && *name.version_id == kNullVersion)) {
    if (object) return object;
    if (!versioned) return name.version_id ? no_such_version() : no_such_key();
    KELP_TRY(auto newest, rows.newest_version(bucket.id, name.key));
    if (!newest) return no_such_key();
    KELP_TRY(const ListedEntry marker, decode_listed(newest->second));
    if (!marker.delete_marker) return std::nullopt;
    return std::move(newest->second);
  }
  if (!versioned) return no_such_version();
  const std::uint64_t id = *name.version_id;
  if (!object && id == kNullVersion) {
    KELP_TRY(auto newest, rows.newest_version(bucket.id, name.key));
    if (newest) object = std::move(newest->second);
  }
  std::uint64_t number = id;
  if (object) {
    KELP_TRY(const ObjectEntry head, decode_entry(*object));
    if (version_id_of(head) == id) return object;
    if (id == kNullVersion) number = head.older_null;
  }
  if (number != 0) {
    KELP_TRY(auto row, rows.get(keys::version(bucket.id, name.key, number)));
    if (row) {
      KELP_TRY(const ListedEntry found, decode_listed(*row));
      if (version_id_of(found) == id) return row;
    }
  }
  KELP_TRY(const bool there, is_there(rows, bucket, name));
  if (there) return std::nullopt;
  return no_such_version();
}

/// The object's entry and, when it has one and it is asked for, its inline body, checked.
Result<FoundObject> look_up(RowReader& rows, const ObjectKey& name, bool with_inline_body) {
  FoundObject found;
  KELP_TRY(const auto bucket_row, rows.get(keys::bucket(name.bucket)));
  if (!bucket_row) return Error(Errc::kNotFound, "no such bucket", Reason::kNoSuchBucket);
  KELP_TRY(found.bucket, decode_bucket(*bucket_row));
  found.bucket.name = name.bucket;
  for (int attempt = 0; attempt < kMaxBodyReads; ++attempt) {
    const std::uint64_t before = found.entry.version;
    KELP_TRY(const auto row, find_version(rows, found.bucket, name));
    if (!row) continue;
    KELP_TRY(found.entry, decode_entry(*row));
    found.entry.older_null = 0;
    if (found.entry.owner_id.empty()) found.entry.owner_id = found.bucket.owner_id;
    for (Chunk& chunk : found.entry.layout.chunks) chunk.shared = false;
    const std::uint64_t id = found.entry.layout.inline_id;
    if (!with_inline_body || id == 0) return found;

    KELP_TRY(found.inline_body, rows.get(keys::body(id)));
    if (found.inline_body) {
      KELP_CHECK(open_body(id, *found.inline_body));
      const std::uint64_t stored = stored_bytes(found.entry);
      if (found.inline_body->size() == stored) return found;
      return Error(Errc::kCorruption, fmt::format("inline body {}: {} bytes, its entry says {}", id,
                                                  found.inline_body->size(), stored));
    }
    // Overwritten between the two reads, unless the entry is still the same.
    if (found.entry.version == before) {
      return Error(Errc::kCorruption, fmt::format("inline body {} is missing", id));
    }
  }
  return Error(Errc::kUnavailable, "the object changes faster than it can be read");
}

/// Of a put, before anything was committed: never of one whose outcome is unknown.
bool is_refusal(Reason reason) {
  return reason == Reason::kConditionFailed || reason == Reason::kNoSuchKey ||
         reason == Reason::kQuotaExceeded || reason == Reason::kNoObjectLock;
}

}  // namespace

// The bucket's row is a condition of the commit, so a remembered one saves the read: when it is not
// what is there, nothing happens and the next attempt reads. A refusal that rests on it is worth
// nothing either.
Task<Result<WriteOutcome>> FilerService::put_object(PutObject request) {
  return put(std::move(request), std::nullopt);
}

Task<Result<WriteOutcome>> FilerService::share_object(ShareObject request) {
  return put(std::move(request.put), SharedFrom{std::move(request.from), request.from_version});
}

Task<Result<WriteOutcome>> FilerService::append_object(AppendObject request) {
  return put(std::move(request.put),
             SharedFrom{.object = {}, .version = request.version, .appends = true});
}

Task<Result<WriteOutcome>> FilerService::put(PutObject request, std::optional<SharedFrom> from) {
  KELP_CO_CHECK(check_put(request, options_.inline_limit_bytes));
  EventOrigin& origin = request.conditions.origin;
  if (from && !from->appends && origin.cause == EventCause::kUnknown) {
    origin.cause = EventCause::kCopy;
  }
  for (int attempt = 0; attempt < options_.max_attempts; ++attempt) {
    KELP_CO_TRY(FoundBucket in, co_await remember_bucket(request.bucket));
    const bool remembered = in.remembered;
    const auto outcome = co_await put_once(request, from, std::move(in), attempt == 0 && !from);
    if (outcome) co_return outcome;
    const bool again =
        lost_race(outcome.error()) || (remembered && is_refusal(outcome.error().reason()));
    if (!again) co_return outcome;
    forget_bucket(request.bucket);
  }
  co_return kept_losing(options_.max_attempts);
}

Task<Result<WriteOutcome>> FilerService::put_once(PutObject& request,
                                                  const std::optional<SharedFrom>& from,
                                                  FoundBucket in, bool guess) {
  if (in.bucket.versioning != Versioning::kNever) {
    co_return co_await put_version(request, from, std::move(in));
  }
  const bool has_body = request.inline_body && !request.inline_body->empty();
  ObjectEntry& entry = request.entry;
  entry.has_id = false;
  const std::string row_key = keys::object(in.bucket.id, request.key);
  CurrentObject current;
  const bool absent = guess && request.conditions.if_none_match_any &&
                      !request.conditions.if_match && !kv_.store().try_get(row_key).has_value();
  if (!absent) {
    KELP_CO_TRY(current, co_await find_object(row_key));
  }
  KELP_CO_CHECK(check_conditions(request.conditions, current));
  KELP_CO_CHECK(settle_lock(in.bucket, entry));
  KELP_CO_TRY(entry.version, co_await ids_.next(current.entry.version));
  std::optional<KvCondition> no_delete;
  if (in.bucket.events.log != 0 && !current.row) {
    KELP_CO_TRY(no_delete, co_await as_it_is(deletes_of(in.bucket.events.log, request.key)));
  }
  const WallTime now = clock_.wall();
  entry.modified = later_than(current.entry.modified, now);
  entry.layout.inline_id = has_body ? entry.version : 0;

  KvBatch batch;
  batch.conditions.reserve(3);
  batch.writes.reserve(5);
  batch.conditions.push_back(KvCondition::equals(in.row_key, in.row));
  if (no_delete) batch.conditions.push_back(*std::move(no_delete));
  KELP_CO_CHECK(co_await name_chunks(from, row_key, current, entry.layout.chunks, batch));
  if (from && from->appends) {
    entry.layout.annotations = current.entry.layout.annotations;
  } else if (const std::uint64_t set = entry.layout.annotations.set; set != 0) {
    KELP_CO_TRY(auto row, co_await kv_.get(keys::loose_set(set)));
    KELP_CO_CHECK(take_staged(std::move(row), set, entry, batch));
  }
  if (has_body) {
    std::string body;
    body.reserve(request.inline_body->size() + 8);
    body = *request.inline_body;
    seal_body(entry.layout.inline_id, body);
    batch.writes.push_back(KvWrite::put(keys::body(entry.layout.inline_id), std::move(body)));
  }
  const ObjectChange change{
      .bucket = in.bucket, .row_key = row_key, .current = current, .now = now};
  add_put(change, entry, batch);
  note(in.bucket, {EventKind::kPut, request.conditions.origin}, request.key, entry, batch);
  const UsageChange usage = usage_of_put(current, held_bytes(entry));
  if (needs_room(in.bucket, usage)) {
    KELP_CO_CHECK(co_await require_room_now(in.bucket, usage, batch));
  }
  add_usage(in.bucket, usage, options_.counter_shard, batch);
  KELP_CO_CHECK(co_await kv_.commit(std::move(batch)));
  co_return WriteOutcome{entry.version, entry.modified};
}

/// What a batch needs that makes the row `row_key`, which holds `current`, name `chunks`: those
/// that `from` names get one name more, the others must not be too old.
Task<Result<void>> FilerService::name_chunks(const std::optional<SharedFrom>& from,
                                             const std::string& row_key, CurrentObject& current,
                                             std::vector<Chunk>& chunks, KvBatch& batch) {
  if (chunks.empty() && !(from && from->appends)) co_return Result<void>();
  std::vector<Chunk> rest;
  if (from && from->appends) {
    KELP_CO_TRY(rest, keep_needles(current, from->version, chunks));
    if (rest.empty()) co_return Result<void>();
  } else if (from) {
    KELP_CO_TRY(const FoundBucket in, co_await find_bucket(from->object.bucket));
    ShareSource source{.row_key = keys::object(in.bucket.id, from->object.key), .object = {}};
    const bool onto_itself = source.row_key == row_key;
    if (onto_itself) {
      source.object = std::move(current);
    } else {
      KELP_CO_TRY(source.object, co_await find_object(source.row_key));
    }
    const bool is_newest = source.object.row && source.object.entry.version == from->version;
    if (!is_newest && in.bucket.versioning != Versioning::kNever) {
      source.row_key = keys::version(in.bucket.id, from->object.key, from->version);
      KELP_CO_TRY(source.object, co_await find_object(source.row_key));
    }
    if (!source.object.row || source.object.entry.version != from->version) {
      co_return Error(Errc::kConflict, "what was to be shared has changed",
                      Reason::kConditionConflict);
    }
    rest = share(source, chunks, onto_itself, batch);
    if (onto_itself) current = std::move(source.object);
    if (rest.empty()) co_return Result<void>();
  }
  KELP_CO_TRY(auto floor, co_await kv_.get(keys::key_floor()));
  co_return require_above_floor(std::move(floor), from ? rest : chunks, batch);
}

Task<Result<FoundObject>> FilerService::get_object(ObjectKey name, bool with_inline_body) {
  // Most reads find all their rows in memory: no thread hop for them.
  RowReader in_memory{.store = kv_.store(), .may_wait = false};
  auto found = look_up(in_memory, name, with_inline_body);
  if (!in_memory.gave_up) co_return found;
  std::move_only_function<Result<FoundObject>(KvStore&)> read = [name = std::move(name),
                                                                 with_inline_body](KvStore& store) {
    RowReader anywhere{.store = store, .may_wait = true};
    return look_up(anywhere, name, with_inline_body);
  };
  co_return co_await kv_.read<FoundObject>(std::move(read));
}

Task<Result<std::vector<Chunk>>> FilerService::get_manifest(std::uint64_t manifest) {
  using Chunks = std::vector<Chunk>;
  std::move_only_function<Result<Chunks>(KvStore&)> read = [manifest](KvStore& store) {
    return read_manifest(store, manifest);
  };
  KELP_CO_TRY(Chunks chunks, co_await kv_.read<Chunks>(std::move(read)));
  for (Chunk& chunk : chunks) chunk.shared = false;
  co_return chunks;
}

Task<Result<ListedPage>> FilerService::list_objects(ListObjects request) {
  KELP_CO_TRY(FoundBucket in, co_await find_bucket(request.bucket));
  request.limit = std::min(request.limit, kMaxPage);
  std::move_only_function<Result<ListedPage>(KvStore&)> list =
      [bucket = std::move(in.bucket), request = std::move(request)](KvStore& store) {
        return kelp::list_objects(store, bucket, request);
      };
  co_return co_await kv_.read<ListedPage>(std::move(list));
}

}  // namespace kelp
