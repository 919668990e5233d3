#include "kv/rocks_cursor.h"

#include <algorithm>

namespace kelp {

RocksCursor::RocksCursor(const RocksTables& tables, KvRange range)
    : range_(std::move(range)), lower_(range_.begin), upper_(range_.end) {
  rocksdb::ReadOptions options;
  if (!range_.begin.empty()) options.iterate_lower_bound = &lower_;
  if (!range_.end.empty()) options.iterate_upper_bound = &upper_;
  iterator_.reset(tables.db->NewIterator(options, tables.of(range_.begin)));
}

// A seek costs as much as ten steps, and a listing often skips no more than the row it is at.
void RocksCursor::seek(std::string_view key) {
  key = std::max<std::string_view>(key, range_.begin);
  if (iterator_->Valid() && to_view(iterator_->key()) < key) {
    iterator_->Next();
    if (!iterator_->Valid() || to_view(iterator_->key()) >= key) return;
  }
  iterator_->Seek(to_slice(key));
}

Result<void> RocksCursor::status() const {
  const rocksdb::Status status = iterator_->status();
  if (status.ok()) return {};
  return to_error(status, "scan");
}

}  // namespace kelp
