#include <algorithm>

#include "s3gw/authorize.h"
#include "s3gw/core/bucket_arn.h"
#include "s3gw/core/header_text.h"
#include "s3gw/core/listing_token.h"
#include "s3gw/core/names.h"
#include "s3gw/core/request_xml.h"
#include "s3gw/core/xml_writer.h"
#include "s3gw/object_headers.h"
#include "s3gw/object_owner.h"
#include "s3gw/ops/configs.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

constexpr std::string_view kDefaultRegion = "us-east-1";
constexpr std::uint32_t kMaxBuckets = 10'000;
constexpr std::size_t kMaxRegionBytes = 64;

std::string_view region_of(const BucketEntry& bucket) {
  return bucket.region.empty() ? kDefaultRegion : std::string_view(bucket.region);
}

/// Checks a LocationConstraint against the gateway's region and returns what is stored: empty for
/// us-east-1.
S3Result<std::string> stored_region(const Call& call, std::string location) {
  const std::string& ours = call.services.options.region;
  const std::string_view asked = location.empty() ? kDefaultRegion : std::string_view(location);
  const bool wellformed =
      location.size() <= kMaxRegionBytes && std::ranges::all_of(location, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
      });
  if (!wellformed) {
    return std::unexpected(S3Error{S3Code::kInvalidLocationConstraint,
                                   {},
                                   {{"LocationConstraint", location.substr(0, kMaxRegionBytes)}}});
  }
  if (!ours.empty() && !location.empty() && asked != ours) {
    return s3_error(S3Code::kIllegalLocationConstraintException,
                    "The " + location +
                        " location constraint is incompatible for the region specific endpoint "
                        "this request was sent to.");
  }
  // A bucket made without a word lives where the gateway is.
  if (location.empty() && !ours.empty()) location = ours;
  if (location == kDefaultRegion) location.clear();
  return location;
}

/// A page of the buckets that lie in `region`. Those of others take no place on it.
Task<S3Result<ListedBuckets>> list_region(Call& call, ListBuckets request,
                                          std::string_view region) {
  const std::size_t limit = std::exchange(request.limit, kMaxBuckets);
  ListedBuckets page;
  for (bool more = true; more && page.buckets.size() <= limit;) {
    auto listed = co_await call.services.deps.filer.list_buckets(ListBuckets(request));
    KELP_S3_CO_TRY(ListedBuckets found, std::move(listed));
    more = found.truncated && !found.buckets.empty();
    if (more) request.start_after = found.buckets.back().name;
    for (BucketEntry& each : found.buckets) {
      if (region_of(each) == region) page.buckets.push_back(std::move(each));
    }
  }
  page.truncated = page.buckets.size() > limit;
  if (page.truncated) page.buckets.resize(limit);
  co_return page;
}

