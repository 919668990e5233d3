#pragma once

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kelp/result.h"
#include "kv/etcd_group.h"
#include "kv/kv_store.h"

namespace kelp::etcd {

// What is asked of etcd's JSON gateway (api reference of etcd 3.4: KV.Range, KV.Txn) and what it
// answers. Keys and values travel as base64. Pure.

inline constexpr std::string_view kRowPrefix = "kelp/r/";

/// Where etcd keeps row `key`.
[[nodiscard]] std::string row_key(std::string_view key);
/// The end of a range of rows; empty: behind all of them.
[[nodiscard]] std::string row_end(std::string_view end);

/// `"name":"bytes in base64"`.
[[nodiscard]] std::string field(std::string_view name, std::string_view bytes);

/// A JSON array of objects, element by element.
class List {
 public:
  /// An object with these members.
  template <typename... Words>
  void add(fmt::format_string<Words...> format, Words&&... words) {
    if (!text_.empty()) text_ += ',';
    text_ += '{';
    fmt::format_to(std::back_inserter(text_), format, std::forward<Words>(words)...);
    text_ += '}';
  }
  /// Without the brackets.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// A transaction: `success` is done when all of `compare` holds, `failure` when not.
[[nodiscard]] std::string transaction(const List& compare, const List& success,
                                      const List& failure);

/// Adds: `key` has `value`, or is not there.
void compare_value(List& compare, const std::string& key, const std::optional<std::string>& value);
/// Adds what makes the transaction fail unless `condition`, a kAtMost, holds of a row that is
/// `known`; also when the row is another.
void compare_counter(List& compare, const KvCondition& condition,
                     const std::optional<std::string>& known);
/// Adds what makes the transaction fail unless `condition` holds; nothing for a kAtMost.
void compare_condition(List& compare, const KvCondition& condition);
/// Adds the read of one row.
void look_at_key(List& looks, const std::string& key);
/// Adds one read, whose answer holds() understands.
void look_at(List& looks, const KvCondition& condition);
/// Adds a row's change.
void put(List& changes, const std::string& key, std::string_view value);
/// Adds what is put and removed; sums are not among it.
void change_rows(List& changes, const EtcdWrites& writes);

/// The rows of a range's answer, with the keys that etcd knows. Behind the values of rows whose
/// keys begin with `stamped` stand 8 bytes, big-endian: the revision at which they were last
/// changed.
[[nodiscard]] Result<std::vector<KvRow>> rows_in(const boost::json::object& answer,
                                                 std::string_view stamped = {});
/// The value of a one-row range's answer.
[[nodiscard]] Result<std::optional<std::string>> value_in(const boost::json::object& answer);
/// Whether the comparisons of a transaction held.
[[nodiscard]] bool succeeded(const boost::json::object& answer);
/// The value that the `index`-th operation of a transaction, a one-row range, read. kIo when it has
/// no answer.
[[nodiscard]] Result<std::optional<std::string>> value_at(const boost::json::object& answer,
                                                          std::size_t index);
/// Whether `condition` held when the `index`-th operation of a transaction looked at it.
[[nodiscard]] Result<bool> holds(const KvCondition& condition, const boost::json::object& answer,
                                 std::size_t index);
/// The revision of the store that an answer comes from; 0 when it does not tell.
[[nodiscard]] std::int64_t revision_of(const boost::json::object& answer);

}  // namespace kelp::etcd
