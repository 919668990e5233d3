#include "catalog/core/updates.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "catalog/core/requirements.h"
#include "catalog/core/table.h"

namespace kelp::catalog {
namespace {

constexpr std::int64_t kNow = 5000;

/// A table with one schema, one spec, one order, and the snapshots 10 and 20 on main.
Object table() {
  return *parse_object(R"({"format-version":2,"table-uuid":"u","location":"s3://b/t",
    "last-sequence-number":2,"last-updated-ms":1,"last-column-id":2,"current-schema-id":0,
    "schemas":[{"type":"struct","schema-id":0,"fields":[
      {"id":1,"name":"a","required":false,"type":"long"},
      {"id":2,"name":"b","required":false,"type":"string"}]}],
    "default-spec-id":0,"partition-specs":[{"spec-id":0,"fields":[]}],"last-partition-id":999,
    "default-sort-order-id":0,"sort-orders":[{"order-id":0,"fields":[]}],
    "properties":{"p":"1"},"current-snapshot-id":20,
    "refs":{"main":{"snapshot-id":20,"type":"branch"}},
    "snapshots":[{"snapshot-id":10,"sequence-number":1,"timestamp-ms":100,"manifest-list":"m"},
      {"snapshot-id":20,"parent-snapshot-id":10,"sequence-number":2,"timestamp-ms":200,
       "manifest-list":"m"}],
    "snapshot-log":[{"snapshot-id":10,"timestamp-ms":100},{"snapshot-id":20,"timestamp-ms":200}],
    "statistics":[{"snapshot-id":10,"statistics-path":"x"}],
    "metadata-log":[],"unknown":{"kept":true}})");
}

Array array(std::string_view text) {
  return parse_object("{\"a\":" + std::string(text) + "}")->at("a").as_array();
}

/// What some updates make of the table: members and the JSON that they have then.
struct UpdateCase {
  const char* name;
  const char* updates;
  std::vector<std::pair<const char*, const char*>> expected;  ///< "" stands for: is not there.
};

const std::vector<UpdateCase>& update_cases() {
  static const std::vector<UpdateCase> kCases = {
      {"nothing", "[]", {{"last-updated-ms", "5000"}, {"unknown", R"({"kept":true})"}}},
      {"properties",
       R"([{"action":"set-properties","updates":{"q":"2"}},
           {"action":"remove-properties","removals":["p","none"]}])",
       {{"properties", R"({"q":"2"})"}}},
      {"location",
       R"([{"action":"set-location","location":"s3://b/u"}])",
       {{"location", R"("s3://b/u")"}}},
      {"a schema, made current by -1",
       R"([{"action":"add-schema","schema":{"type":"struct","schema-id":77,"fields":[
            {"id":1,"name":"a","required":false,"type":"long"},
            {"id":7,"name":"c","required":false,"type":{"type":"list","element-id":9,
             "element":"int","element-required":false}}]}},
           {"action":"set-current-schema","schema-id":-1}])",
       {{"current-schema-id", "1"}, {"last-column-id", "9"}}},
      {"a schema that is there already keeps its id",
       R"([{"action":"add-schema","schema":{"type":"struct","schema-id":5,"fields":[
            {"id":1,"name":"a","required":false,"type":"long"},
            {"id":2,"name":"b","required":false,"type":"string"}]}},
           {"action":"set-current-schema","schema-id":-1}])",
       {{"current-schema-id", "0"}, {"last-column-id", "2"}}},
      {"a spec without field ids",
       R"([{"action":"add-spec","spec":{"spec-id":4,"fields":[
            {"source-id":2,"name":"b","transform":"identity"}]}},
           {"action":"set-default-spec","spec-id":-1}])",
       {{"default-spec-id", "1"},
        {"last-partition-id", "1000"},
        {"partition-specs",
         R"([{"spec-id":0,"fields":[]},{"spec-id":1,"fields":[)"
         R"({"source-id":2,"name":"b","transform":"identity","field-id":1000}]}])"}}},
      {"a sort order",
       R"([{"action":"add-sort-order","sort-order":{"order-id":1,"fields":[
            {"source-id":1,"transform":"identity","direction":"asc","null-order":"nulls-last"}]}},
           {"action":"set-default-sort-order","sort-order-id":-1}])",
       {{"default-sort-order-id", "1"}}},
      {"a snapshot on main",
       R"([{"action":"add-snapshot","snapshot":{"snapshot-id":30,"parent-snapshot-id":20,
            "sequence-number":3,"timestamp-ms":300,"manifest-list":"m"}},
           {"action":"set-snapshot-ref","ref-name":"main","type":"branch","snapshot-id":30}])",
       {{"current-snapshot-id", "30"},
        {"last-sequence-number", "3"},
        {"last-updated-ms", "300"},
        {"snapshot-log",
         R"([{"snapshot-id":10,"timestamp-ms":100},{"snapshot-id":20,"timestamp-ms":200},)"
         R"({"snapshot-id":30,"timestamp-ms":300}])"}}},
      {"a tag with a limit",
       R"([{"action":"set-snapshot-ref","ref-name":"v1","type":"tag","snapshot-id":10,
            "max-ref-age-ms":9}])",
       {{"current-snapshot-id", "20"},
        {"refs", R"({"main":{"snapshot-id":20,"type":"branch"},)"
                 R"("v1":{"snapshot-id":10,"type":"tag","max-ref-age-ms":9}})"}}},
      {"main goes",
       R"([{"action":"remove-snapshot-ref","ref-name":"main"}])",
       {{"current-snapshot-id", ""}, {"refs", "{}"}}},
      {"an old snapshot goes with its statistics",
       R"([{"action":"remove-snapshots","snapshot-ids":[10]}])",
       {{"current-snapshot-id", "20"},
        {"statistics", "[]"},
        {"snapshot-log", R"([{"snapshot-id":20,"timestamp-ms":200}])"}}},
      {"the current snapshot goes, and main with it",
       R"([{"action":"remove-snapshots","snapshot-ids":[20]}])",
       {{"current-snapshot-id", ""}, {"refs", "{}"}, {"snapshot-log", "[]"}}},
      {"statistics replace those of their snapshot",
       R"([{"action":"set-statistics","statistics":{"snapshot-id":10,"statistics-path":"y"}},
           {"action":"set-partition-statistics","partition-statistics":{"snapshot-id":10}},
           {"action":"remove-partition-statistics","snapshot-id":10}])",
       {{"statistics", R"([{"snapshot-id":10,"statistics-path":"y"}])"},
        {"partition-statistics", "[]"}}},
      {"the same uuid and format",
       R"([{"action":"assign-uuid","uuid":"u"},
           {"action":"upgrade-format-version","format-version":2}])",
       {{"table-uuid", R"("u")"}, {"format-version", "2"}}},
  };
  return kCases;
}

