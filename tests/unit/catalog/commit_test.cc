#include "catalog/core/commit.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "catalog/core/records.h"

namespace kelp::catalog {
namespace {

const Birth& birth() {
  static const Birth kBirth{.uuid = "uuid-1", .location = "s3://b/n/t-1", .now_ms = 7};
  return kBirth;
}

Object made(std::string_view request) {
  const auto table = table_of_request(request, birth());
  EXPECT_TRUE(table.has_value()) << table.error().message;
  return *parse_object(table->metadata);
}

constexpr std::string_view kNested = R"({"name":"t","schema":{"type":"struct","fields":[
  {"id":0,"name":"a","required":true,"type":"long"},
  {"id":5,"name":"m","required":false,"type":{"type":"map","key-id":6,"key":"string","value-id":7,
    "value":{"type":"struct","fields":[{"id":8,"name":"x","required":false,"type":"int"}]}}},
  {"id":9,"name":"l","required":false,"type":{"type":"list","element-id":10,"element":"int"}}],
  "identifier-field-ids":[0]},
  "partition-spec":{"fields":[{"source-id":0,"name":"a_b","transform":"bucket[4]"}]},
  "write-order":{"order-id":1,"fields":[{"source-id":0,"transform":"identity"}]},
  "properties":{"p":"1","format-version":"2"}})";

TEST(NewTable, HasFieldsNumberedFromOneLevelByLevel) {
  const Object table = made(kNested);
  EXPECT_EQ(
      boost::json::serialize(table.at("schemas")),
      R"([{"type":"struct","fields":[{"id":1,"name":"a","required":true,"type":"long"},)"
      R"({"id":2,"name":"m","required":false,"type":{"type":"map","key-id":4,"key":"string",)"
      R"("value-id":5,"value":{"type":"struct","fields":[{"id":6,"name":"x","required":false,)"
      R"("type":"int"}]}}},{"id":3,"name":"l","required":false,"type":{"type":"list",)"
      R"("element-id":7,"element":"int"}}],"identifier-field-ids":[1],"schema-id":0}])");
  EXPECT_EQ(table.at("last-column-id").as_int64(), 7);
  EXPECT_EQ(boost::json::serialize(table.at("partition-specs")),
            R"([{"spec-id":0,"fields":[{"source-id":1,"name":"a_b","transform":"bucket[4]",)"
            R"("field-id":1000}]}])");
  EXPECT_EQ(table.at("last-partition-id").as_int64(), 1000);
  EXPECT_EQ(table.at("default-sort-order-id").as_int64(), 1);
  EXPECT_EQ(boost::json::serialize(table.at("properties")), R"({"p":"1"})");
  EXPECT_EQ(table.at("location").as_string(), "s3://b/n/t-1");
}

TEST(NewTable, OfFormatOneSaysTwiceWhatIsCurrent) {
  const Object table = made(R"({"name":"t","schema":{"type":"struct","fields":[]},
                               "properties":{"format-version":"1"}})");
  EXPECT_EQ(table.at("format-version").as_int64(), 1);
  EXPECT_TRUE(table.contains("schema"));
  EXPECT_TRUE(table.contains("partition-spec"));
  EXPECT_FALSE(table.contains("last-sequence-number"));
}

TEST(NewTable, IsRefusedWhenItCannotBe) {
  constexpr const char* kRefused[] = {
      "",
      "[]",
      "{",
      R"({"name":"t"})",
      R"({"schema":{"fields":7}})",
      R"({"schema":{"fields":[]},"properties":{"format-version":"3"}})",
      R"({"schema":{"fields":[]},"partition-spec":{"fields":[
          {"source-id":1,"name":"a","transform":"identity"}]}})",
      R"({"schema":{"fields":[{"id":1,"name":"a","type":{"type":"tuple"}}]}})"};
  for (const char* const request : kRefused) {
    const auto table = table_of_request(request, birth());
    ASSERT_FALSE(table.has_value()) << request;
    EXPECT_EQ(table.error().status, 400) << request;
  }
}

