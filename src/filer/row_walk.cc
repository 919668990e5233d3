#include "filer/row_walk.h"

#include <boost/asio/this_coro.hpp>
#include <memory>
#include <utility>

namespace kelp {
namespace {

constexpr std::size_t kRowsPerSlice = 20'000;
constexpr std::size_t kBytesPerSlice = 16 << 20;

/// Gives the next slice to `take`; false at the end.
Result<bool> take_slice(KvCursor& rows, const RowTaker& take) {
  std::size_t bytes = 0;
  for (std::size_t count = 0; count < kRowsPerSlice && bytes < kBytesPerSlice && rows.valid();
       ++count) {
    bytes += rows.key().size() + rows.value().size();
    KELP_CHECK(take(rows.key(), rows.value()));
    rows.next();
  }
  KELP_CHECK(rows.status());
  return rows.valid();
}

}  // namespace

Task<bool> was_cancelled() {
  const auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

Task<Result<void>> walk_rows(KvAsync& kv, KvRange range, RowTaker take) {
  std::unique_ptr<KvCursor> rows;
  for (bool more = true; more;) {
    if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "walk over rows cancelled");
    std::move_only_function<Result<bool>(KvStore&)> step = [&](KvStore& store) {
      if (rows == nullptr) {
        rows = store.cursor(range);
        rows->seek(range.begin);
      }
      return take_slice(*rows, take);
    };
    KELP_CO_TRY(more, co_await kv.read<bool>(std::move(step)));
  }
  co_return Result<void>();
}

}  // namespace kelp
