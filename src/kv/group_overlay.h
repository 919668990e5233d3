#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

namespace kelp {

/// What the accepted batches of a group change, before the group is written: the later batches of
/// the group are checked against it first. Pure.
///
/// Keeps views of keys and values: they must live until clear(). Not thread-safe.
class GroupOverlay {
 public:
  enum class Row : std::uint8_t {
    kUntouched,  ///< The group did not touch it: ask the engine.
    kAbsent,
    kPresent,
  };
  struct Found {
    Row row = Row::kUntouched;
    std::string_view value;  ///< When present; until the next change.
  };

  void clear();
  void put(std::string_view key, std::string_view value);
  void put_counter(std::string_view key, std::int64_t counter);
  void remove(std::string_view key);
  /// [begin, end), end not empty.
  void remove_range(std::string_view begin, std::string_view end);

  [[nodiscard]] Found find(std::string_view key) const;
  /// True when the group left a row of its own in [begin, end). Linear in the group's rows.
  [[nodiscard]] bool any_present(std::string_view begin, std::string_view end) const;

 private:
  struct Change {
    std::uint32_t order = 0;
    bool present = false;
    bool is_counter = false;
    std::int64_t counter = 0;
    std::string_view value;
  };
  struct RemovedRange {
    std::uint32_t order;
    std::string_view begin;
    std::string_view end;
  };
  [[nodiscard]] bool removed_later(std::string_view key, std::uint32_t order) const;

  boost::unordered_flat_map<std::string_view, Change, std::hash<std::string_view>> changes_;
  std::vector<RemovedRange> removed_;
  std::uint32_t order_ = 0;
};

}  // namespace kelp
