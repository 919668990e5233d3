#include "server/readiness.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kv/mem_kv.h"
#include "tests/support/forwarding_kv.h"
#include "tests/support/run_coro.h"
#include "tests/unit/master/fakes.h"

namespace kelp::server {
namespace {

/// A store that fails when it is told to.
class TroubledKv final : public test::ForwardingKv {
 public:
  TroubledKv() : ForwardingKv(make_mem_kv()) {}
  Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                  KvDirection direction) override {
    if (busy) return Error(Errc::kResourceExhausted, "the disk pool's queue is full");
    if (!reads) return Error(Errc::kIo, "the table is gone");
    return ForwardingKv::scan(range, limit, direction);
  }
  [[nodiscard]] Result<void> writable() const override {
    return writes ? Result<void>() : Error(Errc::kUnavailable, "writing failed earlier");
  }

  bool reads = true;
  bool writes = true;
  bool busy = false;
};

/// Gives leases, or its error.
class OneAnswerMaster final : public MasterClient {
 public:
  Task<Result<WriteLease>> lease(LeaseRequest request) override {
    ++asked;
    reserved += request.bytes;
    if (!answer) co_return answer.error();
    WriteLease lease;
    lease.bytes = request.bytes;
    co_return lease;
  }
  Task<Result<void>> release(VolumeId, std::uint64_t bytes) override {
    reserved -= bytes;
    co_return Result<void>();
  }
  Task<Result<VolumeLocation>> locate(VolumeId) override {
    co_return Error(Errc::kUnimplemented, "not needed");
  }

  Result<void> answer;
  int asked = 0;
  std::uint64_t reserved = 0;
};

class ReadinessTest : public testing::Test {
 protected:
  ReadinessTest() {
    for (std::uint32_t id = 1; id <= 3; ++id) {
      volumes.node.volumes.push_back({.volume = VolumeId{id}, .generation = Generation{1}});
    }
  }
  Readiness look() {
    clock.advance(std::chrono::seconds(1));
    return kelp::test::run_coro(check.look());
  }

  TroubledKv store;
  kelp::test::InlinePool pool;
  kelp::test::ManualClock clock;
  kelp::test::FakeNode volumes{"node-1"};
  OneAnswerMaster master;
  ReadinessCheck check{{store, pool, volumes, master, clock}};
};

TEST_F(ReadinessTest, IsReadyWhenMetadataAndVolumesAre) {
  const Readiness found = look();
  EXPECT_TRUE(found.ready);
  EXPECT_EQ(found.text, "ready\n");
  EXPECT_EQ(master.reserved, 0U) << "what it asked for is given back";
}

TEST_F(ReadinessTest, IsNotReadyWhenMetadataCannotBeWrittenOrRead) {
  store.writes = false;
  EXPECT_FALSE(look().ready);
  EXPECT_EQ(look().text, "not ready: writing failed earlier\n");
  store.writes = true;
  EXPECT_TRUE(look().ready);
  store.reads = false;
  EXPECT_FALSE(look().ready);
  EXPECT_EQ(look().text, "not ready: metadata cannot be read: the table is gone\n");
}

TEST_F(ReadinessTest, NamesVolumesThatAreNotWellAndStaysReadyWhileOthersTakeWrites) {
  volumes.node.volumes[0].read_only = true;
  volumes.node.volumes[2] = {.volume = VolumeId{3}, .generation = {}, .read_only = true};
  const Readiness found = look();
  EXPECT_TRUE(found.ready);
  EXPECT_EQ(found.text,
            "ready\nvolume 1 takes no writes\nvolume 3 was refused: it is not served\n");
}

TEST_F(ReadinessTest, NamesTenVolumesAtMost) {
  volumes.node.volumes.clear();
  for (std::uint32_t id = 1; id <= 12; ++id) {
    volumes.node.volumes.push_back({.volume = VolumeId{id}, .read_only = true});
  }
  const std::string text = look().text;
  EXPECT_TRUE(text.ends_with("and 2 volumes more\n")) << text;
  EXPECT_EQ(std::ranges::count(text, '\n'), 12);
}

TEST_F(ReadinessTest, IsNotReadyWhenNoVolumeTakesWrites) {
  volumes.node.volumes.resize(1);
  volumes.node.volumes[0].read_only = true;
  master.answer = Error(Errc::kUnavailable, "no volume can be made");
  const Readiness found = look();
  EXPECT_FALSE(found.ready);
  EXPECT_EQ(found.text, "not ready: no volume can be made\nvolume 1 takes no writes\n");
}

TEST_F(ReadinessTest, AFullDiskStillServesReadsAndDeletes) {
  master.answer = Error(Errc::kNoSpace, "full");
  const Readiness found = look();
  EXPECT_TRUE(found.ready);
  EXPECT_EQ(found.text, "ready\nno room for new data; reads and deletes go on\n");
}

TEST_F(ReadinessTest, ABusyServerIsReady) {
  store.busy = true;
  EXPECT_EQ(look().text, "ready\n");
  store.busy = false;
  master.answer = Error(Errc::kResourceExhausted, "the disk pool's queue is full");
  EXPECT_EQ(look().text, "ready\n");
}

TEST_F(ReadinessTest, LooksAtMostOnceASecond) {
  look();
  for (int i = 0; i < 5; ++i) kelp::test::run_coro(check.look());
  EXPECT_EQ(master.asked, 1);
  look();
  EXPECT_EQ(master.asked, 2);
}

}  // namespace
}  // namespace kelp::server
