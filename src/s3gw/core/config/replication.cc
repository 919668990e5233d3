// Replication rules. Source: PutBucketReplication, and "Replication configuration file elements" of
// the S3 user guide. That both buckets have versions is found out by the operation.

#include <algorithm>
#include <set>

#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/config/filter.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using namespace shapes;

constexpr std::size_t kMaxRules = 1000;
constexpr std::string_view kSeeGuide =
    " for this version of Cross Region Replication configuration schema. Please refer to S3 "
    "Developer Guide for more information.";

constexpr std::string_view kClasses[] = {"STANDARD",   "REDUCED_REDUNDANCY",  "STANDARD_IA",
                                         "ONEZONE_IA", "INTELLIGENT_TIERING", "DEEP_ARCHIVE",
                                         "GLACIER",    "GLACIER_IR"};
constexpr std::string_view kNewOwner[] = {"Destination"};

constexpr Shape kStatus[] = {required(word("Status", kEnabledDisabled))};
constexpr Shape kMinutes[] = {required(integer("Minutes"))};
constexpr Shape kCriteria[] = {group("SseKmsEncryptedObjects", kStatus),
                               group("ReplicaModifications", kStatus)};
constexpr Shape kTranslation[] = {required(word("Owner", kNewOwner))};
constexpr Shape kEncryption[] = {text("ReplicaKmsKeyID")};
constexpr Shape kTime[] = {required(word("Status", kEnabledDisabled)),
                           required(group("Time", kMinutes))};
constexpr Shape kMetrics[] = {required(word("Status", kEnabledDisabled)),
                              group("EventThreshold", kMinutes)};
constexpr Shape kDestination[] = {required(text("Bucket")),
                                  text("Account"),
                                  word("StorageClass", kClasses),
                                  group("AccessControlTranslation", kTranslation),
                                  group("EncryptionConfiguration", kEncryption),
                                  group("ReplicationTime", kTime),
                                  group("Metrics", kMetrics)};
constexpr Shape kRule[] = {text("ID"),
                           integer("Priority"),
                           text("Prefix"),
                           group("Filter", kFilterInside),
                           required(word("Status", kEnabledDisabled)),
                           group("SourceSelectionCriteria", kCriteria),
                           group("ExistingObjectReplication", kStatus),
                           required(group("Destination", kDestination)),
                           group("DeleteMarkerReplication", kStatus)};
constexpr Shape kRules[] = {required(text("Role")), required(many(group("Rule", kRule)))};
constexpr Shape kRoot = group("ReplicationConfiguration", kRules);

std::unexpected<S3Error> bad_request(std::string message) {
  return s3_error(S3Code::kInvalidRequest, std::move(message));
}

/// What the first and the second version of the schema want of a rule.
S3Result<void> check_version(const Element& rule) {
  const bool second = rule.has("Filter");
  if (second == rule.has("Prefix")) return s3_error(S3Code::kMalformedXML);
  for (const std::string_view name : {"Priority", "DeleteMarkerReplication"}) {
    if (rule.has(name) == second) continue;
    const std::string_view verb = second ? " must be specified" : " cannot be used";
    return bad_request(std::string(name) + std::string(verb) + std::string(kSeeGuide));
  }
  if (rule.number_of("Priority").value_or(0) < 0) return s3_error(S3Code::kMalformedXML);
  const Element* const markers = rule.find("DeleteMarkerReplication");
  if (markers != nullptr && markers->text_of("Status") == "Enabled" &&
      filters_by_tag(rule.find("Filter"))) {
    return bad_request(
        "Delete marker replication is not supported if any Tag filter is "
        "specified. Please refer to S3 Developer Guide for more information.");
  }
  return {};
}

S3Result<void> check_destination(const Element& destination) {
  const std::string_view arn = destination.text_of("Bucket");
  if (bucket_of_arn(arn).empty()) {
    return bad_argument("Invalid bucket ARN.", "Bucket", std::string(arn));
  }
  const Element* const time = destination.find("ReplicationTime");
  if (time != nullptr && time->find("Time")->number_of("Minutes") != 15) {
    return bad_request("ReplicationTime can only be 15 minutes.");
  }
  return {};
}

S3Result<void> check(Element& document) {
  if (document.all("Rule").size() > kMaxRules) {
    return bad_request("The number of replication rules should not exceed 1000.");
  }
  if (document.text_of("Role").empty()) return s3_error(S3Code::kMalformedXML);
  std::set<std::int64_t> priorities;
  bool second = false;
  bool first = false;
  for (const Element* rule : document.all("Rule")) {
    KELP_S3_CHECK(check_version(*rule));
    KELP_S3_CHECK(check_filter(rule->find("Filter")));
    KELP_S3_CHECK(check_destination(*rule->find("Destination")));
    (rule->has("Filter") ? second : first) = true;
    if (const auto priority = rule->number_of("Priority");
        priority && !priorities.insert(*priority).second) {
      return bad_request("Found duplicate priority '" + std::to_string(*priority) +
                         "' in replication rules.");
    }
  }
  if (first && second) return s3_error(S3Code::kMalformedXML);
  return settle_ids(document, "Rule", kRule[0]);
}

}  // namespace

const ConfigKind& replication_config() {
  static const ConfigKind kKind{.setting = "replication",
                                .root = kRoot,
                                .check = check,
                                .absent = S3Code::kReplicationConfigurationNotFoundError};
  return kKind;
}

}  // namespace kelp::s3
