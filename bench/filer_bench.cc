// What a call of the filer costs: filer_us is the CPU of this process, every thread, per object.
//
// KELP_BENCH_ENGINE: rocksdb (the default), or postgresql, etcd or redis, which is then started as
// a server with its folder in memory; engine_us is the CPU of that.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <semaphore>

#include "async/runtime.h"
#include "async/task_group.h"
#include "bench/bars.h"
#include "bench/engines.h"
#include "filer/core/keys.h"
#include "filer/filer_service.h"
#include "kv/rocks_kv.h"
#include "os/system_clock.h"
#include "tests/support/temp_dir.h"

namespace kelp {
namespace {

constexpr int kCallsAtOnce = 32;
constexpr int kPutsAtOnce = 3200;

std::string engine_name() {
  const char* const name = std::getenv("KELP_BENCH_ENGINE");
  return name == nullptr ? "rocksdb" : name;
}

/// What there is to be read.
int object_count() {
  static const int count = engine_name() == "rocksdb" ? 100'000 : 20'000;
  return count;
}

struct Bench {
  explicit Bench(std::size_t body_bytes) : body(body_bytes, 'x') {
    open_store();
    filer = std::make_unique<FilerService>(*store, *pool, clock);
    runtime.run(make_bucket(*this));
  }

  void open_store() {
    const std::string engine = engine_name();
    if (engine == "rocksdb") {
      RocksKvOptions options;
      options.path = dir.path() + "/kv";
      options.sync = false;
      options.bulk_prefix = kBulkPrefix;
      store = open_rocks_kv(options).value();
      return;
    }
    server = bench::start_engine(engine);
    store = bench::open_engine(engine, server->url(), 1, clock);
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
    put.conditions.if_none_match_any = only_absent;
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
      const int number = static_cast<int>((static_cast<unsigned>(i) * 7919U) %
                                          static_cast<unsigned>(object_count()));
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
  // A read of an engine elsewhere holds a thread until it is answered.
  std::unique_ptr<WorkPool> pool =
      make_thread_pool({.threads = engine_name() == "rocksdb" ? 2U : 16U});
  std::unique_ptr<test::EngineServer> server;
  std::unique_ptr<KvStore> store;
  std::unique_ptr<FilerService> filer;
  std::string body;
  bool only_absent = false;
};

/// What is spent from its begin until report().
class Costs {
 public:
  explicit Costs(const Bench& bench)
      : bench_(bench),
        own_(bench::cpu_seconds()),
        engine_(engine()),
        stats_(bench.store->stats()) {}

  /// Per object, of `objects`.
  void report(benchmark::State& state, std::int64_t objects) const {
    const auto count = static_cast<double>(objects);
    const KvStore::Stats stats = bench_.store->stats();
    state.counters["filer_us"] = (bench::cpu_seconds() - own_) * 1e6 / count;
    if (bench_.server != nullptr) state.counters["engine_us"] = (engine() - engine_) * 1e6 / count;
    if (stats.syncs > stats_.syncs) {
      state.counters["commits_a_trip"] = static_cast<double>(stats.commits - stats_.commits) /
                                         static_cast<double>(stats.syncs - stats_.syncs);
    }
    state.SetItemsProcessed(objects);
  }

 private:
  [[nodiscard]] double engine() const {
    return bench_.server == nullptr ? 0 : bench_.server->cpu_seconds();
  }

  const Bench& bench_;
  const double own_;
  const double engine_;
  const KvStore::Stats stats_;
};

/// One store for all reads.
Bench& filled() {
  static Bench* const bench = [] {
    auto* made = new Bench(4096);
    made->runtime.run(Bench::put_all(*made, 0, object_count()));
    return made;
  }();
  return *bench;
}

void put(benchmark::State& state, std::size_t body_bytes, bool only_absent) {
  Bench bench(body_bytes);
  bench.only_absent = only_absent;
  bench.runtime.run(Bench::put_all(bench, 0, kPutsAtOnce));
  const Costs costs(bench);
  int from = kPutsAtOnce;
  for (auto _ : state) {
    bench.runtime.run(Bench::put_all(bench, from, kPutsAtOnce));
    from += kPutsAtOnce;
  }
  costs.report(state, state.iterations() * kPutsAtOnce);
}

void put_4k(benchmark::State& state) {
  put(state, 4096, false);
}
void put_1k_if_absent(benchmark::State& state) {
  put(state, 1024, true);
}

/// The conditional commit of a put alone, without the reads before it: one row under the condition
/// that it is not there, one more, and a counter; 32 at once.
void commit_if_absent(benchmark::State& state) {
  Bench bench(1024);
  const Costs costs(bench);
  std::counting_semaphore<> room(kCallsAtOnce);
  std::int64_t i = 0;
  for (auto _ : state) {
    room.acquire();
    const std::string key = fmt::format("o/0000000000000001/folder/object-{:012}", ++i);
    KvBatch batch;
    batch.conditions.push_back(KvCondition::absent(key));
    batch.writes.push_back(KvWrite::put(key, std::string(250, 'v')));
    batch.writes.push_back(KvWrite::put(fmt::format("I{:08}", i), bench.body));
    batch.writes.push_back(KvWrite::add("c/0000000000000001", 1));
    bench.store->commit(std::move(batch), [&room](const Result<void>& done) {
      if (!done) std::abort();
      room.release();
    });
  }
  for (int taken = 0; taken < kCallsAtOnce; ++taken) room.acquire();
  costs.report(state, i);
}

void get(benchmark::State& state, bool with_body) {
  constexpr int kGets = 10'000;
  Bench& bench = filled();
  const Costs costs(bench);
  for (auto _ : state) bench.runtime.run(Bench::get_all(bench, kGets, with_body));
  costs.report(state, state.iterations() * kGets);
}

void get_4k(benchmark::State& state) {
  get(state, true);
}
void head(benchmark::State& state) {
  get(state, false);
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

BENCHMARK(put_4k)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(put_1k_if_absent)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(commit_if_absent)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK(get_4k)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(head)->MeasureProcessCPUTime()->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(list_1000)->MeasureProcessCPUTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(list_100_folders)->MeasureProcessCPUTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace kelp
