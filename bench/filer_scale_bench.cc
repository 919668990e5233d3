// A filer on RocksDB with very many objects: what an entry takes on the disk and in memory, what
// calls cost then, how long a restart takes; listings among delete markers and beside versions;
// what events cost. Prints a table with the bar of each figure; --json FILE writes the same.
//
// --objects N (10,000,000), --markers N (1,000,000). Stores are filled by processes of their own,
// so that what is measured begins cold, as after a restart. Commits are not synced: that is the
// disk's time, not the filer's.

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "async/runtime.h"
#include "async/task_group.h"
#include "async/timers.h"
#include "base/log.h"
#include "base/rng.h"
#include "bench/bars.h"
#include "filer/core/keys.h"
#include "filer/filer_service.h"
#include "kv/rocks_kv.h"
#include "os/system_clock.h"
#include "tests/support/temp_dir.h"

namespace kelp {
namespace {

using bench::report;

constexpr int kCallsAtOnce = 32;
constexpr const char* kBucket = "bench";
constexpr std::uint64_t kObjectBytes = 1 << 20;
/// What a filer is given by default (docs/operations/running.md).
constexpr double kMemoryMib = 256;

void must(const auto& result, const char* what) {
  if (result.has_value()) return;
  fmt::print(stderr, "filer_scale_bench: {}: {}\n", what, result.error().message());
  std::abort();
}

/// A filer over the store in a folder.
struct Filer {
  explicit Filer(const std::string& dir) {
    RocksKvOptions options;
    options.path = dir;
    options.sync = false;
    options.bulk_prefix = kBulkPrefix;
    options.cache_bytes = 64ULL << 20;
    auto opened = open_rocks_kv(options);
    must(opened, "the store");
    store = *std::move(opened);
    service = std::make_unique<FilerService>(*store, *pool, clock);
  }

