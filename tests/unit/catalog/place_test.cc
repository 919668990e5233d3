#include "catalog/core/place.h"

#include <gtest/gtest.h>

namespace kelp::catalog {
namespace {

TEST(Place, KnowsItsEndpoints) {
  const auto place = parse_place("POST", "/iceberg/v1/bucket~a~b/namespaces/x%1Fy/tables/t%20u");
  ASSERT_TRUE(place.has_value()) << place.error().message;
  EXPECT_EQ(place->action, Action::kCommitTable);
  EXPECT_EQ(place->warehouse.bucket, "bucket");
  EXPECT_EQ(place->warehouse.folder, "a/b/");
  EXPECT_EQ(place->space, (Namespace{"x", "y"}));
  EXPECT_EQ(place->table, "t u");
  EXPECT_EQ(parse_place("GET", "/iceberg/v1/config")->action, Action::kGetConfig);
  EXPECT_EQ(parse_place("POST", "/iceberg/v1/bucket/tables/rename")->action, Action::kRenameTable);
  EXPECT_EQ(parse_place("HEAD", "/iceberg/v1/bucket/namespaces/n")->action,
            Action::kNamespaceExists);
}

TEST(Place, TellsWhatItIsNot) {
  EXPECT_EQ(parse_place("GET", "/iceberg/v1/").error().status, 404);
  EXPECT_EQ(parse_place("PUT", "/iceberg/v1/config").error().status, 405);
  EXPECT_EQ(parse_place("GET", "/iceberg/v1/bucket/namespaces/n/views").error().status, 501);
  EXPECT_EQ(parse_place("POST", "/iceberg/v1/bucket/transactions/commit").error().status, 501);
  EXPECT_EQ(parse_place("GET", "/iceberg/v1/B/namespaces").error().status, 400);
  EXPECT_EQ(parse_place("GET", "/iceberg/v1/bucket/namespaces/a%1F").error().status, 400);
  EXPECT_EQ(parse_place("GET", "/iceberg/v1/bucket/namespaces/%zz").error().status, 400);
  EXPECT_EQ(parse_place("GET", "/iceberg/v1/bucket/namespaces/%ff").error().status, 400);
}

TEST(Warehouse, IsABucketOrAFolderOfOne) {
  EXPECT_EQ(location_of(*parse_warehouse("s3://bucket/a/b/")), "s3://bucket/a/b");
  EXPECT_EQ(location_of(*parse_warehouse("bucket")), "s3://bucket");
  EXPECT_EQ(segment_of(*parse_warehouse("bucket/a")), "bucket~a");
  for (const char* const text : {"", "x", "bucket//a", "bucket/a~b", "bucket/a b", "s3://"}) {
    EXPECT_FALSE(parse_warehouse(text).has_value()) << text;
  }
}

TEST(Keys, LieApartAndAreRead) {
  const Warehouse warehouse{.bucket = "bucket", .folder = "w/"};
  EXPECT_EQ(namespace_key(warehouse, {"a", "b/c"}), "w/.iceberg/namespaces/a/b%2Fc.json");
  EXPECT_EQ(namespaces_below(warehouse, {}), "w/.iceberg/namespaces/");
  EXPECT_EQ(table_key(warehouse, {"a"}, "t.json"), "w/.iceberg/tables/a/t.json.json");
  EXPECT_EQ(name_in_key("w/.iceberg/tables/a/b%2Fc.json", tables_below(warehouse, {"a"})), "b/c");
  EXPECT_EQ(name_in_key("w/.iceberg/tables/a/x", tables_below(warehouse, {"a"})), std::nullopt);
}

TEST(Location, IsOfS3) {
  EXPECT_EQ(parse_location("s3a://bucket/a/b")->key, "a/b");
  EXPECT_FALSE(parse_location("file:///tmp/x").has_value());
  EXPECT_FALSE(parse_location("s3://bucket").has_value());
}

}  // namespace
}  // namespace kelp::catalog
