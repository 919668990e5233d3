#include "webdav/core/operation.h"

#include <gtest/gtest.h>

#include <array>
#include <string_view>
#include <utility>

namespace kelp::webdav {
namespace {

using enum s3::Operation;
using Row = std::pair<std::string_view, s3::Operation>;

Place place_of(std::string_view path) {
  return parse_place(path).value();
}

TEST(OperationOf, AFileIsReadWrittenAndRemoved) {
  constexpr std::array<Row, 12> kRows{{{"GET", kGetObject},
                                       {"HEAD", kHeadObject},
                                       {"PROPFIND", kHeadObject},
                                       {"PUT", kPutObject},
                                       {"POST", kPutObject},
                                       {"MKCOL", kPutObject},
                                       {"LOCK", kPutObject},
                                       {"UNLOCK", kPutObject},
                                       {"DELETE", kDeleteObject},
                                       {"COPY", kCopyObject},
                                       {"PROPPATCH", kCopyObject},
                                       {"MOVE", kRenameObject}}};
  for (const auto& [method, operation] : kRows) {
    EXPECT_EQ(operation_of(method, place_of("/buckets/b/k")), operation) << method;
  }
}

TEST(OperationOf, ADirectoryIsListed) {
  for (const std::string_view method : {"GET", "HEAD", "PROPFIND"}) {
    EXPECT_EQ(operation_of(method, place_of("/dav/b/d/")), kListObjectsV2) << method;
    EXPECT_EQ(operation_of(method, place_of("/dav/b")), kListObjectsV2) << method;
    EXPECT_EQ(operation_of(method, place_of("/dav/")), kListBuckets) << method;
    EXPECT_EQ(operation_of(method, place_of("/")), kListBuckets) << method;
  }
}

TEST(OperationOf, ABucketIsMadeAndRemoved) {
  EXPECT_EQ(operation_of("MKCOL", place_of("/buckets/b")), kCreateBucket);
  EXPECT_EQ(operation_of("DELETE", place_of("/buckets/b/")), kDeleteBucket);
  EXPECT_EQ(operation_of("LOCK", place_of("/buckets/b")), kPutObject);
}

TEST(OperationOf, ElsewhereIsNothing) {
  EXPECT_FALSE(operation_of("GET", place_of("/elsewhere")));
}

}  // namespace
}  // namespace kelp::webdav
