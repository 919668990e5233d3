// Traces: who sees which request, and that no line gives a secret away.

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "s3gw/request_trace.h"

namespace kelp::s3 {
namespace {

RequestRecord record_of(std::string_view bucket, std::string_view key, int status) {
  return {.took = std::chrono::milliseconds(3),
          .method = "GET",
          .access_key = "AKIA",
          .operation = "GetObject",
          .bucket = bucket,
          .key = key,
          .status = status};
}

boost::json::object line_of(std::string_view target, std::span<const HttpHeader> headers) {
  std::string line;
  append_trace_line(record_of("b", "k", 200),
                    {.target = target, .headers = headers, .first_byte = {}}, true, line);
  return boost::json::parse(line).as_object();
}

TEST(TraceLine, HidesWhatProvesOrDecrypts) {
  const HttpHeader headers[] = {{"Host", "s3"},
                                {"Authorization",
                                 "AWS4-HMAC-SHA256 Credential=AKIA/1/r/s3/aws4_request, "
                                 "SignedHeaders=host, Signature=c0ffee"},
                                {"X-Amz-Security-Token", "canary"},
                                {"x-amz-server-side-encryption-customer-key", "canary"},
                                {"x-amz-copy-source-server-side-encryption-customer-key", "canary"},
                                {"Cookie", "canary"}};
  const auto line = line_of(
      "/b/k?x-id=GetObject&X-Amz-Signature=canary&X%2DAmz-Security-Token=canary&Signature=canary"
      "&x-amz-server-side-encryption-customer-key=canary&X-Amz-Credential=AKIA%2F1",
      headers);
  const std::string text = boost::json::serialize(line);
  EXPECT_EQ(text.find("canary"), std::string::npos) << text;
  EXPECT_EQ(text.find("c0ffee"), std::string::npos) << text;
  EXPECT_EQ(line.at("target").as_string(),
            "/b/k?x-id=GetObject&X-Amz-Signature=-&X%2DAmz-Security-Token=-&Signature=-"
            "&x-amz-server-side-encryption-customer-key=-&X-Amz-Credential=AKIA%2F1");
  EXPECT_EQ(line.at("headers").as_array().size(), 6U);
  EXPECT_NE(text.find("SignedHeaders=host, Signature=-"), std::string::npos) << text;
}

TEST(TraceLine, HidesAuthorizationsOfOtherKindsWhole) {
  for (const std::string_view value : {"AWS AKIA:canary", "Basic canary", "AWS4-canary"}) {
    const HttpHeader headers[] = {{"authorization", value}};
    EXPECT_EQ(boost::json::serialize(line_of("/", headers)).find("canary"), std::string::npos)
        << value;
  }
}

TEST(TraceFilter, ComesBackFromItsQuery) {
  const TraceFilter filter{.bucket = "b",
                           .prefix = "a b/ü&=",
                           .operation = "PutObject",
                           .access_key = "AK",
                           .status_from = 400,
                           .slower = std::chrono::milliseconds(5),
                           .headers = true};
  const auto back = parse_trace_query(trace_query(filter));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, filter);
  EXPECT_EQ(trace_query({}), "");
  EXPECT_EQ(*parse_trace_query(""), TraceFilter{});
  for (const char* wrong : {"colour=red", "status_from=x", "status_from=-1", "slower_us=", "a%2"}) {
    EXPECT_FALSE(parse_trace_query(wrong).has_value()) << wrong;
  }
}

TEST(RequestTrace, ShowsEachWatcherWhatItAskedFor) {
  RequestTrace trace;
  EXPECT_FALSE(trace.watched());
  trace.take(record_of("early", "k", 200));
  auto errors = *trace.watch({.status_from = 400});
  auto lake = *trace.watch({.bucket = "lake", .prefix = "t/"});
  EXPECT_TRUE(trace.watched());
  trace.take(record_of("lake", "t/1", 200));
  trace.take(record_of("lake", "other", 404));
  EXPECT_EQ(boost::json::parse(errors->take()).at("key").as_string(), "other");
  EXPECT_EQ(boost::json::parse(lake->take()).at("key").as_string(), "t/1");
  EXPECT_EQ(lake->take(), "");
  errors.reset();
  lake.reset();
  trace.take(record_of("lake", "t/1", 200));
  EXPECT_FALSE(trace.watched());
}

TEST(RequestTrace, SaysHowManyLinesDidNotFit) {
  RequestTrace trace;
  const auto slow = *trace.watch({});
  const std::string key(1024, 'k');
  constexpr std::size_t kRequests = RequestTrace::kMaxWaitingBytes / 1024 + 10;
  for (std::size_t i = 0; i < kRequests; ++i) trace.take(record_of("b", key, 200));
  const std::string lines = slow->take();
  EXPECT_LE(lines.size(), RequestTrace::kMaxWaitingBytes + 64);
  const auto shown = static_cast<std::size_t>(std::ranges::count(lines, '\n')) - 1;
  const std::string last = lines.substr(lines.rfind('\n', lines.size() - 2) + 1);
  EXPECT_EQ(boost::json::parse(last).at("dropped").to_number<std::size_t>(), kRequests - shown);
}

TEST(RequestTrace, IsForAFewAndEnds) {
  RequestTrace trace;
  std::vector<std::shared_ptr<RequestTrace::Watcher>> all;
  for (std::size_t i = 0; i < RequestTrace::kMaxWatchers; ++i) all.push_back(*trace.watch({}));
  EXPECT_EQ(trace.watch({}).error().code(), Errc::kResourceExhausted);
  all.pop_back();
  EXPECT_TRUE(trace.watch({}).has_value());
  trace.close();
  EXPECT_EQ(trace.watch({}).error().code(), Errc::kCancelled);
}

}  // namespace
}  // namespace kelp::s3
