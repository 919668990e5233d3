// Where the keys of the internal network come from (src/server/internal_network.h).
#include "server/internal_network.h"

#include <gtest/gtest.h>

#include "tests/support/members.h"
#include "tests/support/sim_disk.h"

namespace kelp::server {
namespace {

using test::Circle;
using Environment = std::vector<std::pair<std::string, std::string>>;

class Keys : public testing::Test {
 protected:
  void write(const TlsMember& member) {
    EXPECT_TRUE(disk_.make_dirs("/k"));
    EXPECT_TRUE(write_file_atomically(disk_, "/k/tls.crt", member.certificate));
    EXPECT_TRUE(write_file_atomically(disk_, "/k/tls.key", member.key));
    EXPECT_TRUE(write_file_atomically(disk_, "/k/ca.crt", member.authorities));
    config_.cluster.tls_cert = "/k/tls.crt";
    config_.cluster.tls_key = "/k/tls.key";
    config_.cluster.tls_ca = "/k/ca.crt";
  }
  Result<std::unique_ptr<InternalNetwork>> open(const Environment& environment = {}) {
    return InternalNetwork::open(config_, disk_, clock_, metrics_, environment);
  }
  double expiry() {
    return metrics_.gauge("kelp_rpc_tls_certificate_expiry_timestamp_seconds", "").Value();
  }

  const Circle circle_;
  SystemClock clock_;
  Metrics metrics_;
  test::SimDisk disk_;
  Config config_;
};

TEST_F(Keys, WithoutAnyItIsTcp) {
  const auto network = open();
  ASSERT_TRUE(network);
  EXPECT_TRUE((*network)->files().empty());
  EXPECT_EQ(dynamic_cast<TlsNetwork*>(&(*network)->get()), nullptr);
}

TEST_F(Keys, OfFilesAreReadAndReadAgain) {
  write(circle_.member());
  const auto network = open();
  ASSERT_TRUE(network) << network.error().detail();
  EXPECT_NE(dynamic_cast<TlsNetwork*>(&(*network)->get()), nullptr);
  EXPECT_EQ((*network)->files().size(), 3U);
  const double first = expiry();

  CertificateRequest longer = Circle::request("member");
  longer.until += std::chrono::hours(24);
  write(circle_.member(longer));
  (*network)->reload();
  EXPECT_NEAR(expiry() - first, 86'400, 60);

  ASSERT_TRUE(write_file_atomically(disk_, "/k/tls.key", circle_.member().key));
  const double second = expiry();
  (*network)->reload();
  EXPECT_EQ(expiry(), second) << "a pair that does not fit changes nothing";
}

TEST_F(Keys, ThatCannotBeUsedKeepItFromStartingAndAreNotShown) {
  const TlsMember member = circle_.member();
  write(member);
  for (const char* const file : {"/k/tls.crt", "/k/tls.key", "/k/ca.crt"}) {
    write(member);
    ASSERT_TRUE(write_file_atomically(disk_, file, "no PEM"));
    const auto network = open();
    ASSERT_FALSE(network) << file;
    EXPECT_EQ(network.error().code(), Errc::kInvalidArgument);
    EXPECT_NE(network.error().detail().find(file), std::string::npos);
    EXPECT_EQ(network.error().detail().find("PRIVATE"), std::string::npos);
  }
  write(member);
  ASSERT_TRUE(disk_.remove("/k/ca.crt"));
  EXPECT_FALSE(open());
}

TEST_F(Keys, OfTheEnvironmentAreThreeOrNone) {
  const TlsMember member = circle_.member();
  const Environment all{{"KELP_CLUSTER_TLS_CERT_PEM", member.certificate},
                        {"KELP_CLUSTER_TLS_KEY_PEM", member.key},
                        {"KELP_CLUSTER_TLS_CA_PEM", member.authorities}};
  const auto network = open(all);
  ASSERT_TRUE(network) << network.error().detail();
  EXPECT_NE(dynamic_cast<TlsNetwork*>(&(*network)->get()), nullptr);
  EXPECT_TRUE((*network)->files().empty());
  for (std::size_t without = 0; without < all.size(); ++without) {
    Environment some = all;
    some.erase(some.begin() + static_cast<std::ptrdiff_t>(without));
    const auto half = open(some);
    ASSERT_FALSE(half) << all[without].first;
    EXPECT_NE(half.error().detail().find("1 of them are not set"), std::string::npos);
  }
}

}  // namespace
}  // namespace kelp::server
