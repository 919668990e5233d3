// The volume room on a real disk. KELP_BENCH_DIR says where (default: the temporary directory).
// "cpu_us" is the CPU time of the whole process per operation: the pool's threads count too.

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/rng.h"
#include "os/file_io.h"
#include "os/posix_file_io.h"
#include "os/system_clock.h"
#include "volume/core/index_snapshot.h"
#include "volume/core/needle_format.h"
#include "volume/core/packing.h"
#include "volume/core/volume_index.h"
#include "volume/store/index_run.h"
#include "volume/volume_service.h"
#include "volume/volume_upkeep.h"

namespace kelp {
namespace {

constexpr const char* kCluster = "00112233-4455-6677-8899-aabbccddeeff";

double process_cpu_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

double syncs(const Metrics& metrics) {
  const std::string text = metrics.text();
  const auto at = text.find("\nkelp_volume_syncs_total ");
  return at == std::string::npos ? 0 : std::strtod(text.c_str() + at + 25, nullptr);
}

/// A service with volume 1 in a fresh directory, and one io thread: the caller's.
class Server {
 public:
  explicit Server(bool sync) {
    const char* const root = std::getenv("KELP_BENCH_DIR");
    const auto base =
        root != nullptr ? std::filesystem::path(root) : std::filesystem::temp_directory_path();
    directory_ = (base / "kelp-volume-bench").string();
    std::filesystem::remove_all(directory_);
    VolumeServiceOptions options;
    options.directory = directory_;
    options.cluster_id = kCluster;
    options.sync = sync;
    VolumeServiceParts parts{.io = *io_,
                             .pool = *pool_,
                             .clock = clock_,
                             .metrics = metrics,
                             .verify_token = [](const OpenNeedle&) { return Result<void>(); },
                             .background = &budget_,
                             .timers = timers_.get()};
    service = *VolumeService::start(std::move(options), std::move(parts));
    run(make());
  }
  ~Server() {
    service.reset();
    pool_.reset();
    std::filesystem::remove_all(directory_);
  }

  void run(Task<void> task) {
    spawn(std::move(task));
    drain();
  }
  void spawn(Task<void> task) { asio::co_spawn(context_, std::move(task), asio::detached); }
  /// Room that the volume takes on the disk, by what is alive in it.
  double room_per_live_byte() {
    const auto file = *io_->open(directory_ + "/000000001.dat", OpenMode::kRead);
    double live = 0;
    run(add_live_bytes(live));
    return static_cast<double>(*file->allocated_bytes()) / live;
  }
  void drain() {
    context_.run();
    context_.restart();
  }

  Task<void> put(std::string_view body) {
    const FileId fid{VolumeId{1}, NeedleKey{++last_key}, Cookie{7}};
    OpenNeedle request{.fid = fid,
                       .generation = Generation{1},
                       .token = {},
                       .body_bytes = body.size(),
                       .bucket = BucketId{1},
                       .object_key = "folder/some-file-name.bin"};
    const auto upload = co_await service->open(std::move(request));
    constexpr std::size_t kPiece = 256 * 1024;
    for (std::size_t at = 0; at < body.size(); at += kPiece) {
      const auto piece = as_bytes(body.substr(at, kPiece));
      if (!(co_await (*upload)->append(piece)).has_value()) std::abort();
    }
    if (!(co_await (*upload)->finish()).has_value()) std::abort();
  }

  Metrics metrics;
  std::unique_ptr<VolumeService> service;
  std::uint64_t last_key = 0;

 private:
  Task<void> make() {
    const auto made = co_await service->create_volume(VolumeId{1}, Generation{1}, "");
    if (!made.has_value()) std::abort();
  }

  Task<void> add_live_bytes(double& live) {
    const auto status = co_await service->status();
    live = static_cast<double>(status->volumes.at(0).live_bytes);
  }

