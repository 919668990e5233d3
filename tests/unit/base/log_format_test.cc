#include "base/log_format.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>

#include "base/json_text.h"
#include "base/log.h"
#include "base/rng.h"

namespace kelp {
namespace {

namespace json = boost::json;

constexpr WallTime kAt{std::chrono::sys_days(std::chrono::January / 31 / 2026) +
                       std::chrono::nanoseconds(32'707'042'999'999)};

std::string line_of(std::string_view message) {
  return json_log_line({.at = kAt, .level = "info", .room = "raft", .message = message});
}

/// The line without the three members that every line has.
std::string said(std::string_view message) {
  constexpr std::string_view kHead =
      R"({"ts":"2026-01-31T09:05:07.042Z","level":"info","room":"raft")";
  const std::string line = line_of(message);
  EXPECT_TRUE(line.starts_with(kHead)) << line;
  return line.substr(kHead.size());
}

TEST(JsonLogLine, NamesEventAndFields) {
  const std::string message = "role node=1 role=leader filer.journal_keep=9s empty= why=\"\"";
  EXPECT_EQ(line_of(message),
            R"({"ts":"2026-01-31T09:05:07.042Z","level":"info","room":"raft","event":"role",)"
            R"("node":"1","role":"leader","filer.journal_keep":"9s","empty":"","why":""})");
  EXPECT_EQ(said("following"), R"(,"event":"following"})");
  EXPECT_EQ(said(""), "}");
}

TEST(JsonLogLine, LeavesNothingOut) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"the disk is full", R"(,"msg":"the disk is full"})"},
      {"the disk is full disk=7", R"(,"disk":"7","msg":"the disk is full"})"},
      {"failed error=no room left at=5",
       R"(,"event":"failed","error":"no","at":"5","msg":"room left"})"},
      {"twice a=1 a=2 b=3", R"(,"event":"twice","a":"1","b":"3","msg":"a=2"})"},
      {"x ts=1 level=2 room=3 event=4 msg=5",
       R"(,"event":"x","msg":"ts=1 level=2 room=3 event=4 msg=5"})"},
      {"event=4 a=1", R"(,"a":"1","msg":"event=4"})"},
      {"Upper a=1", R"(,"a":"1","msg":"Upper"})"},
      {"x =1 A=2 a-b=3 9=4", R"(,"msg":"x =1 A=2 a-b=3 9=4"})"},
      {"x  a=1 ", R"(,"a":"1","msg":"x "})"},
  };
  for (const auto& [message, wanted] : cases) EXPECT_EQ(said(message), wanted) << message;
}

TEST(JsonLogLine, UndoesWhatLogValueDid) {
  const std::string_view values[] = {
      "plain",          "two words",        "a=b",       "\"quoted\"", "back\\slash",
      "new\nline\r\t",  "\x01\x1f\x7f end", "caf\u00e9", "\\x41",      "\\",
      "a\" level=error"};
  for (const std::string_view value : values) {
    const json::object line =
        json::parse(line_of(fmt::format("x a={} b=1", log_value(value)))).as_object();
    EXPECT_EQ(std::string_view(line.at("a").as_string()), value);
    EXPECT_EQ(std::string_view(line.at("b").as_string()), "1") << value;
    EXPECT_EQ(line.size(), 6u) << value;
  }
}

TEST(JsonLogLine, TakesQuotesThatNothingEnds) {
  EXPECT_EQ(said("x a=\"no end b=1"), R"(,"event":"x","a":"no end b=1"})");
  EXPECT_EQ(said("x a=\"end\\"), R"(,"event":"x","a":"end\\"})");
  EXPECT_EQ(said("x a=\"1\"2 b=3"), R"(,"event":"x","a":"12","b":"3"})");
  EXPECT_EQ(said("x a=\"\\x4\\xzz\\q\""), R"(,"event":"x","a":"x4xzzq"})");
}

// Whatever a message holds, its line is one object of JSON in UTF-8, each member once.
TEST(JsonLogLine, IsJsonWhateverTheMessageHolds) {
  constexpr std::string_view kPieces[] = {
      "x",    " ",    "=",        "\"",   "\\",   "\\x",      "a=",        "ts=", "\n",
      "\xff", "\xc3", "\xe2\x82", "\x7f", "\x80", "\xed\xa0", "caf\u00e9", "0",   "\xf4\x90"};
  Rng rng(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string message;
    for (std::uint64_t left = rng.below(24); left > 0; --left) {
      message += kPieces[rng.below(std::size(kPieces))];
    }
    const std::string line = line_of(message);
    ASSERT_FALSE(line.contains('\n')) << line;
    boost::system::error_code bad;
    const json::value parsed = json::parse(line, bad);  // refuses what is no UTF-8
    ASSERT_FALSE(bad) << line;
    ASSERT_EQ(json::serialize(parsed), line) << "a member is there twice";
  }
}

TEST(JsonText, EscapesAndReplaces) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", R"("")"},
      {"a\"b\\c\n\r\t\x01", R"("a\"b\\c\n\r\t\u0001")"},
      {std::string_view("\0", 1), R"("\u0000")"},
      {"\u00e9\u20ac\U0001f600", "\"\u00e9\u20ac\U0001f600\""},
      {"\xff", "\"\ufffd\""},
      {"\xe2\x82", "\"\ufffd\ufffd\""},            // cut
      {"\xc0\xaf", "\"\ufffd\ufffd\""},            // overlong
      {"\xed\xa0\x80", "\"\ufffd\ufffd\ufffd\""},  // a surrogate
      {"\xf4\x90\x80\x80", "\"\ufffd\ufffd\ufffd\ufffd\""},
      {"a\xe9z", "\"a\ufffdz\""},
  };
  for (const auto& [text, wanted] : cases) {
    std::string out;
    append_json_text(text, out);
    EXPECT_EQ(out, wanted);
  }
}

}  // namespace
}  // namespace kelp