  SystemClock clock;
  Runtime runtime{1};
  std::unique_ptr<Timers> timers = make_asio_timers();
  std::unique_ptr<WorkPool> pool = make_thread_pool({.threads = 2});
  std::unique_ptr<KvStore> store;
  std::unique_ptr<FilerService> service;
};

/// Object number i of 100 folders; markers and versions lie in folders of their own.
std::string key_of(std::uint64_t number) {
  return fmt::format("folder-{:03}/object-{:09}", number % 100, number);
}

/// Digests do not compress.
std::string digest_of(Rng& rng, std::size_t bytes) {
  std::string digest(bytes, '\0');
  for (char& c : digest) c = static_cast<char>(rng.below(256));
  return digest;
}

PutObject put_of(std::string key, std::uint64_t number) {
  Rng rng(number);
  PutObject put;
  put.bucket = kBucket;
  put.key = std::move(key);
  put.entry.size_bytes = kObjectBytes;
  put.entry.etag = digest_of(rng, 16);
  put.entry.owner_id = std::string(64, 'a');
  put.entry.headers.content_type = "binary/octet-stream";
  put.entry.checksums.push_back(
      {ChecksumAlgorithm::kCrc64Nvme, ChecksumType::kFullObject, digest_of(rng, 8)});
  const FileId fid{VolumeId{static_cast<std::uint32_t>(number >> 17)}, NeedleKey{number + 1},
                   Cookie{static_cast<std::uint32_t>(rng.next())}};
  put.entry.layout.chunks.push_back({.fid = fid, .size_bytes = kObjectBytes});
  return put;
}

Task<void> make_bucket(Filer& filer) {
  BucketEntry bucket;
  bucket.name = kBucket;
  bucket.owner_id = std::string(64, 'a');
  must(co_await filer.service->create_bucket(bucket), "the bucket");
}

Task<void> enable_versions(Filer& filer) {
  must(co_await filer.service->set_bucket_versioning({kBucket, true}), "versioning");
}
Task<void> keep_events(Filer& filer) {
  must(co_await filer.service->set_bucket_events({kBucket, 3600}), "events");
}
Task<void> list_versions(Filer& filer) {
  ListVersions request;
  request.bucket = kBucket;
  must(co_await filer.service->list_versions(std::move(request)), "a page of versions");
}

/// Runs `each` for the numbers from `from` to `to`, 32 at once.
Task<void> some_of(std::function<Task<void>(std::uint64_t)> each, std::uint64_t from,
                   std::uint64_t to) {
  for (std::uint64_t i = from; i < to; i += kCallsAtOnce) co_await each(i);
}
Task<void> for_all(Filer& filer, std::function<Task<void>(std::uint64_t)> each, std::uint64_t from,
                   std::uint64_t to) {
  TaskGroup group(filer.runtime.executor(0));
  for (int i = 0; i < kCallsAtOnce; ++i) group.spawn(some_of(each, from + i, to));
  co_await group.join();
}

Task<void> put_one(Filer& filer, std::string key, std::uint64_t number) {
  must(co_await filer.service->put_object(put_of(std::move(key), number)), "a put");
}
Task<void> delete_one(Filer& filer, std::string key) {
  ObjectKey name{kBucket, std::move(key)};
  must(co_await filer.service->delete_object(std::move(name), {}), "a delete");
}
Task<void> get_one(Filer& filer, std::string key) {
  ObjectKey name{kBucket, std::move(key)};
  must(co_await filer.service->get_object(std::move(name), true), "a get");
}
Task<void> list_page(Filer& filer, ListObjects request) {
  const auto page = co_await filer.service->list_objects(std::move(request));
  must(page, "a page");
  if (page->objects.size() != 1000) std::abort();
}

/// CPU of this process in microseconds for each of `count` calls.
double micros_each(std::uint64_t count, const std::function<void()>& calls) {
  const double before = bench::cpu_seconds();
  calls();
  return (bench::cpu_seconds() - before) * 1e6 / static_cast<double>(count);
}

/// Runs this program as `--fill what dir count`. The microseconds of CPU that it took.
double fill(const char* what, const std::string& dir, std::uint64_t count) {
  const auto spent = [] {
    rusage usage{};
    getrusage(RUSAGE_CHILDREN, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  };
  const double before = spent();
  const std::string number = std::to_string(count);
  const pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", "filer_scale_bench", "--fill", what, dir.c_str(), number.c_str(),
          nullptr);
    std::_Exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) std::abort();
  return spent() - before;
}

Task<void> rest(Filer& filer) {
  const MonoTime end = filer.clock.mono() + std::chrono::milliseconds(500);
  must(co_await filer.timers->sleep_until(end), "a pause");
}
/// Until the compactions that a restart goes on with are done: they are the puts' cost.
void settle(Filer& filer) {
  constexpr double kQuietMicros = 5000;
  while (micros_each(1, [&] { filer.runtime.run(rest(filer)); }) > kQuietMicros) continue;
}

double disk_bytes(const std::string& dir) {
  double sum = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(dir)) {
    if (file.is_regular_file()) sum += static_cast<double>(file.file_size());
  }
  return sum;
}

double page_micros(Filer& filer, const std::string& after) {
  constexpr int kPages = 50;
  ListObjects request;
  request.bucket = kBucket;
  request.start_after = after;
  filer.runtime.run(list_page(filer, request));
  return micros_each(kPages, [&] {
    for (int i = 0; i < kPages; ++i) filer.runtime.run(list_page(filer, request));
  });
}

// --- many objects

void fill_objects(const std::string& path, std::uint64_t objects) {
  Filer filer(path);
  filer.runtime.run(make_bucket(filer));
  auto put = [&filer](std::uint64_t i) { return put_one(filer, key_of(i), i); };
  filer.runtime.run(for_all(filer, put, 0, objects));
}

void bench_objects(std::uint64_t objects) {
  const test::TempDir dir;
  const std::string path = dir.path() + "/kv";
  const double filled = fill("objects", path, objects);
  const auto count = static_cast<double>(objects);
  report({fmt::format("put, {} objects, compactions within", objects), filled / count, "us", 60});
  report({"disk of an entry", disk_bytes(path) / count, "bytes", 200});

  const SystemClock clock;
  const MonoTime begin = clock.mono();
  Filer filer(path);
  filer.runtime.run(get_one(filer, key_of(objects / 2)));
  report({"restart until the first answer",
          std::chrono::duration<double>(clock.mono() - begin).count(), "s", 3});
  settle(filer);
  constexpr std::uint64_t kGets = 200'000;
  auto get = [&filer, objects](std::uint64_t i) {
    return get_one(filer, key_of(i * 7919 % objects));
  };
  const double each = micros_each(kGets, [&] { filer.runtime.run(for_all(filer, get, 0, kGets)); });
  report({"get, keys at random", each, "us", 15});
  report({"page of 1,000", page_micros(filer, "folder-050/") / 1000, "ms", 1.2});
  report({"memory after all that", bench::resident_mib(), "MiB", kMemoryMib});
}

