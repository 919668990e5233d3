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
  /// `tables` must outlive it.
  RocksCursor(const RocksTables& tables, KvRange range);

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
};

}  // namespace kelp
