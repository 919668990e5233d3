#include "server/key_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/rng.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "tests/support/run_coro.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"

namespace kelp::server {
namespace {

using testing::HasSubstr;

struct House {
  House() {
    config.dir = "/d";
    EXPECT_TRUE(disk.make_dirs("/d"));
  }
  test::SimDisk disk;
  SystemClock clock;
  Config config;
};

Encryption s3() {
  return {.kind = EncryptionKind::kS3, .key_id = {}, .context = {}, .wrapped_key = {}};
}

TEST(KeyFile, IsWhereTheConfigurationSays) {
  Config config;
  config.dir = "/d";
  EXPECT_EQ(key_ring_path(config), "/d/keyring");
  config.cluster.file = "/etc/kelp/cluster";
  EXPECT_EQ(key_ring_path(config), "/etc/kelp/keyring");
  config.cluster.file = "cluster";
  EXPECT_EQ(key_ring_path(config), "./keyring");
  config.s3.keyring = "/secret/ring";
  EXPECT_EQ(key_ring_path(config), "/secret/ring");
}

TEST(KeyFile, IsMadeOnceWhereItMayBe) {
  House house;
  EXPECT_EQ(KeyFile::open(house.disk, house.clock, house.config, false).value()->keys(), nullptr);
  ASSERT_NE(KeyFile::open(house.disk, house.clock, house.config, true).value()->keys(), nullptr);
  house.disk.crash_losing_all();
  const std::string made = read_key_ring(house.disk, "/d/keyring")->text();
  ASSERT_TRUE(KeyFile::open(house.disk, house.clock, house.config, true));
  EXPECT_EQ(read_key_ring(house.disk, "/d/keyring")->text(), made) << "another one lost the keys";
  EXPECT_EQ(make_key_ring(house.disk, "/d/keyring").error().code(), Errc::kAlreadyExists);
  house.config.s3.keyring = "/d/misspelt";
  EXPECT_EQ(KeyFile::open(house.disk, house.clock, house.config, true).error().code(),
            Errc::kNotFound);
}

TEST(KeyFile, AVaultStandsInsteadAndNoRingIsMade) {
  House house;
  house.config.s3.vault_address = "http://127.0.0.1:1";
  house.config.s3.vault_token_file = "/d/token";
  const auto file = KeyFile::open(house.disk, house.clock, house.config, true).value();
  ASSERT_NE(file->keys(), nullptr);
  EXPECT_FALSE(house.disk.exists("/d/keyring").value());
  Encryption named = s3();
  named.kind = EncryptionKind::kKms;
  const auto wrapped = test::run_coro(file->keys()->wrap(named, SecretKey::draw()));
  EXPECT_EQ(wrapped.error().code(), Errc::kUnavailable) << "no token is no word of the key's";
}

TEST(KeyFile, RefusesADamagedOneAndNamesIt) {
  House house;
  ASSERT_TRUE(make_key_ring(house.disk, "/d/keyring"));
  std::string text = *read_whole_file(house.disk, "/d/keyring", 1 << 16);
  text[text.size() / 2] ^= 1;
  ASSERT_TRUE(write_file_atomically(house.disk, "/d/keyring", text));
  const auto opened = KeyFile::open(house.disk, house.clock, house.config, true);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), Errc::kCorruption);
  EXPECT_THAT(opened.error().detail(), HasSubstr("/d/keyring"));
}

TEST(KeyFile, FollowsItsFileAndKeepsWhatItHasWhenThatIsBad) {
  House house;
  const auto file = KeyFile::open(house.disk, house.clock, house.config, true).value();
  const auto wrap = [&] { return test::run_coro(file->keys()->wrap(s3(), SecretKey::draw())); };
  const Encryption before = wrap().value();
  const auto rotate = [](s3::KeyRing& ring) -> Result<void> {
    KELP_CHECK(ring.rotate("s3", SecretKey::draw()));
    return {};
  };
  ASSERT_TRUE(change_key_ring(house.disk, "/d/keyring", rotate));
  file->reload();
  const Encryption after = wrap().value();
  EXPECT_NE(before.wrapped_key.substr(0, 5), after.wrapped_key.substr(0, 5)) << "a new version";
  ASSERT_TRUE(write_file_atomically(house.disk, "/d/keyring", "rubbish"));
  file->reload();
  for (const Encryption& each : {before, after}) {
    EXPECT_TRUE(test::run_coro(file->keys()->unwrap(each)));
  }
}

TEST(KeyFile, LosesNoKeyWhereverThePowerFails) {
  for (std::uint64_t operation = 1; operation <= 24; ++operation) {
    House house;
    Rng rng(operation);
    ASSERT_TRUE(make_key_ring(house.disk, "/d/keyring"));
    const SecretKey old = read_key_ring(house.disk, "/d/keyring")->keys().at("s3").versions[0];
    house.disk.power_off_after(operation);
    const auto change = [](s3::KeyRing& ring) { return ring.add("mine", SecretKey::draw()); };
    const bool changed = change_key_ring(house.disk, "/d/keyring", change).has_value();
    house.disk.crash(rng);
    const auto ring = read_key_ring(house.disk, "/d/keyring");
    ASSERT_TRUE(ring) << operation << ring.error().detail();
    EXPECT_EQ(ring->keys().at("s3").versions[0], old);
    if (changed) EXPECT_TRUE(ring->keys().contains("mine")) << operation;
  }
}

TEST(KeyFile, IsChangedByOneAtATime) {
  House house;
  ASSERT_TRUE(make_key_ring(house.disk, "/d/keyring"));
  const auto nested = [&](s3::KeyRing& ring) -> Result<void> {
    const auto other = [](s3::KeyRing& inner) { return inner.add("lost", SecretKey::draw()); };
    EXPECT_EQ(change_key_ring(house.disk, "/d/keyring", other).error().code(), Errc::kUnavailable);
    return ring.add("mine", SecretKey::draw());
  };
  EXPECT_TRUE(change_key_ring(house.disk, "/d/keyring", nested));
}

TEST(KeyFile, IsItsOwnersAlone) {
  const test::TempDir temp;
  const auto io = make_posix_file_io();
  const std::string path = temp.path() + "/keyring";
  ASSERT_TRUE(make_key_ring(*io, path));
  const auto change = [](s3::KeyRing& ring) { return ring.add("mine", SecretKey::draw()); };
  ASSERT_TRUE(change_key_ring(*io, path, change));
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

}  // namespace
}  // namespace kelp::server
