// The RocksDB engine: CPU time per operation, and syncs per put. Rows look like the filer's: 88
// bytes of key, 381 of value; bulk rows have 9 bytes of key. KELP_BENCH_ROWS sets how many (default
// 200,000), KELP_BENCH_DIR where (default: the temporary directory).
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <latch>
#include <semaphore>

#include "base/rng.h"
#include "kv/rocks_kv.h"

namespace kelp {
namespace {

std::uint64_t row_count() {
  const char* const rows = std::getenv("KELP_BENCH_ROWS");
  return rows != nullptr ? std::strtoull(rows, nullptr, 10) : 200'000;
}

std::string bench_dir(const char* name) {
  const char* const root = std::getenv("KELP_BENCH_DIR");
  const std::filesystem::path base =
      root != nullptr ? std::filesystem::path(root) : std::filesystem::temp_directory_path();
  return (base / fmt::format("kelp-kv-bench-{}", name)).string();
}

std::string row_key(std::uint64_t i) {
  return fmt::format(
      "object/0000000000000001/folder-{:04}/of-some-length/that-tools-write/file-{:09}.parquet",
      i / 1000, i);
}
std::string bulk_key(std::uint64_t i) {
  std::string key = "B";
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(i >> shift));
  return key;
}
/// Hashes and ids are random, the rest repeats from row to row.
std::string row_value(Rng& rng) {
  std::string value(120, 'm');
  for (std::size_t i = 0; i < 50; ++i) value[i] = static_cast<char>(rng.next());
  return value;
}
std::string body(Rng& rng, std::size_t bytes) {
  std::string value(bytes, '\0');
  for (char& c : value) c = static_cast<char>(rng.next());
  return value;
}

/// CPU seconds of the whole process: the committer's and RocksDB's threads count too.
double process_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Opens a fresh store at `path` and puts `rows` objects with bodies of 1 KiB.
std::unique_ptr<KvStore> fill(const std::string& path, std::uint64_t rows) {
  std::filesystem::remove_all(path);
  auto store = open_rocks_kv({.path = path, .sync = false, .bulk_prefix = 'B'}).value();
  Rng rng(1);
  std::counting_semaphore<> room(1000);
  for (std::uint64_t i = 0; i < rows; ++i) {
    KvBatch batch;
    batch.writes.push_back(KvWrite::put(row_key(i), row_value(rng)));
    batch.writes.push_back(KvWrite::put(bulk_key(i), body(rng, 1024)));
    room.acquire();
    store->commit(std::move(batch), [&room](const Result<void>&) { room.release(); });
  }
  for (int i = 0; i < 1000; ++i) room.acquire();
  return store;
}

/// A store that is filled once and shared by the reading benchmarks.
KvStore& filled() {
  static const std::unique_ptr<KvStore> store = fill(bench_dir("filled"), row_count());
  return *store;
}

double megabytes_resident() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

/// Blocks that the files named *`ending` really take, as du counts them.
double bytes_on_disk(const std::string& path, std::string_view ending) {
  double bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(path)) {
    if (!file.path().native().ends_with(ending)) continue;
    struct stat info{};
    if (::stat(file.path().c_str(), &info) == 0) bytes += static_cast<double>(info.st_blocks) * 512;
  }
  return bytes;
}

