#include "webdav/transfer.h"

#include <boost/asio/this_coro.hpp>

#include "async/task_group.h"
#include "s3gw/archive.h"
#include "s3gw/authorize.h"
#include "s3gw/ops/copy_annotations.h"
#include "s3gw/ops/copy_body.h"
#include "s3gw/ops/needle_sink.h"
#include "s3gw/write_headers.h"
#include "webdav/permission.h"

namespace kelp::webdav {
namespace {

constexpr int kMaxAttempts = 3;
constexpr std::size_t kAtOnce = 16;

/// The source of a copy with its body, where that is inline.
Task<Outcome<s3::FoundSource>> read_source(Visit& visit, ObjectKey name) {
  auto found = co_await visit.filer().get_object(name, true);
  if (!found) co_return std::unexpected(as_failure(found.error()));
  KELP_DAV_CO_CHECK(co_await s3::authorize_source(visit.call, name, *found));
  if (found->entry.delete_marker) co_return failed(404, "the source is not there");
  KELP_DAV_CO_CHECK(s3::check_readable(visit.call, found->entry));
  s3::FoundSource source;
  source.name = {.bucket = name.bucket, .key = name.key, .version_id = {}};
  source.object = *std::move(found);
  co_return source;
}

/// All of `source` but its body, under another name.
PutObject request_of(const s3::FoundSource& source, const ObjectKey& to) {
  const ObjectEntry& original = source.object.entry;
  PutObject request{.bucket = to.bucket, .key = to.key};
  ObjectEntry& entry = request.entry;
  entry.size_bytes = original.size_bytes;
  entry.owner_id = original.owner_id;
  entry.etag = original.etag;
  entry.etag_parts = original.etag_parts;
  entry.checksums = original.checksums;
  entry.parts = original.parts;
  entry.headers = original.headers;
  entry.headers.lock = {};
  drop_restored_copy(entry.headers);
  return request;
}

Failure changed_meanwhile() {
  return {409, "others kept changing it meanwhile: try again"};
}

bool is_refused_condition(const Error& error) {
  return error.reason() == Reason::kConditionFailed;
}

/// One of the moves or copies that run at once.
Task<void> carry(Visit& visit, Journey journey, bool move, Outcome<void>& outcome) {
  if (move) {
    outcome = co_await move_object(visit, std::move(journey));
    co_return;
  }
  auto copied = co_await copy_object(visit, std::move(journey));
  if (!copied) outcome = std::unexpected(std::move(copied).error());
}

/// What lies below one prefix, to another.
struct Branch {
  std::string bucket;
  std::string prefix;
  BucketEntry to_bucket;
  std::string to_prefix;
  bool move = false;
};

/// Whether one of many may go where it is to go; a copy asks for its source itself.
Task<Outcome<void>> may_carry(Visit& visit, const Journey& journey, bool move) {
  const auto& [from, to, to_bucket, overwrite] = journey;
  KELP_DAV_CO_CHECK(co_await s3::authorize_in(visit.call, to.bucket, "s3:putobject", to.key));
  if (!move) co_return Outcome<void>{};
  KELP_DAV_CO_CHECK(co_await s3::authorize_in(visit.call, from.bucket, "s3:getobject", from.key));
  co_return co_await may_remove(visit, from.bucket, from.key);
}

Task<Outcome<void>> carry_page(Visit& visit, const Branch& branch, const ListedPage& page) {
  co_await asio::this_coro::throw_if_cancelled(false);
  TaskGroup group(co_await asio::this_coro::executor);
  std::vector<Outcome<void>> outcomes(page.objects.size());
  for (std::size_t i = 0; i < page.objects.size(); ++i) {
    const std::string& key = page.objects[i].key;
    Journey journey{.from = {.bucket = branch.bucket, .key = key},
                    .to = {.bucket = branch.to_bucket.name,
                           .key = branch.to_prefix + key.substr(branch.prefix.size())},
                    .to_bucket = branch.to_bucket};
    outcomes[i] = co_await may_carry(visit, journey, branch.move);
    if (!outcomes[i]) break;
    group.spawn(carry(visit, std::move(journey), branch.move, outcomes[i]));
    if (group.size() == kAtOnce) co_await group.join();
  }
  co_await group.join();
  for (Outcome<void>& outcome : outcomes) {
    KELP_DAV_CO_CHECK(std::move(outcome));
  }
  co_return Outcome<void>{};
}

Task<Outcome<void>> carry_branch(Visit& visit, Branch branch) {
  std::string after;
  while (true) {
    ListObjects request{.bucket = branch.bucket,
                        .prefix = branch.prefix,
                        .delimiter = {},
                        .start_after = after,
                        .limit = 1000};
    KELP_DAV_CO_TRY(const ListedPage page, co_await visit.filer().list_objects(std::move(request)));
    KELP_DAV_CO_CHECK(co_await carry_page(visit, branch, page));
    if (!page.truncated) co_return Outcome<void>{};
    after = page.next;
  }
}

/// Within a bucket: a commit for many objects at a time.
Task<Outcome<void>> rename_branch(Visit& visit, Branch branch) {
  RenamePrefix request{.bucket = std::move(branch.bucket),
                       .from = std::move(branch.prefix),
                       .to = std::move(branch.to_prefix),
                       .start_after = {}};
  while (true) {
    auto renamed = co_await visit.filer().rename_prefix(request);
    if (!renamed) {
      s3::note_refusal(visit.call.services.deps, renamed.error());
      co_return std::unexpected(as_failure(renamed.error()));
    }
    if (!renamed->more) co_return Outcome<void>{};
    request.start_after = std::move(renamed->next);
  }
}

/// Whether `inner` is `outer` or lies in it.
bool is_within(const Place& inner, const Place& outer) {
  const std::string path = lock_path(inner);
  const std::string above = lock_path(outer);
  return path == above || path.starts_with(above + '/');
}

/// Removes what a directory replaces, or what a file cannot replace.
Task<Outcome<void>> clear(Visit& visit, Found existing, bool for_file) {
  const Place& place = existing.place;
  if (existing.directory()) {
    co_return co_await remove_below(visit, place.bucket, place.prefix());
  }
  if (for_file) co_return Outcome<void>{};
  KELP_DAV_CO_CHECK(co_await may_remove(visit, place.bucket, place.key));
  const ObjectKey name{.bucket = place.bucket, .key = place.key};
  const WriteConditions none;
  KELP_DAV_CO_CHECK(co_await visit.filer().delete_object(name, none));
  co_return Outcome<void>{};
}

Task<Outcome<void>> carry_directory(Visit& visit, Found source, Place to, BucketEntry to_bucket,
                                    TransferPlan plan) {
  if (!plan.deep) {
    // The directory alone: what was attached to it, when it has a marker.
    if (!source.object) co_return co_await make_directory(visit, to);
    Journey journey{.from = {.bucket = source.place.bucket, .key = source.place.prefix()},
                    .to = {.bucket = to.bucket, .key = to.prefix()},
                    .to_bucket = std::move(to_bucket)};
    KELP_DAV_CO_CHECK(co_await copy_object(visit, std::move(journey)));
    co_return Outcome<void>{};
  }
  Branch branch{.bucket = source.place.bucket,
                .prefix = source.place.prefix(),
                .to_bucket = std::move(to_bucket),
                .to_prefix = to.prefix(),
                .move = plan.move};
  const bool renames =
      branch.move && branch.bucket == branch.to_bucket.name && s3::may_all(visit.call);
  auto carried =
      renames ? rename_branch(visit, std::move(branch)) : carry_branch(visit, std::move(branch));
  co_return co_await std::move(carried);
}

/// Whether the source may be looked into, and taken away by a move; of a directory each of its
/// files is asked for when it is its turn.
Task<Outcome<void>> may_take(Visit& visit, const Found& source, bool move) {
  const Place& place = source.place;
  if (source.directory()) co_return co_await may_list(visit, place);
  KELP_DAV_CO_CHECK(co_await may_read(visit, place, *source.object));
  if (move) co_return co_await may_remove(visit, place.bucket, place.key);
  co_return Outcome<void>{};
}

}  // namespace

Task<Outcome<ObjectEntry>> copy_object(Visit& visit, Journey journey) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    KELP_DAV_CO_TRY(const s3::FoundSource source, co_await read_source(visit, journey.from));
    PutObject request = request_of(source, journey.to);
    KELP_DAV_CO_CHECK(give_owner(visit, request.entry));
    request.conditions.if_none_match_any = !journey.overwrite;
    auto annotations = s3::authorize_annotations(visit.call, source, journey.to.key);
    KELP_DAV_CO_CHECK(co_await std::move(annotations));
    KELP_DAV_CO_TRY(request.entry.layout.annotations,
                    co_await s3::stage_annotations(visit.call, source, journey.to_bucket,
                                                   request.entry.headers.encryption));
    KELP_DAV_CO_TRY(
        const Result<WriteOutcome> copied,
        co_await s3::write_copy(visit.call, source, journey.to_bucket.id, std::move(request)));
    if (copied) co_return source.object.entry;
    if (is_refused_condition(copied.error())) co_return failed(412, "the destination is there");
    if (s3::source_changed(copied.error())) continue;
    s3::note_refusal(visit.call.services.deps, copied.error());
    co_return std::unexpected(as_failure(copied.error()));
  }
  co_return std::unexpected(changed_meanwhile());
}

