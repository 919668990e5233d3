// Server access logs in AWS's form: "Amazon S3 server access log format" and "log object key
// format" of the S3 user guide.

#include "s3gw/core/access_line.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "s3gw/core/config/config_kind.h"
#include "s3gw/core/http_date.h"
#include "s3gw/core/redaction.h"

namespace kelp::s3 {
namespace {

const WallTime kNow = *parse_basic_date("20190206T000038Z");

RequestRecord get() {
  return {.began = kNow,
          .took = std::chrono::milliseconds(7),
          .request_id = "3E57427F3EXAMPLE",
          .remote_address = "192.0.2.3",
          .method = "GET",
          .user_agent = "S3Console/0.4",
          .access_key = "AKIA",
          .caller = "arn:aws:iam::123456789012:root",
          .account = "79a5",
          .operation = "GetObject",
          .bucket = "bucket1",
          .key = "a b.jpg",
          .status = 200,
          .bytes_out = 113};
}

AccessLineFacts facts() {
  return {.bucket_owner = "79a5",
          .operation = Operation::kGetObject,
          .target = "/bucket1/a%20b.jpg?x=1",
          .http_minor = 1,
          .object_bytes = 113,
          .turn_around = std::chrono::milliseconds(5),
          .referer = "http://a.example/",
          .host_id = "HOSTID",
          .auth = AuthKind::kHeaderV4,
          .host = "s3.example:8333"};
}

std::string line_of(const RequestRecord& record, const AccessLineFacts& more) {
  std::string line;
  append_access_line(record, more, line);
  return line;
}

/// The fields of a line, as AWS's own readers part them: by spaces outside of quotes and brackets.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  bool bracket = false;
  for (const char c : line.substr(0, line.size() - 1)) {
    if (c == '"') quoted = !quoted;
    if (c == '[' && !quoted) bracket = true;
    if (c == ']') bracket = false;
    if (c == ' ' && !quoted && !bracket) {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

TEST(AccessLine, HasTheFieldsOfAws) {
  EXPECT_EQ(line_of(get(), facts()),
            "79a5 bucket1 [06/Feb/2019:00:00:38 +0000] 192.0.2.3 79a5 3E57427F3EXAMPLE "
            "REST.GET.OBJECT a%20b.jpg \"GET /bucket1/a%20b.jpg?x=1 HTTP/1.1\" 200 - 113 113 7 5 "
            "\"http://a.example/\" \"S3Console/0.4\" - HOSTID SigV4 - AuthHeader s3.example%3A8333 "
            "- - -\n");
  EXPECT_EQ(fields_of(line_of(get(), facts())).size(), 26U);
}

TEST(AccessLine, NamesUsersByTheirArn) {
  RequestRecord record = get();
  record.caller = "arn:aws:iam::123456789012:user/ann";
  EXPECT_EQ(fields_of(line_of(record, facts()))[4], record.caller);
  record.caller = record.account = {};
  AccessLineFacts more = facts();
  more.auth = AuthKind::kAnonymous;
  const auto fields = fields_of(line_of(record, more));
  EXPECT_EQ(fields[4], "-");
  EXPECT_EQ(fields[19], "-");
  EXPECT_EQ(fields[21], "-");
}

TEST(AccessLine, NamesOperationsAsAwsDoes) {
  using enum Operation;
  EXPECT_EQ(logged_operation("HEAD", kHeadObject, false), "REST.HEAD.OBJECT");
  EXPECT_EQ(logged_operation("PUT", kCopyObject, false), "REST.COPY.OBJECT");
  EXPECT_EQ(logged_operation("PUT", kUploadPart, false), "REST.PUT.PART");
  EXPECT_EQ(logged_operation("POST", kDeleteObjects, false), "REST.POST.MULTI_OBJECT_DELETE");
  EXPECT_EQ(logged_operation("GET", kListObjectsV2, false), "REST.GET.BUCKET");
  EXPECT_EQ(logged_operation("GET", kGetBucketVersioning, false), "REST.GET.VERSIONING");
  EXPECT_EQ(logged_operation("GET", kGetObject, true), "WEBSITE.GET.OBJECT");
  EXPECT_EQ(logged_operation("PUT", std::nullopt, false), "REST.PUT.UNKNOWN");
}

TEST(AccessLine, NothingBreaksOutOfItsField) {
  RequestRecord record = get();
  AccessLineFacts more = facts();
  const std::string evil = "a\" - -\r\nb \x1b[31m\xff";
  record.key = record.user_agent = record.version_id = evil;
  more.referer = more.host = evil;
  more.target = "/b?\"x";
  const std::string line = line_of(record, more);
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  const auto fields = fields_of(line);
  ASSERT_EQ(fields.size(), 26U) << line;
  EXPECT_EQ(fields[9], "200");
  EXPECT_EQ(fields[16], "\"a%22 - -%0D%0Ab %1B[31m%FF\"");
}

TEST(AccessLine, ShowsNoSignature) {
  EXPECT_EQ(without_secrets("/b/k"), "/b/k");
  EXPECT_EQ(without_secrets("/b/k?X-Amz-Credential=AKIA&X-Amz-Signature=abc&x=1"),
            "/b/k?X-Amz-Credential=AKIA&X-Amz-Signature=-&x=1");
  EXPECT_EQ(without_secrets("/b?Signature=a&AWSAccessKeyId=b&&x-amz-security-token=c"),
            "/b?Signature=-&AWSAccessKeyId=b&&x-amz-security-token=-");
  EXPECT_EQ(without_secrets("/b?X-Amz-%53ignature=abc"), "/b?X-Amz-%53ignature=-");
  EXPECT_EQ(without_secrets("/b?acl"), "/b?acl");
  EXPECT_EQ(without_secrets("/b?"), "/b?");
}

LogTarget target_of(const std::string& format) {
  const auto document =
      read_config(logging_config(),
                  "<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket>"
                  "<TargetPrefix>p/</TargetPrefix>" +
                      format + "</LoggingEnabled></BucketLoggingStatus>");
  EXPECT_TRUE(document.has_value());
  return *log_target(*document);
}

TEST(AccessLine, LogObjectsAreNamedByTime) {
  const LogSource source{.bucket = "src", .account = "123456789012", .region = ""};
  const std::string unique = "0123456789ABCDEF";
  EXPECT_EQ(log_object_key(target_of(""), source, kNow, unique),
            "p/2019-02-06-00-00-38-0123456789ABCDEF");
  EXPECT_EQ(log_object_key(target_of("<TargetObjectKeyFormat><SimplePrefix/>"
                                     "</TargetObjectKeyFormat>"),
                           source, kNow, unique),
            "p/2019-02-06-00-00-38-0123456789ABCDEF");
  const auto parts = [](const std::string& date) {
    return target_of("<TargetObjectKeyFormat><PartitionedPrefix>" + date +
                     "</PartitionedPrefix></TargetObjectKeyFormat>");
  };
  EXPECT_EQ(log_object_key(parts("<PartitionDateSource>DeliveryTime</PartitionDateSource>"), source,
                           kNow, unique),
            "p/123456789012/us-east-1/src/2019/02/06/2019-02-06-00-00-38-0123456789ABCDEF");
  EXPECT_EQ(log_object_key(parts("<PartitionDateSource>EventTime</PartitionDateSource>"), source,
                           kNow, unique),
            "p/123456789012/us-east-1/src/2019/02/06/2019-02-06-00-00-00-0123456789ABCDEF");
  const auto off = read_config(logging_config(), "<BucketLoggingStatus/>");
  EXPECT_FALSE(log_target(*off).has_value());
}

}  // namespace
}  // namespace kelp::s3
