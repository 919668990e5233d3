// What a call of the filer costs on the embedded engine: read the CPU column, it counts every
// thread.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "async/runtime.h"
#include "async/task_group.h"
#include "filer/core/keys.h"
#include "filer/filer_service.h"
#include "kv/rocks_kv.h"
#include "os/system_clock.h"
#include "tests/support/temp_dir.h"

namespace kelp {
namespace {

constexpr int kObjects = 100'000;
constexpr int kCallsAtOnce = 32;

struct Bench {
  explicit Bench(std::size_t body_bytes) : body(body_bytes, 'x') {
    RocksKvOptions options;
    options.path = dir.path() + "/kv";
    options.sync = false;
    options.bulk_prefix = kBulkPrefix;
    store = open_rocks_kv(options).value();
    filer = std::make_unique<FilerService>(*store, *pool, clock);
    runtime.run(make_bucket(*this));
  }

  static Task<void> make_bucket(Bench& bench) {
    BucketEntry bucket;
    bucket.name = "bench";
    bucket.owner_id = std::string(64, 'a');
    if (!co_await bench.filer->create_bucket(bucket)) std::abort();
  }

  PutObject put_of(int number) const {
    PutObject put;
    put.bucket = "bench";
    put.key = fmt::format("folder-{:03}/object-{:08}", number % 100, number);
    put.entry.size_bytes = body.size();
    put.entry.etag = std::string(16, 'e');
    put.entry.owner_id = std::string(64, 'a');
    put.entry.headers.content_type = "binary/octet-stream";
    put.entry.checksums.push_back(
        {ChecksumAlgorithm::kCrc64Nvme, ChecksumType::kFullObject, std::string(8, 'c')});
    put.inline_body = body;
    return put;
  }

  static Task<void> put(Bench& bench, int from, int step, int count) {
    for (int i = 0; i < count; ++i) {
      const auto outcome = co_await bench.filer->put_object(bench.put_of(from + i * step));
      if (!outcome) std::abort();
    }
  }
  /// `count` puts, 32 at once.
  static Task<void> put_all(Bench& bench, int from, int count) {
    TaskGroup group(bench.runtime.executor(0));
    for (int i = 0; i < kCallsAtOnce; ++i) {
      group.spawn(put(bench, from + i, kCallsAtOnce, count / kCallsAtOnce));
    }
    co_await group.join();
  }
  static Task<void> get_all(Bench& bench, int count, bool with_body) {
    for (int i = 0; i < count; ++i) {
      const int number = static_cast<int>((static_cast<unsigned>(i) * 7919U) % kObjects);
      ObjectKey name{"bench", fmt::format("folder-{:03}/object-{:08}", number % 100, number)};
      const auto found = co_await bench.filer->get_object(std::move(name), with_body);
      if (!found) std::abort();
      benchmark::DoNotOptimize(found->entry.version);
    }
  }
  static Task<void> list(Bench& bench, ListObjects request, std::size_t expected) {
    const auto page = co_await bench.filer->list_objects(request);
    if (!page || page->objects.size() + page->common_prefixes.size() != expected) std::abort();
  }

  test::TempDir dir;
  SystemClock clock;
  Runtime runtime{1};
  std::unique_ptr<WorkPool> pool = make_thread_pool({.threads = 2});
  std::unique_ptr<KvStore> store;
  std::unique_ptr<FilerService> filer;
  std::string body;
};

/// One store for all reads.
Bench& filled() {
  static Bench* const bench = [] {
    auto* made = new Bench(4096);
    made->runtime.run(Bench::put_all(*made, 0, kObjects));
    return made;
  }();
  return *bench;
}

void put_4k(benchmark::State& state) {
  Bench bench(4096);
  int from = 0;
  for (auto _ : state) {
    bench.runtime.run(Bench::put_all(bench, from, 3200));
    from += 3200;
  }
  state.SetItemsProcessed(state.iterations() * 3200);
}

void get_4k(benchmark::State& state) {
  Bench& bench = filled();
  for (auto _ : state) bench.runtime.run(Bench::get_all(bench, 10'000, true));
  state.SetItemsProcessed(state.iterations() * 10'000);
}

void head(benchmark::State& state) {
  Bench& bench = filled();
  for (auto _ : state) bench.runtime.run(Bench::get_all(bench, 10'000, false));
  state.SetItemsProcessed(state.iterations() * 10'000);
}

void list_1000(benchmark::State& state) {
  Bench& bench = filled();
  ListObjects request;
  request.bucket = "bench";
  request.start_after = "folder-050/";
  for (auto _ : state) bench.runtime.run(Bench::list(bench, request, 1000));
  state.SetItemsProcessed(state.iterations());
}

void list_100_folders(benchmark::State& state) {
  Bench& bench = filled();
  ListObjects request;
  request.bucket = "bench";
  request.delimiter = "/";
  for (auto _ : state) bench.runtime.run(Bench::list(bench, request, 100));
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(put_4k)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(get_4k)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(head)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(list_1000)->MeasureProcessCPUTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(list_100_folders)->MeasureProcessCPUTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace kelp
