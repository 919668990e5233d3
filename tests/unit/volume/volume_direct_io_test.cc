// With direct_io what is in memory stays there, whatever vacuum and copies read and write.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <future>

#include "async/runtime.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/volume/volume_rig.h"

namespace kelp::test {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kNeedles = 24;
constexpr std::size_t kNeedleBytes = 700'000;

/// Volume 1 on the real disk.
class DirectIoTest : public ::testing::TestWithParam<bool> {
 protected:
  DirectIoTest() {
    (void)set_log_level("error");
    VolumeServiceOptions options;
    options.directory = dir_.path() + "/volumes";
    options.cluster_id = kClusterId;
    options.index_on_disk = index_on_disk();
    options.direct_io = GetParam();
    VolumeServiceParts parts{.io = *io_,
                             .pool = *pool_,
                             .clock = clock_,
                             .metrics = metrics_,
                             .verify_token = [](const OpenNeedle&) { return Result<void>(); },
                             .background = &budget_,
                             .timers = timers_.get()};
    service_ = *VolumeService::start(std::move(options), std::move(parts));
    EXPECT_TRUE(run(service_->create_volume(VolumeId{1}, Generation{1}, "")).has_value());
    for (std::uint64_t key = 1; key <= kNeedles; ++key) {
      EXPECT_TRUE(run(put(key)).has_value());
    }
  }
  ~DirectIoTest() override {
    service_.reset();
    pool_.reset();
  }

  template <typename T>
  T run(Task<T> task) {
    return asio::co_spawn(runtime_.executor(0), std::move(task), asio::use_future).get();
  }
  Task<Result<void>> put(std::uint64_t key) {
    const std::string body = body_for(key, kNeedleBytes);
    OpenNeedle request{.fid = fid_of(key),
                       .generation = Generation{1},
                       .token = {},
                       .body_bytes = body.size(),
                       .bucket = {},
                       .object_key = "key"};
    KELP_CO_TRY(const auto upload, co_await service_->open(std::move(request)));
    KELP_CO_CHECK(co_await upload->append(as_bytes(body)));
    co_return co_await upload->finish();
  }
  Task<Result<void>> read(std::uint64_t key) {
    std::string body(kNeedleBytes, '?');
    KELP_CO_CHECK(co_await service_->read(fid_of(key), 0, std::as_writable_bytes(std::span(body))));
    if (body == body_for(key, kNeedleBytes)) co_return Result<void>();
    co_return Error(Errc::kInternal, "other bytes");
  }
  /// Reads every needle as a copy of the volume does.
  void copy_all() {
    NeedleKey last;
    while (true) {
      const auto batch =
          run(service_->read_needles(VolumeId{1}, Generation{1}, last, Urgency::kRepair));
      ASSERT_TRUE(batch.has_value()) << batch.error().message();
      if (batch->empty()) break;
      for (ByteSpan rest = as_bytes(*batch); !rest.empty();) {
        const auto needle = decode_needle(rest, kImageSeed);
        ASSERT_TRUE(needle.has_value());
        last = needle->header.key;
        EXPECT_EQ(as_text(needle->body), body_for(last.value, kNeedleBytes));
        rest = rest.subspan(layout_of(needle->header).total_bytes);
      }
    }
    EXPECT_EQ(last.value, kNeedles);
  }

  [[nodiscard]] std::string log() const { return dir_.path() + "/volumes/000000001.dat"; }
  [[nodiscard]] bool is_possible() const {
    return (*io_->open(log(), OpenMode::kReadDirect))->is_direct();
  }
  /// Bytes of the log that are in memory.
  [[nodiscard]] std::size_t resident() const {
    const std::size_t bytes = std::filesystem::file_size(log());
    const int file = ::open(log().c_str(), O_RDONLY | O_CLOEXEC);
    void* const at = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    std::vector<unsigned char> pages((bytes + kPage - 1) / kPage);
    EXPECT_EQ(::mincore(at, bytes, pages.data()), 0);
    ::munmap(at, bytes);
    return kPage * static_cast<std::size_t>(
                       std::ranges::count_if(pages, [](unsigned char page) { return page & 1; }));
  }
  /// Takes the log out of memory but for one needle.
  void warm_one_needle() const {
    const int file = ::open(log().c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_EQ(::fdatasync(file), 0);
    EXPECT_EQ(::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
    EXPECT_EQ(::posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM), 0);
    std::string bytes(kNeedleBytes, '\0');
    EXPECT_EQ(::pread(file, bytes.data(), bytes.size(), 4'000'000), kNeedleBytes);
    ::close(file);
  }

  TempDir dir_;
  std::unique_ptr<FileIo> io_ = make_posix_file_io();
  std::unique_ptr<WorkPool> pool_ = make_thread_pool({.threads = 2});
  SystemClock clock_;
  Metrics metrics_;
  std::unique_ptr<Timers> timers_ = make_asio_timers();
  BackgroundBudget budget_{0, clock_, *timers_};
  Runtime runtime_{1};
  std::unique_ptr<VolumeService> service_;
};

TEST_P(DirectIoTest, ACopyOfAVolumeLeavesTheMemoryAsItIs) {
  if (!is_possible()) GTEST_SKIP() << "NOT TESTED: this file system has no direct I/O";
  ASSERT_TRUE(
      run(service_->set_role(VolumeId{1}, Generation{1}, {Generation{1}, true})).has_value());
  std::size_t before = 0;
  std::size_t after = 0;
  // Once more when pages went: the kernel takes one back now and then, a copy would every time.
  for (int tries = 0; tries < 10 && (before < kNeedleBytes || after < before); ++tries) {
    warm_one_needle();
    before = resident();
    copy_all();
    after = resident();
  }
  ASSERT_GE(before, kNeedleBytes);
  ASSERT_LT(before, 2 * kNeedleBytes);
  if (GetParam()) {
    EXPECT_EQ(after, before);
  } else {
    EXPECT_GT(after, kNeedles * kNeedleBytes / 2);
  }
}

TEST_P(DirectIoTest, VacuumFillsNoMemoryWithTheNewLog) {
  if (!is_possible()) GTEST_SKIP() << "NOT TESTED: this file system has no direct I/O";
  std::vector<FileId> fids;
  for (std::uint64_t key = 1; key <= kNeedles; key += 2) fids.push_back(fid_of(key));
  ASSERT_TRUE(run(service_->remove(fids)).has_value());
  ASSERT_TRUE(run(service_->vacuum(VolumeId{1})).has_value());
  const std::size_t live = kNeedles / 2 * kNeedleBytes;
  EXPECT_LT(std::filesystem::file_size(log()), live + kNeedleBytes);
  if (GetParam()) {
    EXPECT_LT(resident(), 256U << 10);
  } else {
    EXPECT_GT(resident(), live / 2);
  }
  for (std::uint64_t key = 2; key <= kNeedles; key += 2) {
    const auto same = run(read(key));
    EXPECT_TRUE(same.has_value()) << key << ": " << same.error().message();
  }
}

INSTANTIATE_TEST_SUITE_P(Off, DirectIoTest, ::testing::Values(false));
INSTANTIATE_TEST_SUITE_P(On, DirectIoTest, ::testing::Values(true));

}  // namespace
}  // namespace kelp::test
