#include "kv/rocks_kv.h"

#include <algorithm>

#include "kv/rocks_committer.h"
#include "kv/rocks_cursor.h"
#include "kv/rocks_files.h"
#include "kv/rocks_tables.h"
#include "kv/row_cache.h"

namespace kelp {
namespace {

class RocksKv final : public KvStore {
 public:
  RocksKv(RocksTables tables, const RocksKvOptions& options)
      : tables_(std::move(tables)),
        cache_(row_cache_bytes(options)),
        committer_(std::make_unique<RocksCommitter>(tables_, options)) {}
  ~RocksKv() override {
    committer_.reset();
    tables_.close();
  }
  RocksKv(const RocksKv&) = delete;
  RocksKv& operator=(const RocksKv&) = delete;

  Result<std::optional<std::string>> get(std::string_view key) override {
    auto known = read(key);
    if (known) return std::move(*known);
    return Error(Errc::kIo, "kv: get: RocksDB did not wait for the disk, unasked");
  }

  std::optional<Result<std::optional<std::string>>> try_get(std::string_view key) override {
    const NoWait here;
    return read(key);
  }

  Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                  KvDirection direction) override {
    std::vector<KvRow> rows;
    if (!range.end.empty() && range.begin >= range.end) return rows;
    rows.reserve(std::min<std::size_t>(limit, 1000));
    RocksCursor cursor(tables_, range);
    const bool forward = direction == KvDirection::kForward;
    forward ? cursor.seek(range.begin) : cursor.seek_last();
    while (rows.size() < limit && cursor.valid()) {
      rows.emplace_back(cursor.key(), cursor.value());
      forward ? cursor.next() : cursor.previous();
    }
    KELP_CHECK(cursor.status());
    return rows;
  }

  std::unique_ptr<KvCursor> cursor(const KvRange& range) override {
    if (RocksSpanCursor::fits(tables_, range)) {
      return std::make_unique<RocksSpanCursor>(tables_, range);
    }
    return std::make_unique<RocksCursor>(tables_, range);
  }

  void commit(KvBatch batch, CommitDone done) override {
    auto finish = [this, write = cache_.begin_write(batch),
                   tell = std::move(done)](Result<void> outcome) {
      cache_.end_write(write);
      tell(std::move(outcome));
    };
    committer_->commit(std::move(batch), std::move(finish));
  }

  [[nodiscard]] Result<void> writable() const override { return committer_->writable(); }
  [[nodiscard]] Stats stats() const override { return committer_->stats(); }

 private:
  /// Nothing when that takes a wait and there is a NoWait.
  std::optional<Result<std::optional<std::string>>> read(std::string_view key) {
    RowCache::Found known = cache_.find(key);
    if (known.value) return std::move(known.value);
    std::string value;
    const rocksdb::Status status = tables_.db->Get(how_, tables_.of(key), to_slice(key), &value);
    if (status.IsIncomplete()) return std::nullopt;
    if (status.IsNotFound()) return std::optional<std::string>();
    if (!status.ok()) return to_error(status, "get");
    cache_.insert(known.ticket, key, value);
    return std::optional<std::string>(std::move(value));
  }

  RocksTables tables_;
  const rocksdb::ReadOptions how_;
  RowCache cache_;
  std::unique_ptr<RocksCommitter> committer_;
};

}  // namespace

Result<std::unique_ptr<KvStore>> open_rocks_kv(RocksKvOptions options) {
  KELP_TRY(RocksTables tables, open_rocks_tables(options));
  return std::unique_ptr<KvStore>(std::make_unique<RocksKv>(std::move(tables), options));
}

}  // namespace kelp
