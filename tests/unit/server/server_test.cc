#include "server/server.h"

#include <gtest/gtest.h>

#include <fstream>

#include "net/http_client.h"
#include "net/network.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "server/offline.h"
#include "tests/support/run_coro.h"
#include "tests/support/temp_dir.h"

namespace kelp::server {
namespace {

/// A directory and what a server on it needs.
struct House {
  test::TempDir temp;
  std::unique_ptr<FileIo> io = make_posix_file_io();
  SystemClock clock;
  Config config;

  House() {
    config.dir = temp.path() + "/d";
    config.s3.listen = "127.0.0.1:0";
    config.admin_listen = "127.0.0.1:0";
    config.master.http_listen = "127.0.0.1:0";
    config.threads.drain_grace = std::chrono::seconds(1);
  }
  Result<std::unique_ptr<Server>> start() {
    KELP_TRY(const DataDir data, open_data_dir(*io, config.dir, std::nullopt, true));
    return Server::start(config, data.identity, *io, clock);
  }
};

HttpClientResponse fetch(const std::string& address, const std::string& target) {
  const auto at = parse_host_port(address);
  EXPECT_TRUE(at.has_value()) << address;
  if (!at.has_value()) return {};
  const auto answer = test::run_coro(http_get(at->host, at->port, target, std::chrono::seconds(5)));
  EXPECT_TRUE(answer.has_value()) << address << target;
  return answer.value_or(HttpClientResponse{});
}

int status_of(const std::string& address, const std::string& target) {
  return fetch(address, target).status;
}

/// Damages the superblock of a stopped server's first volume.
void spoil_first_volume(const House& house) {
  std::fstream file(house.config.dir + "/volume/000000001.dat",
                    std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(file.is_open());
  file.seekp(40);
  file.write("spoiled!", 8);
}

TEST(Server, AnswersOnItsPortsAndOpensItsDirectoryAgain) {
  House house;
  for (int life = 0; life < 3; ++life) {
    const auto server = house.start();
    ASSERT_TRUE(server.has_value()) << server.error().detail();
    const Addresses& at = (*server)->addresses();
    EXPECT_EQ(status_of(at.admin, "/healthz"), 200);
    EXPECT_EQ(status_of(at.admin, "/readyz"), 200);
    EXPECT_EQ(status_of(at.admin, "/metrics"), 200);
    EXPECT_EQ(status_of(at.admin, "/other"), 404);
    EXPECT_EQ(status_of(at.master_http, "/cluster/healthz"), 200);
    EXPECT_EQ(status_of(at.master_http, "/dir/status"), 200);
    EXPECT_EQ(status_of(at.master_http, "/dir/assign?count=2"), 200);
    EXPECT_EQ(status_of(at.master_http, "/dir/lookup?volumeId=1"), 200);
    EXPECT_EQ(status_of(at.master_http, "/1,01637037d6"), 501);
    EXPECT_EQ(status_of(at.s3, "/healthz"), 200);
    EXPECT_EQ(status_of(at.s3, "/readyz"), 200);
    EXPECT_EQ(status_of(at.s3, "/"), 403);
    EXPECT_TRUE(at.s3_tls.empty());
    (*server)->stop();
    (*server)->stop();
  }
}

TEST(Server, TellsWhatItIsAndWhatItHas) {
  House house;
  const auto server = house.start();
  ASSERT_TRUE(server.has_value()) << server.error().detail();
  const std::string metrics = fetch((*server)->addresses().admin, "/metrics").body;
  for (const std::string name :
       {"kelp_server_info{role=\"server\",version=", "kelp_server_time_seconds 1",
        "kelp_server_start_time_seconds 1", "kelp_server_resident_bytes ",
        "kelp_server_cpu_seconds_total 0.", "kelp_volume_free_bytes ", "kelp_volume_disk_bytes "}) {
    EXPECT_NE(metrics.find("\n" + name), std::string::npos) << name;
  }
  EXPECT_EQ(metrics.find("kelp_server_resident_bytes 0\n"), std::string::npos);
}

TEST(Server, RefusesAnAddressThatIsTakenAndLeavesNothingBehind) {
  House house;
  const auto first = house.start();
  ASSERT_TRUE(first.has_value()) << first.error().detail();
  House other;
  other.config.s3.listen = (*first)->addresses().s3;
  const auto second = other.start();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Errc::kUnavailable);
  other.config.s3.listen = "127.0.0.1:0";
  EXPECT_TRUE(other.start().has_value());
}

TEST(Server, StaysReadyWithARefusedVolumeAndSaysSo) {
  House house;
  ASSERT_TRUE(house.start().has_value());
  spoil_first_volume(house);
  const auto server = house.start();
  ASSERT_TRUE(server.has_value()) << server.error().detail();
  const Addresses& at = (*server)->addresses();
  const HttpClientResponse admin = fetch(at.admin, "/readyz");
  EXPECT_EQ(admin.status, 200);
  EXPECT_EQ(admin.body, "ready\nvolume 1 was refused: it is not served\n");
  EXPECT_EQ(fetch(at.s3, "/readyz").body, "ok\n");
  const std::string metrics = fetch(at.admin, "/metrics").body;
  EXPECT_NE(metrics.find("kelp_volume_refused_volumes 1\n"), std::string::npos);
  EXPECT_NE(metrics.find("kelp_volume_read_only_volumes 1\n"), std::string::npos);
}

TEST(Server, RefusesToLoseTheMastersState) {
  House house;
  ASSERT_TRUE(house.start().has_value());
  std::filesystem::remove_all(house.config.dir + "/master");
  const auto refused = house.start();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kCorruption);
}

TEST(Server, RefusesWhatNeedsSeveralVolumeServers) {
  House house;
  house.config.volume.disks = {{.path = house.temp.path(), .tags = {}, .reserve = {}, .port = 0}};
  const auto refused = house.start();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kInvalidArgument);
  EXPECT_NE(refused.error().detail().find("[[volume.disk]]"), std::string::npos);
}

