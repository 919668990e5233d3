// A cache in front of a slower disk (docs/adr/0016-ssd-cache.md): what a hit costs, with the pages
// of its file in memory, beside the same read of the log; what keeping the list costs.

#include <benchmark/benchmark.h>

#include <filesystem>

#include "base/log.h"
#include "base/rng.h"
#include "os/posix_file_io.h"
#include "volume/store/cached_file.h"

namespace kelp {
namespace {

constexpr std::size_t kChunk = BlockCache::kChunkBytes;
constexpr std::size_t kChunks = 256;

/// A log of random bytes, and a cache that has all of it.
struct World {
  World() {
    (void)set_log_level("error");
    std::filesystem::create_directories(directory + "/cache");
    log = *io->open(directory + "/log", OpenMode::kCreate);
    Rng rng(1);
    std::string bytes(kChunks * kChunk, '\0');
    for (char& byte : bytes) byte = static_cast<char>(rng.next());
    const ByteSpan piece = as_bytes(std::string_view(bytes));
    (void)log->write_at(0, std::span(&piece, 1));
    cache = std::make_unique<BlockCache>(BlockCacheOptions{directory + "/cache", 2 * bytes.size()},
                                         BlockCacheParts{*io, *pool, metrics});
    cached = std::make_unique<CachedFile>(log, *cache, [] { return kChunks * kChunk; });
    std::vector<std::byte> buffer(kChunk);
    for (int pass = 0; pass < 3; ++pass) {
      for (std::size_t at = 0; at < bytes.size(); at += kChunk) (void)cached->read_at(at, buffer);
    }
  }
  ~World() {
    cached.reset();
    cache.reset();
    std::filesystem::remove_all(directory);
  }

  std::string directory = (std::filesystem::temp_directory_path() / "kelp-cache-bench").string();
  std::unique_ptr<FileIo> io = make_posix_file_io();
  std::unique_ptr<WorkPool> pool = make_thread_pool({.threads = 1});
  Metrics metrics;
  std::shared_ptr<File> log;
  std::unique_ptr<BlockCache> cache;
  std::unique_ptr<CachedFile> cached;
};

void read_randomly(benchmark::State& state, File& file) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  std::vector<std::byte> buffer(bytes);
  Rng rng(2);
  for (auto _ : state) {
    benchmark::DoNotOptimize(file.read_at(rng.below((kChunks - 16) * kChunk), buffer));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void BM_ReadLog(benchmark::State& state) {
  World world;
  read_randomly(state, *world.log);
}
BENCHMARK(BM_ReadLog)->Arg(4096)->Arg(64 << 10)->Arg(1 << 20);

void BM_ReadCache(benchmark::State& state) {
  World world;
  read_randomly(state, *world.cached);
}
BENCHMARK(BM_ReadCache)->Arg(4096)->Arg(64 << 10)->Arg(1 << 20);

/// A request for one of 100 GiB of chunks, half of which are there, and what comes of it.
void BM_CacheList(benchmark::State& state) {
  constexpr std::uint32_t kSlots = 1'638'400;
  CacheSlots slots(kSlots);
  const std::uint32_t log = slots.begin_log();
  Rng rng(3);
  for (auto _ : state) {
    const ChunkId id{log, static_cast<std::uint32_t>(rng.below(2 * kSlots))};
    slots.note(id);
    if (const auto held = slots.hold(id)) {
      slots.release(*held);
    } else if (const auto slot = slots.admit(id)) {
      slots.filled(*slot, id);
    }
  }
  state.counters["bytes_per_slot"] = static_cast<double>(slots.memory_bytes()) / kSlots;
}
BENCHMARK(BM_CacheList)->Iterations(10'000'000);

}  // namespace
}  // namespace kelp
