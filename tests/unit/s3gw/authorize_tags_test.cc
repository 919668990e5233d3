// Tags of buckets as conditions of policies (ABAC).
#include "tests/unit/s3gw/authorize_fixture.h"

namespace kelp::s3::test {
namespace {

/// S3 User Guide, "Using tags with S3 general purpose buckets" and "Enabling ABAC in general
/// purpose buckets".
class BucketTagsTest : public AuthorizeTest {
 protected:
  void put(const std::string& what, std::string_view inside) {
    EXPECT_LT(send("PUT", "/bucket?" + what, std::string(inside)).status, 300) << what;
  }
  void put_tags(std::string_view project) {
    put("tagging", fmt::format("<Tagging><TagSet><Tag><Key>project</Key><Value>{}</Value></Tag>"
                               "</TagSet></Tagging>",
                               project));
  }
  void put_abac(std::string_view status) {
    put("abac", fmt::format("<AbacStatus><Status>{}</Status></AbacStatus>", status));
  }
  void forget() { clock.passed += std::chrono::seconds(3); }
};

TEST_F(BucketTagsTest, CountInConditionsWhileAbacIsEnabled) {
  struct Row {
    const char* key;
    const char* abac;  ///< Null: never put.
    const char* tag;   ///< Null: none.
    int status;
  };
  constexpr Row kRows[] = {
      {"aws:ResourceTag/project", "Enabled", "a", 200},
      {"aws:ResourceTag/project", "Enabled", "b", 403},
      {"aws:ResourceTag/project", "Enabled", nullptr, 403},
      {"aws:ResourceTag/project", "Disabled", "a", 403},
      {"aws:ResourceTag/project", nullptr, "a", 403},
      {"aws:ResourceTag/Project", "Enabled", "a", 200},
      {"aws:ResourceTag/other", "Enabled", "a", 403},
      {"s3:BucketTag/project", "Enabled", "a", 200},
      {"s3:BucketTag/project", "Enabled", "b", 403},
      {"s3:BucketTag/project", "Enabled", nullptr, 403},
      {"s3:BucketTag/project", "Disabled", "a", 403},
      {"s3:BucketTag/project", nullptr, "a", 403},
      {"s3:ExistingObjectTag/project", "Enabled", "a", 403},
  };
  for (const Row& row : kRows) {
    become_owner();
    filer.buckets["bucket"].settings.clear();
    forget();
    if (row.tag != nullptr) put_tags(row.tag);
    if (row.abac != nullptr) put_abac(row.abac);
    become_user(fmt::format(R"({{"Statement":{{"Effect":"Allow","Action":"s3:*","Resource":"*",
        "Condition":{{"StringEquals":{{"{}":"a"}}}}}}}})",
                            row.key));
    for (const char* target : {"/bucket/key", "/bucket", "/bucket?versioning"}) {
      EXPECT_EQ(send("GET", target).status, row.status)
          << target << row.key << (row.abac ? row.abac : "-") << (row.tag ? row.tag : "-");
    }
    EXPECT_EQ(send("PUT", "/bucket/new", "x").status, row.status);
  }
}

TEST_F(BucketTagsTest, OfABucketsPolicyDenyAndAllow) {
  put_tags("a");
  put("policy", for_all("Deny", "s3:GetObject",
                        R"(,"Condition":{"StringEquals":{"s3:BucketTag/project":"a"}})"));
  EXPECT_EQ(send("GET", "/bucket/key").status, 200);
  put_abac("Enabled");
  EXPECT_EQ(send("GET", "/bucket/key").status, 403) << "at once through the gateway that took it";
  put_tags("b");
  EXPECT_EQ(send("GET", "/bucket/key").status, 200);
  put_abac("Disabled");
  put_tags("a");
  EXPECT_EQ(send("GET", "/bucket/key").status, 200);
}

TEST_F(BucketTagsTest, AreThoseOfTheSourceToWhoeverCopies) {
  send("PUT", "/target");
  put_tags("a");
  put_abac("Enabled");
  become_user(R"({"Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"},
      {"Effect":"Allow","Action":"s3:GetObject","Resource":"*",
       "Condition":{"StringEquals":{"aws:ResourceTag/project":"a"}}}]})");
  EXPECT_EQ(put_with("/target/copy", "x-amz-copy-source", "/bucket/key", "").status, 200);
  EXPECT_EQ(put_with("/bucket/copy", "x-amz-copy-source", "/target/copy", "").status, 403);
}

TEST_F(BucketTagsTest, AreChangedByWhoMayTagResources) {
  put_tags("a");
  const auto tag_as = [this](std::string_view actions, std::string_view more, std::string value) {
    become_user(fmt::format(
        R"({{"Statement":[{{"Effect":"Allow","Action":{},"Resource":"*"}}{}]}})", actions, more));
    return send("PUT", "/bucket?tagging",
                "<Tagging><TagSet><Tag><Key>" + value +
                    "</Key><Value>x</Value></Tag></TagSet>"
                    "</Tagging>")
        .status;
  };
  EXPECT_EQ(tag_as("\"s3:PutBucketTagging\"", "", "project"), 204) << "they decide nothing yet";
  become_owner();
  put_abac("Enabled");
  EXPECT_EQ(tag_as("\"s3:PutBucketTagging\"", "", "project"), 403);
  EXPECT_EQ(tag_as("\"s3:TagResource\"", "", "project"), 403);
  const char* const both = R"(["s3:PutBucketTagging","s3:TagResource"])";
  EXPECT_EQ(tag_as(both, "", "project"), 204);
  EXPECT_EQ(tag_as(both, "", "other"), 403) << "project would go";
  const char* const all = R"(["s3:PutBucketTagging","s3:TagResource","s3:UntagResource"])";
  EXPECT_EQ(tag_as(all, R"(,{"Effect":"Deny","Action":"s3:UntagResource","Resource":"*",
      "Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":"project"}}})",
                   "other"),
            403);
  EXPECT_EQ(tag_as(all, R"(,{"Effect":"Deny","Action":"s3:TagResource","Resource":"*",
      "Condition":{"StringEquals":{"aws:RequestTag/other":"x"}}})",
                   "other"),
            403);
  EXPECT_EQ(send("DELETE", "/bucket?tagging").status, 204);
  become_owner();
  put_tags("a");
  become_user(R"({"Statement":{"Effect":"Allow","Action":"s3:PutBucketTagging","Resource":"*"}})");
  EXPECT_EQ(send("DELETE", "/bucket?tagging").status, 403);
  become_owner();
  EXPECT_EQ(send("DELETE", "/bucket?tagging").status, 204);
}

TEST_F(BucketTagsTest, ThatNobodyUnderstandsLetNobodyIn) {
  put_abac("Enabled");
  filer.buckets["bucket"].settings["tagging"] = "<Tags2/>";
  forget();
  become_user(allowing("\"s3:*\""));
  EXPECT_EQ(send("GET", "/bucket/key").status, 403);
  become_owner();
  filer.buckets["bucket"].settings["tagging"] = "<TagSet/>";
  filer.buckets["bucket"].settings["abac"] = "<Status>Sometimes</Status>";
  forget();
  become_user(allowing("\"s3:*\""));
  EXPECT_EQ(send("GET", "/bucket/key").status, 403);
  become_owner();
  put_abac("Disabled");
  become_user(allowing("\"s3:*\""));
  EXPECT_EQ(send("GET", "/bucket/key").status, 200);
}

}  // namespace
}  // namespace kelp::s3::test
