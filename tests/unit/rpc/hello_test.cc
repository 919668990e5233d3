#include "rpc/hello.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace kelp {
namespace {

RandomBytes random_of(std::uint64_t seed) {
  return [rng = std::make_shared<Rng>(seed)](MutableByteSpan out) {
    for (auto& byte : out) byte = static_cast<std::byte>(rng->below(256));
  };
}

RpcIdentity identity(std::string cluster = "cluster", std::string secret = "0123456789abcdef") {
  return {.cluster_id = std::move(cluster), .secret = std::move(secret)};
}

TEST(Hello, BothSidesProveTheSecret) {
  const ClientHello client(identity(), random_of(1));
  ServerHello server(identity(), random_of(2));
  const auto answer = server.answer(client.open());
  ASSERT_TRUE(answer);
  const auto confirm = client.confirm(*answer);
  ASSERT_TRUE(confirm) << confirm.error().message();
  EXPECT_TRUE(server.accept(*confirm));
  EXPECT_EQ(client.open().find("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(answer->find("0123456789abcdef"), std::string::npos);
}

TEST(Hello, ASideWithAnotherSecretIsRefusedByTheOther) {
  const ClientHello client(identity(), random_of(1));
  ServerHello impostor(identity("cluster", "another secret..."), random_of(2));
  const auto answer = impostor.answer(client.open());
  ASSERT_TRUE(answer);
  EXPECT_EQ(client.confirm(*answer).error().code(), Errc::kUnauthenticated);

  ServerHello server(identity(), random_of(3));
  const ClientHello stranger(identity("cluster", "another secret..."), random_of(4));
  ASSERT_TRUE(server.answer(stranger.open()));
  EXPECT_EQ(server.accept(std::string(32, 'x')).error().code(), Errc::kUnauthenticated);
  EXPECT_EQ(server.accept("").error().code(), Errc::kUnauthenticated);
}

TEST(Hello, AnotherClusterIsRefused) {
  const ClientHello client(identity("a"), random_of(1));
  ServerHello server(identity("b"), random_of(2));
  EXPECT_EQ(server.answer(client.open()).error().code(), Errc::kPermissionDenied);
  ServerHello same(identity("a"), random_of(2));
  auto answer = same.answer(client.open()).value();
  answer[1] = 'b';
  EXPECT_EQ(client.confirm(answer).error().code(), Errc::kPermissionDenied);
}

TEST(Hello, AProofFitsNeitherTheOtherSideNorAnotherConnection) {
  const ClientHello client(identity(), random_of(1));
  ServerHello first(identity(), random_of(2));
  ServerHello second(identity(), random_of(3));
  const std::string answer = first.answer(client.open()).value();
  ASSERT_TRUE(second.answer(client.open()));
  const std::string confirm = client.confirm(answer).value();
  EXPECT_FALSE(second.accept(confirm)) << "replayed to another connection";
  EXPECT_FALSE(first.accept(answer.substr(answer.size() - 32))) << "the server's own proof";
  EXPECT_TRUE(first.accept(confirm));
}

TEST(Hello, RefusesEveryTruncationAndFlip) {
  const ClientHello client(identity(), random_of(1));
  const std::string open = client.open();
  for (std::size_t size = 0; size < open.size(); ++size) {
    ServerHello server(identity(), random_of(2));
    EXPECT_FALSE(server.answer(open.substr(0, size))) << size;
  }
  ServerHello server(identity(), random_of(2));
  const std::string answer = server.answer(open).value();
  for (std::size_t size = 0; size < answer.size(); ++size) {
    EXPECT_FALSE(client.confirm(answer.substr(0, size))) << size;
  }
  for (std::size_t bit = 0; bit < answer.size() * 8; ++bit) {
    std::string flipped = answer;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(client.confirm(flipped)) << bit;
  }
}

}  // namespace
}  // namespace kelp