/// What KELP_BENCH_ROWS objects of 1 KiB cost in memory, on disk and at a restart. Run it alone.
void footprint(benchmark::State& state) {
  const std::string path = bench_dir("footprint");
  for (auto _ : state) {
    state.counters["idle_mib"] = megabytes_resident();
    auto store = fill(path, row_count());
    Rng rng(7);
    for (int i = 0; i < 100'000; ++i) {
      benchmark::DoNotOptimize(store->get(row_key(rng.below(row_count()))));
    }
    state.counters["full_mib"] = megabytes_resident();
    const double stored = static_cast<double>(row_count()) * 1024;
    for (const auto& [name, ending] : {std::pair("disk_per_byte", ""),
                                       {"logs", ".log"},
                                       {"bodies", ".blob"},
                                       {"rows", ".sst"}}) {
      state.counters[name] = bytes_on_disk(path, ending) / stored;
    }
    const std::string killed = path + "-killed";
    std::filesystem::remove_all(killed);
    std::filesystem::copy(path, killed);
    store.reset();
    const auto begin = std::chrono::steady_clock::now();
    store = open_rocks_kv({.path = killed, .bulk_prefix = 'B'}).value();
    benchmark::DoNotOptimize(store->get(row_key(0)));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    state.counters["restart_s"] = took.count();
    store.reset();
    std::filesystem::remove_all(killed);
  }
  std::filesystem::remove_all(path);
}
BENCHMARK(footprint)->Iterations(1)->Unit(benchmark::kSecond);

/// `writers` commits are always in flight, as from that many clients; one batch is what a PUT of 4
/// KiB writes: the object's row under a condition, its body, an event, a counter.
void put(benchmark::State& state, bool sync) {
  const auto writers = static_cast<std::ptrdiff_t>(state.range(0));
  const std::string path = bench_dir("put");
  std::filesystem::remove_all(path);
  const auto store = open_rocks_kv({.path = path, .sync = sync, .bulk_prefix = 'B'}).value();
  Rng rng(2);
  const std::string value = row_value(rng);
  const std::string bytes = body(rng, 4096);
  std::counting_semaphore<> room(writers);
  std::uint64_t i = 0;
  const double cpu = process_cpu_seconds();
  for (auto _ : state) {
    room.acquire();
    ++i;
    KvBatch batch;
    batch.conditions.reserve(1);
    batch.writes.reserve(4);
    batch.conditions.push_back(KvCondition::absent(row_key(i)));
    batch.writes.push_back(KvWrite::put(row_key(i), value));
    batch.writes.push_back(KvWrite::put(bulk_key(i), bytes));
    batch.writes.push_back(KvWrite::put(fmt::format("event/{:016x}", i), "created"));
    batch.writes.push_back(KvWrite::add("count/0000000000000001/bytes", 4096));
    store->commit(std::move(batch), [&room](const Result<void>&) { room.release(); });
  }
  for (std::ptrdiff_t w = 0; w < writers; ++w) room.acquire();
  const auto puts = static_cast<double>(i);
  state.counters["cpu_us"] = (process_cpu_seconds() - cpu) * 1e6 / puts;
  state.counters["syncs_per_put"] = static_cast<double>(store->stats().syncs) / puts;
  state.SetItemsProcessed(state.iterations());
}
void put_durable(benchmark::State& state) {
  put(state, true);
}
void put_os(benchmark::State& state) {
  put(state, false);
}
BENCHMARK(put_durable)->Arg(1)->Arg(16)->Arg(64)->UseRealTime();
BENCHMARK(put_os)->Arg(1)->Arg(16)->Arg(64)->UseRealTime();

void get_hot(benchmark::State& state) {
  KvStore& store = filled();
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < 1000; ++i) keys.push_back(row_key(i * 7 % row_count()));
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(store.get(keys[i++ % keys.size()]));
}
BENCHMARK(get_hot);

void get_random(benchmark::State& state) {
  KvStore& store = filled();
  Rng rng(3);
  for (auto _ : state) benchmark::DoNotOptimize(store.get(row_key(rng.below(row_count()))));
}
BENCHMARK(get_random);

void get_miss(benchmark::State& state) {
  KvStore& store = filled();
  Rng rng(4);
  for (auto _ : state) {
    benchmark::DoNotOptimize(store.get(row_key(rng.below(row_count())) + "!"));
  }
}
BENCHMARK(get_miss);

