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
  /// Whether rows that were just written or read are known without asking a server.
  [[nodiscard]] virtual bool is_embedded() const { return true; }
  [[nodiscard]] virtual std::size_t largest_value() const { return kMaxKvValueBytes; }
};

struct EngineKind {
  std::string name;
  std::function<std::unique_ptr<Engine>()> make;
};

/// Those that the test binary is about: embedded_engines.cc or external_engines.cc.
std::vector<EngineKind> engine_kinds();

}  // namespace kelp::test
