#include "s3gw/bucket_metrics.h"

#include <algorithm>
#include <mutex>

namespace kelp::s3 {
namespace {

constexpr std::array<std::string_view, kRequestClasses> kNames{"read", "write", "delete", "list",
                                                               "other"};

}  // namespace

RequestClass class_of(Operation operation) {
  using enum Operation;
  switch (operation) {
    case kGetObject:
    case kHeadObject:
    case kGetObjectAttributes:
    case kSelectObjectContent:
      return RequestClass::kRead;
    case kPutObject:
    case kPostObject:
    case kCopyObject:
    case kRenameObject:
    case kCreateMultipartUpload:
    case kUploadPart:
    case kUploadPartCopy:
    case kCompleteMultipartUpload:
      return RequestClass::kWrite;
    case kDeleteObject:
    case kDeleteObjects:
    case kAbortMultipartUpload:
      return RequestClass::kDelete;
    case kListObjects:
    case kListObjectsV2:
    case kListObjectVersions:
    case kListMultipartUploads:
    case kListParts:
      return RequestClass::kList;
    default:
      return RequestClass::kOther;
  }
}

/// Of one bucket; a counter is made when it first counts.
struct BucketMetrics::Counted {
  Counted(Metrics& metrics, std::string_view bucket)
      : name(bucket),
        bytes_in(metrics.counter("kelp_s3_bucket_received_bytes_total",
                                 "Bytes of request bodies by bucket.", {{"bucket", name}})),
        bytes_out(metrics.counter("kelp_s3_bucket_sent_bytes_total",
                                  "Bytes of answer bodies by bucket.", {{"bucket", name}})) {}

  const std::string name;
  prometheus::Counter& bytes_in;
  prometheus::Counter& bytes_out;
  std::array<std::array<std::atomic<prometheus::Counter*>, 4>, kRequestClasses> requests{};
};

BucketMetrics::BucketMetrics(Metrics& metrics, std::size_t most) : metrics_(metrics), most_(most) {}

BucketMetrics::~BucketMetrics() = default;

BucketMetrics::Counted& BucketMetrics::find(std::string_view bucket) {
  {
    const std::shared_lock lock(mutex_);
    const auto known = buckets_.find(bucket);
    if (known != buckets_.end()) return *known->second;
    if (buckets_.size() >= most_ && others_ != nullptr) return *others_;
  }
  const std::lock_guard lock(mutex_);
  const bool own = buckets_.size() < most_ || buckets_.contains(bucket);
  std::unique_ptr<Counted>& counted = own ? buckets_[std::string(bucket)] : others_;
  if (counted == nullptr) {
    counted = std::make_unique<Counted>(metrics_, own ? bucket : std::string_view("_other"));
  }
  return *counted;
}

void BucketMetrics::count(const RequestRecord& record, Operation operation) {
  if (most_ == 0) return;
  Counted& counted = find(record.bucket);
  const auto row = static_cast<std::size_t>(class_of(operation));
  const std::size_t column = static_cast<std::size_t>(std::clamp(record.status / 100, 2, 5)) - 2;
  std::atomic<prometheus::Counter*>& slot = counted.requests[row][column];
  prometheus::Counter* counter = slot.load(std::memory_order_acquire);
  if (counter == nullptr) {
    counter = &metrics_.counter("kelp_s3_bucket_requests_total", "Requests answered, by bucket.",
                                {{"bucket", counted.name},
                                 {"class", std::string(kNames[row])},
                                 {"status", std::to_string(column + 2) + "xx"}});
    slot.store(counter, std::memory_order_release);
  }
  counter->Increment();
  if (record.bytes_in > 0) counted.bytes_in.Increment(static_cast<double>(record.bytes_in));
  if (record.bytes_out > 0) counted.bytes_out.Increment(static_cast<double>(record.bytes_out));
}

}  // namespace kelp::s3
