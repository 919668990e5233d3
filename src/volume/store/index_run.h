#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "os/file_io.h"
#include "volume/core/needle_index.h"

namespace kelp {

/// The needles of an index snapshot, looked up in its file: in memory are the first keys of its
/// blocks, 8 bytes for 340 needles. A block is verified each time that it is read. Immutable and
/// thread-safe; the file may be replaced meanwhile. Blocks.
class IndexRun final : public IndexSource {
 public:
  /// Reads header and first keys. kNotFound, kIo, kCorruption, kUnimplemented. Blocks.
  [[nodiscard]] static Result<std::shared_ptr<const IndexRun>> open(FileIo& io,
                                                                    const std::string& path);

  [[nodiscard]] const IndexSnapshotHeader& header() const override { return header_; }
  [[nodiscard]] Result<std::optional<NeedlePlace>> find(NeedleKey key) const override;
  [[nodiscard]] Result<std::vector<IndexEntry>> list(NeedleKey from) const override;
  void each_sound(const std::function<void(std::span<const IndexEntry>)>& visit) const override;
  [[nodiscard]] std::size_t memory_bytes() const override;
  /// Calls `visit` with all needles, ascending, some thousands at a time. Blocks; kCorruption, kIo,
  /// and whatever `visit` answers.
  [[nodiscard]] Result<void> each(
      const std::function<Result<void>(std::span<const IndexEntry>)>& visit) const;

 private:
  IndexRun(std::unique_ptr<File> file, const IndexSnapshotHeader& header,
           std::vector<std::uint64_t> firsts)
      : file_(std::move(file)), header_(header), firsts_(std::move(firsts)) {}
  [[nodiscard]] std::size_t block_of(NeedleKey key) const;
  Result<void> read_blocks(std::size_t first, std::size_t count,
                           std::vector<IndexEntry>& entries) const;

  const std::unique_ptr<File> file_;
  const IndexSnapshotHeader header_;
  const std::vector<std::uint64_t> firsts_;
};

/// Writes a snapshot to `path` so that after a crash the file is the old one or the new one, whole.
/// `fill` adds its needles. Blocks.
[[nodiscard]] Result<void> write_index_snapshot(
    FileIo& io, const std::string& path, const IndexSnapshotHeader& header,
    const std::function<Result<void>(IndexSnapshotWriter&)>& fill);

}  // namespace kelp
