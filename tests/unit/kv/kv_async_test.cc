#include "kv/kv_async.h"

#include <gtest/gtest.h>

#include "tests/support/forwarding_kv.h"
#include "tests/support/run_coro.h"
#include "tests/unit/kv/kv_support.h"

namespace kelp::test {
namespace {

/// Runs nothing and says that it is full.
class FullPool final : public WorkPool {
 public:
  bool try_post(Work) override { return false; }
};

Task<Result<std::string>> put_and_get(KvAsync& kv) {
  KvBatch batch;
  batch.writes.push_back(KvWrite::put("a", "1"));
  KELP_CO_CHECK(co_await kv.commit(std::move(batch)));
  KELP_CO_TRY(const std::optional<std::string> value, co_await kv.get("a"));
  co_return value.value_or("(none)");
}

Task<Result<void>> commit_absent_twice(KvAsync& kv) {
  for (int i = 0; i < 2; ++i) {
    KvBatch batch;
    batch.conditions.push_back(KvCondition::absent("once"));
    batch.writes.push_back(KvWrite::put("once", "1"));
    KELP_CO_CHECK(co_await kv.commit(std::move(batch)));
  }
  co_return Result<void>();
}

Task<Result<std::size_t>> count_rows(KvAsync& kv) {
  std::move_only_function<Result<std::size_t>(KvStore&)> count =
      [](KvStore& store) -> Result<std::size_t> {
    KELP_TRY(const std::vector<KvRow> rows, store.scan({}, 10));
    return rows.size();
  };
  co_return co_await kv.read<std::size_t>(std::move(count));
}

TEST(KvAsync, CommitsAndReadsThroughEveryEngine) {
  const auto pool = make_thread_pool({.threads = 1});
  for (const EngineKind& kind : engine_kinds()) {
    const auto engine = kind.make();
    KvAsync kv(engine->store(), *pool);
    EXPECT_EQ(run_coro(put_and_get(kv)).value(), "1") << kind.name;
    EXPECT_EQ(run_coro(count_rows(kv)).value(), 1U) << kind.name;
    EXPECT_EQ(code_of(run_coro(commit_absent_twice(kv))), Errc::kPrecondition) << kind.name;
  }
}

TEST(KvAsync, ReadsOfRowsInMemoryNeedNoPool) {
  FullPool full;
  const auto store = make_mem_kv();
  KvAsync kv(*store, full);
  EXPECT_EQ(run_coro(put_and_get(kv)).value(), "1");
}

TEST(KvAsync, OtherReadsGoThroughThePoolAndFailWhenItIsFull) {
  test::ColdKv cold(make_mem_kv());
  const auto pool = make_thread_pool({.threads = 1});
  KvAsync kv(cold, *pool);
  EXPECT_EQ(run_coro(put_and_get(kv)).value(), "1");
  FullPool full;
  KvAsync refused(cold, full);
  EXPECT_EQ(code_of(run_coro(put_and_get(refused))), Errc::kResourceExhausted);
}

}  // namespace
}  // namespace kelp::test