TEST(Commit, LogsTheMetadataThatItReplaces) {
  const auto first = table_of_request(kNested, birth());
  const CommitInput input{.request = R"({"requirements":[],"updates":[
                            {"action":"set-properties","updates":{
                              "write.metadata.previous-versions-max":"1"}}]})",
                          .metadata = first->metadata,
                          .metadata_location = "s3://b/n/t-1/metadata/00000-x.metadata.json",
                          .birth = {.uuid = {}, .location = {}, .now_ms = 9}};
  const auto second = table_after(input);
  ASSERT_TRUE(second.has_value()) << second.error().message;
  EXPECT_EQ(second->folder, "s3://b/n/t-1/metadata");
  CommitInput again = input;
  again.metadata = second->metadata;
  again.metadata_location = "s3://b/n/t-1/metadata/00001-y.metadata.json";
  const Object third = *parse_object(table_after(again)->metadata);
  EXPECT_EQ(
      boost::json::serialize(third.at("metadata-log")),
      R"([{"metadata-file":"s3://b/n/t-1/metadata/00001-y.metadata.json","timestamp-ms":9}])");
}

TEST(Commit, MakesATableFromNothingOnlyWhenItSaysSo) {
  CommitInput input{.request = R"({"requirements":[],"updates":[]})",
                    .metadata = {},
                    .metadata_location = {},
                    .birth = birth()};
  EXPECT_EQ(table_after(input).error().type, "NoSuchTableException");
  input.request = R"({"requirements":[{"type":"assert-create"}],"updates":[]})";
  EXPECT_EQ(table_after(input).error().status, 400) << "it has no schema";
  input.request = R"({"requirements":[{"type":"assert-create"}],"updates":[
    {"action":"assign-uuid","uuid":"z"},{"action":"upgrade-format-version","format-version":1},
    {"action":"add-schema","schema":{"type":"struct","fields":[
      {"id":1,"name":"a","required":false,"type":"long"}]}},
    {"action":"set-current-schema","schema-id":-1},
    {"action":"add-spec","spec":{"fields":[]}},{"action":"set-default-spec","spec-id":-1},
    {"action":"add-sort-order","sort-order":{"fields":[]}},
    {"action":"set-default-sort-order","sort-order-id":-1},
    {"action":"set-properties","updates":{"write.metadata.path":"s3://b/elsewhere/"}}]})";
  const auto table = table_after(input);
  ASSERT_TRUE(table.has_value()) << table.error().message;
  EXPECT_EQ(table->uuid, "z");
  EXPECT_EQ(table->folder, "s3://b/elsewhere");
  const Object object = *parse_object(table->metadata);
  EXPECT_EQ(object.at("format-version").as_int64(), 1);
  EXPECT_TRUE(object.contains("schema"));
  EXPECT_EQ(object.at("location").as_string(), "s3://b/n/t-1");
}

TEST(MetadataName, CountsOn) {
  EXPECT_EQ(metadata_name("", "u"), "00000-u.metadata.json");
  EXPECT_EQ(metadata_name("s3://b/t/metadata/00041-v.metadata.json", "u"), "00042-u.metadata.json");
  EXPECT_EQ(metadata_name("s3://b/t/metadata/v7.metadata.json", "u"), "00001-u.metadata.json");
}

TEST(Records, AreWhatTheyWere) {
  const std::string pointer = encode_pointer({.metadata_location = "s3://b/k", .uuid = "u"});
  EXPECT_EQ(pointer, R"({"format":1,"metadata-location":"s3://b/k","table-uuid":"u"})");
  EXPECT_EQ(decode_pointer(pointer)->metadata_location, "s3://b/k");
  const std::string space = encode_namespace({{"owner", "me"}});
  EXPECT_EQ(space, R"({"format":1,"properties":{"owner":"me"}})");
  EXPECT_EQ(decode_namespace(space)->at("owner").as_string(), "me");
  EXPECT_EQ(decode_pointer(R"({"format":2})").error().code(), Errc::kUnimplemented);
  EXPECT_EQ(decode_pointer("{}").error().code(), Errc::kCorruption);
  EXPECT_EQ(decode_namespace("x").error().code(), Errc::kCorruption);
}

}  // namespace
}  // namespace kelp::catalog
