#include "kv/kv_async.h"

#include "async/completion.h"

namespace kelp {

Task<Result<std::optional<std::string>>> KvAsync::get(std::string key) {
  // Most reads are of rows in memory: no thread hop for them.
  if (auto known = store_.try_get(key)) co_return std::move(*known);
  std::move_only_function<Result<std::optional<std::string>>()> work =
      [&store = store_, key = std::move(key)] { return store.get(key); };
  co_return co_await offload<std::optional<std::string>>(pool_, std::move(work));
}

Task<Result<void>> KvAsync::commit(KvBatch batch) {
  auto start = [&store = store_, batch = std::move(batch)](KvStore::CommitDone done) mutable {
    store.commit(std::move(batch), std::move(done));
  };
  co_return co_await await_callback<Result<void>>(std::move(start));
}

}  // namespace kelp
