// Three filers on one engine against one filer: conditional puts a second, as long as the filers
// are what limits. Each filer is a process with a share of a core (a cgroup), small enough that
// three of them and the engine fit on the machine: the ratio is what filers of their own machines
// would have, until the engine is busy; its share is printed.
//
// KELP_BENCH_ENGINE: postgresql (the default), etcd or redis; --rounds N (5), --share PERCENT of a
// core (10),
// --json FILE. Needs root and the cpu controller of cgroup v1 or v2; ends with 77 without.

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "async/runtime.h"
#include "async/task_group.h"
#include "base/log.h"
#include "bench/bars.h"
#include "bench/engines.h"
#include "filer/filer_service.h"
#include "os/system_clock.h"

namespace kelp {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr const char* kBucket = "bench";
constexpr int kCallsAtOnce = 16;
constexpr std::chrono::seconds kRound{4};
constexpr int kPeriodMicros = 50'000;

std::string engine_name() {
  const char* const name = std::getenv("KELP_BENCH_ENGINE");
  return name == nullptr ? "postgresql" : name;
}

void must(const auto& result, const char* what) {
  if (result.has_value()) return;
  fmt::print(stderr, "filers_bench: {}: {}\n", what, result.error().message());
  std::abort();
}

/// A group whose processes share a part of a core.
class CpuGroup {
 public:
  CpuGroup(int number, int percent) {
    const bool second = fs::exists("/sys/fs/cgroup/cgroup.controllers");
    const fs::path root = second ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
    folder_ = root / fmt::format("kelp-bench-{}-{}", getpid(), number);
    std::error_code error;
    const int quota = kPeriodMicros * percent / 100;
    if (fs::create_directory(folder_, error)) {
      made_ = second ? write("cpu.max", fmt::format("{} {}", quota, kPeriodMicros))
                     : write("cpu.cfs_period_us", std::to_string(kPeriodMicros)) &&
                           write("cpu.cfs_quota_us", std::to_string(quota));
    }
  }
  ~CpuGroup() {
    std::error_code error;
    fs::remove(folder_, error);
  }
  CpuGroup(const CpuGroup&) = delete;
  CpuGroup& operator=(const CpuGroup&) = delete;

  [[nodiscard]] bool made() const { return made_; }
  void join() const {
    if (!write("cgroup.procs", std::to_string(getpid()))) std::abort();
  }

 private:
  [[nodiscard]] bool write(const char* name, const std::string& text) const {
    std::ofstream file(folder_ / name);
    file << text << std::flush;
    return file.good();
  }
  fs::path folder_;
  bool made_ = false;
};

/// A filer of its own on the engine at `url`.
struct Filer {
  Filer(const std::string& url, std::uint8_t number)
      : store(bench::open_engine(engine_name(), url,
                                 static_cast<std::uint64_t>(getpid()) << 8 | number, clock)),
        service(*store, *pool, clock, options(number)) {}

  static FilerOptions options(std::uint8_t number) {
    FilerOptions options;
    options.counter_shard = number;
    options.event_stream = number + 1U;
    return options;
  }

