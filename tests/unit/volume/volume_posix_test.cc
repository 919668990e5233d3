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
#include "tests/support/pages.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/volume/volume_rig.h"
#include "volume/core/index_snapshot.h"
#include "volume/core/needle_format.h"

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
    options.index_on_disk = on_disk_;
    if (limit_bytes_ > 0) options.volume_limit_bytes = limit_bytes_;
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

  /// Puts keys from `first` on and removes every third; what fails is tried again.
  Task<void> insist(std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t key = first; key < first + count; ++key) {
      while (!(co_await put(key, 100 + key)).has_value()) {
      }
      bool removed = key % 3 != 0;
      while (!removed) {
        std::vector<FileId> fids{fid_of(key)};
        removed = (co_await service_->remove(std::move(fids))).has_value();
      }
    }
  }
  /// Flips a byte somewhere behind the header of the index's file.
  void damage_index(Rng& rng) {
    const auto file = io_->open(options().directory + "/000000001.idx", OpenMode::kReadWrite);
    if (!file.has_value() || *(*file)->size() <= kIndexBlockBytes) return;
    const std::uint64_t at = kIndexBlockBytes + rng.below(*(*file)->size() - kIndexBlockBytes);
    std::array<std::byte, 1> byte;
    ASSERT_TRUE((*file)->read_at(at, byte).has_value());
    byte[0] ^= std::byte{16};
    const std::array<ByteSpan, 1> flipped{byte};
    ASSERT_TRUE((*file)->write_at(at, flipped).has_value());
  }

  [[nodiscard]] std::string log_path() const { return options().directory + "/000000001.dat"; }
  std::string sent(std::uint64_t offset, std::size_t bytes);

  /// Makes the log one that has grown to `bytes`: a hole, over which the snapshot goes.
  void grow_log(std::uint64_t bytes) {
    EXPECT_TRUE(service_->close().has_value());
    service_.reset();
    const auto log = *io_->open(options().directory + "/000000001.dat", OpenMode::kReadWrite);
    ASSERT_TRUE(log->truncate(bytes).has_value());
    const std::string path = options().directory + "/000000001.idx";
    auto snapshot = *decode_index_snapshot(*read_whole_file(*io_, path, 1 << 20));
    snapshot.header.covered_bytes = bytes;
    const std::string grown = encode_index_snapshot(snapshot.header, snapshot.entries);
    ASSERT_TRUE(write_file_atomically(*io_, path, grown).has_value());
    start();
  }

  const TempDir dir_;
  std::uint64_t limit_bytes_ = 0;  ///< Of a volume; 0: as it is by default.
  bool on_disk_ = index_on_disk();
  const std::unique_ptr<FileIo> io_ = make_posix_file_io();
  SystemClock clock_;
  Metrics metrics_;
  Runtime runtime_{3};  // dies after the pool, whose jobs answer to it
  std::unique_ptr<VolumeService> service_;
  std::unique_ptr<WorkPool> pool_ = make_thread_pool({});
};

