#include "s3gw/core/conditions.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/s3gw_auth/signed_request.h"

namespace kelp::s3 {
namespace {

constexpr auto kBefore = "Fri, 24 May 2013 09:59:59 GMT";
constexpr auto kExact = "Fri, 24 May 2013 10:00:00 GMT";
constexpr auto kAfter = "Fri, 24 May 2013 10:00:01 GMT";

struct Case {
  std::vector<HttpHeader> headers;
  ConditionResult result;
  std::string_view condition;
};

ConditionOutcome outcome_of(const std::vector<HttpHeader>& headers) {
  const Validators object{.etag = "abc",
                          .modified = at("20130524T100000Z") + std::chrono::milliseconds(700)};
  return evaluate(read_conditions(headers), object);
}

TEST(Conditions, FollowTheOrderOfTheRfc) {
  using enum ConditionResult;
  const Case cases[] = {
      {{}, kProceed, ""},
      {{{"If-Match", "\"abc\""}}, kProceed, ""},
      {{{"if-match", "abc"}}, kProceed, ""},
      {{{"If-Match", "*"}}, kProceed, ""},
      {{{"If-Match", "\"x\", \"abc\""}}, kProceed, ""},
      {{{"If-Match", "\"x\""}}, kPreconditionFailed, "If-Match"},
      {{{"If-Match", "W/\"abc\""}}, kPreconditionFailed, "If-Match"},
      {{{"If-Match", ""}}, kPreconditionFailed, "If-Match"},
      {{{"If-None-Match", "\"abc\""}}, kNotModified, "If-None-Match"},
      {{{"If-None-Match", "W/\"abc\""}}, kNotModified, "If-None-Match"},
      {{{"If-None-Match", "x,abc"}}, kNotModified, "If-None-Match"},
      {{{"If-None-Match", "*"}}, kNotModified, "If-None-Match"},
      {{{"If-None-Match", "\"x\""}}, kProceed, ""},
      {{{"If-Modified-Since", kBefore}}, kProceed, ""},
      {{{"If-Modified-Since", kExact}}, kNotModified, "If-Modified-Since"},
      {{{"If-Modified-Since", kAfter}}, kNotModified, "If-Modified-Since"},
      {{{"If-Modified-Since", "not a date"}}, kProceed, ""},
      {{{"If-Unmodified-Since", kBefore}}, kPreconditionFailed, "If-Unmodified-Since"},
      {{{"If-Unmodified-Since", kExact}}, kProceed, ""},
      {{{"If-Unmodified-Since", "not a date"}}, kProceed, ""},
      {{{"If-Match", "abc"}, {"If-Unmodified-Since", kBefore}}, kProceed, ""},
      {{{"If-None-Match", "x"}, {"If-Modified-Since", kAfter}}, kProceed, ""},
      {{{"If-None-Match", "abc"}, {"If-Modified-Since", kBefore}}, kNotModified, "If-None-Match"},
      {{{"If-Match", "x"}, {"If-None-Match", "abc"}}, kPreconditionFailed, "If-Match"},
      {{{"If-Match", "abc"}, {"If-None-Match", "abc"}}, kNotModified, "If-None-Match"},
      {{{"If-Unmodified-Since", kBefore}, {"If-None-Match", "abc"}},
       kPreconditionFailed,
       "If-Unmodified-Since"},
  };
  for (const Case& item : cases) {
    const ConditionOutcome outcome = outcome_of(item.headers);
    const std::string what = item.headers.empty() ? std::string("none")
                                                  : std::string(item.headers[0].name) + ": " +
                                                        std::string(item.headers[0].value);
    EXPECT_EQ(outcome.result, item.result) << what;
    EXPECT_EQ(outcome.condition, item.condition) << what;
  }
}

TEST(Conditions, OfACopyHaveTheirOwnHeaders) {
  const std::vector<HttpHeader> headers = {{"x-amz-copy-source-if-match", "x"},
                                           {"If-Match", "abc"}};
  const Validators object{.etag = "abc", .modified = at("20130524T100000Z")};
  EXPECT_TRUE(copy_source_conditions(headers).any());
  EXPECT_EQ(evaluate(copy_source_conditions(headers), object).result,
            ConditionResult::kPreconditionFailed);
  EXPECT_EQ(evaluate(read_conditions(headers), object).result, ConditionResult::kProceed);
  EXPECT_FALSE(read_conditions(std::vector<HttpHeader>{{"If-Range", "x"}}).any());
}

}  // namespace
}  // namespace kelp::s3
