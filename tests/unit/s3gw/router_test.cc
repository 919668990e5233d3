#include "s3gw/core/router.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "s3gw/ops/handlers.h"

namespace kelp::s3 {
namespace {

std::vector<std::string> split(const std::string& line, char separator) {
  std::vector<std::string> fields;
  std::stringstream stream(line);
  for (std::string field; std::getline(stream, field, separator);) fields.push_back(field);
  return fields;
}

/// The operation's name, or the error's code.
std::string routed(std::string_view method, const std::string& target, bool copy_source = false) {
  const auto request = parse_request(target, "localhost", {});
  if (!request) return std::string(text_of(request.error().code).code);
  const auto operation = route(method, *request, copy_source);
  if (!operation) return std::string(text_of(operation.error().code).code);
  return std::string(name_of(*operation));
}

// Names of the model that share method and target with a newer one.
const std::map<std::string, std::string> kAliases{
    {"GetBucketLifecycle", "GetBucketLifecycleConfiguration"},
    {"PutBucketLifecycle", "PutBucketLifecycleConfiguration"},
    {"GetBucketNotification", "GetBucketNotificationConfiguration"},
    {"PutBucketNotification", "PutBucketNotificationConfiguration"},
    {"ListDirectoryBuckets", "ListBuckets"},
};

// botocore_routes.tsv: operation, method, target, required query parameters, required headers.
TEST(Router, RoutesEveryOperationOfTheModel) {
  std::ifstream facts(std::string(KELP_SOURCE_DIR) + "/tests/unit/s3gw/botocore_routes.tsv");
  std::size_t count = 0;
  for (std::string line; std::getline(facts, line); ++count) {
    const auto fields = split(line, '\t');
    ASSERT_EQ(fields.size(), 5U) << line;
    std::string target = fields[2];
    if (const auto at = target.find("{Bucket}"); at != target.npos) {
      target.replace(at, 8, "bucket");
    }
    if (const auto at = target.find("{Key+}"); at != target.npos) target.replace(at, 6, "a/key");
    char separator = target.find('?') == target.npos ? '?' : '&';
    if (fields[3] != "-") {
      for (const std::string& name : split(fields[3], ',')) {
        target += separator + name + "=1";
        separator = '&';
      }
    }
    const bool copy_source = fields[4].find("x-amz-copy-source") != fields[4].npos;
    const auto alias = kAliases.find(fields[0]);
    const std::string expected = alias == kAliases.end() ? fields[0] : alias->second;
    EXPECT_EQ(routed(fields[1], target, copy_source), expected) << line;
    // SDKs append their own name of the operation; it has no say.
    EXPECT_EQ(routed(fields[1], target + separator + "x-id=" + fields[0], copy_source), expected);
  }
  EXPECT_GE(count, 116U);
}

// docs/s3-compat.md, which tools/s3_compat.py makes: | operation | request | support | ... |
TEST(Router, ThePageSaysWhatTheProgramDoes) {
  std::map<std::string, std::string> page;
  std::ifstream lines(std::string(KELP_SOURCE_DIR) + "/docs/s3-compat.md");
  for (std::string line; std::getline(lines, line);) {
    const auto cells = split(line, '|');
    if (cells.size() < 5 || !line.starts_with("| ")) continue;
    page[cells[1].substr(1, cells[1].size() - 2)] = cells[3];
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(Operation::kPostObject); ++i) {
    const auto operation = static_cast<Operation>(i);
    const std::string name(name_of(operation));
    ASSERT_TRUE(page.contains(name)) << name;
    EXPECT_EQ(page[name] == " `NotImplemented` ", handler_of(operation) == not_implemented) << name;
  }
  EXPECT_EQ(page.size(), 1 + static_cast<std::size_t>(Operation::kPostObject) + kAliases.size());
}

TEST(Router, RefusesAMethodThatASubResourceDoesNotHave) {
  EXPECT_EQ(routed("PUT", "/bucket/key?policy"), "MethodNotAllowed");
  EXPECT_EQ(routed("PUT", "/bucket/key?cors=1"), "MethodNotAllowed");
  EXPECT_EQ(routed("DELETE", "/bucket?versioning"), "MethodNotAllowed");
  EXPECT_EQ(routed("DELETE", "/bucket?uploads"), "MethodNotAllowed");
  EXPECT_EQ(routed("DELETE", "/bucket/key?acl"), "MethodNotAllowed");
  EXPECT_EQ(routed("DELETE", "/bucket/key?retention&x=1"), "MethodNotAllowed");
  EXPECT_EQ(routed("POST", "/bucket/key"), "MethodNotAllowed");
  EXPECT_EQ(routed("POST", "/bucket/key?delete"), "MethodNotAllowed");
  EXPECT_EQ(routed("PATCH", "/bucket/key"), "MethodNotAllowed");
  EXPECT_EQ(routed("PUT", "/"), "MethodNotAllowed");
  EXPECT_EQ(routed("get", "/bucket"), "MethodNotAllowed");
}

TEST(Router, ARefusalNamesMethodAndResource) {
  const auto request = parse_request("/bucket?legal-hold", "h", {});
  const auto operation = route("DELETE", *request, false);
  ASSERT_FALSE(operation);
  const std::vector<std::pair<std::string, std::string>> expected{
      {"Method", "DELETE"}, {"ResourceType", "BUCKETLEGALHOLD"}};
  EXPECT_EQ(operation.error().fields, expected);
}

TEST(Router, ARefusalTellsWhatIsAllowed) {
  const auto allowed = [](std::string_view method, std::string_view target) {
    const auto operation = route(method, *parse_request(target, "h", {}), false);
    return operation ? "" : operation.error().headers.front().second;
  };
  EXPECT_EQ(allowed("POST", "/"), "GET");
  EXPECT_EQ(allowed("PATCH", "/bucket"), "DELETE, POST, PUT, GET, HEAD");
  EXPECT_EQ(allowed("POST", "/bucket/key"), "DELETE, PUT, GET, HEAD");
  EXPECT_EQ(allowed("DELETE", "/bucket?acl"), "PUT, GET");
  EXPECT_EQ(allowed("PUT", "/bucket/key?uploadId=1"), "DELETE, POST, GET");
}

TEST(Router, HalfAPartIsNeverAnObject) {
  EXPECT_EQ(routed("PUT", "/bucket/key?uploadId=1"), "MethodNotAllowed");
  EXPECT_EQ(routed("PUT", "/bucket/key?uploadId=1", true), "MethodNotAllowed");
  EXPECT_EQ(routed("PUT", "/bucket/key?partNumber=1"), "UploadPart");
  EXPECT_EQ(routed("PUT", "/bucket/key?partNumber=1", true), "UploadPartCopy");
}

TEST(Router, ReadsOfPartsAndVersionsStayReads) {
  EXPECT_EQ(routed("GET", "/bucket/key?partNumber=1"), "GetObject");
  EXPECT_EQ(routed("HEAD", "/bucket/key?partNumber=1&versionId=null"), "HeadObject");
  EXPECT_EQ(routed("GET", "/bucket/key?response-content-type=a"), "GetObject");
  EXPECT_EQ(routed("GET", "/bucket?prefix=acl"), "ListObjects");
  EXPECT_EQ(routed("GET", "/bucket/?list-type=2&prefix="), "ListObjectsV2");
}

TEST(Router, OptionsIsAPreflightEverywhere) {
  EXPECT_EQ(routed("OPTIONS", "/"), "Preflight");
  EXPECT_EQ(routed("OPTIONS", "/bucket/key?uploads"), "Preflight");
}

}  // namespace
}  // namespace kelp::s3
