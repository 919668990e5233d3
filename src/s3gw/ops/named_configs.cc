// Configurations of a bucket of which there are many, each by its id: analytics, intelligent
// tiering, inventory, metrics.

#include <algorithm>

#include "base/assert.h"
#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/listing_token.h"
#include "s3gw/ops/configs.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/ops/service_put.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using enum Operation;

constexpr std::size_t kMaxDocumentBytes = 64 * 1024;
constexpr std::size_t kMaxIdBytes = 64;
constexpr std::size_t kMaxConfigurations = 1000;
constexpr std::uint32_t kPage = 100;

struct Row {
  const ConfigKind& (*kind)();
  Operation put;
  Operation get;
  Operation list;
  Operation remove;
  std::string_view list_root;
};
constexpr Row kRows[] = {
    {analytics_config, kPutBucketAnalyticsConfiguration, kGetBucketAnalyticsConfiguration,
     kListBucketAnalyticsConfigurations, kDeleteBucketAnalyticsConfiguration,
     "ListBucketAnalyticsConfigurationResult"},
    {intelligent_tiering_config, kPutBucketIntelligentTieringConfiguration,
     kGetBucketIntelligentTieringConfiguration, kListBucketIntelligentTieringConfigurations,
     kDeleteBucketIntelligentTieringConfiguration,
     "ListBucketIntelligentTieringConfigurationsOutput"},
    {inventory_config, kPutBucketInventoryConfiguration, kGetBucketInventoryConfiguration,
     kListBucketInventoryConfigurations, kDeleteBucketInventoryConfiguration,
     "ListInventoryConfigurationsResult"},
    {metrics_config, kPutBucketMetricsConfiguration, kGetBucketMetricsConfiguration,
     kListBucketMetricsConfigurations, kDeleteBucketMetricsConfiguration,
     "ListMetricsConfigurationsResult"},
};

const Row& row_of(const Call& call) {
  for (const Row& row : kRows) {
    const Operation asked = *call.operation;
    if (asked == row.put || asked == row.get || asked == row.list || asked == row.remove) {
      return row;
    }
  }
  KELP_ASSERT(false, "handlers.cc gives this file what has a row");
  return kRows[0];
}

S3Result<std::string> id_parameter(const Call& call) {
  const std::string id(call.parameter("id").value_or(""));
  const bool good = !id.empty() && id.size() <= kMaxIdBytes && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
  });
  if (good) return id;
  return bad_argument("The configuration ID is not valid.", "id", id.substr(0, kMaxIdBytes));
}

/// Whether there is room for one more. Two who come at the same time may both find it.
Task<S3Result<void>> check_count(Call& call, const ConfigKind& kind) {
  std::size_t count = 0;
  std::string last;
  for (bool more = true; more;) {
    ListBucketSettings request{.bucket = call.request.bucket,
                               .prefix = std::string(kind.setting),
                               .start_after = last,
                               .limit = kMaxConfigurations};
    auto listed = co_await call.services.deps.filer.list_bucket_settings(std::move(request));
    KELP_S3_CO_TRY(const ListedBucketSettings page, std::move(listed));
    count += page.settings.size();
    if (count >= kMaxConfigurations) co_return s3_error(S3Code::kTooManyConfigurations);
    more = page.truncated && !page.settings.empty();
    if (more) last = page.settings.back().name;
  }
  co_return S3Result<void>{};
}

/// That its lists can be made, and where they go: a bucket of the same owner, into which the caller
/// may put them or S3 may for it.
Task<S3Result<void>> check_inventory_target(Call& call, const BucketEntry& bucket,
                                            const Element& document) {
  const Element& to = *document.find("Destination")->find("S3BucketDestination");
  if (to.text_of("Format") != "CSV") {
    co_return s3_error(S3Code::kNotImplemented,
                       "Inventory lists in ORC and Parquet are not implemented: choose CSV");
  }
  const std::string target(bucket_of_arn(to.text_of("Bucket")));
  S3Error error{S3Code::kInvalidS3DestinationBucket, {}, {}};
  const auto found = co_await call.services.bucket_access.find(target);
  if (!found && found.error().reason() == Reason::kNoSuchBucket) {
    error.message = "The destination bucket does not exist.";
    co_return std::unexpected(std::move(error));
  }
  KELP_S3_CO_TRY(const BucketAccessPtr access, found);
  if (access->bucket.owner_id != bucket.owner_id) {
    error.message =
        "The owner of the destination bucket and of the source bucket must be the same.";
    co_return std::unexpected(std::move(error));
  }
  std::string key(to.text_of("Prefix"));
  if (!key.empty()) key += '/';
  key += bucket.name + '/' + std::string(document.text_of("Id")) + "/list";
  const auto may =
      co_await authorize_service_target(call, kInventoryService, target, std::move(key));
  if (!may && may.error().code == S3Code::kAccessDenied) {
    error.message =
        "You must give s3.amazonaws.com permission to write to the destination bucket, or have it "
        "yourself.";
    co_return std::unexpected(std::move(error));
  }
  co_return may;
}

}  // namespace

