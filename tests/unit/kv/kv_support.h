#pragma once

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kv/kv_store.h"
#include "kv/mem_kv.h"
#include "kv/rocks_kv.h"
#include "tests/support/temp_dir.h"

namespace kelp::test {

/// Commits and waits for the outcome.
inline Result<void> commit_now(KvStore& store, KvBatch batch) {
  // Shared: the store's thread may still be inside set_value() when we have the value.
  const auto outcome = std::make_shared<std::promise<Result<void>>>();
  store.commit(std::move(batch),
               [outcome](Result<void> result) { outcome->set_value(std::move(result)); });
  return outcome->get_future().get();
}

inline Result<void> put_now(KvStore& store, std::string key, std::string value) {
  return commit_now(store,
                    {.conditions = {}, .writes = {KvWrite::put(std::move(key), std::move(value))}});
}

/// The code of a failure; nothing for success.
template <typename T>
std::optional<Errc> code_of(const Result<T>& result) {
  if (result.has_value()) return std::nullopt;
  return result.error().code();
}

/// The value of `key`, "(none)" or "(failed)".
inline std::string value_of(KvStore& store, std::string_view key) {
  auto value = store.get(key);
  if (!value.has_value()) return "(failed)";
  return value->value_or("(none)");
}

inline std::vector<std::string> keys_of(const std::vector<KvRow>& rows) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : rows) keys.push_back(key);
  return keys;
}

/// An engine that the contract runs against.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual KvStore& store() = 0;
  /// Closes and opens again, where the engine keeps anything.
  virtual void reopen() {}
};

class MemEngine final : public Engine {
 public:
  KvStore& store() override { return *store_; }

 private:
  std::unique_ptr<KvStore> store_ = make_mem_kv();
};

/// Rows that begin with 'B' are bulk, so that the contract covers both column families.
class RocksEngine final : public Engine {
 public:
  RocksEngine() { reopen(); }
  KvStore& store() override { return *store_; }
  void reopen() override {
    store_.reset();
    store_ = open_rocks_kv(options()).value();
  }
  [[nodiscard]] RocksKvOptions options() const {
    return {.path = dir_.path() + "/kv", .sync = false, .bulk_prefix = 'B'};
  }

 private:
  TempDir dir_;
  std::unique_ptr<KvStore> store_;
};

struct EngineKind {
  std::string name;
  std::function<std::unique_ptr<Engine>()> make;
};

inline std::vector<EngineKind> engine_kinds() {
  return {{"mem", [] { return std::make_unique<MemEngine>(); }},
          {"rocks", [] { return std::make_unique<RocksEngine>(); }}};
}

}  // namespace kelp::test
