// The volume room on the real file system, with real threads.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <future>

#include "async/runtime.h"
#include "base/log.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/volume/volume_rig.h"

namespace kelp::test {
namespace {

class VolumePosixTest : public ::testing::Test {
 protected:
  VolumePosixTest() {
    (void)set_log_level("error");
    start();
    const auto made = run(service_->create_volume(VolumeId{1}, Generation{1}, ""));
    EXPECT_TRUE(made.has_value());
  }

  VolumeServiceOptions options() const {
    VolumeServiceOptions options;
    options.directory = dir_.path() + "/volumes";
    options.cluster_id = kClusterId;
    return options;
  }
  VolumeServiceParts parts() {
    return {.io = *io_,
            .pool = *pool_,
            .clock = clock_,
            .metrics = metrics_,
            .verify_token = [](const OpenNeedle&) { return Result<void>(); }};
  }
  void start() {
    service_.reset();
    auto started = VolumeService::start(options(), parts());
    ASSERT_TRUE(started.has_value()) << started.error().message();
    service_ = *std::move(started);
  }

  template <typename T>
  T run(Task<T> task) {
    return asio::co_spawn(runtime_.executor(0), std::move(task), asio::use_future).get();
  }

  Task<Result<void>> put(std::uint64_t key, std::size_t size) {
    const std::string body = body_for(key, size);
    OpenNeedle request{.fid = fid_of(key),
                       .generation = Generation{1},
                       .token = {},
                       .body_bytes = size,
                       .bucket = {},
                       .object_key = "key"};
    KELP_CO_TRY(const auto upload, co_await service_->open(std::move(request)));
    for (std::size_t at = 0; at < size; at += 256 * 1024) {
      const auto piece = as_bytes(std::string_view(body).substr(at, 256 * 1024));
      KELP_CO_CHECK(co_await upload->append(piece));
    }
    co_return co_await upload->finish();
  }

  Task<Result<std::string>> get(std::uint64_t key, std::size_t size) {
    std::string body(size, '?');
    KELP_CO_CHECK(co_await service_->read(fid_of(key), 0, std::as_writable_bytes(std::span(body))));
    co_return body;
  }

  static std::size_t size_of(std::uint64_t key) { return 1 + (key * 7919) % 300'000; }

  /// Puts, reads back and removes every third of the keys from `first` on.
  Task<int> use_some(std::uint64_t first, std::uint64_t count) {
    int wrong = 0;
    for (std::uint64_t key = first; key < first + count; ++key) {
      const auto stored = co_await put(key, size_of(key));
      const auto got = co_await get(key, size_of(key));
      if (!stored.has_value() || !got.has_value() || *got != body_for(key, size_of(key))) ++wrong;
      if (key % 3 != 0) continue;
      std::vector<FileId> fids{fid_of(key)};
      const auto removed = co_await service_->remove(std::move(fids));
      const auto gone = co_await get(key, 1);
      if (!removed.has_value() || gone.has_value() || gone.error().code() != Errc::kNotFound) {
        ++wrong;
      }
    }
    co_return wrong;
  }

  const TempDir dir_;
  const std::unique_ptr<FileIo> io_ = make_posix_file_io();
  SystemClock clock_;
  Metrics metrics_;
  Runtime runtime_{3};  // dies after the pool, whose jobs answer to it
  std::unique_ptr<VolumeService> service_;
  std::unique_ptr<WorkPool> pool_ = make_thread_pool({});
};

TEST_F(VolumePosixTest, WorksUnderManyThreadsAndComesBackTheSame) {
  constexpr std::uint64_t kWriters = 12;
  constexpr std::uint64_t kEach = 30;
  std::vector<std::future<int>> writers;
  for (std::uint64_t writer = 0; writer < kWriters; ++writer) {
    writers.push_back(asio::co_spawn(runtime_.executor(writer % runtime_.size()),
                                     use_some(1 + writer * kEach, kEach), asio::use_future));
  }
  std::atomic<bool> done = false;
  auto snapshots = std::async(std::launch::async, [&] {
    while (!done) EXPECT_TRUE(service_->close().has_value());
  });
  for (auto& writer : writers) EXPECT_EQ(writer.get(), 0);
  done = true;
  snapshots.get();
  for (int life = 0; life < 2; ++life) {
    start();
    const auto infos = run(service_->list_needles(VolumeId{1}, NeedleKey{0}, kWriters * kEach));
    ASSERT_EQ(infos->size(), kWriters * kEach * 2 / 3);
    for (const NeedleInfo& info : *infos) {
      const auto got = run(get(info.key.value, size_of(info.key.value)));
      ASSERT_TRUE(got.has_value()) << got.error().message();
      ASSERT_EQ(*got, body_for(info.key.value, size_of(info.key.value)));
    }
    EXPECT_TRUE(run(service_->verify_volume(VolumeId{1}))->empty());
    ASSERT_TRUE(io_->remove(options().directory + "/000000001.idx").has_value() || life == 1);
  }
}

TEST_F(VolumePosixTest, ASecondProcessIsRefused) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto second = VolumeService::start(options(), parts());
    ::_exit(!second.has_value() && second.error().code() == Errc::kUnavailable ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace kelp::test
