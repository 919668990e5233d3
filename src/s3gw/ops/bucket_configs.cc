// Configurations of a bucket of which there is one: each is a document that is checked, kept and
// given back. What a document may hold: core/config/.

#include <algorithm>
#include <set>

#include "base/assert.h"
#include "lifecycle/rules.h"
#include "notify/core/rules.h"
#include "s3gw/core/config/config_kind.h"
#include "s3gw/ops/configs.h"
#include "s3gw/ops/handlers.h"
#include "s3gw/ops/log_delivery.h"
#include "s3gw/ops/request_body.h"
#include "s3gw/s3_try.h"

namespace kelp::s3 {
namespace {

using enum Operation;

constexpr std::string_view kTransitionSize = "x-amz-transition-default-minimum-object-size";

struct Row {
  const ConfigKind& (*kind)();
  Operation put;
  Operation get;
  std::optional<Operation> remove = std::nullopt;
};
constexpr Row kRows[] = {
    {cors_config, kPutBucketCors, kGetBucketCors, kDeleteBucketCors},
    {lifecycle_config, kPutBucketLifecycleConfiguration, kGetBucketLifecycleConfiguration,
     kDeleteBucketLifecycle},
    {website_config, kPutBucketWebsite, kGetBucketWebsite, kDeleteBucketWebsite},
    {replication_config, kPutBucketReplication, kGetBucketReplication, kDeleteBucketReplication},
    {logging_config, kPutBucketLogging, kGetBucketLogging},
    {notification_config, kPutBucketNotificationConfiguration, kGetBucketNotificationConfiguration},
    {request_payment_config, kPutBucketRequestPayment, kGetBucketRequestPayment},
    {accelerate_config, kPutBucketAccelerateConfiguration, kGetBucketAccelerateConfiguration},
    {abac_config, kPutBucketAbac, kGetBucketAbac},
};

const ConfigKind& kind_of(const Call& call) {
  for (const Row& row : kRows) {
    if (call.operation == row.put || call.operation == row.get || call.operation == row.remove) {
      return row.kind();
    }
  }
  KELP_ASSERT(false, "handlers.cc gives this file what has a row");
  return cors_config();
}

/// The bucket that another one's configuration names, when it is there.
Task<S3Result<std::optional<BucketEntry>>> look_up(Call& call, std::string name) {
  const auto found = co_await call.services.deps.filer.get_bucket(std::move(name));
  if (found) co_return std::optional(*found);
  if (found.error().reason() == Reason::kNoSuchBucket) co_return std::nullopt;
  co_return std::unexpected(from_error(found.error()));
}

Task<S3Result<void>> check_replication(Call& call, const BucketEntry& bucket,
                                       const Element& document) {
  if (bucket.versioning != Versioning::kEnabled) {
    co_return s3_error(S3Code::kInvalidRequest,
                       "Versioning must be 'Enabled' on the bucket to apply a replication "
                       "configuration");
  }
  std::set<std::string> names;
  for (const Element* rule : document.all("Rule")) {
    names.emplace(bucket_of_arn(rule->find("Destination")->text_of("Bucket")));
  }
  for (const std::string& name : names) {
    if (name == call.request.bucket) {
      co_return s3_error(S3Code::kInvalidRequest,
                         "Destination bucket cannot be the same as the source bucket.");
    }
    KELP_S3_CO_TRY(const auto destination, co_await look_up(call, name));
    if (!destination) {
      co_return s3_error(S3Code::kInvalidRequest, "Destination bucket must exist.");
    }
    if (destination->versioning != Versioning::kEnabled) {
      co_return s3_error(S3Code::kInvalidRequest,
                         "Destination bucket must have versioning enabled.");
    }
  }
  co_return S3Result<void>{};
}

Task<S3Result<void>> check_logging(Call& call, const BucketEntry& bucket, const Element& document) {
  const Element* const enabled = document.find("LoggingEnabled");
  if (enabled == nullptr) co_return S3Result<void>{};
  const std::string name(enabled->text_of("TargetBucket"));
  KELP_S3_CO_TRY(const auto target, co_await look_up(call, name));
  S3Error error{S3Code::kInvalidTargetBucketForLogging, {}, {{"TargetBucket", name}}};
  if (!target) co_return std::unexpected(std::move(error));
  if (target->owner_id != bucket.owner_id) {
    error.message = "The owner for the bucket to be logged and the target bucket must be the same.";
    co_return std::unexpected(std::move(error));
  }
  if (enabled->has("TargetGrants")) {
    KELP_S3_CO_TRY(const BucketAccessPtr access, co_await call.services.bucket_access.find(name));
    if (!access->has_acls()) {
      co_return s3_error(S3Code::kAccessControlListNotSupported,
                         "Target grants not allowed for bucket owner enforced buckets");
    }
  }
  const auto may =
      co_await authorize_log_target(call, name, std::string(enabled->text_of("TargetPrefix")));
  if (!may && may.error().code == S3Code::kAccessDenied) {
    error.message =
        "You must give logging.s3.amazonaws.com or the log-delivery group permission to write to "
        "the target bucket, or have it yourself.";
    co_return std::unexpected(std::move(error));
  }
  KELP_S3_CO_CHECK(may);
  co_return S3Result<void>{};
}

/// That the operator configured what it sends to.
S3Result<void> check_notification(const Call& call, const Element& document) {
  if (call.header("x-amz-skip-destination-validation") == "true") return {};
  const std::vector<std::string>& known = call.services.options.notify_targets;
  for (const std::string& arn : notification_arns(document)) {
    const auto name = notify::target_of_arn(arn);
    if (name && std::ranges::find(known, *name) != known.end()) continue;
    return bad_argument("Unable to validate the following destination configurations", arn,
                        "The destination does not exist");
  }
  return {};
}

/// What a document alone cannot tell.
Task<S3Result<void>> check_against_buckets(Call& call, const BucketEntry& bucket,
                                           Element& document) {
  switch (*call.operation) {
    case kPutBucketReplication:
      co_return co_await check_replication(call, bucket, document);
    case kPutBucketLogging:
      co_return co_await check_logging(call, bucket, document);
    case kPutBucketNotificationConfiguration:
      co_return check_notification(call, document);
    case kPutBucketLifecycleConfiguration:
      co_return set_transition_size(document,
                                    call.header(kTransitionSize).value_or(kTransitionsFrom128K));
    case kPutBucketAccelerateConfiguration:
      if (call.request.bucket.contains('.')) {
        co_return s3_error(S3Code::kInvalidRequest,
                           "S3 Transfer Acceleration is not supported for buckets with periods "
                           "(.) in their names");
      }
      break;
    default:
      break;
  }
  co_return S3Result<void>{};
}

}  // namespace

Task<S3Result<void>> put_bucket_config(Call& call) {
  const ConfigKind& kind = kind_of(call);
  KELP_S3_CO_TRY(const BucketEntry bucket, co_await own_bucket(call));
  KELP_S3_CO_TRY(std::string body, co_await read_request_xml(call, kind.max_bytes));
  KELP_S3_CO_TRY(Element document, read_config(kind, std::move(body)));
  const bool removes = kind.empty_removes && document.inside.empty();
  KELP_S3_CO_CHECK(co_await check_against_buckets(call, bucket, document));
  KELP_S3_CO_TRY(std::string value, config_value(document));
  if (call.operation == kPutBucketLifecycleConfiguration) {
    // What is kept is what filers apply: they read it with this.
    KELP_S3_CO_CHECK(lifecycle::parse_rules(value));
  }
  std::optional<std::string> kept;
  if (!removes) kept = std::move(value);
  KELP_S3_CO_CHECK(co_await set_config(call, std::string(kind.setting), std::move(kept)));
  HttpResponse head = begin_response(call, 200);
  if (call.operation == kPutBucketLifecycleConfiguration) {
    head.add(kTransitionSize, take_transition_size(document));
  }
  co_await reply(call, std::move(head), {});
  co_return S3Result<void>{};
}

Task<S3Result<void>> get_bucket_config(Call& call) {
  const ConfigKind& kind = kind_of(call);
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_TRY(std::optional<std::string> value,
                 co_await get_config(call, std::string(kind.setting)));
  if (!value && kind.absent) co_return s3_error(*kind.absent);
  HttpResponse head = begin_response(call, 200);
  head.add("Content-Type", "application/xml");
  std::string body;
  XmlWriter xml(body);
  xml.begin(kind.root.name);
  if (call.operation == kGetBucketLifecycleConfiguration) {
    KELP_S3_CO_TRY(Element document, read_inside(*value, kind.root));
    head.add(kTransitionSize, take_transition_size(document));
    write_inside(document, xml);
  } else {
    xml.raw(value ? std::string_view(*value) : kind.absent_inside);
  }
  xml.close(kind.root.name);
  co_await reply(call, std::move(head), std::move(body));
  co_return S3Result<void>{};
}

Task<S3Result<void>> delete_bucket_config(Call& call) {
  const ConfigKind& kind = kind_of(call);
  KELP_S3_CO_CHECK(co_await own_bucket(call));
  KELP_S3_CO_CHECK(co_await set_config(call, std::string(kind.setting), std::nullopt));
  co_await reply_empty(call, 204);
  co_return S3Result<void>{};
}

}  // namespace kelp::s3
