// What lifecycle rules cost a filer on RocksDB with very many objects: a pass in which nothing is
// due, by the kind of rules and of buckets, and one in which all is. Prints a table with the bar of
// each figure; --json FILE writes the same.
//
// --objects N (10,000,000). CPU is that of the whole process, compactions within. Commits are not
// synced.

#include <fmt/format.h>

#include <cstdlib>
#include <future>

#include "async/runtime.h"
#include "async/timers.h"
#include "base/log.h"
#include "base/rng.h"
#include "bench/bars.h"
#include "filer/core/keys.h"
#include "filer/lifecycle_runner.h"
#include "kv/rocks_kv.h"
#include "os/system_clock.h"
#include "tests/support/temp_dir.h"

namespace kelp {
namespace {

using bench::report;

constexpr const char* kBucket = "bench";
constexpr std::uint64_t kRowsPerCommit = 5000;
constexpr std::uint64_t kDue = 200'000;

void must(const auto& result, const char* what) {
  if (result.has_value()) return;
  fmt::print(stderr, "lifecycle_bench: {}: {}\n", what, result.error().message());
  std::abort();
}

/// A filer over a store of its own, with a bucket.
struct Filer {
  explicit Filer(bool versions) {
    RocksKvOptions options;
    options.path = dir.path() + "/kv";
    options.sync = false;
    options.bulk_prefix = kBulkPrefix;
    options.cache_bytes = 64ULL << 20;
    auto opened = open_rocks_kv(options);
    must(opened, "the store");
    store = *std::move(opened);
    service = std::make_unique<FilerService>(*store, *pool, clock);
    runtime.run(make_bucket(versions));
  }
  Task<void> make_bucket(bool versions) {
    BucketEntry wanted;
    wanted.name = kBucket;
    wanted.owner_id = std::string(64, 'a');
    if (versions) wanted.versioning = Versioning::kEnabled;
    const auto made = co_await service->create_bucket(wanted);
    must(made, "the bucket");
    bucket = *made;
  }
  Task<void> set_rules(std::string rules) {
    must(co_await service->set_bucket_setting({kBucket, "lifecycle", std::move(rules)}), "rules");
  }
  void commit(KvBatch batch) {
    std::promise<Result<void>> done;
    auto outcome = done.get_future();
    store->commit(std::move(batch), [&done](Result<void> result) { done.set_value(result); });
    must(outcome.get(), "a commit");
  }

