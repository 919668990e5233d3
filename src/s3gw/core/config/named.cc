// Configurations of which a bucket has many, each by its id. Sources: the Put… pages of analytics,
// intelligent tiering, inventory and metrics configurations.

#include <algorithm>
#include <array>
#include <set>

#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/config/filter.h"
#include "s3gw/s3_try.h"
#include "wire/inventory_fields.h"

namespace kelp::s3 {
namespace {

using namespace shapes;

constexpr std::string_view kVersions[] = {"V_1"};
constexpr std::string_view kCsv[] = {"CSV"};
constexpr std::string_view kInventoryFormats[] = {"CSV", "ORC", "Parquet"};
constexpr std::string_view kWhichVersions[] = {"All", "Current"};
constexpr std::string_view kFrequencies[] = {"Daily", "Weekly"};
constexpr std::string_view kTiers[] = {"ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"};

constexpr Shape kExportTo[] = {required(word("Format", kCsv)), text("BucketAccountId"),
                               required(text("Bucket")), text("Prefix")};
constexpr Shape kExportDestination[] = {required(group("S3BucketDestination", kExportTo))};
constexpr Shape kExport[] = {required(word("OutputSchemaVersion", kVersions)),
                             required(group("Destination", kExportDestination))};
constexpr Shape kAnalysis[] = {group("DataExport", kExport)};
constexpr Shape kAnalytics[] = {required(text("Id")), group("Filter", kFilterInside),
                                required(group("StorageClassAnalysis", kAnalysis))};
constexpr Shape kAnalyticsRoot = group("AnalyticsConfiguration", kAnalytics);

constexpr Shape kTiering[] = {required(integer("Days")), required(word("AccessTier", kTiers))};
constexpr Shape kIntelligent[] = {required(text("Id")), group("Filter", kFilterInside),
                                  required(word("Status", kEnabledDisabled)),
                                  required(many(group("Tiering", kTiering)))};
constexpr Shape kIntelligentRoot = group("IntelligentTieringConfiguration", kIntelligent);

constexpr Shape kKmsKey[] = {required(text("KeyId"))};
constexpr Shape kListEncryption[] = {group("SSE-S3", {}), group("SSE-KMS", kKmsKey)};
constexpr Shape kListTo[] = {text("AccountId"), required(text("Bucket")),
                             required(word("Format", kInventoryFormats)), text("Prefix"),
                             group("Encryption", kListEncryption)};
constexpr Shape kListDestination[] = {required(group("S3BucketDestination", kListTo))};
constexpr Shape kListFilter[] = {required(text("Prefix"))};
constexpr Shape kListFields[] = {many(word("Field", kInventoryFields))};
constexpr Shape kSchedule[] = {required(word("Frequency", kFrequencies))};
constexpr Shape kInventory[] = {required(group("Destination", kListDestination)),
                                required(boolean("IsEnabled")),
                                group("Filter", kListFilter),
                                required(text("Id")),
                                required(word("IncludedObjectVersions", kWhichVersions)),
                                group("OptionalFields", kListFields),
                                required(group("Schedule", kSchedule))};
constexpr Shape kInventoryRoot = group("InventoryConfiguration", kInventory);

constexpr Shape kMetricsAnd[] = {text("Prefix"), many(group("Tag", kTagInside)),
                                 text("AccessPointArn")};
constexpr Shape kMetricsFilter[] = {text("Prefix"), group("Tag", kTagInside),
                                    text("AccessPointArn"), group("And", kMetricsAnd)};
constexpr Shape kMetrics[] = {required(text("Id")), group("Filter", kMetricsFilter)};
constexpr Shape kMetricsRoot = group("MetricsConfiguration", kMetrics);

S3Result<void> check_only_filter(Element& document) {
  return check_filter(document.find("Filter"));
}

S3Result<void> check_bucket(const Element& destination) {
  const std::string_view arn = destination.find("S3BucketDestination")->text_of("Bucket");
  if (!bucket_of_arn(arn).empty()) return {};
  return s3_error(S3Code::kInvalidS3DestinationBucket, "Invalid bucket ARN.");
}

S3Result<void> check_analytics(Element& document) {
  const Element* const out = document.find("StorageClassAnalysis")->find("DataExport");
  if (out != nullptr) {
    KELP_S3_CHECK(check_bucket(*out->find("Destination")));
  }
  return check_only_filter(document);
}

S3Result<void> check_tiering(Element& document) {
  constexpr std::int64_t kMostDays = 730;
  std::set<std::string_view> tiers;
  for (const Element* tiering : document.all("Tiering")) {
    const std::string_view tier = tiering->text_of("AccessTier");
    if (!tiers.insert(tier).second) return s3_error(S3Code::kMalformedXML);
    const std::int64_t least = tier == "ARCHIVE_ACCESS" ? 90 : 180;
    const std::int64_t days = *tiering->number_of("Days");
    if (days < least || days > kMostDays) {
      return bad_argument("'Days' of " + std::string(tier) + " must be between " +
                              std::to_string(least) + " and 730",
                          "Days", std::to_string(days));
    }
  }
  return check_only_filter(document);
}

S3Result<void> check_inventory(Element& document) {
  const Element& destination = *document.find("Destination");
  const Element* const encryption = destination.find("S3BucketDestination")->find("Encryption");
  if (encryption != nullptr && encryption->inside.size() != 1) {
    return s3_error(S3Code::kMalformedXML);
  }
  return check_bucket(destination);
}

}  // namespace

const ConfigKind& analytics_config() {
  static const ConfigKind kKind{.setting = "analytics/",
                                .root = kAnalyticsRoot,
                                .check = check_analytics,
                                .absent = S3Code::kNoSuchConfiguration};
  return kKind;
}

const ConfigKind& intelligent_tiering_config() {
  static const ConfigKind kKind{.setting = "intelligent-tiering/",
                                .root = kIntelligentRoot,
                                .check = check_tiering,
                                .absent = S3Code::kNoSuchConfiguration};
  return kKind;
}

const ConfigKind& inventory_config() {
  static const ConfigKind kKind{.setting = "inventory/",
                                .root = kInventoryRoot,
                                .check = check_inventory,
                                .absent = S3Code::kNoSuchConfiguration};
  return kKind;
}

const ConfigKind& metrics_config() {
  static const ConfigKind kKind{.setting = "metrics/",
                                .root = kMetricsRoot,
                                .check = check_only_filter,
                                .absent = S3Code::kNoSuchConfiguration};
  return kKind;
}

}  // namespace kelp::s3