Task<Outcome<void>> move_object(Visit& visit, Journey journey) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    RenameObject request{.from = journey.from, .to = journey.to};
    request.conditions.if_none_match_any = !journey.overwrite;
    const auto renamed = co_await visit.filer().rename_object(std::move(request));
    if (renamed) co_return Outcome<void>{};
    if (is_refused_condition(renamed.error())) co_return failed(412, "the destination is there");
    if (s3::source_changed(renamed.error())) continue;
    s3::note_refusal(visit.call.services.deps, renamed.error());
    co_return std::unexpected(as_failure(renamed.error()));
  }
  co_return std::unexpected(changed_meanwhile());
}

Task<Outcome<void>> change_headers(Visit& visit, ObjectKey name,
                                   std::function<Outcome<void>(ObjectHeaders&)> change) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    KELP_DAV_CO_TRY(const s3::FoundSource source, co_await read_source(visit, name));
    PutObject request = request_of(source, name);
    KELP_DAV_CO_CHECK(change(request.entry.headers));
    request.conditions.if_match = etag_text(source.object.entry);
    KELP_DAV_CO_TRY(request.entry.layout.annotations,
                    co_await s3::stage_annotations(visit.call, source, source.object.bucket,
                                                   request.entry.headers.encryption));
    const BucketId bucket = source.object.bucket.id;
    KELP_DAV_CO_TRY(const Result<WriteOutcome> written,
                    co_await s3::write_copy(visit.call, source, bucket, std::move(request)));
    if (written) co_return Outcome<void>{};
    if (is_refused_condition(written.error()) || s3::source_changed(written.error())) continue;
    s3::note_refusal(visit.call.services.deps, written.error());
    co_return std::unexpected(as_failure(written.error()));
  }
  co_return std::unexpected(changed_meanwhile());
}

