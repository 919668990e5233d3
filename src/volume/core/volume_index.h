#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ids.h"

namespace kelp {

/// Where a needle lies in its volume's file.
struct NeedlePlace {
  std::uint64_t offset = 0;  ///< A multiple of 8, over 0 and under 2^43.
  std::uint32_t bytes = 0;   ///< Of the whole needle; a multiple of 8, over 0 and under 2^27.
  friend bool operator==(const NeedlePlace&, const NeedlePlace&) = default;
};

/// The place in 64 bits, as memory and the snapshot keep it: offset / 8 in the lower 40 bits, the
/// length / 8 in the upper 24.
[[nodiscard]] std::uint64_t pack(NeedlePlace place);
[[nodiscard]] NeedlePlace unpack_place(std::uint64_t packed);

/// A live needle.
struct IndexEntry {
  NeedleKey key;
  NeedlePlace place;
  friend bool operator==(const IndexEntry&, const IndexEntry&) = default;
};

/// Which needles of a volume are alive and where: sorted sections of 12 bytes a needle, and a small
/// hash in front that takes new ones until it is merged into them. At most 13 bytes a needle from
/// 100,000 needles on, when keys come in runs as the master leases them. Not thread-safe.
class VolumeIndex {
 public:
  /// More needles, whose keys ascend and lie over all that are there: much faster than one by one.
  void append(std::span<const IndexEntry> entries);
  /// False, changing nothing, when the key is there.
  bool insert(NeedleKey key, NeedlePlace place);
  [[nodiscard]] std::optional<NeedlePlace> find(NeedleKey key) const;
  /// The place that was dropped; nothing when the key is not there.
  std::optional<NeedlePlace> erase(NeedleKey key);
  /// Live needles with keys over `after` (from the first one when empty), ascending, at most
  /// `limit`.
  [[nodiscard]] std::vector<IndexEntry> list(std::optional<NeedleKey> after,
                                             std::size_t limit) const;
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Sum of NeedlePlace::bytes.
  [[nodiscard]] std::uint64_t live_bytes() const { return live_bytes_; }
  /// Heap in use, about.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  /// Needles with keys in [base, base + 2^32), ascending. A place of 0 is one that was erased.
  struct Section {
    std::uint64_t base = 0;
    std::vector<std::uint32_t> deltas;
    std::vector<std::uint64_t> places;
  };
  struct Row {
    std::uint64_t key;
    std::uint64_t place;
  };
  struct Slot {
    std::size_t section;
    std::size_t row;
  };

  [[nodiscard]] std::size_t section_of(std::uint64_t key) const;
  [[nodiscard]] std::optional<Slot> slot_of(std::uint64_t key) const;
  void merge_fresh();
  void compact();
  static void append_live_rows(const Section& section, std::vector<Row>& rows);
  static void append_sections(const std::vector<Row>& rows, std::vector<Section>& sections);

  std::vector<Section> sections_;  ///< By base.
  boost::unordered_flat_map<std::uint64_t, std::uint64_t> fresh_;
  std::size_t size_ = 0;
  std::size_t erased_ = 0;  ///< Rows of sections that are dead.
  std::uint64_t live_bytes_ = 0;
};

}  // namespace kelp
