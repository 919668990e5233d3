#pragma once

#include <rocksdb/iterator.h>

#include <memory>
#include <string_view>
#include <vector>

#include "kv/kv_store.h"
#include "kv/rocks_tables.h"

namespace kelp {

/// KvCursor over a RocksDB iterator, which sees the moment when it was made. Moves both ways, for
/// scans.
class RocksCursor final : public KvCursor {
 public:
  /// `tables` must outlive it. With a snapshot it sees that moment, and leaves the cache of blocks
  /// to others.
  RocksCursor(const RocksTables& tables, KvRange range,
              const rocksdb::Snapshot* snapshot = nullptr);

  void seek(std::string_view key) override;
  void next() override { iterator_->Next(); }
  void seek_last() { iterator_->SeekToLast(); }
  void previous() { iterator_->Prev(); }
  [[nodiscard]] bool valid() const override { return iterator_->Valid(); }
  [[nodiscard]] std::string_view key() const override { return to_view(iterator_->key()); }
  [[nodiscard]] std::string_view value() const override { return to_view(iterator_->value()); }
  [[nodiscard]] Result<void> status() const override;

 private:
  KvRange range_;
  rocksdb::Slice lower_;  // The iterator keeps pointers to these two.
  rocksdb::Slice upper_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  int seeks_without_step_ = 0;  ///< How many more, since a step was in vain.
};

/// A cursor over bulk rows and others together, of one point in time. Forward.
class RocksSpanCursor final : public KvCursor {
 public:
  /// Whether a range needs it.
  [[nodiscard]] static bool fits(const RocksTables& tables, const KvRange& range);
  /// `tables` must outlive it.
  RocksSpanCursor(const RocksTables& tables, const KvRange& range);
  ~RocksSpanCursor() override;
  RocksSpanCursor(const RocksSpanCursor&) = delete;
  RocksSpanCursor& operator=(const RocksSpanCursor&) = delete;

  void seek(std::string_view key) override;
  void next() override;
  [[nodiscard]] bool valid() const override { return parts_[at_].rows->valid(); }
  [[nodiscard]] std::string_view key() const override { return parts_[at_].rows->key(); }
  [[nodiscard]] std::string_view value() const override { return parts_[at_].rows->value(); }
  [[nodiscard]] Result<void> status() const override { return parts_[at_].rows->status(); }

 private:
  struct Part {
    KvRange range;
    std::unique_ptr<RocksCursor> rows;
  };
  void skip_ended();

  const RocksTables& tables_;
  const rocksdb::Snapshot* const snapshot_;
  std::vector<Part> parts_;  ///< Behind one another, at least one.
  std::size_t at_ = 0;
};

}  // namespace kelp
