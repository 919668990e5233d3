// Event notifications. Source: PutBucketNotificationConfiguration, and "Supported event types" of
// the S3 user guide.

#include <algorithm>
#include <array>

#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/config/filter.h"
#include "s3gw/core/header_text.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using namespace shapes;

constexpr std::size_t kMaxConfigurations = 100;
constexpr std::size_t kMaxFilterBytes = 1024;

constexpr std::array<std::string_view, 27> kEvents{
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAcl:Put",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete"};

constexpr Shape kFilterRule[] = {required(text("Name")), required(text("Value"))};
constexpr Shape kKeyRules[] = {many(group("FilterRule", kFilterRule))};
constexpr Shape kFilter[] = {group("S3Key", kKeyRules)};
constexpr Shape kTopic[] = {text("Id"), required(text("Topic")), required(many(text("Event"))),
                            group("Filter", kFilter)};
constexpr Shape kQueue[] = {text("Id"), required(text("Queue")), required(many(text("Event"))),
                            group("Filter", kFilter)};
constexpr Shape kFunction[] = {text("Id"), required(text("CloudFunction")),
                               required(many(text("Event"))), group("Filter", kFilter)};
constexpr Shape kConfigurations[] = {
    many(group("TopicConfiguration", kTopic)), many(group("QueueConfiguration", kQueue)),
    many(group("CloudFunctionConfiguration", kFunction)), group("EventBridgeConfiguration", {})};
constexpr Shape kRoot = group("NotificationConfiguration", kConfigurations);

/// Where a configuration sends: the element that names it, and the service of its ARN.
struct Target {
  const Shape& configuration;
  std::string_view element;
  std::string_view service;
};
constexpr std::array<Target, 3> kTargets{{{kConfigurations[0], "Topic", "sns"},
                                          {kConfigurations[1], "Queue", "sqs"},
                                          {kConfigurations[2], "CloudFunction", "lambda"}}};

/// Null for EventBridge, which takes every event.
const Target* target_of(const Element& configuration) {
  const auto* const found = std::ranges::find_if(
      kTargets, [&](const Target& target) { return &target.configuration == configuration.shape; });
  return found == kTargets.end() ? nullptr : found;
}

S3Result<void> check_arn(const Element& configuration, const Target& target) {
  const std::string_view arn = configuration.text_of(target.element);
  std::string_view rest = arn;
  const bool is_arn = cut(rest, ':') == "arn" && std::ranges::count(arn, ':') >= 5;
  if (!is_arn) {
    return bad_argument("The ARN could not be parsed", std::string(target.element),
                        std::string(arn));
  }
  // Of others than AWS one form does for all three.
  const bool aws = cut(rest, ':').starts_with("aws");
  const bool right = (!aws || cut(rest, ':') == target.service) && !arn.ends_with(':');
  if (right) return {};
  return bad_argument("Unable to validate the following destination configurations",
                      std::string(arn), "Not a destination of this kind");
}

S3Result<void> check_keys(const Element& configuration) {
  const Element* const filter = configuration.find("Filter");
  const Element* const keys = filter == nullptr ? nullptr : filter->find("S3Key");
  if (keys == nullptr) return {};
  std::array<bool, 2> seen{};
  for (const Element& rule : keys->inside) {
    const std::string_view name = rule.text_of("Name");
    const bool prefix = equals_lower(name, "prefix");
    if (!prefix && !equals_lower(name, "suffix")) {
      return bad_argument("filter rule name must be either prefix or suffix", "FilterRule.Name",
                          std::string(name));
    }
    if (std::exchange(seen[prefix ? 0 : 1], true)) {
      return bad_argument(std::string("Cannot specify more than one ") +
                              (prefix ? "prefix" : "suffix") + " rule in a filter.",
                          "FilterRule.Name", std::string(name));
    }
    if (rule.text_of("Value").size() > kMaxFilterBytes) {
      return bad_argument(
          "Size of filter rule value cannot exceed 1024 bytes in UTF-8 "
          "representation",
          "FilterRule.Value", std::string(name));
    }
  }
  return {};
}

S3Result<void> check_events(const Element& configuration) {
  for (const Element* event : configuration.all("Event")) {
    if (std::ranges::find(kEvents, event->text) == kEvents.end()) {
      return bad_argument("A specified event is not supported for notifications.", "Event",
                          event->text);
    }
  }
  return {};
}

/// The value of a configuration's rule `name`; "" when there is none.
std::string_view key_rule(const Element& configuration, std::string_view name) {
  const Element* const filter = configuration.find("Filter");
  const Element* const keys = filter == nullptr ? nullptr : filter->find("S3Key");
  if (keys == nullptr) return {};
  for (const Element& rule : keys->inside) {
    if (equals_lower(rule.text_of("Name"), name)) return rule.text_of("Value");
  }
  return {};
}

bool covers(std::string_view pattern, std::string_view event) {
  return pattern == event ||
         (pattern.ends_with('*') && event.starts_with(pattern.substr(0, pattern.size() - 1)));
}

bool share_an_event(const Element& a, const Element& b) {
  for (const Element* one : a.all("Event")) {
    for (const Element* other : b.all("Event")) {
      if (covers(one->text, other->text) || covers(other->text, one->text)) return true;
    }
  }
  return false;
}

/// Whether a key can be meant by both.
bool share_a_key(const Element& a, const Element& b) {
  const auto a_prefix = key_rule(a, "prefix");
  const auto b_prefix = key_rule(b, "prefix");
  const auto a_suffix = key_rule(a, "suffix");
  const auto b_suffix = key_rule(b, "suffix");
  return (a_prefix.starts_with(b_prefix) || b_prefix.starts_with(a_prefix)) &&
         (a_suffix.ends_with(b_suffix) || b_suffix.ends_with(a_suffix));
}

S3Result<void> check_overlap(const Element& document) {
  const auto& all = document.inside;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i + 1; j < all.size(); ++j) {
      if (target_of(all[i]) == nullptr || target_of(all[j]) == nullptr) continue;
      if (share_an_event(all[i], all[j]) && share_a_key(all[i], all[j])) {
        return s3_error(S3Code::kInvalidArgument,
                        "Configurations overlap. Configurations on the same bucket cannot share "
                        "a common event type.");
      }
    }
  }
  return {};
}

S3Result<void> check(Element& document) {
  if (document.inside.size() > kMaxConfigurations) return s3_error(S3Code::kMalformedXML);
  for (const Element& configuration : document.inside) {
    const Target* const target = target_of(configuration);
    if (target == nullptr) continue;
    KELP_S3_CHECK(check_arn(configuration, *target));
    KELP_S3_CHECK(check_events(configuration));
    KELP_S3_CHECK(check_keys(configuration));
  }
  KELP_S3_CHECK(check_overlap(document));
  KELP_S3_CHECK(settle_ids(document, "TopicConfiguration", kTopic[0]));
  KELP_S3_CHECK(settle_ids(document, "QueueConfiguration", kQueue[0]));
  return settle_ids(document, "CloudFunctionConfiguration", kFunction[0]);
}

}  // namespace

std::vector<std::string> notification_arns(const Element& document) {
  std::vector<std::string> arns;
  for (const Element& configuration : document.inside) {
    const Target* const target = target_of(configuration);
    if (target != nullptr) arns.emplace_back(configuration.text_of(target->element));
  }
  return arns;
}

const ConfigKind& notification_config() {
  static const ConfigKind kKind{
      .setting = "notification", .root = kRoot, .check = check, .empty_removes = true};
  return kKind;
}

}  // namespace kelp::s3
