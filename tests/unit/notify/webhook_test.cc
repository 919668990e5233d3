// What a webhook says of who it is from; tests/s3/notifications_test.py receives real ones.
#include <gtest/gtest.h>

#include "notify/target.h"
#include "os/system_clock.h"

namespace kelp::notify {
namespace {

// echo -n '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
TEST(Webhook, SignsTimeAndBody) {
  const WallTime now(std::chrono::milliseconds(1'700'000'000'999));
  EXPECT_EQ(webhook_signature("secret", R"({"a":1})", now),
            "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686");
}

TEST(Webhook, WhereNobodyListensNothingIsTaken) {
  const SystemClock clock;
  const auto hook = open_webhook(
      {.name = "h", .type = "webhook", .url = "http://127.0.0.1:1/secret-path"}, clock);
  ASSERT_TRUE(hook);
  std::vector<Message> messages{{.key = "b/k", .id = "1", .name = "n", .body = "{}"}};
  std::size_t taken = 7;
  const auto sent = (*hook)->send(messages, taken);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code(), Errc::kUnavailable);
  EXPECT_EQ(sent.error().detail().find("secret-path"), std::string::npos);
  EXPECT_EQ(taken, 0U);
}

TEST(Webhook, StopsWhenItIsToldTo) {
  const SystemClock clock;
  const auto hook =
      open_webhook({.name = "h", .type = "webhook", .url = "http://127.0.0.1:1/"}, clock);
  (*hook)->stop();
  std::vector<Message> messages{{.key = "b/k", .id = "1", .name = "n", .body = "{}"}};
  std::size_t taken = 0;
  EXPECT_EQ((*hook)->send(messages, taken).error().code(), Errc::kCancelled);
}

}  // namespace
}  // namespace kelp::notify