  SystemClock clock;
  Runtime runtime{1};
  std::unique_ptr<WorkPool> pool = make_thread_pool({.threads = kCallsAtOnce});
  std::unique_ptr<KvStore> store;
  FilerService service;
};

Task<void> make_bucket(Filer& filer) {
  BucketEntry bucket;
  bucket.name = kBucket;
  bucket.owner_id = std::string(64, 'a');
  must(co_await filer.service.create_bucket(bucket), "the bucket");
}

Task<void> put_until(Filer& filer, std::string prefix, MonoTime end, std::uint64_t& done) {
  for (int i = 0; filer.clock.mono() < end; ++i) {
    PutObject put;
    put.bucket = kBucket;
    put.key = fmt::format("{}/{:08}", prefix, i);
    put.entry.size_bytes = 1024;
    put.entry.etag = std::string(16, 'e');
    put.entry.owner_id = std::string(64, 'a');
    put.inline_body = std::string(1024, 'x');
    put.conditions.if_none_match_any = true;
    must(co_await filer.service.put_object(std::move(put)), "a put");
    ++done;
  }
}
Task<void> put_for(Filer& filer, std::string prefix, std::chrono::nanoseconds span,
                   std::uint64_t& done) {
  const MonoTime end = filer.clock.mono() + span;
  TaskGroup group(filer.runtime.executor(0));
  for (int i = 0; i < kCallsAtOnce; ++i) {
    group.spawn(put_until(filer, fmt::format("{}-{}", prefix, i), end, done));
  }
  co_await group.join();
}

/// As a process of its own: says when it is ready, waits for the word, and tells what it did.
struct Report {
  std::uint64_t puts = 0;
  double cpu_seconds = 0;
};
[[noreturn]] void be_filer(const std::string& url, std::uint8_t number, int round,
                           const CpuGroup& group, int from_parent, int to_parent) {
  Filer filer(url, number);
  std::uint64_t warm = 0;
  const std::string prefix = fmt::format("{}-{}", round, number);
  filer.runtime.run(put_for(filer, "warm-" + prefix, milliseconds(200), warm));
  group.join();
  char byte = 0;
  if (::write(to_parent, &byte, 1) != 1 || ::read(from_parent, &byte, 1) != 1) std::abort();
  Report report;
  const double before = bench::cpu_seconds();
  filer.runtime.run(put_for(filer, prefix, kRound, report.puts));
  report.cpu_seconds = bench::cpu_seconds() - before;
  if (::write(to_parent, &report, sizeof report) != sizeof report) std::abort();
  std::_Exit(0);
}

struct Child {
  pid_t pid = -1;
  int to = -1;
  int from = -1;
};

Child spawn(const std::string& url, std::uint8_t number, int round, const CpuGroup& group) {
  int down[2];
  int up[2];
  if (pipe(down) != 0 || pipe(up) != 0) std::abort();
  const pid_t pid = fork();
  if (pid == 0) {
    close(down[1]);
    close(up[0]);
    be_filer(url, number, round, group, down[0], up[1]);
  }
  close(down[0]);
  close(up[1]);
  return {pid, down[1], up[0]};
}

/// What `filers` did in a round, all at once.
struct Round {
  Report all;
  double engine_cores = 0;
};
Round play(const test::EngineServer& engine, int filers, int round,
           const std::vector<std::unique_ptr<CpuGroup>>& groups) {
  std::vector<Child> children;
  for (int i = 0; i < filers; ++i) {
    const auto number = static_cast<std::uint8_t>(i);
    children.push_back(spawn(engine.url(), number, 10 * round + filers, *groups[number]));
  }
  char byte = 0;
  for (const Child& child : children) {
    if (read(child.from, &byte, 1) != 1) std::abort();
  }
  const double before = engine.cpu_seconds();
  for (const Child& child : children) {
    if (write(child.to, &byte, 1) != 1) std::abort();
  }
  Round done;
  for (const Child& child : children) {
    Report report;
    if (read(child.from, &report, sizeof report) != sizeof report) std::abort();
    done.all.puts += report.puts;
    done.all.cpu_seconds += report.cpu_seconds;
    close(child.from);
    close(child.to);
    waitpid(child.pid, nullptr, 0);
  }
  done.engine_cores =
      (engine.cpu_seconds() - before) / std::chrono::duration<double>(kRound).count();
  return done;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int run(int rounds, int percent) {
  std::vector<std::unique_ptr<CpuGroup>> groups;
  for (int i = 0; i < 3; ++i) groups.push_back(std::make_unique<CpuGroup>(i, percent));
  if (!std::ranges::all_of(groups, &CpuGroup::made,
                           [](const auto& p) -> const CpuGroup& { return *p; })) {
    fmt::print(stderr, "SKIPPED: no cgroup for a share of a core\n");
    return 77;
  }
  const auto engine = bench::start_engine(engine_name());
  {
    // In a process of its own, as no thread may be there when the others are forked.
    const pid_t pid = fork();
    if (pid == 0) {
      Filer filer(engine->url(), 0);
      filer.runtime.run(make_bucket(filer));
      std::_Exit(0);
    }
    int status = 0;
    if (waitpid(pid, &status, 0) != pid || status != 0) std::abort();
  }
  std::vector<double> one, three, micros, ratios, engine_one, engine_three;
  for (int round = 0; round < rounds; ++round) {
    const Round alone = play(*engine, 1, round, groups);
    const Round together = play(*engine, 3, round, groups);
    const double seconds = std::chrono::duration<double>(kRound).count();
    one.push_back(static_cast<double>(alone.all.puts) / seconds);
    three.push_back(static_cast<double>(together.all.puts) / seconds);
    ratios.push_back(three.back() / one.back());
    micros.push_back(alone.all.cpu_seconds * 1e6 / static_cast<double>(alone.all.puts));
    engine_one.push_back(alone.engine_cores);
    engine_three.push_back(together.engine_cores);
  }
  fmt::print("{}, filers with {} % of a core each, puts of 1 KiB under If-None-Match: *\n",
             engine_name(), percent);
  bench::report({"one filer", median(one), "puts/s"});
  bench::report({"three filers", median(three), "puts/s"});
  bench::report({"three against one", median(ratios), "x", 2.2, true});
  bench::report({"CPU of the filer, a put", median(micros), "us", 100});
  bench::report({"the engine beside one", median(engine_one), "cores"});
  bench::report({"the engine beside three", median(engine_three), "cores"});
  return 0;
}

}  // namespace
}  // namespace kelp

int main(int argc, char** argv) {
  int rounds = 5;
  int percent = 10;
  std::string json;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--rounds") rounds = std::atoi(argv[i + 1]);
    if (flag == "--share") percent = std::atoi(argv[i + 1]);
    if (flag == "--json") json = argv[i + 1];
  }
  if (rounds < 1 || percent < 2 || percent > 100) {
    fmt::print(stderr, "filers_bench: --rounds from 1, --share 2 to 100\n");
    return 2;
  }
  (void)kelp::set_log_level("error");
  const int code = kelp::run(rounds, percent);
  if (code == 0 && !json.empty()) kelp::bench::write_json(json);
  return code;
}