Task<S3Result<void>> put_named_config(Call& call) {
  const ConfigKind& kind = row_of(call).kind();
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  KELP_S3_CO_TRY(const std::string id, id_parameter(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kMaxDocumentBytes));
  KELP_S3_CO_TRY(const Element document, read_config(kind, std::move(body)));
  if (document.text_of("Id") != id) {
    const bool inventory = call.operation == kPutBucketInventoryConfiguration;
    co_return s3_error(inventory ? S3Code::kIdMismatch : S3Code::kMalformedXML);
  }
  if (call.operation == kPutBucketInventoryConfiguration) {
    KELP_S3_CO_CHECK(co_await check_inventory_target(call, bucket, document));
  }
  KELP_S3_CO_TRY(std::string value, config_value(document));
  const std::string name = std::string(kind.setting) + id;
  KELP_S3_CO_TRY(const auto there, co_await get_config(call, name));
  if (!there) {
    KELP_S3_CO_CHECK(co_await check_count(call, kind));
  }
  KELP_S3_CO_CHECK(co_await set_config(call, name, std::move(value)));
  co_await reply_empty(call, 200);
  co_return S3Result<void>{};
}

Task<S3Result<void>> get_named_config(Call& call) {
  const ConfigKind& kind = row_of(call).kind();
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(const std::string id, id_parameter(call));
  KELP_S3_CO_TRY(const auto value, co_await get_config(call, std::string(kind.setting) + id));
  if (!value) co_return s3_error(*kind.absent);
  std::string body;
  XmlWriter xml(body);
  xml.begin(kind.root.name);
  xml.raw(*value);
  xml.close(kind.root.name);
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

Task<S3Result<void>> delete_named_config(Call& call) {
  const ConfigKind& kind = row_of(call).kind();
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(const std::string id, id_parameter(call));
  const std::string name = std::string(kind.setting) + id;
  KELP_S3_CO_TRY(const auto value, co_await get_config(call, name));
  if (!value) co_return s3_error(*kind.absent);
  KELP_S3_CO_CHECK(co_await set_config(call, name, std::nullopt));
  co_await reply_empty(call, 204);
  co_return S3Result<void>{};
}

Task<S3Result<void>> list_named_configs(Call& call) {
  const Row& row = row_of(call);
  const ConfigKind& kind = row.kind();
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  ListBucketSettings request{.bucket = call.request.bucket,
                             .prefix = std::string(kind.setting),
                             .start_after = {},
                             .limit = kPage};
  const std::string token(call.parameter("continuation-token").value_or(""));
  if (!token.empty()) {
    KELP_S3_CO_TRY(const std::string after, read_listing_token(token));
    request.start_after = std::string(kind.setting) + after;
  }
  auto listed = co_await call.services.deps.filer.list_bucket_settings(std::move(request));
  KELP_S3_CO_TRY(const ListedBucketSettings page, std::move(listed));
  std::string body;
  XmlWriter xml(body);
  xml.begin(row.list_root);
  xml.element("IsTruncated", page.truncated);
  if (!token.empty()) xml.element("ContinuationToken", std::string_view(token));
  for (const BucketSetting& setting : page.settings) {
    xml.open(kind.root.name);
    xml.raw(setting.value.value_or(""));
    xml.close(kind.root.name);
  }
  if (page.truncated && !page.settings.empty()) {
    const std::string last = page.settings.back().name.substr(kind.setting.size());
    xml.element("NextContinuationToken", std::string_view(make_listing_token(last)));
  }
  xml.close(row.list_root);
  co_await reply_xml(call, std::move(body));
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
