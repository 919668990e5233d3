#include "filer/row_sweep.h"

#include <string>
#include <utility>

#include "filer/core/keys.h"
#include "filer/core/object_commit.h"
#include "filer/core/rows.h"
#include "filer/row_walk.h"

namespace kelp {
namespace {

// Of a commit: what every engine takes, and no more than delays the commits of others.
constexpr std::size_t kRows = 200;
constexpr std::size_t kChunks = 4000;
constexpr std::size_t kBytes = 1 << 20;

/// A commit that takes some rows away, and where to go on.
struct Slice {
  KvBatch batch;
  std::uint64_t rows = 0;
  std::string next;
};

/// Adds what makes the row go with all that it names.
Result<std::size_t> take_away(std::string_view key, std::string_view value, WallTime now,
                              KvBatch& batch) {
  Layout layout;
  if (key.front() != keys::kUpload) {  // objects, versions and annotations
    KELP_TRY(ObjectEntry entry, decode_entry(value));
    layout = std::move(entry.layout);
  } else {
    KELP_TRY(const keys::UploadRowKey at, keys::parse_upload(key));
    if (at.part_number != 0) {
      KELP_TRY(PartRow part, decode_part(value));
      layout.chunks = std::move(part.chunks);
    }
  }
  drop_body(layout, now, batch);
  batch.conditions.push_back(KvCondition::equals(std::string(key), std::string(value)));
  batch.writes.push_back(KvWrite::remove(std::string(key)));
  return layout.chunks.size();
}

/// The first rows of `range` from `from` on.
Result<Slice> next_slice(KvStore& store, const KvRange& range, const std::string& from,
                         WallTime now) {
  Slice slice;
  const auto cursor = store.cursor(range);
  std::size_t chunks = 0;
  std::size_t bytes = 0;
  for (cursor->seek(from); cursor->valid(); cursor->next()) {
    if (slice.rows == kRows || chunks >= kChunks || bytes >= kBytes) break;
    KELP_TRY(const std::size_t named, take_away(cursor->key(), cursor->value(), now, slice.batch));
    chunks += named;
    bytes += cursor->value().size();
    ++slice.rows;
    slice.next = std::string(cursor->key()) + '\0';
  }
  KELP_CHECK(cursor->status());
  return slice;
}

}  // namespace

// Deleted rows slow a search that begins before them, so it never looks back but after a race.
Task<Result<std::uint64_t>> sweep_rows(KvAsync& kv, KvRange range, std::uint64_t most_rows,
                                       Clock& clock) {
  std::uint64_t gone = 0;
  for (std::string from = range.begin; gone < most_rows;) {
    if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "sweep of rows cancelled");
    std::move_only_function<Result<Slice>(KvStore&)> find = [&range, &from,
                                                             now = clock.wall()](KvStore& store) {
      return next_slice(store, range, from, now);
    };
    KELP_CO_TRY(Slice slice, co_await kv.read<Slice>(std::move(find)));
    if (slice.rows == 0 && from == range.begin) break;
    if (slice.rows == 0) {  // Once more from the front, for what a race left.
      from = range.begin;
      continue;
    }
    const Result<void> committed = co_await kv.commit(std::move(slice.batch));
    if (!committed && committed.error().code() != Errc::kPrecondition) {
      co_return committed.error();
    }
    if (!committed) continue;  // Somebody deleted one of them.
    gone += slice.rows;
    from = std::move(slice.next);
  }
  co_return gone;
}

}  // namespace kelp
