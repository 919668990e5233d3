// A bucket as a website. Source: PutBucketWebsite, and "Configuring a webpage redirect" of the S3
// user guide.

#include "s3gw/core/config/config_kind.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using namespace shapes;

constexpr std::size_t kMaxRules = 50;

constexpr Shape kErrorDocument[] = {required(text("Key"))};
constexpr Shape kIndexDocument[] = {required(text("Suffix"))};
constexpr Shape kRedirectAll[] = {required(text("HostName")), text("Protocol")};
constexpr Shape kCondition[] = {text("HttpErrorCodeReturnedEquals"), text("KeyPrefixEquals")};
constexpr Shape kRedirect[] = {text("HostName"), text("HttpRedirectCode"), text("Protocol"),
                               text("ReplaceKeyPrefixWith"), text("ReplaceKeyWith")};
constexpr Shape kRule[] = {group("Condition", kCondition), required(group("Redirect", kRedirect))};
constexpr Shape kRules[] = {required(many(group("RoutingRule", kRule)))};
constexpr Shape kWebsite[] = {
    group("ErrorDocument", kErrorDocument), group("IndexDocument", kIndexDocument),
    group("RedirectAllRequestsTo", kRedirectAll), group("RoutingRules", kRules)};
constexpr Shape kRoot = group("WebsiteConfiguration", kWebsite);

std::unexpected<S3Error> bad_request(std::string message) {
  return s3_error(S3Code::kInvalidRequest, std::move(message));
}

S3Result<void> check_protocol(const Element& element) {
  const Element* const protocol = element.find("Protocol");
  if (protocol == nullptr || protocol->text == "http" || protocol->text == "https") return {};
  return bad_request(
      "Invalid protocol, protocol can be http or https. If not defined the protocol will be "
      "selected automatically.");
}

/// Whether it is a status between `first` and `last`.
bool is_status(std::string_view text, std::string_view first, std::string_view last) {
  return text.size() == 3 && text.find_first_not_of("0123456789") == text.npos && text >= first &&
         text <= last;
}

S3Result<void> check_rule(const Element& rule) {
  if (const Element* const condition = rule.find("Condition")) {
    if (condition->inside.empty()) {
      return bad_request(
          "Condition cannot be empty. To redirect all requests without a condition, the condition "
          "element shouldn't be present.");
    }
    const Element* const status = condition->find("HttpErrorCodeReturnedEquals");
    if (status != nullptr && !is_status(status->text, "400", "599")) {
      return bad_request("The provided HTTP error code (" + status->text +
                         ") is not valid. Valid codes are 4XX or 5XX.");
    }
  }
  const Element& redirect = *rule.find("Redirect");
  if (redirect.inside.empty()) return s3_error(S3Code::kMalformedXML);
  KELP_S3_CHECK(check_protocol(redirect));
  if (redirect.has("ReplaceKeyPrefixWith") && redirect.has("ReplaceKeyWith")) {
    return bad_request("You can only define ReplaceKeyPrefix or ReplaceKey but not both.");
  }
  const Element* const status = redirect.find("HttpRedirectCode");
  if (status != nullptr && !is_status(status->text, "301", "399")) {
    return bad_request("The provided HTTP redirect code (" + status->text +
                       ") is not valid. Valid codes are 3XX except 300.");
  }
  return {};
}

S3Result<void> check_documents(const Element& document) {
  const Element* const index = document.find("IndexDocument");
  if (index == nullptr) {
    return bad_argument(
        "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
        "IndexDocument", "null");
  }
  const std::string_view suffix = index->text_of("Suffix");
  if (suffix.empty() || suffix.contains('/')) {
    return bad_argument("The IndexDocument Suffix is not well formed", "IndexDocument",
                        std::string(suffix));
  }
  const Element* const error = document.find("ErrorDocument");
  if (error != nullptr && error->text_of("Key").empty()) return s3_error(S3Code::kMalformedXML);
  return {};
}

S3Result<void> check(Element& document) {
  if (const Element* const all = document.find("RedirectAllRequestsTo")) {
    if (document.inside.size() > 1) {
      return bad_argument(
          "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
          "RedirectAllRequestsTo", "not null");
    }
    if (all->text_of("HostName").empty()) return s3_error(S3Code::kMalformedXML);
    return check_protocol(*all);
  }
  KELP_S3_CHECK(check_documents(document));
  const Element* const rules = document.find("RoutingRules");
  if (rules == nullptr) return {};
  if (rules->inside.size() > kMaxRules) {
    return bad_request(std::to_string(rules->inside.size()) +
                       " routing rules provided, the number of routing rules in a website "
                       "configuration is limited to 50.");
  }
  for (const Element& rule : rules->inside) {
    KELP_S3_CHECK(check_rule(rule));
  }
  return {};
}

}  // namespace

const ConfigKind& website_config() {
  static const ConfigKind kKind{.setting = "website",
                                .root = kRoot,
                                .check = check,
                                .absent = S3Code::kNoSuchWebsiteConfiguration};
  return kKind;
}

}  // namespace kelp::s3
