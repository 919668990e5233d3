// Policies of form uploads: "POST policy" of the S3 developer guide, with the texts that AWS
// answers.

#include "s3gw/core/post_policy.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "s3gw/core/http_date.h"

namespace kelp::s3 {
namespace {

WallTime moment(std::string_view iso8601) {
  return *parse_iso8601(iso8601);
}

/// The error's message of parsing, or "".
std::string refusal(const std::string& json) {
  const auto policy = parse_post_policy(base64_encode(json));
  if (policy) return "";
  EXPECT_EQ(policy.error().code, S3Code::kInvalidPolicyDocument);
  return policy.error().message;
}
std::string refusal_of(const std::string& conditions) {
  return refusal(R"({"expiration":"2030-01-01T00:00:00Z","conditions":)" + conditions + "}");
}

PostPolicy policy_of(const std::string& conditions) {
  const auto policy = parse_post_policy(base64_encode(
      R"({"expiration":"2030-01-01T00:00:00.000Z","conditions":)" + conditions + "}"));
  EXPECT_TRUE(policy.has_value());
  return policy ? *policy : PostPolicy{};
}

PostFields fields_of(const std::vector<std::pair<std::string, std::string>>& sent) {
  FormHead form;
  for (const auto& [name, value] : sent) form.fields.push_back({name, value});
  return post_fields(std::move(form));
}

/// The message of a refusal behind "Invalid according to Policy: ", or "".
std::string check(const std::string& conditions,
                  const std::vector<std::pair<std::string, std::string>>& sent) {
  const auto checked = check_post_policy(policy_of(conditions), fields_of(sent), "b",
                                         moment("2029-12-31T23:59:59Z"));
  if (checked) return "";
  EXPECT_EQ(checked.error().code, S3Code::kAccessDenied);
  constexpr std::string_view kFront = "Invalid according to Policy: ";
  EXPECT_TRUE(checked.error().message.starts_with(kFront));
  return checked.error().message.substr(kFront.size());
}

TEST(PostPolicy, DocumentsAreReadStrictly) {
  EXPECT_EQ(refusal_of("[]"), "");
  EXPECT_EQ(parse_post_policy("***").error().message, "Invalid Policy: invalid Base64 encoding.");
  for (const char* json : {"", "[]", "{", R"({"expiration":1,"conditions":[]})",
                           R"({"expiration":"2030-01-01T00:00:00Z","conditions":[],})"}) {
    EXPECT_EQ(refusal(json), "Invalid Policy: Invalid JSON.") << json;
  }
  EXPECT_EQ(refusal(R"({"Statement":[]})"), "Invalid Policy: Unexpected: 'statement'");
  EXPECT_EQ(refusal(R"({"conditions":[]})"), "Invalid Policy: Policy missing expiration.");
  EXPECT_EQ(refusal(R"({"expiration":"2030-01-01T00:00:00Z"})"),
            "Invalid Policy: Policy missing conditions.");
  for (const char* time : {"2030-01-01T00:00:00+02:00", "2030-01-01 00:00:00 UTC", "soon"}) {
    EXPECT_EQ(refusal(R"({"expiration":")" + std::string(time) + R"(","conditions":[]})"),
              "Invalid Policy: Invalid 'expiration' value: '" + std::string(time) + "'");
  }
}

TEST(PostPolicy, ConditionsAreReadStrictly) {
  const std::string front = "Invalid Policy: ";
  const std::string one =
      "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.";
  for (const auto& [conditions, message] : std::vector<std::pair<std::string, std::string>>{
           {"{}", "Invalid 'conditions' value: must be a List."},
           {"[1]", "Invalid condition test: must be a List or Object."},
           {"[{}]", one},
           {R"([{"a":"b","c":"d"}])", one},
           {R"([{"a":1}])", "Invalid Simple-Condition: value must be a string."},
           {R"([{"a":null}])", "Invalid JSON."},
           {"[[]]", "Invalid Condition: missing operation identifier."},
           {R"([["in","$a","b"]])", "Invalid Condition: unknown operation 'in'."},
           {R"([["eq","$a"]])", "Invalid eq: wrong number of arguments."},
           {R"([["eq","$a",1]])", "Invalid JSON."},
           {R"([["content-length-range",0]])",
            "Invalid content-length-range: wrong number of arguments."},
           {R"([["content-length-range",0,512.0]])", "Invalid JSON."},
           {R"([["content-length-range",-1,0]])",
            "Invalid content-length-range: values must not be negative."}}) {
    EXPECT_EQ(refusal_of(conditions), front + message) << conditions;
  }
}

TEST(PostPolicy, ExpiresAfterItsMoment) {
  const PostPolicy policy = policy_of(R"([{"bucket":"b"}])");
  EXPECT_TRUE(check_post_policy(policy, {}, "b", moment("2030-01-01T00:00:00Z")));
  const auto late = check_post_policy(policy, {}, "b", moment("2030-01-01T00:00:01Z"));
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().message, "Invalid according to Policy: Policy expired.");
}

TEST(PostPolicy, EveryConditionMustHold) {
  const std::string bucket = R"({"bucket":"b"},)";
  EXPECT_EQ(check("[" + bucket + R"(["eq","$key","k"]])", {{"key", "k"}}), "");
  EXPECT_EQ(check("[" + bucket + R"(["StArTs-WiTh","$KeY","u/"]])", {{"kEy", "u/x"}}), "");
  EXPECT_EQ(check("[" + bucket + R"(["starts-with","$key",""]])", {{"key", "any"}}), "");
  EXPECT_EQ(check("[" + bucket + R"({"key":"k"}])", {{"key", "K"}}),
            R"(Policy Condition failed: ["eq", "$key", "k"])");
  EXPECT_EQ(check("[" + bucket + R"(["starts-with","$Key","u\"/"]])", {{"key", "v/x"}}),
            R"(Policy Condition failed: ["starts-with", "$Key", "u\"/"])");
  EXPECT_EQ(check("[" + bucket + R"(["eq","key","k"]])", {{"key", "k"}}),
            R"(Policy Condition failed: ["eq", "key", "k"])");
  EXPECT_EQ(check(R"([{"bucket":"other"}])", {}),
            R"(Policy Condition failed: ["eq", "$bucket", "other"])");
  EXPECT_EQ(check("[" + bucket + R"({"acl":""}])", {}),
            R"(Policy Condition failed: ["eq", "$acl", ""])");
  EXPECT_EQ(check(R"([{"bucket":"b"}])", {{"bucket", "other"}}),
            R"(Policy Condition failed: ["eq", "$bucket", "other"])");
}

