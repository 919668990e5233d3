#include "net/response_head.h"

#include <gtest/gtest.h>

namespace kelp {
namespace {

TEST(ResponseHead, WritesTheLinesInOrder) {
  HttpResponse head(206);
  head.add("ETag", "\"a\"");
  head.add("X-Count", std::uint64_t{18446744073709551615U});
  std::string out;
  append_response_head(out, head, {.content_length = 0, .close = true}, "Date: d\r\n");
  EXPECT_EQ(out,
            "HTTP/1.1 206 Partial Content\r\nDate: d\r\nETag: \"a\"\r\n"
            "X-Count: 18446744073709551615\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

TEST(ResponseHead, NoValueCanBreakTheFraming) {
  HttpResponse head(200);
  head.add("X-A", std::string_view("a\r\nSet-Cookie: b\0c", 18));
  EXPECT_EQ(head.lines(), "X-A: a  Set-Cookie: b c\r\n");
}

// RFC 9110 section 5.6.7 gives this date.
TEST(ResponseHead, DatesAreThoseOfTheRfc) {
  EXPECT_EQ(date_line(WallTime(std::chrono::seconds(784111777))),
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
  EXPECT_EQ(date_line(WallTime(std::chrono::seconds(1709164800))),
            "Date: Thu, 29 Feb 2024 00:00:00 GMT\r\n");
}

}  // namespace
}  // namespace kelp