  const test::TempDir dir;
  SystemClock clock;
  Runtime runtime{1};
  std::unique_ptr<Timers> timers = make_asio_timers();
  std::unique_ptr<WorkPool> pool = make_thread_pool({.threads = 2});
  std::unique_ptr<KvStore> store;
  std::unique_ptr<FilerService> service;
  BucketEntry bucket;
};

ObjectEntry entry_of(std::uint64_t number, WallTime modified, bool versions) {
  Rng rng(number);
  ObjectEntry entry;
  entry.version = number + 1;
  entry.modified = modified;
  entry.size_bytes = 1 << 20;
  entry.etag.resize(16);
  for (char& c : entry.etag) c = static_cast<char>(rng.below(256));
  entry.has_id = versions;
  entry.headers.content_type = "binary/octet-stream";
  entry.headers.tags = {{"kind", "photo"}};
  const FileId fid{VolumeId{static_cast<std::uint32_t>(number >> 17) + 1}, NeedleKey{number + 1},
                   Cookie{static_cast<std::uint32_t>(rng.next())}};
  entry.layout.chunks.push_back({.fid = fid, .size_bytes = 1 << 20});
  return entry;
}

/// Objects; in a bucket with versions every other row is an older version.
void fill(Filer& filer, std::uint64_t rows, WallTime modified) {
  const bool versions = filer.bucket.versioning == Versioning::kEnabled;
  for (std::uint64_t from = 0; from < rows; from += kRowsPerCommit) {
    KvBatch batch;
    for (std::uint64_t i = from; i < std::min(rows, from + kRowsPerCommit); ++i) {
      const std::string key =
          fmt::format("folder-{:03}/object-{:09}", i * 100 / rows, versions ? i / 2 * 2 + 1 : i);
      const bool older = versions && i % 2 == 0;
      std::string row =
          older ? keys::version(filer.bucket.id, key, i + 1) : keys::object(filer.bucket.id, key);
      batch.writes.push_back(
          KvWrite::put(std::move(row), encode_entry(entry_of(i, modified, versions))));
    }
    filer.commit(std::move(batch));
  }
}

std::string rule(const std::string& filter, const std::string& action) {
  return "<Rule><ID>r</ID><Filter>" + filter + "</Filter><Status>Enabled</Status>" + action +
         "</Rule>";
}

const std::string kNever = "<Expiration><Days>3000</Days></Expiration>";
const std::string kNow = "<Expiration><Days>1</Days></Expiration>";
const std::string kOlder =
    "<NoncurrentVersionExpiration><NoncurrentDays>3000</NoncurrentDays>"
    "</NoncurrentVersionExpiration>";

/// A pass over `rows` rows, read page by page as the runner does, without its pauses.
void bench_scan(Filer& filer, const std::string& name, std::uint64_t rows, double bar) {
  const MonoTime began = filer.clock.mono();
  const double cpu = bench::cpu_seconds();
  LifecycleRow place{.under_way = true};
  std::uint64_t read = 0;
  for (;;) {
    auto found = find_rules(*filer.store, place.bucket, 1000);
    must(found, "rules");
    if (!found->found) break;
    auto page = find_doomed(*filer.store, *found->found, place, {{}, filer.clock.wall()}, {});
    must(page, "a page");
    if (!page->doomed.empty()) std::abort();
    read += page->rows;
    place = std::move(page->next);
  }
  if (read != rows) std::abort();
  const auto count = static_cast<double>(rows);
  const double seconds = std::chrono::duration<double>(filer.clock.mono() - began).count();
  report({name + ", CPU", (bench::cpu_seconds() - cpu) * 1e6 / count, "us/row", bar});
  report({name + ", speed", count / seconds, "rows/s"});
}

Task<void> pass(LifecycleRunner& runner) {
  const auto over = co_await runner.go_on(SIZE_MAX);
  must(over, "a pass");
}

/// All is due, and goes.
void bench_expire() {
  Filer filer(false);
  fill(filer, kDue, filer.clock.wall() - std::chrono::days(10));
  filer.runtime.run(filer.set_rules(rule("", kNow)));
  Metrics metrics;
  LifecycleRunner runner(
      {*filer.service, *filer.store, *filer.pool, filer.clock, *filer.timers, metrics});
  const MonoTime began = filer.clock.mono();
  const double cpu = bench::cpu_seconds();
  filer.runtime.run(pass(runner));
  const double seconds = std::chrono::duration<double>(filer.clock.mono() - began).count();
  if (metrics.counter("kelp_filer_lifecycle_expired_total", "").Value() != kDue) std::abort();
  report({"expiration, CPU", (bench::cpu_seconds() - cpu) * 1e6 / kDue, "us/object", 60});
  report({"expiration, speed with the pauses", kDue / seconds, "objects/s"});
}

void bench_scans(std::uint64_t objects) {
  {
    Filer filer(false);
    fill(filer, objects, filer.clock.wall());
    filer.runtime.run(filer.set_rules(rule("", kNever)));
    bench_scan(filer, fmt::format("{} objects, rule for all", objects), objects, 2);
    filer.runtime.run(
        filer.set_rules(rule("<Tag><Key>kind</Key><Value>temp</Value></Tag>", kNever)));
    bench_scan(filer, "rule for a tag", objects, 4);
    filer.runtime.run(filer.set_rules(rule("<Prefix>folder-042/</Prefix>", kNever)));
    bench_scan(filer, "rule for a hundredth, by its prefix", objects / 100, 2);
  }
  Filer filer(true);
  fill(filer, objects, filer.clock.wall());
  filer.runtime.run(filer.set_rules(rule("", kNever + kOlder)));
  bench_scan(filer, "as many rows, every other an older version", objects, 3);
  report({"memory after all that", bench::resident_mib(), "MiB", 256});
}

}  // namespace
}  // namespace kelp

int main(int argc, char** argv) {
  std::uint64_t objects = 10'000'000;
  std::string json;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--objects") objects = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--json") json = argv[i + 1];
  }
  if (objects < 10'000 || objects % 100 != 0) {
    fmt::print(stderr, "lifecycle_bench: at least 10,000 objects, in hundreds\n");
    return 2;
  }
  (void)kelp::set_log_level("error");
  kelp::bench_expire();
  kelp::bench_scans(objects);
  if (!json.empty()) kelp::bench::write_json(json);
  return 0;
}