Task<Outcome<bool>> transfer(Visit& visit, Found source, Place to, TransferPlan plan) {
  if (source.place.level != Level::kEntry || to.level != Level::kEntry) {
    co_return failed(403, "buckets and what holds them are neither copied nor moved");
  }
  if (is_within(to, source.place) &&
      (source.directory() || lock_path(to) == lock_path(source.place))) {
    co_return failed(403, "the destination is the source, or in it");
  }
  if (is_within(source.place, to)) co_return failed(403, "the source is in the destination");
  to.slash = source.directory();
  const s3::Operation operation =
      plan.move ? s3::Operation::kRenameObject : s3::Operation::kCopyObject;
  KELP_DAV_CO_CHECK(co_await ask(visit, operation, to.bucket, key_of(to)));
  KELP_DAV_CO_TRY(BucketEntry to_bucket, co_await s3::own_bucket(visit.call));
  KELP_DAV_CO_CHECK(co_await may_take(visit, source, plan.move));
  to.slash = false;
  KELP_DAV_CO_TRY(const Found existing, co_await look_up(visit, to));
  const bool replaces = existing.kind != Found::Kind::kNothing;
  if (replaces && !plan.overwrite) co_return failed(412, "something stands at the destination");
  if (existing.directory() && !plan.over_directory) {
    co_return failed(409, "a directory of that name is in it already");
  }
  if (plan.needs_parent) {
    KELP_DAV_CO_CHECK(co_await check_parent(visit, to));
  }
  KELP_DAV_CO_CHECK(check_locks(visit, to, {.below = true, .parent = !replaces}));
  if (plan.move) {
    KELP_DAV_CO_CHECK(check_locks(visit, source.place, {.below = true, .parent = true}));
  }
  if (replaces) {
    KELP_DAV_CO_CHECK(co_await clear(visit, existing, source.file()));
  }
  if (source.directory()) {
    KELP_DAV_CO_CHECK(co_await carry_directory(visit, source, to, std::move(to_bucket), plan));
  } else {
    Journey journey{.from = {.bucket = source.place.bucket, .key = source.place.key},
                    .to = {.bucket = to.bucket, .key = to.key},
                    .to_bucket = std::move(to_bucket),
                    .overwrite = plan.overwrite};
    Outcome<void> carried;
    co_await carry(visit, std::move(journey), plan.move, carried);
    KELP_DAV_CO_CHECK(std::move(carried));
  }
  if (plan.move) forget_locks(visit, source.place);
  co_return replaces;
}

}  // namespace kelp::webdav