TEST(Updates, MakeWhatTheySay) {
  for (const UpdateCase& each : update_cases()) {
    const auto after = apply_updates(table(), array(each.updates), kNow);
    ASSERT_TRUE(after.has_value()) << each.name << ": " << after.error().message;
    for (const auto& [member, json] : each.expected) {
      const Value* value = after->if_contains(member);
      if (*json == '\0') {
        EXPECT_EQ(value, nullptr) << each.name << ": " << member;
        continue;
      }
      ASSERT_NE(value, nullptr) << each.name << ": " << member;
      EXPECT_EQ(boost::json::serialize(*value), json) << each.name << ": " << member;
    }
  }
}

TEST(Updates, RefuseWhatMakesNoSense) {
  constexpr const char* kRefused[] = {
      R"([{"action":"no-such-update"}])",
      R"([{}])",
      R"([{"action":"assign-uuid","uuid":"v"}])",
      R"([{"action":"upgrade-format-version","format-version":3}])",
      R"([{"action":"upgrade-format-version","format-version":1}])",
      R"([{"action":"set-current-schema","schema-id":-1}])",
      R"([{"action":"set-current-schema","schema-id":9}])",
      R"([{"action":"set-default-spec","spec-id":9}])",
      R"([{"action":"set-default-sort-order","sort-order-id":9}])",
      R"([{"action":"add-spec","spec":{"fields":[
           {"source-id":9,"name":"x","transform":"identity"}]}}])",
      R"([{"action":"add-schema","schema":{"fields":[
           {"id":1,"name":"a","type":"long"},{"id":1,"name":"b","type":"long"}]}}])",
      R"([{"action":"add-schema","schema":{"fields":[{"id":1,"name":"a","type":7}]}}])",
      R"([{"action":"add-snapshot","snapshot":{"snapshot-id":20,"sequence-number":3,
           "timestamp-ms":300}}])",
      R"([{"action":"add-snapshot","snapshot":{"snapshot-id":30,"parent-snapshot-id":20,
           "sequence-number":2,"timestamp-ms":300}}])",
      R"([{"action":"add-snapshot","snapshot":{"snapshot-id":"30","timestamp-ms":300}}])",
      R"([{"action":"set-snapshot-ref","ref-name":"main","type":"tag","snapshot-id":20}])",
      R"([{"action":"set-snapshot-ref","ref-name":"x","type":"branch","snapshot-id":99}])",
      R"([{"action":"remove-schemas","schema-ids":[0]}])",
      R"([{"action":"remove-partition-specs","spec-ids":[0]}])",
      R"([{"action":"set-properties","updates":{"p":1}}])",
  };
  for (const char* const updates : kRefused) {
    const auto after = apply_updates(table(), array(updates), kNow);
    ASSERT_FALSE(after.has_value()) << updates;
    EXPECT_EQ(after.error().status, 400) << updates;
  }
}

