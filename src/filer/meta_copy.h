#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "filer/core/dump_format.h"
#include "kelp/result.h"
#include "kv/kv_store.h"

namespace kelp {

// The rows of a whole metadata store on their way into a dump or into another store. Everything
// here blocks.

/// Whether dumps and copies hold the row: not those that say who uses this store.
[[nodiscard]] bool is_dumped(std::string_view row_key);

/// The rows of a store at one point in time, in the order of their keys.
class MetaWalk {
 public:
  /// The point in time is now. `store` must outlive this.
  explicit MetaWalk(KvStore& store);
  [[nodiscard]] bool valid() const { return cursor_->valid(); }
  [[nodiscard]] std::string_view key() const { return cursor_->key(); }
  [[nodiscard]] std::string_view value() const { return cursor_->value(); }
  void next();
  /// Once it is not valid: whether that is the end.
  [[nodiscard]] Result<void> status() const { return cursor_->status(); }

 private:
  void skip();
  std::unique_ptr<KvCursor> cursor_;
};

/// A dump, piece by piece.
class MetaDump {
 public:
  /// The dump is of this moment. `store` must outlive it.
  MetaDump(KvStore& store, const DumpHeader& header) : rows_(store), writer_(header) {}
  /// The next bytes, 1 MiB or a row more; fewer in the last piece, which is never empty.
  [[nodiscard]] Result<std::string> next();
  /// The last piece was given.
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  MetaWalk rows_;
  DumpWriter writer_;
  bool ended_ = false;
};

/// What a store holds.
[[nodiscard]] Result<DumpTotals> sum_rows(KvStore& store);

/// Gives rows in the order of their keys, none at the end.
using RowSource = std::function<Result<std::vector<KvRow>>()>;

/// Puts all rows into `to`, which must be empty (kAlreadyExists) or hold what an earlier load left
/// half done; then reads them back: kCorruption when they are not the same. Until it is done the
/// store says that it is half loaded, and check_loaded() refuses it. Nobody else may use the store
/// meanwhile.
[[nodiscard]] Result<DumpTotals> load_rows(KvStore& to, const RowSource& rows);

/// kInvalidArgument when a load into this store broke off.
[[nodiscard]] Result<void> check_loaded(KvStore& store);

}  // namespace kelp