TEST_F(VolumePosixTest, GoesOnBehind32GiBAndBehind4TiB) {
  limit_bytes_ = 1ULL << 43;
  std::uint64_t key = 1;
  ASSERT_TRUE(run(put(key, 100'000)).has_value());
  for (const std::uint64_t far : {33ULL << 30, (4ULL << 40) + 4096, 7ULL << 40}) {
    grow_log(far);
    ASSERT_TRUE(run(put(++key, 100'000)).has_value()) << far;
    ASSERT_TRUE(run(put(++key, 100)).has_value());
    ASSERT_TRUE(run(service_->remove({fid_of(key)})).has_value());
    for (int round = 0; round < 2; ++round) {
      for (std::uint64_t each = 1; each <= key; each += each == 1 ? 1 : 2) {
        EXPECT_EQ(run(get(each, 100'000)).value_or(""), body_for(each, 100'000))
            << each << " " << far;
      }
      EXPECT_EQ(run(get(key, 100)).error().code(), Errc::kNotFound);
      EXPECT_GT(run(service_->status())->volumes.at(0).file_bytes, far);
      start();
    }
  }
}

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

TEST_F(VolumePosixTest, AnIndexOnDiskIsMadeAnewUnderWriters) {
  on_disk_ = true;
  start();
  constexpr std::uint64_t kWriters = 6;
  constexpr std::uint64_t kEach = 120;
  std::vector<std::future<void>> writers;
  for (std::uint64_t writer = 0; writer < kWriters; ++writer) {
    writers.push_back(asio::co_spawn(runtime_.executor(writer % runtime_.size()),
                                     insist(1 + writer * kEach, kEach), asio::use_future));
  }
  std::atomic<bool> done = false;
  auto mender = std::async(std::launch::async, [&] {
    Rng rng(1);
    while (!done) {
      damage_index(rng);
      const auto closed = service_->close();
      EXPECT_TRUE(closed.has_value()) << closed.error().message();
    }
  });
  for (auto& writer : writers) writer.get();
  done = true;
  mender.get();
  // What is left damaged is mended with the next snapshot.
  ASSERT_TRUE(run(put(1000, 100)).has_value());
  EXPECT_TRUE(service_->close().has_value());
  for (int life = 0; life < 2; ++life) {
    for (std::uint64_t key = 1; key <= kWriters * kEach; ++key) {
      const auto got = run(get(key, 100 + key));
      if (key % 3 == 0) {
        ASSERT_EQ(got.error().code(), Errc::kNotFound) << key;
      } else {
        ASSERT_EQ(got.value_or(""), body_for(key, 100 + key)) << key;
      }
    }
    EXPECT_EQ(run(service_->status())->volumes.at(0).needle_count, kWriters * kEach * 2 / 3 + 1);
    start();
  }
}

/// Sends [offset, offset + bytes) of needle 1 as pages; nothing when they are not lent.
std::string VolumePosixTest::sent(std::uint64_t offset, std::size_t bytes) {
  return drain(service_->try_pin(fid_of(1), offset, bytes));
}

TEST_F(VolumePosixTest, LendsWholeBlocksOfNeedles) {
  if (!can_lend(dir_.path())) GTEST_SKIP() << "neither ext4 nor xfs";
  constexpr std::size_t kSize = (8 << 20) - 1000;
  ASSERT_TRUE(run(put(1, kSize)).has_value());
  const StaysInMemory stays(log_path());
  const std::string body = body_for(1, kSize);
  ASSERT_EQ(run(get(1, kSize)).value_or(""), body);
  constexpr std::size_t kPiece = PinnedPages::kUsualBytes;
  for (std::size_t at = 0; at < kSize; at += kPiece) {
    const std::size_t bytes = std::min(kPiece, kSize - at);
    ASSERT_TRUE(sent(at, bytes) == body.substr(at, bytes)) << at;
  }
  EXPECT_TRUE(sent(65'536, 131'072) == body.substr(65'536, 131'072));
  EXPECT_EQ(sent(1, kPiece), "");                   // not from the start of a block
  EXPECT_EQ(sent(0, 100'000), "");                  // nor to its end
  EXPECT_EQ(sent(kSize - 65'536 / 2, 65'536), "");  // past the end
  FileId other = fid_of(1);
  ++other.cookie.value;
  EXPECT_TRUE(service_->try_pin(other, 0, kPiece).empty());
  EXPECT_TRUE(service_->try_pin(fid_of(2), 0, kPiece).empty());
  other.volume = VolumeId{9};
  EXPECT_TRUE(service_->try_pin(other, 0, kPiece).empty());
  std::vector<FileId> fids{fid_of(1)};
  PinnedPages pages = service_->try_pin(fid_of(1), 0, kPiece);
  ASSERT_TRUE(run(service_->remove(std::move(fids))).has_value());
  EXPECT_TRUE(drain(std::move(pages)) == body.substr(0, kPiece)) << "a removed needle's hole shows";
  EXPECT_EQ(sent(0, kPiece), "");
}

TEST_F(VolumePosixTest, AFlippedByteIsNeverLent) {
  if (!can_lend(dir_.path())) GTEST_SKIP() << "neither ext4 nor xfs";
  constexpr std::size_t kPiece = PinnedPages::kUsualBytes;
  for (const std::size_t size : {std::size_t{1} << 20, kMaxNeedleBodyBytes}) {
    ASSERT_TRUE(run(put(size, size)).has_value());
    const StaysInMemory stays(log_path());
    const auto log = *io_->open(log_path(), OpenMode::kReadWrite);
    const std::uint64_t end = *log->size();
    const auto fid = fid_of(size);
    for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{size / 2 + 4321}, size - 1}) {
      const std::uint64_t piece = at / kPiece * kPiece;
      ASSERT_FALSE(service_->try_pin(fid, piece, kPiece).empty());
      const NeedleLayout layout = layout_of(size, std::string_view("key").size());
      const std::uint64_t place = end - layout.total_bytes + layout.body_offset + at;
      std::array<std::byte, 1> byte;
      ASSERT_TRUE(log->read_at(place, byte).has_value());
      ASSERT_EQ(static_cast<char>(byte[0]), body_for(size, size)[at]) << "not where the body is";
      byte[0] ^= std::byte{4};
      const std::array<ByteSpan, 1> flipped{byte};
      ASSERT_TRUE(log->write_at(place, flipped).has_value());
      EXPECT_TRUE(service_->try_pin(fid, piece, kPiece).empty());
      std::string buffer(kPiece, '?');
      const auto read = run(service_->read(fid, piece, std::as_writable_bytes(std::span(buffer))));
      ASSERT_FALSE(read.has_value());
      EXPECT_EQ(read.error().code(), Errc::kCorruption);
      byte[0] ^= std::byte{4};
      ASSERT_TRUE(log->write_at(place, flipped).has_value());
      EXPECT_FALSE(service_->try_pin(fid, piece, kPiece).empty());
    }
  }
}

TEST_F(VolumePosixTest, AVolumeThatWasCutOffLendsNothingOfWhatIsGone) {
  if (!can_lend(dir_.path())) GTEST_SKIP() << "neither ext4 nor xfs";
  constexpr std::size_t kPiece = PinnedPages::kUsualBytes;
  ASSERT_TRUE(run(put(1, 2 << 20)).has_value());
  const StaysInMemory stays(log_path());
  ASSERT_NE(sent(kPiece, kPiece), "");
  const auto log = *io_->open(log_path(), OpenMode::kReadWrite);
  ASSERT_TRUE(log->truncate(kPiece + kPiece / 2).has_value());
  EXPECT_EQ(sent(kPiece, kPiece), "");
  EXPECT_EQ(sent(2 * kPiece, kPiece), "");
  EXPECT_FALSE(run(get(1, 2 << 20)).has_value());
  EXPECT_EQ(sent(0, kPiece), body_for(1, 2 << 20).substr(0, kPiece));
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