/// There are none.
Task<S3Result<void>> list_directory_buckets(Call& call) {
  std::string body;
  XmlWriter xml(body);
  xml.begin("ListAllMyDirectoryBucketsResult");
  xml.open("Buckets");
  xml.close("Buckets");
  xml.close("ListAllMyDirectoryBucketsResult");
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<void>> list_buckets(Call& call) {
  if (call.auth.express) co_return co_await list_directory_buckets(call);
  KELP_S3_CO_TRY(const std::uint32_t limit,
                 number_parameter(call, "max-buckets", {kMaxBuckets, kMaxBuckets + 1}));
  if (limit == 0 || limit > kMaxBuckets) {
    co_return s3_error(S3Code::kInvalidArgument,
                       "Argument max-buckets must be an integer between 1 and 10000");
  }
  ListBuckets request{.owner_id = call.account().id,
                      .prefix = std::string(call.parameter("prefix").value_or("")),
                      .start_after = {},
                      .limit = limit};
  if (const auto token = call.parameter("continuation-token"); token && !token->empty()) {
    KELP_S3_CO_TRY(request.start_after, read_listing_token(*token));
  }
  const std::string prefix = request.prefix;
  const auto region = call.parameter("bucket-region");
  ListedBuckets page;
  if (region) {
    KELP_S3_CO_TRY(page, co_await list_region(call, std::move(request), *region));
  } else {
    KELP_S3_CO_TRY(page, co_await call.services.deps.filer.list_buckets(std::move(request)));
  }
  std::string next;
  if (page.truncated && !page.buckets.empty()) next = make_listing_token(page.buckets.back().name);
  co_await reply_xml(call, list_buckets_xml(page, prefix, next, owner_names(call)));
  co_return S3Result<void>{};
}

namespace {

/// A namespace of an account's own is what we have not: a bucket that is made for it would be of
/// everybody's.
S3Result<void> check_namespace(const Call& call) {
  constexpr std::string_view kHeader = "x-amz-bucket-namespace";
  const std::string_view space = call.header(kHeader).value_or("global");
  if (space == "global") return {};
  if (space == "account-regional") {
    return std::unexpected(
        S3Error{S3Code::kNotImplemented, {}, {{"Header", std::string(kHeader)}}});
  }
  return bad_argument({}, std::string(kHeader), std::string(space));
}

/// x-amz-bucket-object-lock-enabled. InvalidArgument.
S3Result<bool> wants_lock(const Call& call) {
  constexpr std::string_view kHeader = "x-amz-bucket-object-lock-enabled";
  const std::string_view said = call.header(kHeader).value_or("false");
  if (equals_lower(said, "true")) return true;
  if (equals_lower(said, "false")) return false;
  return bad_argument({}, std::string(kHeader), std::string(said));
}

/// What a new bucket's settings say that are not the default's.
struct FirstSettings {
  std::optional<ObjectOwnership> ownership;
  std::optional<Acl> acl;
  bool open = false;  ///< The public is not blocked.
  Tags tags;
};

/// As the request's headers say. InvalidArgument; InvalidBucketAclWithObjectOwnership.
S3Result<FirstSettings> first_settings(const Call& call) {
  FirstSettings first{.open = call.services.options.classic_buckets};
  if (first.open) first.ownership = ObjectOwnership::kObjectWriter;
  if (const auto name = call.header("x-amz-object-ownership")) {
    first.ownership = ownership_of(*name);
    if (!first.ownership) {
      return bad_argument("Invalid x-amz-object-ownership header: " + std::string(*name),
                          "x-amz-object-ownership", std::string(*name));
    }
  }
  const std::string& owner = call.account().id;
  const AclOwners owners{.owner = owner, .bucket_owner = owner};
  KELP_S3_TRY(first.acl, acl_of_headers(call.headers, owners, account_lookup(call)));
  if (first.acl == private_acl(owner)) first.acl.reset();
  const bool lists = first.ownership.value_or(ObjectOwnership::kBucketOwnerEnforced) !=
                     ObjectOwnership::kBucketOwnerEnforced;
  if (first.acl && !lists) return s3_error(S3Code::kInvalidBucketAclWithObjectOwnership);
  if (first.acl && is_public(*first.acl) && !first.open) {
    return s3_error(S3Code::kInvalidBucketAclWithBlockPublicAccessError);
  }
  return first;
}

/// Behind the bucket's making: until then, and when this comes to nothing, it is shut. The tags are
/// set first: they may be what policies go by.
Task<S3Result<void>> set_first(Call& call, FirstSettings first) {
  if (!first.tags.empty()) {
    KELP_S3_CO_CHECK(co_await set_config(call, std::string(kTagsSetting), tag_set(first.tags)));
  }
  if (first.ownership) {
    KELP_S3_CO_CHECK(co_await set_config(call, std::string(kOwnershipSetting),
                                         std::string(name_of(*first.ownership))));
  }
  if (first.acl) {
    KELP_S3_CO_CHECK(co_await set_config(call, std::string(kAclSetting), encode_acl(*first.acl)));
  }
  if (first.open) {
    KELP_S3_CO_CHECK(co_await set_config(call, std::string(kAccessBlockSetting), std::string()));
  }
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<void>> create_bucket(Call& call) {
  KELP_S3_CO_CHECK(check_new_bucket_name(call.request.bucket));
  KELP_S3_CO_CHECK(check_namespace(call));
  KELP_S3_CO_TRY(const bool locks, wants_lock(call));
  KELP_S3_CO_TRY(FirstSettings first, first_settings(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxXmlBytes));
  KELP_S3_CO_TRY(NewBucket wanted, parse_create_bucket(std::move(body)));
  KELP_S3_CO_TRY(std::string region, stored_region(call, std::move(wanted.location)));
  if (!wanted.tags.empty()) {
    KELP_S3_CO_CHECK(authorize_new(call, "s3:tagresource", facts_of(wanted.tags)));
  }
  first.tags = std::move(wanted.tags);
  BucketEntry entry{
      .name = call.request.bucket, .owner_id = call.account().id, .region = std::move(region)};
  if (locks) {
    entry.versioning = Versioning::kEnabled;
    entry.lock.enabled = true;
  }
  const bool default_region = entry.region.empty();
  auto made = co_await call.services.deps.filer.create_bucket(std::move(entry));
  // us-east-1 answers its owner's second call as the first; other regions refuse it.
  const bool again = !made && made.error().reason() == Reason::kBucketOwnedByYou && default_region;
  if (!made && !again) co_return std::unexpected(from_error(made.error()));
  if (made) {
    KELP_S3_CO_CHECK(co_await set_first(call, first));
  }
  HttpResponse head = begin_response(call, 200);
  head.add("Location", "/" + call.request.bucket);
  head.add("x-amz-bucket-arn", bucket_arn(call.request.bucket));
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

Task<S3Result<void>> head_bucket(Call& call) {
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  HttpResponse head = begin_response(call, 200);
  head.add("x-amz-bucket-region", region_of(bucket));
  head.add("x-amz-bucket-arn", bucket_arn(bucket.name));
  head.add("x-amz-access-point-alias", "false");
  head.add("Content-Type", "application/xml");
  (void)co_await call.response.send_head(std::move(head), std::nullopt);
  co_return S3Result<void>{};
}

Task<S3Result<void>> delete_bucket(Call& call) {
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_CHECK(co_await call.services.deps.filer.delete_bucket(call.request.bucket));
  co_await reply_empty(call, 204);
  co_return S3Result<void>{};
}

Task<S3Result<void>> get_bucket_location(Call& call) {
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  std::string body;
  XmlWriter xml(body);
  xml.begin("LocationConstraint");
  append_escaped(body, bucket.region);
  xml.close("LocationConstraint");
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
