#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "filer/core/dump_format.h"
#include "filer/core/journal_log.h"
#include "kelp/result.h"
#include "kv/kv_store.h"

namespace kelp {

// The rows of a whole metadata store on their way into a dump or into another store. Everything
// here blocks.

/// The rows of a store at one point in time, in the order of their keys.
class MetaWalk {
 public:
  /// The point in time is now. `store` must outlive this.
  explicit MetaWalk(KvStore& store);
  [[nodiscard]] bool valid() const { return cursor_->valid(); }
  [[nodiscard]] std::string_view key() const { return cursor_->key(); }
  [[nodiscard]] std::string_view value() const { return cursor_->value(); }
  void next();
  /// The point in time. Before the first row is looked at.
  [[nodiscard]] Result<JournalPosition> position();
  /// Once it is not valid: whether that is the end.
  [[nodiscard]] Result<void> status() const { return cursor_->status(); }

 private:
  void skip();
  std::unique_ptr<KvCursor> cursor_;
};

/// A dump or an increment, piece by piece.
class DumpSource {
 public:
  virtual ~DumpSource() = default;
  /// When it was made, by a clock that is read once it is. Before next().
  void set_taken(WallTime taken) { header_.taken = taken; }
  /// The next bytes, 1 MiB or a row more; fewer in the last piece, which is never empty.
  [[nodiscard]] Result<std::string> next();
  /// The last piece was given.
  [[nodiscard]] bool ended() const { return ended_; }

 protected:
  explicit DumpSource(DumpHeader header) : header_(std::move(header)) {}
  /// Fills in where what follows stands in time.
  virtual Result<void> begin(DumpHeader& header) = 0;
  /// Gives `writer` a row or some; false: there are no more.
  virtual Result<bool> add_some(DumpWriter& writer) = 0;

 private:
  DumpHeader header_;
  std::optional<DumpWriter> writer_;
  bool ended_ = false;
};

/// A dump of all rows.
class MetaDump final : public DumpSource {
 public:
  /// The dump is of this moment. `store` must outlive it. `header`: its position is filled in.
  MetaDump(KvStore& store, DumpHeader header) : DumpSource(std::move(header)), rows_(store) {}

 private:
  Result<void> begin(DumpHeader& header) override;
  Result<bool> add_some(DumpWriter& writer) override;

  MetaWalk rows_;
};

/// An increment: what the journal holds between a dump, or an increment, and this moment.
class MetaIncrement final : public DumpSource {
 public:
  /// `store` must outlive it. `header`: its positions are filled in. Errors of JournalWalk::open()
  /// come with the first piece.
  MetaIncrement(KvStore& store, DumpHeader header, JournalPosition since)
      : DumpSource(std::move(header)), store_(store), since_(std::move(since)) {}

 private:
  Result<void> begin(DumpHeader& header) override;
  Result<bool> add_some(DumpWriter& writer) override;

  KvStore& store_;
  JournalPosition since_;
  std::optional<JournalWalk> records_;
  std::uint64_t rows_ = 0;
};

/// What a store holds.
[[nodiscard]] Result<DumpTotals> sum_rows(KvStore& store);

/// Gives rows in the order of their keys, none at the end.
using RowSource = std::function<Result<std::vector<KvRow>>()>;
/// Gives what happened to the rows then, in its order; nothing at the end.
using ChangeSource = std::function<Result<std::optional<JournalChange>>()>;

/// Puts all rows into `to`, which must be empty (kAlreadyExists) or hold what an earlier load left
/// half done; reads them back: kCorruption when they are not the same; then makes the changes.
/// Until it is done the store says that it is half loaded, and check_loaded() refuses it. Nobody
/// else may use the store meanwhile. What the store holds in the end.
[[nodiscard]] Result<DumpTotals> load_rows(KvStore& to, const RowSource& rows,
                                           const ChangeSource& changes = nullptr);

/// kInvalidArgument when a load into this store broke off.
[[nodiscard]] Result<void> check_loaded(KvStore& store);

}  // namespace kelp
