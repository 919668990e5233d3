// Lifecycle rules. Source: PutBucketLifecycleConfiguration, and "Lifecycle configuration elements"
// of the S3 user guide.

#include <algorithm>
#include <chrono>
#include <set>

#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/config/filter.h"
#include "s3gw/core/http_date.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using namespace shapes;

constexpr std::size_t kMaxRules = 1000;
constexpr std::int64_t kMaxVersionsKept = 100;
constexpr std::int64_t kMinDaysOfInfrequentAccess = 30;

constexpr std::string_view kClasses[] = {"GLACIER",    "STANDARD_IA",  "ONEZONE_IA",
                                         "GLACIER_IR", "DEEP_ARCHIVE", "INTELLIGENT_TIERING"};

constexpr Shape kAnd[] = {text("Prefix"), many(group("Tag", kTagInside)),
                          integer("ObjectSizeGreaterThan"), integer("ObjectSizeLessThan")};
constexpr Shape kFilter[] = {text("Prefix"), group("Tag", kTagInside),
                             integer("ObjectSizeGreaterThan"), integer("ObjectSizeLessThan"),
                             group("And", kAnd)};
constexpr Shape kExpiration[] = {moment("Date"), integer("Days"),
                                 boolean("ExpiredObjectDeleteMarker")};
constexpr Shape kTransition[] = {moment("Date"), integer("Days"),
                                 required(word("StorageClass", kClasses))};
constexpr Shape kNoncurrentTransition[] = {required(integer("NoncurrentDays")),
                                           required(word("StorageClass", kClasses)),
                                           integer("NewerNoncurrentVersions")};
constexpr Shape kNoncurrentExpiration[] = {integer("NoncurrentDays"),
                                           integer("NewerNoncurrentVersions")};
constexpr Shape kAbort[] = {required(integer("DaysAfterInitiation"))};
constexpr Shape kRule[] = {text("ID"),
                           text("Prefix"),
                           group("Filter", kFilter),
                           required(word("Status", kEnabledDisabled)),
                           group("Expiration", kExpiration),
                           many(group("Transition", kTransition)),
                           group("NoncurrentVersionExpiration", kNoncurrentExpiration),
                           many(group("NoncurrentVersionTransition", kNoncurrentTransition)),
                           group("AbortIncompleteMultipartUpload", kAbort)};
/// What the header of a request says; kept beside the rules.
constexpr std::string_view kSizeElement = "TransitionDefaultMinimumObjectSize";
constexpr std::string_view kSizes[] = {kTransitionsFrom128K, "varies_by_storage_class"};
constexpr Shape kRules[] = {word(kSizeElement, kSizes), required(many(group("Rule", kRule)))};
constexpr Shape kRoot = group("LifecycleConfiguration", kRules);

std::unexpected<S3Error> malformed() {
  return s3_error(S3Code::kMalformedXML);
}
std::unexpected<S3Error> bad_request(std::string message) {
  return s3_error(S3Code::kInvalidRequest, std::move(message));
}
std::unexpected<S3Error> bad_value(std::string message) {
  return s3_error(S3Code::kInvalidArgument, std::move(message));
}

/// The conditions of a rule: those of its And, of its Filter, or its old Prefix.
const Element& conditions_of(const Element& rule) {
  const Element* const filter = rule.find("Filter");
  if (filter == nullptr) return rule;
  const Element* const all_of = filter->find("And");
  return all_of == nullptr ? *filter : *all_of;
}

/// How AWS names a rule by its objects.
std::string where_of(const Element& rule) {
  const std::string prefix(conditions_of(rule).text_of("Prefix"));
  return rule.has("Filter") ? "filter '(prefix=" + prefix + ")'" : "prefix '" + prefix + "'";
}

bool filters_by_size(const Element& rule) {
  const Element& conditions = conditions_of(rule);
  return conditions.has("ObjectSizeGreaterThan") || conditions.has("ObjectSizeLessThan");
}

