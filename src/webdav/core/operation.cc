#include "webdav/core/operation.h"

namespace kelp::webdav {
namespace {

using enum s3::Operation;

bool looks(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PROPFIND";
}

s3::Operation of_bucket(std::string_view method) {
  if (looks(method)) return kListObjectsV2;
  if (method == "DELETE") return kDeleteBucket;
  if (method == "MKCOL") return kCreateBucket;
  return kPutObject;
}

s3::Operation of_entry(std::string_view method, bool slash) {
  if (looks(method)) return slash ? kListObjectsV2 : method == "GET" ? kGetObject : kHeadObject;
  if (method == "DELETE") return kDeleteObject;
  if (method == "MOVE") return kRenameObject;
  if (method == "COPY" || method == "PROPPATCH") return kCopyObject;
  return kPutObject;
}

}  // namespace

std::optional<s3::Operation> operation_of(std::string_view method, const Place& place) {
  switch (place.level) {
    case Level::kElsewhere:
      return std::nullopt;
    case Level::kRoot:
    case Level::kBuckets:
      return kListBuckets;
    case Level::kBucket:
      return of_bucket(method);
    case Level::kEntry:
      return of_entry(method, place.slash);
  }
  return std::nullopt;
}

}  // namespace kelp::webdav
