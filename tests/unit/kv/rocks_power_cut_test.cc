// A power cut under load, on a file system of its own: what was acknowledged is there afterwards.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "tests/unit/kv/kv_support.h"

namespace kelp::test {
namespace {

/// An ext4 image, mounted in a loop; gone with the object. ok() is false when we may not mount.
class LoopDisk {
 public:
  LoopDisk() {
    ok_ = run("truncate -s 512M {}/image && mkfs.ext4 -q {}/image && mkdir {}/mount") && mount();
  }
  ~LoopDisk() {
    if (ok_) (void)run("umount {}/mount");
  }
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::string path() const { return dir_.path() + "/mount"; }
  bool mount() { return run("mount -o loop {}/image {}/mount"); }
  bool unmount() { return run("umount {}/mount"); }
  /// The file system stops at once and writes nothing more, its journal included.
  [[nodiscard]] bool cut_power() const {
    const int folder = open(path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
    std::uint32_t without_flushing_the_journal = 2;
    const bool cut = ioctl(folder, kShutdown, &without_flushing_the_journal) == 0;
    close(folder);
    return cut;
  }

 private:
  [[nodiscard]] bool run(std::string command) const {
    for (std::size_t at = 0; (at = command.find("{}")) != std::string::npos;) {
      command.replace(at, 2, dir_.path());
    }
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
  }
  TempDir dir_;
  bool ok_ = false;
};

constexpr int kWriters = 16;

std::string row_of(int writer, int i) {
  return fmt::format("row/{}/{:06}", writer, i);
}
std::string body_of(int writer, int i) {
  return fmt::format("B{}/{:06}", writer, i);
}

/// Every writer puts its rows in order until the cut; gives how many of each were acknowledged
/// before it. While ext4 shuts down, a sync now and then succeeds and its data is gone (seen with
/// bare files, in the 2 ms that the call takes): an answer from then on says nothing.
std::vector<int> write_until_cut(KvStore& store, LoopDisk& disk, int first, int commits_before) {
  std::vector<int> acknowledged(kWriters, first);
  std::atomic<int> commits = 0;
  std::atomic<bool> cutting = false;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = first;; ++i) {
        const auto result =
            commit_now(store, {.conditions = {KvCondition::absent(row_of(w, i))},
                               .writes = {KvWrite::put(row_of(w, i), "row"),
                                          KvWrite::put(body_of(w, i), std::string(4096, 'b')),
                                          KvWrite::add("count", 1)}});
        if (!result || cutting) break;
        acknowledged[static_cast<std::size_t>(w)] = i + 1;
        ++commits;
      }
    });
  }
  while (commits < commits_before) std::this_thread::yield();
  cutting = true;
  EXPECT_TRUE(disk.cut_power());
  for (std::thread& writer : writers) writer.join();
  return acknowledged;
}

TEST(RocksPowerCut, LosesNothingAcknowledgedAndNoHalfOfABatch) {
  LoopDisk disk;
  if (!disk.ok()) GTEST_SKIP() << "NOT TESTED: mounting needs root, mkfs.ext4 and loop devices";
  const RocksKvOptions options{
      .path = disk.path() + "/kv", .write_buffer_bytes = 1 << 20, .bulk_prefix = 'B'};
  int first = 0;
  for (int round = 0; round < 4; ++round) {
    auto store = open_rocks_kv(options);
    ASSERT_TRUE(store.has_value()) << store.error().message();
    const std::vector<int> acknowledged = write_until_cut(**store, disk, first, 400 + 350 * round);
    store->reset();
    ASSERT_TRUE(disk.unmount());
    ASSERT_TRUE(disk.mount());
    store = open_rocks_kv(options);
    ASSERT_TRUE(store.has_value()) << store.error().message();
    for (int w = 0; w < kWriters; ++w) {
      const int written = acknowledged[static_cast<std::size_t>(w)];
      for (int i = 0; i < written; ++i) {
        ASSERT_EQ(value_of(**store, row_of(w, i)), "row") << "round " << round;
        ASSERT_EQ(value_of(**store, body_of(w, i)).size(), 4096U) << "round " << round;
      }
      // The commit in flight happened or did not, in all its rows.
      EXPECT_EQ(value_of(**store, row_of(w, written)) == "(none)",
                value_of(**store, body_of(w, written)) == "(none)");
      first = std::max(first, written + 1);
    }
    const auto rows = (*store)->scan({"row", "rox"}, 1'000'000).value().size();
    EXPECT_EQ(decode_counter((*store)->get("count").value()).value(),
              static_cast<std::int64_t>(rows));
    // So that every row below `first` is there in the next round.
    for (int w = 0; w < kWriters; ++w) {
      for (int i = acknowledged[static_cast<std::size_t>(w)]; i < first; ++i) {
        (void)commit_now(**store, {.conditions = {KvCondition::absent(row_of(w, i))},
                                   .writes = {KvWrite::put(row_of(w, i), "row"),
                                              KvWrite::put(body_of(w, i), std::string(4096, 'b')),
                                              KvWrite::add("count", 1)}});
      }
    }
  }
}

}  // namespace
}  // namespace kelp::test
