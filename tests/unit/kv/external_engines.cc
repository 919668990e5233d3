#include "tests/unit/kv/external_engines.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <map>

#include "kv/etcd_kv.h"
#include "kv/postgres_kv.h"
#include "kv/redis_kv.h"
#include "os/system_clock.h"
#include "tests/unit/kv/kv_support.h"

namespace kelp::test {
namespace {

std::vector<ExternalKind> all_kinds() {
  return {{.name = "postgresql",
           .start = start_postgres,
           .open = open_postgres_kv,
           .unsafe = {{"fsync=off", "power cut"},
                      {"synchronous_commit=off", "acknowledged last"},
                      {"full_page_writes=off", "tear"}}},
          {.name = "etcd",
           .start = start_etcd,
           .open = open_etcd_kv,
           .largest_value = 7 << 20,
           .unsafe = {{"--unsafe-no-fsync", "does not sync"},
                      {"--max-txn-ops=128", "too many operations"},
                      {"--max-request-bytes=1572864", "larger than max"}}},
          {.name = "redis",
           .start = start_redis,
           .open = open_redis_kv,
           .unsafe = {{"--appendonly no", "since the last save"},
                      {"--appendfsync everysec", "acknowledged last"},
                      {"--no-appendfsync-on-rewrite yes", "during a rewrite"},
                      {"--maxmemory 100mb --maxmemory-policy allkeys-lru", "dropped"},
                      {"--rename-command CONFIG nothing", "cannot be read"}},
           .with_password = "--requirepass hush"}};
}

/// A server that the tests of this process share, and a store of it that clears it.
struct Shared {
  std::unique_ptr<EngineServer> server;
  std::unique_ptr<KvStore> clearing;
};

std::map<std::string, Shared>& shared() {
  static std::map<std::string, Shared> started;
  return started;
}

/// A store on the shared server, empty at first.
class ExternalEngine final : public Engine {
 public:
  explicit ExternalEngine(const ExternalKind& kind) : kind_(kind) {
    clear(kind);
    reopen();
  }
  KvStore& store() override { return *store_; }
  void reopen() override {
    store_.reset();
    store_ = kind_.open(options_for(shared_server(kind_).url()), clock_).value();
  }
  [[nodiscard]] bool is_embedded() const override { return false; }
  [[nodiscard]] std::size_t largest_value() const override { return kind_.largest_value; }

 private:
  const ExternalKind& kind_;
  const SystemClock clock_;
  std::unique_ptr<KvStore> store_;
};

}  // namespace

const std::vector<ExternalKind>& external_kinds() {
  static const std::vector<ExternalKind> kinds = [] {
    const char* only = std::getenv("KELP_ENGINE");
    std::vector<ExternalKind> installed;
    std::signal(SIGPIPE, SIG_IGN);  // as the server does
    for (ExternalKind& kind : all_kinds()) {
      if (only != nullptr && kind.name != only) continue;
      auto server = kind.start({});
      if (server == nullptr) continue;
      shared()[kind.name].server = std::move(server);
      installed.push_back(std::move(kind));
    }
    return installed;
  }();
  return kinds;
}

EngineServer& shared_server(const ExternalKind& kind) {
  return *shared().at(kind.name).server;
}

RemoteKvOptions options_for(const std::string& url) {
  static std::atomic<std::uint64_t> writers = static_cast<std::uint64_t>(::getpid()) << 32;
  RemoteKvOptions options;
  options.url = url;
  options.writer = ++writers;
  options.patience = std::chrono::seconds(60);
  return options;
}

void clear(const ExternalKind& kind) {
  static const SystemClock clock;
  auto& store = shared().at(kind.name).clearing;
  if (store == nullptr) store = kind.open(options_for(shared_server(kind).url()), clock).value();
  const std::string end(kMaxKvKeyBytes + 1, '\xff');
  const auto cleared = commit_now(
      *store, {.conditions = {}, .writes = {KvWrite::remove_range(std::string(1, '\0'), end)}});
  if (!cleared) std::fprintf(stderr, "clear: %s\n", cleared.error().message().c_str());
}

std::vector<EngineKind> engine_kinds() {
  std::vector<EngineKind> kinds;
  for (const ExternalKind& kind : external_kinds()) {
    kinds.push_back({kind.name, [&kind] { return std::make_unique<ExternalEngine>(kind); }});
  }
  return kinds;
}

}  // namespace kelp::test