TEST(Server, HasNoCacheOfItsOwn) {
  House house;
  house.config.volume.cache = house.temp.path();
  house.config.volume.cache_size = 16 << 20;
  const auto refused = house.start();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Errc::kInvalidArgument);
}

TEST(Server, RefusesVolumesOfAnotherCluster) {
  House one;
  House two;
  ASSERT_TRUE(one.start().has_value());
  ASSERT_TRUE(two.start().has_value());
  std::filesystem::remove_all(two.config.dir + "/volume");
  std::filesystem::copy(one.config.dir + "/volume", two.config.dir + "/volume");
  EXPECT_FALSE(two.start().has_value());
}

TEST(Fsck, GoesOnBehindARefusedVolume) {
  House house;
  ASSERT_TRUE(house.start().has_value());
  spoil_first_volume(house);
  const auto report = fsck_directory(*house.io, house.config.dir, {.verify = true});
  ASSERT_TRUE(report.has_value()) << report.error().detail();
  EXPECT_EQ(report->unreadable_volumes, 1u);
  EXPECT_FALSE(report->sound());
}

TEST(Fsck, FindsAStoppedServersDirectoryCleanAndLeavesARunningOneAlone) {
  House house;
  EXPECT_EQ(fsck_directory(*house.io, house.config.dir).error().code(), Errc::kNotFound);
  {
    const auto data = open_data_dir(*house.io, house.config.dir, std::nullopt, true);
    ASSERT_TRUE(data.has_value());
    const auto server = Server::start(house.config, data->identity, *house.io, house.clock);
    ASSERT_TRUE(server.has_value()) << server.error().detail();
    EXPECT_EQ(fsck_directory(*house.io, house.config.dir).error().code(), Errc::kUnavailable);
  }
  const auto report = fsck_directory(*house.io, house.config.dir);
  ASSERT_TRUE(report.has_value()) << report.error().detail();
  EXPECT_TRUE(report->clean());
  EXPECT_EQ(report->objects, 0u);
}

}  // namespace
}  // namespace kelp::server