  std::string directory_;
  std::unique_ptr<FileIo> io_ = make_posix_file_io();
  std::unique_ptr<WorkPool> pool_ = make_thread_pool({});
  SystemClock clock_;
  const std::unique_ptr<Timers> timers_ = make_asio_timers();
  BackgroundBudget budget_{0, clock_, *timers_};
  asio::io_context context_{1};
};

std::string body_of(std::size_t size) {
  Rng rng(1);
  std::string body(size, '\0');
  for (char& c : body) c = static_cast<char>(rng.next());
  return body;
}

Task<void> put_many(Server& server, std::string_view body, int count) {
  for (int i = 0; i < count; ++i) co_await server.put(body);
}

/// range(0): body bytes, range(1): writers, range(2): 1 for synced.
void put(benchmark::State& state) {
  Server server(state.range(2) == 1);
  const std::string body = body_of(static_cast<std::size_t>(state.range(0)));
  const auto writers = static_cast<int>(state.range(1));
  constexpr int kEach = 16;
  const double cpu_before = process_cpu_us();
  for (auto _ : state) {
    for (int writer = 0; writer < writers; ++writer) server.spawn(put_many(server, body, kEach));
    server.drain();
  }
  const auto puts = static_cast<double>(state.iterations()) * writers * kEach;
  state.SetItemsProcessed(static_cast<std::int64_t>(puts));
  state.SetBytesProcessed(static_cast<std::int64_t>(puts * static_cast<double>(body.size())));
  state.counters["cpu_us"] = (process_cpu_us() - cpu_before) / puts;
  state.counters["syncs_per_put"] = syncs(server.metrics) / puts;
}
BENCHMARK(put)
    ->ArgNames({"bytes", "writers", "sync"})
    ->Args({4096, 1, 1})
    ->Args({4096, 16, 1})
    ->Args({4096, 32, 1})
    ->Args({4096, 64, 1})
    ->Args({4096, 32, 0})
    ->Args({1 << 20, 8, 1})
    ->Args({8 << 20, 4, 1})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

Task<void> read_all(benchmark::State& state, Server& server, std::uint64_t offset_step,
                    std::uint64_t span, MutableByteSpan buffer) {
  std::uint64_t key = 0;
  std::uint64_t offset = 0;
  for (auto _ : state) {
    const FileId fid{VolumeId{1}, NeedleKey{1 + key}, Cookie{7}};
    const auto got = co_await server.service->read(fid, offset, buffer);
    if (!got.has_value()) std::abort();
    offset += offset_step;
    if (offset + buffer.size() > span) {
      offset = 0;
      key = (key + 1) % server.last_key;
    }
  }
}

/// range(0): bytes of a read, range(1): of a needle, range(2): how far the next read is.
void cached_read(benchmark::State& state) {
  Server server(false);
  const std::string body = body_of(static_cast<std::size_t>(state.range(1)));
  const int needles = state.range(1) > 100'000 ? 4 : 1000;
  server.run(put_many(server, body, needles));
  std::vector<std::byte> buffer(static_cast<std::size_t>(state.range(0)));
  const double cpu_before = process_cpu_us();
  server.run(read_all(state, server, static_cast<std::uint64_t>(state.range(2)),
                      static_cast<std::uint64_t>(state.range(1)), buffer));
  state.SetBytesProcessed(state.iterations() * state.range(0));
  state.counters["cpu_us"] =
      (process_cpu_us() - cpu_before) / static_cast<double>(state.iterations());
}
BENCHMARK(cached_read)
    ->ArgNames({"bytes", "needle", "step"})
    ->Args({4096, 4096, 4096})
    ->Args({4096, 8 << 20, 1 << 20})
    ->Args({256 << 10, 8 << 20, 256 << 10})
    ->Args({1 << 20, 1 << 20, 1 << 20});

/// The floor under a read of 256 KiB: the kernel's copy alone.
void plain_pread(benchmark::State& state) {
  const auto io = make_posix_file_io();
  const std::string path =
      (std::filesystem::temp_directory_path() / "kelp-volume-bench-plain").string();
  const auto file = *io->open(path, OpenMode::kCreate);
  const std::string body = body_of(8 << 20);
  const std::array<ByteSpan, 1> pieces{as_bytes(body)};
  if (!file->write_at(0, pieces).has_value()) std::abort();
  std::vector<std::byte> buffer(static_cast<std::size_t>(state.range(0)));
  std::uint64_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(file->read_at(at, buffer));
    at = (at + buffer.size()) % (7 << 20);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
  (void)io->remove(path);
}
BENCHMARK(plain_pread)->Arg(4096)->Arg(256 << 10)->Arg(1 << 20);

void index_lookup(benchmark::State& state) {
  VolumeIndex index;
  constexpr std::uint64_t kNeedles = 1'000'000;
  for (std::uint64_t key = 1; key <= kNeedles; ++key) {
    index.insert(NeedleKey{key}, {.offset = 4096 + 1136 * key, .bytes = 1136});
  }
  Rng rng(1);
  for (auto _ : state) benchmark::DoNotOptimize(index.find(NeedleKey{1 + rng.below(kNeedles)}));
  state.counters["bytes_per_needle"] =
      static_cast<double>(index.memory_bytes()) / static_cast<double>(index.size());
}
BENCHMARK(index_lookup);

std::string write_snapshot_of(FileIo& io, std::uint64_t needles) {
  const std::string path =
      (std::filesystem::temp_directory_path() / "kelp-volume-bench-snapshot").string();
  auto fill = [needles](IndexSnapshotWriter& writer) -> Result<void> {
    for (std::uint64_t key = 1; key <= needles; ++key) {
      const NeedlePlace place{.offset = 4096 + 1136 * key, .bytes = 1136};
      KELP_CHECK(writer.add({NeedleKey{key + key / 1000 * 7}, place}));
    }
    return {};
  };
  const IndexSnapshotHeader header{.volume = VolumeId{1}, .covered_bytes = 4096};
  if (!write_index_snapshot(io, path, header, fill).has_value()) std::abort();
  return path;
}

/// An index that stays on disk, in the page cache: look-ups at random after 500,000 needles came
/// and as many went. range(0): needles. "MiB": of the index in memory.
void disk_index_lookup(benchmark::State& state) {
  const auto needles = static_cast<std::uint64_t>(state.range(0));
  const auto io = make_posix_file_io();
  const std::string path = write_snapshot_of(*io, needles);
  NeedleIndex index(*IndexRun::open(*io, path));
  Rng rng(1);
  const auto key_of = [](std::uint64_t number) { return NeedleKey{number + number / 1000 * 7}; };
  for (std::uint64_t i = 1; i <= 500'000; ++i) {
    index.add(key_of(needles + i), {.offset = 4096, .bytes = 1136});
    if (!index.erase(key_of(i * (needles / 500'000))).has_value()) std::abort();
  }
  std::uint64_t found = 0;
  for (auto _ : state) {
    const auto place = index.find(key_of(1 + rng.below(needles)));
    if (!place.has_value()) std::abort();
    found += place->has_value() ? 1 : 0;
  }
  if (found == 0) std::abort();
  state.counters["MiB"] = static_cast<double>(index.memory_bytes()) / (1 << 20);
  (void)io->remove(path);
}
BENCHMARK(disk_index_lookup)->ArgNames({"needles"})->Arg(10'000'000)->Arg(100'000'000);

/// From a snapshot's file in the page cache to an index that answers. range(0): needles.
void load_snapshot(benchmark::State& state) {
  const auto needles = static_cast<std::uint64_t>(state.range(0));
  const auto io = make_posix_file_io();
  const std::string path = write_snapshot_of(*io, needles);
  for (auto _ : state) {
    const auto run = IndexRun::open(*io, path);
    VolumeIndex index;
    const auto loaded = (*run)->each([&index](std::span<const IndexEntry> entries) -> Result<void> {
      index.append(entries);
      return {};
    });
    if (!loaded.has_value() || index.size() != needles) std::abort();
    state.counters["bytes_per_needle"] =
        static_cast<double>(index.memory_bytes()) / static_cast<double>(index.size());
  }
  (void)io->remove(path);
}
BENCHMARK(load_snapshot)
    ->ArgNames({"needles"})
    ->Arg(10'000'000)
    ->Iterations(5)
    ->Unit(benchmark::kMillisecond);

Task<void> remove_some(Server& server, std::uint64_t percent) {
  Rng rng(3);
  std::vector<FileId> fids;
  for (std::uint64_t key = 1; key <= server.last_key; ++key) {
    if (rng.below(100) >= percent) continue;
    fids.push_back({VolumeId{1}, NeedleKey{key}, Cookie{7}});
  }
  if (!(co_await server.service->remove(std::move(fids))).has_value()) std::abort();
}

Task<void> vacuum_volume(Server& server) {
  if (!(co_await server.service->vacuum(VolumeId{1})).has_value()) std::abort();
}

/// What removals leave of a volume's room, and what vacuum makes of it. range(0): body bytes,
/// range(1): percent of the needles that are removed. The time is that of the vacuum.
void vacuum(benchmark::State& state) {
  const std::string body = body_of(static_cast<std::size_t>(state.range(0)));
  const auto count = static_cast<int>((64 << 20) / body.size());
  double before = 0;
  double after = 0;
  double cpu = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Server server(false);
    server.run(put_many(server, body, count));
    server.run(remove_some(server, static_cast<std::uint64_t>(state.range(1))));
    before = server.room_per_live_byte();
    const double cpu_before = process_cpu_us();
    state.ResumeTiming();
    server.run(vacuum_volume(server));
    state.PauseTiming();
    cpu = process_cpu_us() - cpu_before;
    after = server.room_per_live_byte();
    state.counters["MB_per_cpu_s"] = static_cast<double>(count) * static_cast<double>(body.size()) *
                                     static_cast<double>(100 - state.range(1)) / 100 / cpu;
    state.ResumeTiming();
  }
  state.counters["room_before"] = before;
  state.counters["room_after"] = after;
}
BENCHMARK(vacuum)
    ->ArgNames({"bytes", "removed"})
    ->ArgsProduct({{9 << 10, 16 << 10, 64 << 10, 1 << 20, 8 << 20}, {30, 50, 90}})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

Task<void> scrub_volume(Server& server, std::uint64_t& bytes) {
  VolumeUpkeep upkeep(*server.service, {});
  const auto pass = co_await upkeep.scrub_once();
  if (!pass.has_value() || pass->damaged > 0) std::abort();
  bytes += pass->needles_bytes;
}

/// range(0): body bytes. GB_per_cpu_s: bytes read around the page cache and compared, by the CPU
/// time of the process, the kernel's included.
void scrub(benchmark::State& state) {
  Server server(false);
  const std::string body = body_of(static_cast<std::size_t>(state.range(0)));
  server.run(put_many(server, body, static_cast<int>((256 << 20) / body.size())));
  std::uint64_t bytes = 0;
  const double cpu_before = process_cpu_us();
  for (auto _ : state) server.run(scrub_volume(server, bytes));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  state.counters["GB_per_cpu_s"] =
      static_cast<double>(bytes) / 1e3 / (process_cpu_us() - cpu_before);
}
BENCHMARK(scrub)
    ->ArgNames({"bytes"})
    ->Arg(9 << 10)
    ->Arg(64 << 10)
    ->Arg(8 << 20)
    ->Iterations(4)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// Time from nothing to serving, with the page cache warm. range(0): needles of 1 KiB, range(1): 1
/// with a snapshot.
void restart(benchmark::State& state) {
  const auto io = make_posix_file_io();
  const auto pool = make_thread_pool({});
  const SystemClock clock;
  Server server(false);
  const std::string body = body_of(1024);
  const auto each = static_cast<int>(state.range(0) / 64);
  for (int writer = 0; writer < 64; ++writer) server.spawn(put_many(server, body, each));
  server.drain();
  if (state.range(1) == 1 && !server.service->close().has_value()) std::abort();
  const std::string from = (std::filesystem::temp_directory_path() / "kelp-volume-bench").string();
  const std::string copy = from + "-copy";
  std::filesystem::remove_all(copy);
  std::filesystem::copy(from, copy);
  for (auto _ : state) {
    Metrics metrics;
    VolumeServiceOptions options;
    options.directory = copy;
    options.cluster_id = kCluster;
    VolumeServiceParts parts{
        .io = *io, .pool = *pool, .clock = clock, .metrics = metrics, .verify_token = nullptr};
    if (!VolumeService::start(std::move(options), std::move(parts)).has_value()) std::abort();
  }
  std::filesystem::remove_all(copy);
}
BENCHMARK(restart)
    ->ArgNames({"needles", "snapshot"})
    ->Args({1'000'000, 1})
    ->Args({1'000'000, 0})
    ->Iterations(2)
    ->Unit(benchmark::kMillisecond);

/// What sealing costs the server that packs: needles of one size read and verified from memory, and
/// encoded; "ns_per_byte" of CPU for a byte of their bodies.
void pack_needles(benchmark::State& state) {
  const EcScheme scheme{.data = static_cast<std::uint8_t>(state.range(0)),
                        .parity = static_cast<std::uint8_t>(state.range(1))};
  const auto needle_bytes = static_cast<std::size_t>(state.range(2));
  Rng rng(1);
  std::string body(needle_bytes, '\0');
  for (char& byte : body) byte = static_cast<char>(rng.next());
  std::string images;
  std::uint64_t bodies = 0;
  for (std::uint64_t key = 1; images.size() < kExtentBytes; ++key) {
    const NeedleHeader header{.key = NeedleKey{key}, .cookie = Cookie{7}, .created_ns = 1};
    images += encode_needle(header, "photos/" + std::to_string(key), as_bytes(body), kImageSeed);
    bodies += body.size();
  }
  const double begin = process_cpu_us();
  for (auto _ : state) {
    for (ByteSpan rest = as_bytes(images); !rest.empty();) {
      const auto needle = decode_needle(rest, kImageSeed);
      if (!needle.has_value()) std::abort();
      rest = rest.subspan(layout_of(needle->header).total_bytes);
    }
    const auto extent = pack_extent(scheme, images);
    if (!extent.has_value()) std::abort();
    benchmark::DoNotOptimize(extent->shards.data());
  }
  const auto bytes = static_cast<double>(state.iterations()) * static_cast<double>(bodies);
  state.counters["ns_per_byte"] = (process_cpu_us() - begin) * 1000 / bytes;
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(pack_needles)
    ->ArgNames({"k", "m", "needle"})
    ->Args({4, 2, 16 << 10})
    ->Args({4, 2, 64 << 10})
    ->Args({8, 4, 64 << 10})
    ->Args({10, 4, 64 << 10});

}  // namespace
}  // namespace kelp
