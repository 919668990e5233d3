#include "webdav/permission.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "s3gw/authorize.h"
#include "s3gw/core/names.h"

namespace kelp::webdav {
namespace {

/// Which part of a bucket is listed, as policies ask for it.
s3::Facts facts_of(std::string prefix) {
  return {{"s3:prefix", std::move(prefix)}, {"s3:delimiter", "/"}};
}

}  // namespace

Task<Outcome<void>> ask(Visit& visit, s3::Operation operation, std::string bucket,
                        std::string key) {
  visit.aim(std::move(bucket), std::move(key));
  visit.call.operation = operation;
  const std::string& name = visit.call.request.bucket;
  const bool made = operation == s3::Operation::kCreateBucket;
  if (!name.empty() && !made && !s3::plausible_bucket_name(name)) {
    co_return failed(404, "there is no such bucket");
  }
  KELP_DAV_CO_CHECK(co_await s3::authorize(visit.call));
  co_return Outcome<void>{};
}

Task<Outcome<void>> ask_to_list(Visit& visit, Place place, std::uint32_t limit) {
  using enum s3::Operation;
  if (place.level == Level::kElsewhere) co_return Outcome<void>{};
  if (place.bucket.empty())
    co_return co_await ask(visit, kListBuckets, std::string(), std::string());
  // As a client of S3 would list it: conditions of policies speak of these.
  visit.names.push_back(
      fmt::format("delimiter=%2F&max-keys={}&prefix={}", limit, url_encode(place.prefix(), false)));
  KELP_DAV_CO_TRY(visit.call.request.query, s3::Query::parse(visit.names.back()));
  co_return co_await ask(visit, kListObjectsV2, std::move(place.bucket), std::string());
}

Task<Outcome<void>> may_list(Visit& visit, const Place& place) {
  s3::Facts facts = facts_of(place.prefix());
  KELP_DAV_CO_CHECK(co_await s3::authorize_listing(visit.call, place.bucket, std::move(facts)));
  co_return Outcome<void>{};
}

Task<Outcome<void>> may_read(Visit& visit, const Place& place, const FoundObject& object) {
  const ObjectKey name{.bucket = place.bucket, .key = key_of(place)};
  KELP_DAV_CO_CHECK(co_await s3::authorize_source(visit.call, name, object));
  co_return Outcome<void>{};
}

Task<Outcome<void>> may_remove(Visit& visit, std::string bucket, std::string key) {
  auto asked = s3::authorize_in(visit.call, std::move(bucket), "s3:deleteobject", std::move(key));
  KELP_DAV_CO_CHECK(co_await std::move(asked));
  co_return Outcome<void>{};
}

Task<Failure> nothing_there(Visit& visit, Place place, std::string text) {
  Failure absent{404, std::move(text)};
  if (!s3::plausible_bucket_name(place.bucket)) co_return absent;
  s3::Facts facts = facts_of(key_of(place));
  const auto may =
      co_await s3::authorize_listing(visit.call, std::move(place.bucket), std::move(facts));
  if (may) co_return absent;
  co_return as_failure(may.error());
}

}  // namespace kelp::webdav
