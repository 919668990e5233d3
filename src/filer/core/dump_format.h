#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "crypto/digest.h"
#include "filer/core/journal_format.h"
#include "kelp/result.h"
#include "kv/kv_store.h"

namespace kelp {

// A dump: all rows of a metadata store at one point in time, in one stream; or, as an increment,
// the rows of its journal between two (docs/formats/metadata-dump.md).

/// What stands in front of the rows.
struct DumpHeader {
  std::string cluster_id;
  std::string engine;  ///< That the rows come from: "rocksdb".
  WallTime taken;
  /// The point in time, in a store that keeps a journal.
  JournalPosition position = {};
  std::optional<JournalPosition> since = {};  ///< Of an increment: where it begins.
  friend bool operator==(const DumpHeader&, const DumpHeader&) = default;
};

/// What a sequence of rows comes to: equal for equal rows, whatever holds them.
struct DumpTotals {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;  ///< Of keys and values.
  std::string sha256;       ///< Raw, over the rows as a dump has them.
  friend bool operator==(const DumpTotals&, const DumpTotals&) = default;
};

/// Sums rows up, one by one, in the order of their keys.
class DumpSum {
 public:
  void add(std::string_view key, std::string_view value);
  /// Once, at the end.
  [[nodiscard]] DumpTotals finish();

 private:
  Digest digest_{DigestAlgorithm::kSha256};
  DumpTotals totals_;
};

/// Whether dumps and copies hold the row: not those that say who uses this store, nor the journal.
[[nodiscard]] bool is_dumped(std::string_view row_key);

/// Writes a dump, block by block.
class DumpWriter {
 public:
  /// The rows' bytes of a block, but that it holds a row at least.
  static constexpr std::size_t kBlockBytes = 256 << 10;

  /// What stands in front of the rows is in take() at once.
  explicit DumpWriter(const DumpHeader& header);
  /// Ascending keys, each once.
  void add(std::string_view key, std::string_view value);
  /// The end of the dump: nothing is added any more.
  DumpTotals finish();
  /// Whole blocks that were not taken yet.
  [[nodiscard]] std::size_t ready_bytes() const { return out_.size(); }
  [[nodiscard]] std::string take() { return std::exchange(out_, {}); }

 private:
  void end_block();
  void put_block(std::uint8_t kind, std::string_view payload);

  std::string out_;
  std::string rows_;
  DumpSum sum_;
  std::uint64_t blocks_ = 0;
};

/// Reads a dump and checks it: each block's checksum and place, the order of the keys, the end.
class DumpReader {
 public:
  /// Fills the buffer as far as there are bytes; fewer only at the end.
  using Source = std::function<Result<std::size_t>(MutableByteSpan)>;
  explicit DumpReader(Source source) : source_(std::move(source)) {}

  /// First, and once. kCorruption when this is no dump, kUnimplemented when it is one of a newer
  /// format.
  [[nodiscard]] Result<DumpHeader> header();
  /// The next rows; none at the end, which was checked then: nothing is missing, altered or behind
  /// it. kCorruption names the block (from 0).
  [[nodiscard]] Result<std::vector<KvRow>> next();
  /// At the end.
  [[nodiscard]] const DumpTotals& totals() const { return totals_; }

 private:
  struct Block {
    std::uint8_t kind = 0;
    std::string payload;
  };
  Result<Block> read_block();
  Result<std::string> read_exactly(std::size_t bytes);
  Result<std::vector<KvRow>> take_rows(std::string_view payload);
  Result<void> take_end(std::string_view payload);
  [[nodiscard]] Error broken(std::string_view what) const;

  Source source_;
  std::uint64_t blocks_ = 0;
  std::string last_key_;
  DumpSum sum_;
  DumpTotals totals_;
};

}  // namespace kelp
