#include "server/data_dir.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <regex>

#include "os/posix_file_io.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"

namespace kelp::server {
namespace {

constexpr std::uint64_t kLimit = 1 << 16;

struct House {
  test::SimDisk disk;
  std::optional<KeyPair> given;
  Result<DataDir> open(bool may_create = true) {
    return open_data_dir(disk, "/d", given, may_create);
  }
  void replace(const std::string& file, const std::string& from, const std::string& to) {
    std::string text = *read_whole_file(disk, file, kLimit);
    text.replace(text.find(from), from.size(), to);
    ASSERT_TRUE(write_file_atomically(disk, file, text).has_value());
  }
};

TEST(DataDir, MakesAnIdentityOnceAndKeepsIt) {
  House house;
  ClusterIdentity made;
  {
    const auto first = house.open();
    ASSERT_TRUE(first.has_value()) << first.error().detail();
    EXPECT_TRUE(first->first_start);
    made = first->identity;
  }
  EXPECT_TRUE(std::regex_match(
      made.cluster_id,
      std::regex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")));
  EXPECT_EQ(made.cluster_secret.size(), 32u);
  EXPECT_EQ(made.admin.access_key.size(), 20u);
  EXPECT_EQ(made.admin.secret_key.size(), 40u);
  house.disk.crash_losing_all();
  const auto second = house.open();
  ASSERT_TRUE(second.has_value()) << second.error().detail();
  EXPECT_FALSE(second->first_start);
  EXPECT_EQ(second->identity.cluster_id, made.cluster_id);
  EXPECT_EQ(second->identity.cluster_secret, made.cluster_secret);
  EXPECT_EQ(second->identity.admin.access_key, made.admin.access_key);
  EXPECT_EQ(second->identity.admin.secret_key, made.admin.secret_key);
}

TEST(DataDir, KeepsGivenKeysAndLetsLaterOnesGoBefore) {
  House house;
  house.given = KeyPair{"mine", "a \"secret\" with \\ in it"};
  EXPECT_EQ(house.open()->identity.admin.secret_key, house.given->secret_key);
  house.given.reset();
  EXPECT_EQ(house.open()->identity.admin.secret_key, "a \"secret\" with \\ in it");
  house.given = KeyPair{"other", "other-secret"};
  EXPECT_EQ(house.open()->identity.admin.access_key, "other");
  house.given.reset();
  EXPECT_EQ(house.open()->identity.admin.access_key, "mine");
}

TEST(DataDir, RefusesASecondOwner) {
  House house;
  const auto first = house.open();
  ASSERT_TRUE(first.has_value());
  const auto second = house.open();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Errc::kUnavailable);
}

TEST(DataDir, RefusesANewerFormatAndNamesBoth) {
  House house;
  ASSERT_TRUE(house.open().has_value());
  house.replace("/d/cluster", "format = 1", "format = 7");
  const auto refused = house.open();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kUnimplemented);
  EXPECT_EQ(refused.error().detail(), "/d/cluster has format 7, this program knows format 1");
}

TEST(DataDir, RefusesABrokenIdentity) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"format = 1", ""},
           {"format = 1", "format = \"x\""},
           {"cluster_id", "other"},
           {"cluster_secret = \"", "cluster_secret = \"zz"},
           {"cluster_secret = \"", "cluster_secret = \"00"},
           {"format", "[["}}) {
    House house;
    ASSERT_TRUE(house.open().has_value());
    house.replace("/d/cluster", from, to);
    const auto refused = house.open();
    ASSERT_FALSE(refused.has_value()) << to;
    EXPECT_EQ(refused.error().code(), Errc::kCorruption) << to;
  }
}

TEST(DataDir, RefusesDataWithoutAnIdentity) {
  House house;
  ASSERT_TRUE(house.disk.make_dirs("/d/volume").has_value());
  ASSERT_TRUE(write_file_atomically(house.disk, "/d/volume/1.dat", "x").has_value());
  EXPECT_EQ(house.open().error().code(), Errc::kPrecondition);
}

TEST(DataDir, NeedsKeysFromSomewhere) {
  House house;
  ASSERT_TRUE(house.open().has_value());
  ASSERT_TRUE(house.disk.remove("/d/credentials").has_value());
  EXPECT_EQ(house.open().error().code(), Errc::kPrecondition);
  house.given = KeyPair{"mine", "secret"};
  EXPECT_TRUE(house.open().has_value());
}

TEST(DataDir, MakesNothingUnlessItMay) {
  House house;
  EXPECT_EQ(house.open(false).error().code(), Errc::kNotFound);
  EXPECT_FALSE(*house.disk.exists("/d/cluster"));
}

TEST(DataDir, IsWholeWhereverThePowerFailsInTheFirstStart) {
  for (std::uint64_t operation = 1; operation <= 16; ++operation) {
    House house;
    Rng rng(operation);
    house.disk.power_off_after(operation);
    const bool opened = house.open().has_value();
    house.disk.crash(rng);
    const auto again = house.open();
    ASSERT_TRUE(again.has_value()) << operation << ": " << again.error().detail();
    if (opened) EXPECT_FALSE(again->first_start);
  }
}

TEST(DataDir, HidesItsSecretsFromOtherUsers) {
  const test::TempDir temp;
  const auto io = make_posix_file_io();
  ASSERT_TRUE(open_data_dir(*io, temp.path() + "/d", std::nullopt, true).has_value());
  for (const char* name : {"/d/cluster", "/d/credentials"}) {
    struct stat info{};
    ASSERT_EQ(stat((temp.path() + name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
}

}  // namespace
}  // namespace kelp::server