// --- versions

/// A live key follows every hundredth of the markers.
std::string live_key(std::uint64_t number) {
  return fmt::format("key-{:09}-live", number);
}

void fill_markers(const std::string& path, std::uint64_t markers) {
  constexpr std::uint64_t kLive = 10'000;
  Filer filer(path);
  filer.runtime.run(make_bucket(filer));
  filer.runtime.run(enable_versions(filer));
  auto mark = [&filer](std::uint64_t i) { return delete_one(filer, fmt::format("key-{:09}", i)); };
  filer.runtime.run(for_all(filer, mark, 0, markers));
  const std::uint64_t step = markers / kLive;
  auto put = [&filer, step](std::uint64_t i) { return put_one(filer, live_key(i * step), i); };
  filer.runtime.run(for_all(filer, put, 0, kLive));
}

void bench_markers(std::uint64_t markers) {
  const test::TempDir dir;
  const std::string path = dir.path() + "/kv";
  fill("markers", path, markers);
  Filer filer(path);
  report({fmt::format("page of 1,000 among {} delete markers", markers),
          page_micros(filer, "") / 1000, "ms", 1.2});
}

void bench_versions() {
  constexpr std::uint64_t kVersions = 1000;
  const test::TempDir dir;
  Filer filer(dir.path() + "/kv");
  filer.runtime.run(make_bucket(filer));
  filer.runtime.run(enable_versions(filer));
  for (std::uint64_t i = 0; i < kVersions; ++i) filer.runtime.run(put_one(filer, "folder-000", i));
  auto put = [&filer](std::uint64_t i) { return put_one(filer, key_of(i), i); };
  filer.runtime.run(for_all(filer, put, kVersions, 3 * kVersions));
  report(
      {"page of 1,000 beside a key of 1,000 versions", page_micros(filer, "") / 1000, "ms", 1.2});
  constexpr int kPages = 50;
  const double each = micros_each(kPages, [&] {
    for (int i = 0; i < kPages; ++i) filer.runtime.run(list_versions(filer));
  });
  report({"page of 1,000 versions", each / 1000, "ms"});
}

/// What a put costs in a bucket as `prepare` makes it.
void bench_put(const std::string& name, const std::function<void(Filer&)>& prepare) {
  constexpr std::uint64_t kPuts = 100'000;
  const test::TempDir dir;
  Filer filer(dir.path() + "/kv");
  filer.runtime.run(make_bucket(filer));
  prepare(filer);
  auto put = [&filer](std::uint64_t i) { return put_one(filer, key_of(i), i); };
  filer.runtime.run(for_all(filer, put, 0, kPuts / 10));
  const double each = micros_each(
      kPuts, [&] { filer.runtime.run(for_all(filer, put, kPuts / 10, kPuts / 10 + kPuts)); });
  report({name, each, "us", 60});
}

}  // namespace
}  // namespace kelp

int main(int argc, char** argv) {
  std::uint64_t objects = 10'000'000;
  std::uint64_t markers = 1'000'000;
  std::string json;
  if (argc == 5 && std::string_view(argv[1]) == "--fill") {
    const bool all_objects = std::string_view(argv[2]) == "objects";
    const auto fill = all_objects ? kelp::fill_objects : kelp::fill_markers;
    fill(argv[3], std::strtoull(argv[4], nullptr, 10));
    return 0;
  }
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--objects") objects = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--markers") markers = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--json") json = argv[i + 1];
  }
  if (objects < 10'000 || markers < 10'000) {
    fmt::print(stderr, "filer_scale_bench: at least 10,000 objects and markers\n");
    return 2;
  }
  (void)kelp::set_log_level("error");
  kelp::bench_put("put, 32 at once", [](kelp::Filer&) {});
  kelp::bench_put("put, bucket with events",
                  [](kelp::Filer& filer) { filer.runtime.run(kelp::keep_events(filer)); });
  kelp::bench_put("put, bucket with versions",
                  [](kelp::Filer& filer) { filer.runtime.run(kelp::enable_versions(filer)); });
  kelp::bench_versions();
  kelp::bench_markers(markers);
  kelp::bench_objects(objects);
  if (!json.empty()) kelp::bench::write_json(json);
  return 0;
}
