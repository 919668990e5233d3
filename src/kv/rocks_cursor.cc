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

void RocksCursor::seek(std::string_view key) {
  iterator_->Seek(to_slice(std::max<std::string_view>(key, range_.begin)));
}

Result<void> RocksCursor::status() const {
  const rocksdb::Status status = iterator_->status();
  if (status.ok()) return {};
  return to_error(status, "scan");
}

}  // namespace kelp
