// Documents that are one switch. Sources: PutBucketRequestPayment,
// PutBucketAccelerateConfiguration, PutBucketAbac.

#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/config/filter.h"

namespace kelp::s3 {
namespace {

using namespace shapes;

constexpr std::string_view kPayers[] = {"Requester", "BucketOwner"};
constexpr std::string_view kEnabledSuspended[] = {"Enabled", "Suspended"};

constexpr Shape kPayment[] = {required(word("Payer", kPayers))};
constexpr Shape kAcceleration[] = {required(word("Status", kEnabledSuspended))};
constexpr Shape kAbac[] = {required(word("Status", kEnabledDisabled))};
constexpr Shape kPaymentRoot = group("RequestPaymentConfiguration", kPayment);
constexpr Shape kAccelerateRoot = group("AccelerateConfiguration", kAcceleration);
constexpr Shape kAbacRoot = group("AbacStatus", kAbac);

S3Result<void> anything(Element&) {
  return {};
}

}  // namespace

const ConfigKind& request_payment_config() {
  static const ConfigKind kKind{.setting = "request-payment",
                                .root = kPaymentRoot,
                                .check = anything,
                                .absent_inside = "<Payer>BucketOwner</Payer>"};
  return kKind;
}

const ConfigKind& accelerate_config() {
  static const ConfigKind kKind{
      .setting = "accelerate", .root = kAccelerateRoot, .check = anything};
  return kKind;
}

const ConfigKind& abac_config() {
  static const ConfigKind kKind{.setting = "abac",
                                .root = kAbacRoot,
                                .check = anything,
                                .absent_inside = "<Status>Disabled</Status>"};
  return kKind;
}

}  // namespace kelp::s3
