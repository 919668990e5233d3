// Server access logging. Source: PutBucketLogging. That the target is there and the caller's is
// found out by the operation.

#include "s3gw/core/config/config_kind.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using namespace shapes;

constexpr std::size_t kMaxPrefixBytes = 800;

constexpr std::string_view kGranteeTypes[] = {"CanonicalUser", "AmazonCustomerByEmail", "Group"};
constexpr std::string_view kPermissions[] = {"FULL_CONTROL", "READ", "WRITE"};
constexpr std::string_view kDateSources[] = {"EventTime", "DeliveryTime"};

constexpr Shape kGrantee[] = {
    {.name = "type", .holds = Holds::kWord, .words = kGranteeTypes, .least = 1, .attribute = true},
    text("DisplayName"),
    text("EmailAddress"),
    text("ID"),
    text("URI")};
constexpr Shape kGrant[] = {required(group("Grantee", kGrantee)),
                            required(word("Permission", kPermissions))};
constexpr Shape kGrants[] = {many(group("Grant", kGrant))};
constexpr Shape kPartitioned[] = {word("PartitionDateSource", kDateSources)};
constexpr Shape kKeyFormat[] = {group("SimplePrefix", {}),
                                group("PartitionedPrefix", kPartitioned)};
constexpr Shape kEnabled[] = {required(text("TargetBucket")), group("TargetGrants", kGrants),
                              required(text("TargetPrefix")),
                              group("TargetObjectKeyFormat", kKeyFormat)};
constexpr Shape kStatus[] = {group("LoggingEnabled", kEnabled)};
constexpr Shape kRoot = group("BucketLoggingStatus", kStatus);

S3Result<void> check(Element& document) {
  const Element* const enabled = document.find("LoggingEnabled");
  if (enabled == nullptr) return {};
  const Element* const format = enabled->find("TargetObjectKeyFormat");
  if (format != nullptr && format->inside.size() != 1) return s3_error(S3Code::kMalformedXML);
  const std::string_view prefix = enabled->text_of("TargetPrefix");
  if (prefix.size() > kMaxPrefixBytes) {
    return bad_argument("The maximum size of a target prefix is 800.", "TargetPrefix",
                        std::string(prefix.substr(0, kMaxPrefixBytes)));
  }
  return {};
}

}  // namespace

const ConfigKind& logging_config() {
  static const ConfigKind kKind{
      .setting = "logging", .root = kRoot, .check = check, .empty_removes = true};
  return kKind;
}

}  // namespace kelp::s3