void try_get_hot(benchmark::State& state) {
  KvStore& store = filled();
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < 1000; ++i) keys.push_back(row_key(i * 7 % row_count()));
  for (const std::string& key : keys) benchmark::DoNotOptimize(store.get(key));
  std::size_t i = 0;
  std::size_t answered = 0;
  for (auto _ : state) {
    answered += store.try_get(keys[i++ % keys.size()]).has_value() ? 1 : 0;
  }
  state.counters["answered"] =
      static_cast<double>(answered) / static_cast<double>(state.iterations());
}
BENCHMARK(try_get_hot);

void try_get_bulk_hot(benchmark::State& state) {
  KvStore& store = filled();
  std::vector<std::string> keys;
  for (std::uint64_t i = 0; i < 1000; ++i) keys.push_back(bulk_key(i * 7 % row_count()));
  for (const std::string& key : keys) benchmark::DoNotOptimize(store.get(key));
  std::size_t i = 0;
  std::size_t answered = 0;
  for (auto _ : state) {
    answered += store.try_get(keys[i++ % keys.size()]).has_value() ? 1 : 0;
  }
  state.counters["answered"] =
      static_cast<double>(answered) / static_cast<double>(state.iterations());
}
BENCHMARK(try_get_bulk_hot);

void get_bulk_random(benchmark::State& state) {
  KvStore& store = filled();
  Rng rng(5);
  for (auto _ : state) benchmark::DoNotOptimize(store.get(bulk_key(rng.below(row_count()))));
}
BENCHMARK(get_bulk_random);

/// One page of a listing: 1,000 rows from a random place.
void scan_page(benchmark::State& state) {
  KvStore& store = filled();
  Rng rng(6);
  std::uint64_t rows = 0;
  for (auto _ : state) {
    const auto cursor = store.cursor({"object/", "object0"});
    const std::uint64_t from = rng.below(row_count());
    std::uint64_t bytes = 0;
    cursor->seek(row_key(from));
    for (int i = 0; i < 1000 && cursor->valid(); ++i, ++rows) {
      bytes += cursor->key().size() + cursor->value().size();
      cursor->next();
    }
    benchmark::DoNotOptimize(bytes);
  }
  state.counters["rows"] =
      benchmark::Counter(static_cast<double>(rows), benchmark::Counter::kIsRate);
}
BENCHMARK(scan_page);

/// One step of a listing with a delimiter: over a folder's 1,000 rows to the next.
void skip_seek(benchmark::State& state) {
  KvStore& store = filled();
  const auto cursor = store.cursor({"object/", "object0"});
  cursor->seek("");
  for (auto _ : state) {
    if (!cursor->valid()) cursor->seek("");
    // The end of "…/folder-0001/", whose last byte is the delimiter.
    std::string next(cursor->key().substr(0, 35));
    next.back() = '0';
    cursor->seek(next);
  }
}
BENCHMARK(skip_seek);

/// A scan that starts in front of rows that were just deleted, like the deletion queue's.
void seek_over_deleted(benchmark::State& state) {
  const auto deleted = static_cast<std::uint64_t>(state.range(0));
  const std::string path = bench_dir("deleted");
  std::filesystem::remove_all(path);
  const auto store = open_rocks_kv({.path = path, .sync = false}).value();
  for (const bool remove : {false, true}) {
    std::latch all(static_cast<std::ptrdiff_t>(deleted / 100));
    for (std::uint64_t i = 0; i < deleted; i += 100) {
      KvBatch batch;
      for (std::uint64_t j = i; j < i + 100; ++j) {
        const std::string key = fmt::format("dead/{:016x}/{:016x}", j, j);
        batch.writes.push_back(remove ? KvWrite::remove(key) : KvWrite::put(key, "fid"));
      }
      store->commit(std::move(batch), [&all](const Result<void>&) { all.count_down(); });
    }
    all.wait();
  }
  for (auto _ : state) benchmark::DoNotOptimize(store->scan({"dead/", "dead0"}, 1));
}
BENCHMARK(seek_over_deleted)->Arg(1'000)->Arg(50'000)->Arg(400'000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace kelp
