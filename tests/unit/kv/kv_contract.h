#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/kv/kv_support.h"

namespace kelp::test {

/// What the contract's tests share; one engine a test.
class KvContract : public testing::TestWithParam<EngineKind> {
 protected:
  KvStore& store() { return engine_->store(); }
  void put(std::string key, std::string value) {
    ASSERT_EQ(code_of(put_now(store(), std::move(key), std::move(value))), std::nullopt);
  }
  std::optional<Errc> commit(std::vector<KvCondition> conditions, std::vector<KvWrite> writes) {
    return code_of(
        commit_now(store(), {.conditions = std::move(conditions), .writes = std::move(writes)}));
  }
  std::vector<std::string> keys(const KvRange& range, std::size_t limit = 1000,
                                KvDirection direction = KvDirection::kForward) {
    auto rows = store().scan(range, limit, direction);
    EXPECT_TRUE(rows.has_value());
    return rows ? keys_of(*rows) : std::vector<std::string>{};
  }
  std::int64_t counter(std::string_view key) {
    return decode_counter(store().get(key).value()).value();
  }

  std::unique_ptr<Engine> engine_ = GetParam().make();
};

}  // namespace kelp::test