/// Whether requirements hold of the table: the status of the refusal, 0 for none.
struct RequirementCase {
  const char* requirements;
  int status;
};

TEST(Requirements, HoldOrAreRefused) {
  constexpr RequirementCase kCases[] = {
      {R"([])", 0},
      {R"([{"type":"assert-create"}])", 409},
      {R"([{"type":"assert-table-uuid","uuid":"U"}])", 0},
      {R"([{"type":"assert-table-uuid","uuid":"v"}])", 409},
      {R"([{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":20}])", 0},
      {R"([{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":10}])", 409},
      {R"([{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":null}])", 409},
      {R"([{"type":"assert-ref-snapshot-id","ref":"x"}])", 0},
      {R"([{"type":"assert-ref-snapshot-id","ref":"x","snapshot-id":1}])", 409},
      {R"([{"type":"assert-last-assigned-field-id","last-assigned-field-id":2}])", 0},
      {R"([{"type":"assert-last-assigned-field-id","last-assigned-field-id":1}])", 409},
      {R"([{"type":"assert-current-schema-id","current-schema-id":1}])", 409},
      {R"([{"type":"assert-last-assigned-partition-id","last-assigned-partition-id":999}])", 0},
      {R"([{"type":"assert-default-spec-id","default-spec-id":1}])", 409},
      {R"([{"type":"assert-default-sort-order-id","default-sort-order-id":1}])", 409},
      {R"([{"type":"assert-nothing"}])", 400},
      {R"([{"type":"assert-current-schema-id"}])", 400},
  };
  const Object known = table();
  for (const RequirementCase& each : kCases) {
    const auto held = check_requirements(array(each.requirements), &known);
    EXPECT_EQ(held ? 0 : held.error().status, each.status) << each.requirements;
  }
  EXPECT_TRUE(check_requirements(array(R"([{"type":"assert-create"}])"), nullptr).has_value());
  const auto gone =
      check_requirements(array(R"([{"type":"assert-table-uuid","uuid":"u"}])"), nullptr);
  EXPECT_EQ(gone.error().type, "CommitFailedException");
}

}  // namespace
}  // namespace kelp::catalog
