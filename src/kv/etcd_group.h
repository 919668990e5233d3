#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kv/kv_store.h"

namespace kelp {

// Commits as etcd takes them. A transaction there is a set of comparisons and a set of changes, in
// which no key may occur twice; so the writes of a batch are summed up, and of a group only those
// batches share a transaction that do not touch what an earlier one of them changes. Pure.

/// What a batch, or several, come to.
struct EtcdWrites {
  std::map<std::string, std::optional<std::string>> rows;   ///< Nothing: the row goes.
  std::map<std::string, std::int64_t> adds;                 ///< To what the engine holds.
  std::vector<std::pair<std::string, std::string>> ranges;  ///< What goes before `rows` come.
};
/// The writes of `batch`, in their order.
[[nodiscard]] EtcdWrites sum_up(const KvBatch& batch);

/// `ranges` without the keys of `rows`, which etcd would refuse beside them.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> ranges_between(
    const EtcdWrites& writes);

/// The batches that share a transaction, as they join one by one.
class EtcdGroup {
 public:
  /// `most_ops`: comparisons, or changes, of a transaction.
  explicit EtcdGroup(std::size_t most_ops) : most_ops_(most_ops) {}

  /// False, and nothing changed, when `batch` must wait for the next transaction. The first one
  /// always joins. `writes`: its sum_up().
  bool join(const KvBatch& batch, const EtcdWrites& writes);

 private:
  [[nodiscard]] bool touches(const KvBatch& batch, const EtcdWrites& writes) const;
  [[nodiscard]] bool changed(const std::string& key) const;
  [[nodiscard]] bool changed_in(const std::string& begin, const std::string& end) const;

  const std::size_t most_ops_;
  bool empty_ = true;
  std::size_t conditions_ = 0;
  std::size_t changes_ = 0;
  std::set<std::string> rows_;
  std::set<std::string> adds_;
  std::vector<std::pair<std::string, std::string>> ranges_;
};

}  // namespace kelp
