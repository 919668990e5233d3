// Uploads and reads over rpc when things go wrong: broken connections, clients that die, limits.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/client_rpc_world.h"

namespace kelp::test {
namespace {

Task<void> killed_anywhere(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  w.fakes.volume.append_takes = 10ms;
  for (int phase = 0; phase < 12; ++phase) {
    TaskGroup group(w.context.executor());
    std::vector<Errc> codes;
    group.spawn(store_code(upload(*rig.volume, 1), &codes));
    co_await w.sleep(phase * 6ms + std::chrono::microseconds(w.rng.below(6000)));
    w.net.reset("c", "s");
    co_await group.join();
    EXPECT_TRUE(codes.front() == Errc::kUnavailable || codes.front() == Errc{}) << phase;
    co_await w.sleep(100ms);
    EXPECT_EQ(w.fakes.volume.uploads, 0) << "the server dropped it, phase " << phase;
    EXPECT_EQ(co_await upload(*rig.volume, 2), Errc{}) << "the next one works";
  }
  co_await rig.end();
}
TEST(RpcBindings, AnUploadWhoseConnectionBreaksIsDroppedOnBothSides) {
  in_world(killed_anywhere);
}

Task<void> between_pieces(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  auto opened = co_await rig.volume->open(needle_of(1));
  EXPECT_TRUE(opened);
  const std::string piece(1000, 'p');
  EXPECT_TRUE(co_await (*opened)->append(as_bytes(piece)));
  w.net.reset("c", "s");
  co_await w.sleep(50ms);
  EXPECT_EQ(code_of(co_await (*opened)->append(as_bytes(piece))), Errc::kUnavailable)
      << "a new connection does not know it";
  EXPECT_EQ(code_of(co_await (*opened)->append(as_bytes(piece))), Errc::kInvalidArgument);
  EXPECT_EQ(code_of(co_await (*opened)->finish()), Errc::kInvalidArgument);
  EXPECT_EQ(w.fakes.volume.finished, 0);
  opened->reset();
  co_await rig.end();
}
TEST(RpcBindings, AnUploadNeverGoesOnOverAnotherConnection) {
  in_world(between_pieces);
}

Task<void> after_restart(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  auto old = co_await rig.volume->open(needle_of(1));
  co_await rig.stop_server();
  co_await rig.start("s:7000");
  co_await w.sleep(50ms);
  auto fresh = co_await rig.volume->open(needle_of(2));
  EXPECT_TRUE(fresh);
  if (!fresh) co_return;
  const std::string wrong(kPieceBytes, 'w');
  EXPECT_EQ(code_of(co_await (*old)->append(as_bytes(wrong))), Errc::kUnavailable);
  const std::string right(kLarge, 'r');
  EXPECT_TRUE(co_await (*fresh)->append(as_bytes(right)));
  EXPECT_TRUE(co_await (*fresh)->finish());
  EXPECT_EQ(w.fakes.volume.body(needle_of(2).fid), right);
  old->reset();
  co_await rig.end();
}
TEST(RpcBindings, AnUploadFromBeforeARestartIsNeverTakenForAnother) {
  in_world(after_restart);
}

Task<void> cancelled_append(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  w.fakes.volume.append_takes = 200ms;
  w.fakes.volume.cannot_be_cancelled = true;  // as a disk
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  group.spawn(store_code(upload(*rig.volume, 1), &codes));
  co_await w.sleep(100ms);
  group.cancel();
  co_await group.join();
  EXPECT_EQ(codes, std::vector{Errc::kCancelled});
  EXPECT_EQ(w.fakes.volume.uploads, 1) << "the server is busy with it";
  co_await w.sleep(200ms);
  EXPECT_EQ(w.fakes.volume.uploads, 0);
  co_await rig.end();
}
TEST(RpcBindings, AnUploadGivenUpWhileAPieceIsWrittenEndsWithThatPiece) {
  in_world(cancelled_append);
}

Task<void> given_up(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  auto opened = co_await rig.volume->open(needle_of(1));
  EXPECT_EQ(w.fakes.volume.uploads, 1);
  opened->reset();
  co_await w.sleep(50ms);
  EXPECT_EQ(w.fakes.volume.uploads, 0);
  co_await rig.end();
}
TEST(RpcBindings, AnUploadThatDiesIsGivenUpAtTheServer) {
  in_world(given_up);
}

Task<void> forgotten(World& w) {
  RpcRig rig = w.rig({.uploads = {.upload_idle_time = 60s}});
  co_await rig.start("s:7000");
  auto opened = co_await rig.volume->open(needle_of(1));
  const std::string piece(1000, 'p');
  for (int i = 0; i < 3; ++i) {
    co_await w.sleep(50s);
    EXPECT_TRUE(co_await (*opened)->append(as_bytes(piece))) << "each piece gives it time";
  }
  co_await w.sleep(59s);
  EXPECT_EQ(w.fakes.volume.uploads, 1);
  co_await w.sleep(2s);
  EXPECT_EQ(w.fakes.volume.uploads, 0);
  EXPECT_EQ(code_of(co_await (*opened)->append(as_bytes(piece))), Errc::kUnavailable);
  EXPECT_EQ(w.net.connections(), 1U) << "the connection lives";
  opened->reset();
  co_await rig.end();
}
TEST(RpcBindings, AnUploadThatNobodyContinuesExpires) {
  in_world(forgotten, 3);
}

Task<void> too_many_uploads(World& w) {
  RpcRig rig = w.rig({.uploads = {.upload_limit = 3}});
  co_await rig.start("s:7000");
  std::vector<std::unique_ptr<NeedleUpload>> uploads;
  for (int i = 0; i < 3; ++i) {
    auto opened = co_await rig.volume->open(needle_of(i));
    EXPECT_TRUE(opened);
    uploads.push_back(*std::move(opened));
  }
  EXPECT_EQ(code_of(co_await rig.volume->open(needle_of(4))), Errc::kResourceExhausted);
  uploads.pop_back();
  co_await w.sleep(50ms);
  EXPECT_TRUE(co_await rig.volume->open(needle_of(4)));
  uploads.clear();
  co_await rig.end();
}
TEST(RpcBindings, UploadsPastTheLimitAreRefused) {
  in_world(too_many_uploads, 3);
}

Task<void> slow_uploads(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  w.fakes.volume.append_takes = 1s;
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  for (int i = 0; i < 120; ++i) group.spawn(store_code(upload(*rig.volume, i), &codes));
  std::size_t most = 0;
  while (codes.size() < 120) {
    most = std::max(most, rig.last_server->in_flight_bytes());
    co_await w.sleep(20ms);
  }
  co_await group.join();
  EXPECT_EQ(std::ranges::count(codes, Errc{}), 120);
  EXPECT_GT(most, 30U << 20) << "the limit was reached";
  EXPECT_LT(most, 33U << 20) << "of the 60 MiB that wanted in at once";
  co_await rig.end();
}
TEST(RpcBindings, ManySlowUploadsTakeALimitedAmountOfMemory) {
  in_world(slow_uploads, 2);
}

Task<Errc> read_one(VolumeClient& volumes, FileId fid, std::size_t bytes) {
  std::string buffer(bytes, '\0');
  co_return code_of(co_await volumes.read(fid, 0, std::as_writable_bytes(std::span(buffer))));
}

Task<void> slow_reader(World& w) {
  RpcRig rig = w.rig();
  co_await rig.start("s:7000");
  const FileId fid = needle_of(1).fid;
  w.fakes.volume.put(fid, std::string(1 << 20, 'r'));
  EXPECT_EQ(co_await read_one(*rig.volume, fid, 1), Errc{});
  w.net.cut("s", "c");
  const int before = w.fakes.volume.reads;
  TaskGroup group(w.context.executor());
  std::vector<Errc> codes;
  for (int i = 0; i < 150; ++i) {
    group.spawn(store_code(read_one(*rig.volume, fid, 1 << 20), &codes));
  }
  co_await w.sleep(2s);  // a silent connection is given up after three
  EXPECT_GE(w.fakes.volume.reads - before, 64);
  EXPECT_LE(w.fakes.volume.reads - before, 90) << "32 MiB, and what the connection holds";
  w.net.heal_all();
  co_await group.join();
  EXPECT_EQ(std::ranges::count(codes, Errc{}), 150);
  co_await rig.end();
}
TEST(RpcBindings, AReaderThatDoesNotReadHoldsALimitedAmountOfMemory) {
  in_world(slow_reader, 3);
}

}  // namespace
}  // namespace kelp::test
