#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "volume/core/index_snapshot.h"
#include "volume/core/volume_index.h"

namespace kelp {

/// Needles that lie in an index snapshot and are looked up there.
class IndexSource {
 public:
  virtual ~IndexSource() = default;
  [[nodiscard]] virtual const IndexSnapshotHeader& header() const = 0;
  /// Where a needle lies. kCorruption, kIo.
  [[nodiscard]] virtual Result<std::optional<NeedlePlace>> find(NeedleKey key) const = 0;
  /// Some needles with keys from `from` on, ascending, without a gap; none only at the end.
  /// kCorruption, kIo.
  [[nodiscard]] virtual Result<std::vector<IndexEntry>> list(NeedleKey from) const = 0;
  /// Calls `visit` with the needles that can still be read, ascending, some at a time.
  virtual void each_sound(const std::function<void(std::span<const IndexEntry>)>& visit) const = 0;
  [[nodiscard]] virtual std::size_t memory_bytes() const = 0;
};

/// Which needles of a volume are alive and where: all in memory, or those of a snapshot in its file
/// and in memory what came and went since. Not thread-safe. What has to look into a file may block,
/// and fails as IndexSource does; without a file nothing does.
class NeedleIndex {
 public:
  NeedleIndex() = default;
  explicit NeedleIndex(VolumeIndex needles);
  explicit NeedleIndex(std::shared_ptr<const IndexSource> file);

  [[nodiscard]] Result<std::optional<NeedlePlace>> find(NeedleKey key) const;
  /// The same when memory knows; nothing when the file has to be asked.
  [[nodiscard]] std::optional<std::optional<NeedlePlace>> find_at_once(NeedleKey key) const;
  /// The file that find_at_once() may leave to ask; null without one.
  [[nodiscard]] const std::shared_ptr<const IndexSource>& file() const { return file_; }
  /// A needle that is not there.
  void add(NeedleKey key, NeedlePlace place);
  /// False, changing nothing, when the key is there.
  Result<bool> insert(NeedleKey key, NeedlePlace place);
  /// The place that was dropped; nothing when the key is not there.
  Result<std::optional<NeedlePlace>> erase(NeedleKey key);
  /// Drops a needle that was there a while ago; false when it is not there any more.
  bool erase_known(const IndexEntry& entry);
  /// As VolumeIndex::list().
  [[nodiscard]] Result<std::vector<IndexEntry>> list(std::optional<NeedleKey> after,
                                                     std::size_t limit) const;
  /// Whether there are keys over `key`, or were when the file was written.
  [[nodiscard]] bool may_have_over(NeedleKey key) const;
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::uint64_t live_bytes() const { return live_bytes_; }
  /// Heap in use, about.
  [[nodiscard]] std::size_t memory_bytes() const;

  /// The same needles with `file` below: one that was written from this index, at a time since
  /// which the needles `changed` came or went, and no others.
  [[nodiscard]] Result<NeedleIndex> over(std::shared_ptr<const IndexSource> file,
                                         std::span<const NeedleKey> changed) const;

 private:
  void bury(NeedleKey key, NeedlePlace place);

  std::shared_ptr<const IndexSource> file_;
  VolumeIndex recent_;  ///< All needles, or those that are not in the file.
  boost::unordered_flat_set<std::uint64_t> gone_;  ///< Of those in the file.
  std::size_t size_ = 0;
  std::uint64_t live_bytes_ = 0;
};

}  // namespace kelp
