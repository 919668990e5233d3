#pragma once

#include <map>
#include <optional>
#include <string>

#include "kelp/result.h"
#include "kv/kv_store.h"

namespace kelp {

/// Reads rows and gathers writes for one commit, which has the condition that every row is still as
/// it was read. Reads see the writes before them. Not thread-safe.
class RowPlan {
 public:
  /// `store` must outlive this. `may_wait`: else what is not in memory is not read: gave_up().
  RowPlan(KvStore& store, bool may_wait) : store_(store), may_wait_(may_wait) {}

  /// The row `key`, or nothing. Errors as KvStore::get().
  Result<std::optional<std::string>> get(const std::string& key);

  /// Whether first() also requires that the store has no row of the range before the one it found.
  enum class Before : bool { kAny, kNothing };
  /// The first row of `range`, whose end is not empty; each range that is asked for begins
  /// elsewhere or ends the same. Errors as KvStore::scan().
  Result<std::optional<KvRow>> first(const KvRange& range, Before before);

  void put(std::string key, std::string value);
  void remove(std::string key);
  /// Conditions and writes besides, which reads do not see.
  KvBatch& rest() { return rest_; }

  /// A row was not in memory; whatever came out means nothing.
  [[nodiscard]] bool gave_up() const { return gave_up_; }
  /// All of it; the plan is over.
  [[nodiscard]] KvBatch take();

 private:
  using Rows = std::map<std::string, std::optional<std::string>, std::less<>>;

  Error give_up();
  /// Passes by the rows of the store that the plan removed, from `from` on, which it moves.
  Result<std::optional<KvRow>> first_stored(std::string& from, const std::string& end);

  KvStore& store_;
  const bool may_wait_;
  bool gave_up_ = false;
  Rows read_;                                               ///< As they are in the store.
  Rows written_;                                            ///< As they will be.
  std::map<std::string, std::string, std::less<>> passed_;  ///< Where first() goes on, by begin.
  KvBatch rest_;
};

}  // namespace kelp
