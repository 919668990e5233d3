#include "s3gw/archive.h"
#include "s3gw/authorize.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/listing_token.h"
#include "s3gw/core/restore.h"
#include "s3gw/core/version_id.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::uint32_t kMaxKeys = 1000;

/// What the three listings have in common.
struct ListingRequest {
  ListObjects query;
  ListingEcho echo;  ///< Views into the call.
  bool wants_restores = false;
};

/// Whether x-amz-optional-object-attributes asks for RestoreStatus, which is all that there is.
S3Result<bool> wants_restores(const Call& call) {
  constexpr std::string_view kHeader = "x-amz-optional-object-attributes";
  std::string_view rest = call.header(kHeader).value_or("");
  bool wanted = false;
  while (!rest.empty()) {
    if (const std::string_view name = trimmed(cut(rest, ',')); name == "RestoreStatus") {
      wanted = true;
    } else if (!name.empty()) {
      return std::unexpected(
          S3Error{S3Code::kInvalidArgument,
                  "Invalid attribute name specified.",
                  {{"ArgumentName", std::string(kHeader)}, {"ArgumentValue", std::string(name)}}});
    }
  }
  return wanted;
}

/// The RestoreStatus of an object that was listed; empty: it has none, or is gone. A metadata read
/// for one of an archive class.
Task<S3Result<std::string>> restore_status(Call& call, const ListedObject& object,
                                           std::optional<std::uint64_t> version_id) {
  if (!is_archive(call, object.storage_class)) co_return std::string();
  const ObjectKey name{.bucket = call.request.bucket, .key = object.key, .version_id = version_id};
  const auto found = co_await call.services.deps.filer.get_object(name, false);
  if (!found && found.error().code() == Errc::kNotFound) co_return std::string();
  if (!found) co_return std::unexpected(from_error(found.error()));
  const auto copy = restored_copy(found->entry.headers);
  if (!copy || !is_archive(call, found->entry.headers.storage_class)) co_return std::string();
  co_return restore_status_xml(*copy, call.services.deps.clock.wall());
}

S3Result<ListingRequest> read_listing(const Call& call) {
  ListingRequest listing;
  KELP_S3_TRY(listing.echo.max_keys, number_parameter(call, "max-keys", {kMaxKeys, kMaxKeys}));
  KELP_S3_TRY(listing.echo.url_encoding, wants_url_encoding(call));
  KELP_S3_TRY(listing.wants_restores, wants_restores(call));
  listing.echo.bucket = call.request.bucket;
  listing.echo.prefix = call.parameter("prefix").value_or("");
  listing.echo.delimiter = call.parameter("delimiter").value_or("");
  listing.query = ListObjects{.bucket = call.request.bucket,
                              .prefix = std::string(listing.echo.prefix),
                              .delimiter = std::string(listing.echo.delimiter),
                              .start_after = {},
                              .limit = listing.echo.max_keys};
  return listing;
}

/// One page; adds what was asked for besides.
Task<S3Result<ListedPage>> fetch(Call& call, ListingRequest& listing) {
  auto listed = co_await call.services.deps.filer.list_objects(std::move(listing.query));
  KELP_S3_CO_TRY(ListedPage page, std::move(listed));
  KELP_S3_CO_CHECK(co_await check_bucket(call, page.bucket));
  if (!listing.wants_restores) co_return page;
  for (const ListedObject& object : page.objects) {
    KELP_S3_CO_TRY(std::string status, co_await restore_status(call, object, std::nullopt));
    listing.echo.restores.push_back(std::move(status));
  }
  co_return page;
}

}  // namespace

Task<S3Result<void>> list_objects(Call& call) {
  KELP_S3_CO_TRY(ListingRequest listing, read_listing(call));
  const std::string_view marker = call.parameter("marker").value_or("");
  listing.query.start_after.assign(marker);
  KELP_S3_CO_TRY(const ListedPage page, co_await fetch(call, listing));
  std::string body = list_objects_xml(page, listing.echo, marker, owners_of(call));
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

Task<S3Result<void>> list_objects_v2(Call& call) {
  if (call.parameter("list-type") != "2") co_return co_await list_objects(call);
  KELP_S3_CO_TRY(ListingRequest listing, read_listing(call));
  ListingV2Echo v2{.continuation_token = call.parameter("continuation-token"),
                   .start_after = call.parameter("start-after").value_or(""),
                   .fetch_owner = call.parameter("fetch-owner") == "true"};
  listing.query.start_after.assign(v2.start_after);
  if (v2.continuation_token && !v2.continuation_token->empty()) {
    KELP_S3_CO_TRY(listing.query.start_after, read_listing_token(*v2.continuation_token));
  }
  KELP_S3_CO_TRY(const ListedPage page, co_await fetch(call, listing));
  std::string body = list_objects_v2_xml(page, listing.echo, v2, owners_of(call));
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

Task<S3Result<void>> list_object_versions(Call& call) {
  KELP_S3_CO_TRY(ListingRequest listing, read_listing(call));
  const std::string_view marker = call.parameter("key-marker").value_or("");
  const std::string_view version_marker = call.parameter("version-id-marker").value_or("");
  if (!version_marker.empty() && marker.empty()) {
    co_return s3_error(S3Code::kInvalidArgument,
                       "A version-id marker cannot be specified without a key marker.");
  }
  ListVersions query{.bucket = call.request.bucket,
                     .prefix = std::move(listing.query.prefix),
                     .delimiter = std::move(listing.query.delimiter),
                     .key_marker = std::string(marker),
                     .version_id_marker = {},
                     .limit = listing.query.limit};
  if (!version_marker.empty()) {
    KELP_S3_CO_TRY(query.version_id_marker, read_version_id("version-id-marker", version_marker));
  }
  auto listed = co_await call.services.deps.filer.list_versions(std::move(query));
  KELP_S3_CO_TRY(const ListedVersions page, std::move(listed));
  KELP_S3_CO_CHECK(co_await check_bucket(call, page.bucket));
  for (const ListedVersion& version : page.versions) {
    if (!listing.wants_restores) break;
    KELP_S3_CO_TRY(std::string status,
                   co_await restore_status(call, version.object, version.version_id));
    listing.echo.restores.push_back(std::move(status));
  }
  const VersionsEcho markers{.key_marker = marker, .version_id_marker = version_marker};
  std::string body = list_versions_xml(page, listing.echo, markers, owners_of(call));
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