S3Result<void> check_objects(const Element& rule, bool has_filters) {
  const Element* const filter = rule.find("Filter");
  if (filter != nullptr && rule.has("Prefix")) return malformed();
  if (filter == nullptr && !rule.has("Prefix")) return malformed();
  if (filter == nullptr && has_filters) {
    return bad_request(
        "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the "
        "Filter.");
  }
  KELP_S3_CHECK(check_filter(filter));
  const Element& conditions = conditions_of(rule);
  const auto greater = conditions.number_of("ObjectSizeGreaterThan");
  const auto less = conditions.number_of("ObjectSizeLessThan");
  if (greater.value_or(0) < 0) {
    return bad_request("'ObjectSizeGreaterThan' should be greater than or equal to 0");
  }
  if (less.value_or(1) < 1) {
    return bad_request("'ObjectSizeLessThan' should be greater than or equal to 1");
  }
  if (greater && less && *greater >= *less) {
    return bad_request(
        "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
  }
  return {};
}

S3Result<void> check_positive(const Element& action, std::string_view name) {
  if (action.number_of(name).value_or(1) > 0) return {};
  return bad_value("'" + std::string(name) + "' for " + std::string(action.shape->name) +
                   " action must be a positive integer");
}

S3Result<void> check_date(const Element& action) {
  const auto date = parse_iso8601(action.text_of("Date"));
  if (!date || *date == std::chrono::floor<std::chrono::days>(*date)) return {};
  return bad_argument("'Date' must be at midnight GMT", "Date",
                      std::string(action.text_of("Date")));
}

S3Result<void> check_expiration(const Element& rule) {
  const Element* const expiration = rule.find("Expiration");
  if (expiration == nullptr) return {};
  if (expiration->inside.size() != 1) return malformed();
  KELP_S3_CHECK(check_positive(*expiration, "Days"));
  KELP_S3_CHECK(check_date(*expiration));
  if (expiration->has("ExpiredObjectDeleteMarker") && filters_by_tag(rule.find("Filter"))) {
    return bad_request("ExpiredObjectDeleteMarker cannot be specified with Tags.");
  }
  return {};
}

/// What transitions of both kinds share. `days` is the name of the number of days.
S3Result<void> check_transitions(const Element& rule, std::string_view kind,
                                 std::string_view days) {
  std::set<std::string_view> classes;
  for (const Element* transition : rule.all(kind)) {
    const std::string_view to = transition->text_of("StorageClass");
    const auto after = transition->number_of(days);
    if (after && *after < 0) {
      return bad_value("'" + std::string(days) + "' in " + std::string(kind) +
                       " action must be nonnegative");
    }
    if ((to == "STANDARD_IA" || to == "ONEZONE_IA") &&
        after.value_or(kMinDaysOfInfrequentAccess) < kMinDaysOfInfrequentAccess) {
      return bad_value("'" + std::string(days) + "' in " + std::string(kind) +
                       " action must be greater than or equal to 30 for storageClass '" +
                       std::string(to) + "'");
    }
    if (!classes.insert(to).second) {
      return bad_request("'StorageClass' must be different for '" + std::string(kind) +
                         "' actions in same 'Rule' with " + where_of(rule));
    }
  }
  return {};
}

/// That an object does not move after it is gone.
S3Result<void> check_order(const Element& rule) {
  const Element* const expiration = rule.find("Expiration");
  bool by_date = false;
  bool by_days = false;
  for (const Element* transition : rule.all("Transition")) {
    if (transition->has("Date") == transition->has("Days")) return malformed();
    KELP_S3_CHECK(check_date(*transition));
    (transition->has("Date") ? by_date : by_days) = true;
    if (by_date && by_days) {
      return bad_request(
          "Found mixed 'Date' and 'Days' based Transition actions in lifecycle rule for " +
          where_of(rule));
    }
    if (expiration == nullptr || expiration->has("ExpiredObjectDeleteMarker")) continue;
    if (expiration->has("Date") != by_date) {
      return bad_request(
          "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle "
          "rule for " +
          where_of(rule));
    }
    if (by_days && *expiration->number_of("Days") <= *transition->number_of("Days")) {
      return bad_value("'Days' in the Expiration action for " + where_of(rule) +
                       " must be greater than 'Days' in the Transition action");
    }
    // One form of all dates: their texts sort as they do.
    if (by_date && expiration->text_of("Date") <= transition->text_of("Date")) {
      return bad_value("'Date' in the Expiration action for " + where_of(rule) +
                       " must be later than 'Date' in the Transition action");
    }
  }
  return {};
}

S3Result<void> check_versions_kept(const Element& action) {
  KELP_S3_CHECK(check_positive(action, "NewerNoncurrentVersions"));
  if (action.number_of("NewerNoncurrentVersions").value_or(1) <= kMaxVersionsKept) return {};
  return bad_value("'NewerNoncurrentVersions' for " + std::string(action.shape->name) +
                   " action must be less than or equal to 100");
}

S3Result<void> check_noncurrent(const Element& rule) {
  const Element* const expiration = rule.find("NoncurrentVersionExpiration");
  if (expiration != nullptr) {
    if (expiration->inside.empty()) return malformed();
    KELP_S3_CHECK(check_positive(*expiration, "NoncurrentDays"));
    KELP_S3_CHECK(check_versions_kept(*expiration));
  }
  for (const Element* transition : rule.all("NoncurrentVersionTransition")) {
    KELP_S3_CHECK(check_versions_kept(*transition));
    const auto gone =
        expiration == nullptr ? std::nullopt : expiration->number_of("NoncurrentDays");
    if (gone && *gone <= *transition->number_of("NoncurrentDays")) {
      return bad_value(
          "'NoncurrentDays' in the NoncurrentVersionExpiration action for " + where_of(rule) +
          " must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action");
    }
  }
  return check_transitions(rule, "NoncurrentVersionTransition", "NoncurrentDays");
}

S3Result<void> check_abort(const Element& rule) {
  const Element* const abort = rule.find("AbortIncompleteMultipartUpload");
  if (abort == nullptr) return {};
  KELP_S3_CHECK(check_positive(*abort, "DaysAfterInitiation"));
  if (filters_by_tag(rule.find("Filter"))) {
    return bad_request("AbortIncompleteMultipartUpload cannot be specified with Tags.");
  }
  if (filters_by_size(rule)) {
    return bad_request("AbortIncompleteMultipartUpload cannot be specified with Object Size.");
  }
  return {};
}

/// Rules with a Prefix of their own, the older form, may not do the same to the same objects.
S3Result<void> check_overlap(const Element& a, const Element& b) {
  std::string_view longer = a.text_of("Prefix");
  std::string_view shorter = b.text_of("Prefix");
  if (longer.size() < shorter.size()) std::swap(longer, shorter);
  if (!longer.starts_with(shorter)) return {};
  for (const Element& action : a.inside) {
    const std::string_view name = action.shape->name;
    if (action.shape->holds != Holds::kElements || !b.has(name)) continue;
    return bad_request("Found overlapping prefixes '" + std::string(longer) + "' and '" +
                       std::string(shorter) + "' for same action type '" + std::string(name) + "'");
  }
  return {};
}

S3Result<void> check_overlaps(const Element& document) {
  for (auto rule = document.inside.begin(); rule != document.inside.end(); ++rule) {
    for (auto other = std::next(rule); other != document.inside.end(); ++other) {
      KELP_S3_CHECK(check_overlap(*rule, *other));
    }
  }
  return {};
}

bool has_action(const Element& rule) {
  return std::ranges::any_of(rule.inside, [](const Element& child) {
    return child.shape->holds == Holds::kElements && child.shape->name != "Filter";
  });
}

S3Result<void> check(Element& document) {
  if (document.inside.size() > kMaxRules || document.has(kSizeElement)) return malformed();
  const bool has_filters =
      std::ranges::any_of(document.inside, [](const Element& rule) { return rule.has("Filter"); });
  for (const Element& rule : document.inside) {
    KELP_S3_CHECK(check_objects(rule, has_filters));
    if (!has_action(rule)) {
      return bad_request("At least one action needs to be specified in a rule");
    }
    KELP_S3_CHECK(check_expiration(rule));
    KELP_S3_CHECK(check_transitions(rule, "Transition", "Days"));
    KELP_S3_CHECK(check_order(rule));
    KELP_S3_CHECK(check_noncurrent(rule));
    KELP_S3_CHECK(check_abort(rule));
  }
  if (!has_filters) {
    KELP_S3_CHECK(check_overlaps(document));
  }
  return settle_ids(document, "Rule", kRule[0]);
}

}  // namespace

S3Result<void> set_transition_size(Element& document, std::string_view size) {
  if (std::ranges::find(kSizes, size) == std::end(kSizes)) {
    return bad_argument("Invalid TransitionDefaultMinimumObjectSize found",
                        "x-amz-transition-default-minimum-object-size", std::string(size));
  }
  document.inside.push_back({.shape = &kRules[0], .text = std::string(size), .inside = {}});
  return {};
}

std::string take_transition_size(Element& document) {
  std::string size(document.text_of(kSizeElement));
  std::erase_if(document.inside, [](const Element& child) { return child.shape == &kRules[0]; });
  return size.empty() ? std::string(kTransitionsFrom128K) : size;
}

const ConfigKind& lifecycle_config() {
  static const ConfigKind kKind{.setting = "lifecycle",
                                .root = kRoot,
                                .check = check,
                                .absent = S3Code::kNoSuchLifecycleConfiguration};
  return kKind;
}

}  // namespace kelp::s3
