// Lines of the audit log: JSON that stays a line and shows as it is, whatever clients send.

#include "s3gw/core/audit_line.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "s3gw/core/http_date.h"

namespace kelp::s3 {
namespace {

std::string json_of(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(AuditLine, NamesWhatIsKnown) {
  const RequestRecord record{
      .began = *parse_basic_date("20130524T010203Z") + std::chrono::microseconds(4056),
      .took = std::chrono::microseconds(789),
      .request_id = "ID",
      .remote_address = "192.0.2.7",
      .method = "GET",
      .user_agent = "aws",
      .access_key = "AKIA",
      .caller = "arn:aws:iam::1:root",
      .account = "abc",
      .source_identity = "ann",
      .operation = "GetObject",
      .bucket = "bucket",
      .key = "a \"b\"",
      .version_id = "null",
      .status = 403,
      .error_code = "AccessDenied",
      .bytes_in = 1,
      .bytes_out = 2};
  std::string line;
  append_audit_line(record, line);
  EXPECT_EQ(line, R"({"time":"2013-05-24T01:02:03.004056Z","request_id":"ID","service":"s3",)"
                  R"("operation":"GetObject","method":"GET","bucket":"bucket","key":"a \"b\"",)"
                  R"("version_id":"null","status":403,"error":"AccessDenied","access_key":"AKIA",)"
                  R"("caller":"arn:aws:iam::1:root","account":"abc","source_identity":"ann",)"
                  R"("remote":"192.0.2.7","tls":false,)"
                  R"("user_agent":"aws","bytes_in":1,"bytes_out":2,"duration_us":789})"
                  "\n");
}

TEST(AuditLine, LeavesOutWhatIsNot) {
  std::string line;
  append_audit_line({.service = "iam", .status = 200}, line);
  EXPECT_EQ(line,
            R"({"time":"1970-01-01T00:00:00.000000Z","service":"iam","status":200,"tls":false,)"
            R"("bytes_in":0,"bytes_out":0,"duration_us":0})"
            "\n");
}

TEST(AuditLine, EscapesWhatTerminalsObey) {
  EXPECT_EQ(json_of("a\r\nb"), R"("a\u000d\u000ab")");
  EXPECT_EQ(json_of("\x1b[31m"), R"("\u001b[31m")");
  EXPECT_EQ(json_of("\x7f"), R"("\u007f")");
  EXPECT_EQ(json_of("\xc2\x9b"
                    "31m"),
            R"("\u009b31m")")
      << "CSI of C1, as UTF-8";
  EXPECT_EQ(json_of("\x9b"
                    "31m"),
            R"("\u009b31m")")
      << "as a byte";
  EXPECT_EQ(json_of("\\\""), R"("\\\"")");
  EXPECT_EQ(json_of("größe"), "\"größe\"");
  EXPECT_EQ(json_of("gr\xf6\xdf"
                    "e\xc2"),
            R"("gr\u00f6\u00dfe\u00c2")")
      << "no UTF-8";
  EXPECT_EQ(json_of(std::string_view("\0", 1)), R"("\u0000")");
}

// Every byte, alone and behind one that begins a character.
TEST(AuditLine, IsJsonOfOneLineWhateverStandsInIt) {
  for (int first = 0; first < 256; ++first) {
    for (const std::string& text :
         {std::string(1, static_cast<char>(first)), std::string("\xc2") + static_cast<char>(first),
          static_cast<char>(first) + std::string("\"}\n{\"")}) {
      std::string line;
      append_audit_line({.user_agent = text, .key = text}, line);
      EXPECT_EQ(std::ranges::count(line, '\n'), 1);
      boost::system::error_code error;
      const auto value = boost::json::parse(line, error);
      ASSERT_FALSE(error) << line;
      EXPECT_TRUE(value.as_object().contains("key"));
    }
  }
}

TEST(AuditLine, CutsUserAgents) {
  const std::string agent(10'000, 'a');
  std::string line;
  append_audit_line({.user_agent = agent}, line);
  EXPECT_LT(line.size(), 500U);
}

}  // namespace
}  // namespace kelp::s3
