// Random batches against a model, on every engine, with reopening.
#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "tests/unit/kv/kv_support.h"

namespace kelp::test {
namespace {

using Rows = std::map<std::string, std::string>;

/// The contract in its plainest words.
class Model {
 public:
  [[nodiscard]] bool commit(const KvBatch& batch) {
    for (const KvCondition& condition : batch.conditions) {
      if (!holds(condition)) return false;
    }
    for (const KvWrite& write : batch.writes) apply(write);
    return true;
  }
  [[nodiscard]] const Rows& rows() const { return rows_; }

 private:
  [[nodiscard]] bool holds(const KvCondition& condition) const {
    const auto row = rows_.find(condition.key);
    switch (condition.kind) {
      case KvCondition::Kind::kAbsent:
        return row == rows_.end();
      case KvCondition::Kind::kPresent:
        return row != rows_.end();
      case KvCondition::Kind::kEquals:
        return row != rows_.end() && row->second == condition.value;
      case KvCondition::Kind::kAtMost:
        return (row == rows_.end() || row->second.size() == 8) &&
               number(row == rows_.end() ? encode_counter(0) : row->second) <=
                   number(condition.value);
      case KvCondition::Kind::kEmptyRange:
        break;
    }
    for (const auto& [key, value] : rows_) {
      if (key >= condition.key && key < condition.value) return false;
    }
    return true;
  }
  static std::int64_t number(const std::string& value) { return decode_counter(value).value(); }
  void apply(const KvWrite& write) {
    switch (write.kind) {
      case KvWrite::Kind::kPut:
        rows_[write.key] = write.value;
        break;
      case KvWrite::Kind::kDelete:
        rows_.erase(write.key);
        break;
      case KvWrite::Kind::kDeleteRange:
        std::erase_if(rows_, [&](const auto& row) {
          return row.first >= write.key && row.first < write.value;
        });
        break;
      case KvWrite::Kind::kAdd: {
        std::string& value = rows_.try_emplace(write.key, encode_counter(0)).first->second;
        if (value.size() != 8) break;
        value = encode_counter(decode_counter(value).value() + write.delta);
        break;
      }
    }
  }

  Rows rows_;
};

/// Few keys, so that batches meet; a bulk one among them has its own table in RocksDB, and ranges
/// stay on one side of it.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : rng_(seed) {}

  std::string key() {
    return fmt::format("{}{}", rng_.chance(200'000) ? 'B' : 'k', rng_.below(20));
  }
  std::pair<std::string, std::string> range() {
    const char table = rng_.chance(200'000) ? 'B' : 'k';
    return {fmt::format("{}{}", table, rng_.below(20)), fmt::format("{}{}", table, rng_.below(20))};
  }
  std::string value() {
    if (rng_.chance(100'000)) return encode_counter(static_cast<std::int64_t>(rng_.below(100)));
    if (rng_.chance(100'000)) return std::string(600 + rng_.below(3000), 'L');
    return fmt::format("v{}", rng_.below(4));
  }
  KvBatch batch(const Rows& rows) {
    KvBatch batch;
    for (std::uint64_t i = rng_.below(3); i > 0; --i) batch.conditions.push_back(condition(rows));
    for (std::uint64_t i = 1 + rng_.below(5); i > 0; --i) batch.writes.push_back(write());
    return batch;
  }
  Rng& rng() { return rng_; }

 private:
  KvCondition condition(const Rows& rows) {
    std::string name = key();
    switch (rng_.below(5)) {
      case 0:
        return KvCondition::absent(std::move(name));
      case 1:
        return KvCondition::present(std::move(name));
      case 2: {
        const auto row = rows.find(name);
        std::string expected = row != rows.end() && rng_.chance(700'000) ? row->second : value();
        return KvCondition::equals(std::move(name), std::move(expected));
      }
      case 3:
        return KvCondition::at_most(std::move(name),
                                    static_cast<std::int64_t>(rng_.below(60)) - 20);
      default: {
        auto [begin, end] = range();
        return KvCondition::empty_range(std::move(begin), std::move(end));
      }
    }
  }
  KvWrite write() {
    switch (rng_.below(8)) {
      case 0:
      case 1:
        return KvWrite::remove(key());
      case 2: {
        auto [begin, end] = range();
        return KvWrite::remove_range(std::move(begin), std::move(end));
      }
      case 3:
      case 4:
        return KvWrite::add(key(), static_cast<std::int64_t>(rng_.below(20)) - 10);
      default:
        return KvWrite::put(key(), value());
    }
  }
  Rng rng_;
};

Rows everything(KvStore& store) {
  Rows rows;
  // The bulk table is a key space of its own.
  for (const KvRange& range : {KvRange{"", "B"}, KvRange{"B", "C"}, KvRange{"C", ""}}) {
    for (KvRow& row : store.scan(range, 10'000).value()) rows.insert(std::move(row));
  }
  return rows;
}

struct ModelRun {
  EngineKind kind;
  std::uint64_t seed;
};

class KvModel : public testing::TestWithParam<ModelRun> {};

std::vector<ModelRun> runs() {
  std::vector<ModelRun> all;
  for (const EngineKind& kind : engine_kinds()) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) all.push_back({kind, seed});
  }
  return all;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KvModel);
INSTANTIATE_TEST_SUITE_P(Engines, KvModel, testing::ValuesIn(runs()), [](const auto& run) {
  return fmt::format("{}Seed{}", run.param.kind.name, run.param.seed);
});

TEST_P(KvModel, BatchesOneByOneDoWhatTheModelDoes) {
  Generator generate(GetParam().seed);
  const auto engine = GetParam().kind.make();
  Model model;
  const int rounds = engine->is_embedded() ? 1500 : 400;  // A server takes milliseconds for each.
  for (int round = 0; round < rounds; ++round) {
    const KvBatch batch = generate.batch(model.rows());
    const bool expected = model.commit(batch);
    ASSERT_EQ(commit_now(engine->store(), batch).has_value(), expected) << "round " << round;
    if (round % 50 == 0) ASSERT_EQ(everything(engine->store()), model.rows()) << "round " << round;
    if (generate.rng().chance(5'000)) engine->reopen();
  }
  EXPECT_EQ(everything(engine->store()), model.rows());
}

TEST_P(KvModel, BatchesQueuedTogetherDoWhatTheModelDoesInTheirOrder) {
  Generator generate(GetParam().seed + 1000);
  const auto engine = GetParam().kind.make();
  Model model;
  const int rounds = engine->is_embedded() ? 60 : 30;
  for (int round = 0; round < rounds; ++round) {
    constexpr std::size_t kGroup = 40;
    std::vector<bool> expected;
    std::vector<std::promise<bool>> outcomes(kGroup);
    // The first holds back the engine's thread, so that the others become one group.
    std::promise<void> queued;
    for (std::size_t i = 0; i < kGroup; ++i) {
      KvBatch batch = generate.batch(model.rows());
      expected.push_back(model.commit(batch));
      const bool holds = i == 0 && GetParam().kind.name != "mem";
      engine->store().commit(std::move(batch), [&, i, holds](const Result<void>& result) {
        outcomes[i].set_value(result.has_value());
        if (holds) queued.get_future().wait();
      });
    }
    queued.set_value();
    for (std::size_t i = 0; i < kGroup; ++i) {
      ASSERT_EQ(outcomes[i].get_future().get(), expected[i]) << "round " << round << " batch " << i;
    }
    ASSERT_EQ(everything(engine->store()), model.rows()) << "round " << round;
  }
}

}  // namespace
}  // namespace kelp::test
