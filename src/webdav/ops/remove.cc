#include "s3gw/core/request_xml.h"
#include "s3gw/write_headers.h"
#include "webdav/core/write_options.h"
#include "webdav/ops/handlers.h"
#include "webdav/permission.h"

namespace kelp::webdav {
namespace {

Task<Outcome<void>> remove_bucket(Visit& visit, std::string name, bool recursive) {
  if (recursive) {
    KELP_DAV_CO_CHECK(co_await remove_below(visit, name, std::string()));
  }
  const auto removed = co_await visit.filer().delete_bucket(name);
  if (removed) co_return Outcome<void>{};
  if (removed.error().reason() == Reason::kBucketNotEmpty) {
    co_return failed(409, recursive ? "the bucket still holds versions"
                                    : "the bucket is not empty: say ?recursive=true");
  }
  co_return std::unexpected(as_failure(removed.error()));
}

Task<Outcome<void>> remove_file(Visit& visit, const Place& place) {
  s3::Call& call = visit.call;
  WriteConditions conditions;
  if (const auto match = call.header("if-match")) conditions.if_match = s3::unquote_etag(*match);
  const ObjectKey name{.bucket = place.bucket, .key = place.key};
  const auto removed = co_await visit.filer().delete_object(name, conditions);
  if (!removed) co_return std::unexpected(as_failure(s3::write_error(removed.error(), conditions)));
  co_return Outcome<void>{};
}

Task<Outcome<void>> remove_directory(Visit& visit, const Place& place, bool recursive) {
  const std::string prefix = place.prefix();
  if (!recursive) {
    KELP_DAV_CO_TRY(const bool full, co_await has_below(visit, place.bucket, prefix));
    if (full) co_return failed(409, "the directory is not empty: say ?recursive=true");
    const ObjectKey marker{.bucket = place.bucket, .key = prefix};
    const WriteConditions none;
    KELP_DAV_CO_CHECK(co_await visit.filer().delete_object(marker, none));
    co_return Outcome<void>{};
  }
  co_return co_await remove_below(visit, place.bucket, prefix);
}

/// Whether the caller may remove what was found; of all that is in a directory each key is asked
/// for when it is its turn.
Task<Outcome<void>> ask_to_remove(Visit& visit, const Found& found, bool all) {
  const Place& place = found.place;
  if (found.kind == Found::Kind::kNothing) {
    co_return std::unexpected(co_await nothing_there(visit, place, "nothing is here"));
  }
  const bool bucket = place.level == Level::kBucket;
  if (all) KELP_DAV_CO_CHECK(co_await may_list(visit, place));
  if (all && !bucket) co_return Outcome<void>{};
  const s3::Operation operation =
      bucket ? s3::Operation::kDeleteBucket : s3::Operation::kDeleteObject;
  co_return co_await ask(visit, operation, place.bucket, key_of(place));
}

}  // namespace

Task<Outcome<void>> remove(Visit& visit) {
  const Place& place = visit.place;
  if (place.level != Level::kBucket && place.level != Level::kEntry) {
    co_return failed(403, "only buckets and what is in them can be removed");
  }
  const StoreFacts facts{place.bucket, visit.site.options.replication};
  KELP_DAV_CO_TRY(const WriteOptions options, read_write_options(visit.query.parameters(), facts));
  KELP_DAV_CO_TRY(const Found found, co_await look_up(visit, place));
  // WebDAV's DELETE means all (RFC 4918 section 9.6.1); a script must say so.
  const bool infinite = place.strict || visit.call.header("depth").value_or("") == "infinity";
  const bool bucket = place.level == Level::kBucket;
  const bool all = found.directory() && (options.recursive || (infinite && !bucket));
  KELP_DAV_CO_CHECK(co_await ask_to_remove(visit, found, all));
  KELP_DAV_CO_CHECK(co_await s3::own_bucket(visit.call));
  KELP_DAV_CO_CHECK(check_locks(visit, place, {.below = true, .parent = true}));
  if (bucket) {
    KELP_DAV_CO_CHECK(co_await remove_bucket(visit, place.bucket, all));
  } else if (found.file()) {
    KELP_DAV_CO_CHECK(co_await remove_file(visit, found.place));
  } else {
    KELP_DAV_CO_CHECK(co_await remove_directory(visit, found.place, all));
  }
  forget_locks(visit, place);
  co_await reply_empty(visit, 204);
  co_return Outcome<void>{};
}

}  // namespace kelp::webdav
