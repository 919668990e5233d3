#include "s3gw/core/names.h"
#include "webdav/ops/handlers.h"
#include "webdav/permission.h"

namespace kelp::webdav {
namespace {

Task<Outcome<void>> make_bucket(Visit& visit, std::string name) {
  KELP_DAV_CO_CHECK(s3::check_new_bucket_name(name));
  BucketEntry entry{.name = std::move(name), .owner_id = visit.call.account().id, .region = {}};
  const auto made = co_await visit.filer().create_bucket(std::move(entry));
  if (made) co_return Outcome<void>{};
  if (made.error().reason() == Reason::kBucketOwnedByYou) {
    co_return failed(405, "the bucket is there already");
  }
  co_return std::unexpected(as_failure(made.error()));
}

}  // namespace

Task<Outcome<void>> mkcol(Visit& visit) {
  KELP_DAV_CO_CHECK(refuse_body(visit));
  const Place& place = visit.place;
  switch (place.level) {
    case Level::kRoot:
    case Level::kBuckets:
      co_return failed(405, "it is there already");
    case Level::kElsewhere:
      co_return failed(403, "directories are made below /buckets/BUCKET/");
    case Level::kBucket:
      KELP_DAV_CO_CHECK(
          co_await ask(visit, s3::Operation::kCreateBucket, place.bucket, std::string()));
      KELP_DAV_CO_CHECK(co_await make_bucket(visit, place.bucket));
      break;
    case Level::kEntry: {
      auto asked = co_await ask(visit, s3::Operation::kPutObject, place.bucket, place.prefix());
      if (!asked && asked.error().status == 404) asked.error().status = 409;
      KELP_DAV_CO_CHECK(std::move(asked));
      // A file of that name is in the way too: to WebDAV both are one name.
      Place name = place;
      name.slash = false;
      KELP_DAV_CO_TRY(const Found found, co_await look_up(visit, name));
      if (found.kind != Found::Kind::kNothing) co_return failed(405, "it is there already");
      KELP_DAV_CO_CHECK(co_await check_parent(visit, place));
      KELP_DAV_CO_CHECK(check_locks(visit, place, {.parent = true}));
      KELP_DAV_CO_CHECK(co_await make_directory(visit, place));
      break;
    }
  }
  co_await reply_empty(visit, 201);
  co_return Outcome<void>{};
}

}  // namespace kelp::webdav
