#include "server/assembly.h"

#include <gtest/gtest.h>

#include "async/work_pool.h"
#include "os/system_clock.h"
#include "tests/support/run_coro.h"

namespace kelp::server::test {
namespace {

/// What comes of asking the identity provider at `address`, to which no connection is made.
Errc asked(const Config& config, const std::string& address) {
  SystemClock clock;
  const auto pool = make_thread_pool({.threads = 1});
  const auto web_keys = make_web_keys(config, clock, *pool);
  const auto keys = kelp::test::run_coro(web_keys->keys_of(address, ""));
  EXPECT_FALSE(keys) << address;
  return keys.error().code();
}

TEST(WebKeysOfTheConfiguration, GoWhereItLetsThem) {
  Config config;
  EXPECT_EQ(asked(config, "127.0.0.1:1"), Errc::kPermissionDenied);
  config.s3.outgoing_deny = {"198.51.100.0/24", "192.0.2.0/24"};
  EXPECT_EQ(asked(config, "192.0.2.7"), Errc::kPermissionDenied);
  config.s3.outgoing_allow = {"127.0.0.1"};
  EXPECT_EQ(asked(config, "127.0.0.1:1"), Errc::kUnavailable)
      << "it is called, and nobody is there";
  EXPECT_EQ(asked(config, "127.0.0.2:1"), Errc::kPermissionDenied);
}

}  // namespace
}  // namespace kelp::server::test
