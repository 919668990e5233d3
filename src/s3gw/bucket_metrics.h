#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/metrics.h"
#include "s3gw/core/operations.h"
#include "s3gw/request_record.h"

namespace kelp::s3 {

/// What kind of request an operation is, for metrics of buckets.
enum class RequestClass : unsigned char { kRead, kWrite, kDelete, kList, kOther };
inline constexpr std::size_t kRequestClasses = 5;
/// Reads, writes and deletes are of objects; all that is about the bucket itself is kOther.
[[nodiscard]] RequestClass class_of(Operation operation);

/// Requests and bytes by bucket: kelp_s3_bucket_…{bucket="…"}. The first buckets that are asked for
/// have a name of their own, the others share "_other" (no bucket's name begins so). Thread-safe.
class BucketMetrics {
 public:
  /// `most` buckets have their own; 0: nothing is counted.
  BucketMetrics(Metrics& metrics, std::size_t most);
  ~BucketMetrics();

  /// A request of a bucket that is there.
  void count(const RequestRecord& record, Operation operation);

 private:
  struct Counted;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  Counted& find(std::string_view bucket);

  Metrics& metrics_;
  const std::size_t most_;
  std::shared_mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<Counted>, Hash, std::equal_to<>> buckets_;
  std::unique_ptr<Counted> others_;
};

}  // namespace kelp::s3