TEST(PostPolicy, EachTypeOfAListIsChecked) {
  const std::string images = R"([{"bucket":"b"},["starts-with","$Content-Type","image/"]])";
  EXPECT_EQ(check(images, {{"Content-Type", "image/jpg, image/png"}}), "");
  EXPECT_NE(check(images, {{"Content-Type", "image/jpg,text/plain"}}), "");
}

TEST(PostPolicy, EveryFieldNeedsACondition) {
  const std::string bucket = R"([{"bucket":"b"}])";
  EXPECT_EQ(check(bucket, {{"policy", "p"},
                           {"X-Amz-Signature", "s"},
                           {"x-ignore-me", "i"},
                           {"AWSAccessKeyId", "a"},
                           {"signature", "s"}}),
            "");
  EXPECT_EQ(check(bucket, {{"StorageClass", "x"}}), "Extra input fields: StorageClass");
  EXPECT_EQ(check("[]", {}), "Extra input fields: bucket");
}

TEST(PostPolicy, LengthsAreInclusiveAndMayBeTexts) {
  const auto code = [](const std::string& range, std::uint64_t least, std::uint64_t most) {
    const auto checked =
        check_length(policy_of("[[\"content-length-range\"," + range + "]]"), {least, most});
    return checked ? "" : std::string(text_of(checked.error().code).code);
  };
  EXPECT_EQ(code("5,10", 5, 5), "");
  EXPECT_EQ(code("5,10", 10, 10), "");
  EXPECT_EQ(code("\"5\",\"10\"", 10, 10), "");
  EXPECT_EQ(code("5,10", 4, 4), "EntityTooSmall");
  EXPECT_EQ(code("5,10", 11, 11), "EntityTooLarge");
  EXPECT_EQ(code("5,10", 0, 30), "") << "may still fit";
  EXPECT_EQ(code("5,10", 11, 30), "EntityTooLarge") << "cannot fit any more";
  EXPECT_EQ(code("5,10", 0, 4), "EntityTooSmall");
  EXPECT_EQ(code("\"test\",10", 5, 5), "AccessDenied");
  EXPECT_EQ(code("0,9223372036854775807", 5, 5), "");
}

}  // namespace
}  // namespace kelp::s3
