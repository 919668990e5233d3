#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kelp/result.h"

namespace kelp {

inline constexpr std::size_t kMaxKvKeyBytes = 8 << 10;     ///< Of a key; at least 1.
inline constexpr std::size_t kMaxKvValueBytes = 16 << 20;  ///< Of a value; 0 is allowed.

/// A condition of a commit, checked against the state that the commit would change.
struct KvCondition {
  enum class Kind : std::uint8_t {
    kAbsent,      ///< No row `key`.
    kPresent,     ///< A row `key`, whatever its value.
    kEquals,      ///< A row `key` whose value is `value`.
    kEmptyRange,  ///< No row in [key, value). The end must not be empty.
    kAtMost  ///< The counter in row `key` (missing counts as 0) is at most the one in `value`; a
             ///< row that is no counter fails.
  };
  Kind kind;
  std::string key;
  std::string value;  ///< kEquals: the value; kEmptyRange: the end, exclusive; kAtMost: 8 bytes.

  static KvCondition absent(std::string key) { return {Kind::kAbsent, std::move(key), {}}; }
  static KvCondition present(std::string key) { return {Kind::kPresent, std::move(key), {}}; }
  static KvCondition equals(std::string key, std::string value) {
    return {Kind::kEquals, std::move(key), std::move(value)};
  }
  /// That the row `key` is as it was read: `row`, or not there.
  static KvCondition unchanged(std::string key, std::optional<std::string> row) {
    return row ? equals(std::move(key), *std::move(row)) : absent(std::move(key));
  }
  static KvCondition empty_range(std::string begin, std::string end) {
    return {Kind::kEmptyRange, std::move(begin), std::move(end)};
  }
  static KvCondition at_most(std::string key, std::int64_t limit);
};

/// A change of a commit.
struct KvWrite {
  enum class Kind : std::uint8_t {
    kPut,          ///< Row `key` becomes `value`.
    kDelete,       ///< Row `key` goes; nothing happens when it is not there.
    kDeleteRange,  ///< Every row in [key, value) goes. The end must not be empty.
    kAdd  ///< Row `key` holds a signed 64-bit little-endian counter; `delta` is added (missing
          ///< counts as 0; it wraps). A row that is not 8 bytes long stays as it is.
  };
  Kind kind;
  std::string key;
  std::string value;
  std::int64_t delta = 0;
  /// kPut: the store overwrites the last 8 bytes of `key` with a big-endian number, greater than
  /// all that it has given since it was opened, the first being 1. Whoever sees a row with a number
  /// sees every row that ever gets a smaller one. A batch that does not happen leaves a gap.
  bool numbered = false;

  static KvWrite put(std::string key, std::string value) {
    return {Kind::kPut, std::move(key), std::move(value)};
  }
  /// A numbered row whose key is `prefix` and the number.
  static KvWrite append(std::string prefix, std::string value) {
    prefix.append(sizeof(std::uint64_t), '\0');
    return {Kind::kPut, std::move(prefix), std::move(value), 0, true};
  }
  static KvWrite remove(std::string key) { return {Kind::kDelete, std::move(key), {}}; }
  static KvWrite remove_range(std::string begin, std::string end) {
    return {Kind::kDeleteRange, std::move(begin), std::move(end)};
  }
  static KvWrite add(std::string key, std::int64_t delta) {
    return {Kind::kAdd, std::move(key), {}, delta};
  }
};

/// All conditions hold and all writes happen, or nothing does. Writes apply in order; conditions
/// see none of them.
struct KvBatch {
  std::vector<KvCondition> conditions;
  std::vector<KvWrite> writes;
};

/// Rows of [begin, end) in byte order; `end` empty means no upper bound.
struct KvRange {
  std::string begin;
  std::string end;
};

/// Which way a cursor walks: with ascending or descending keys.
enum class KvDirection : std::uint8_t { kForward, kBackward };

using KvRow = std::pair<std::string, std::string>;

/// Walks rows in order from a fixed point in time. Not thread-safe; must die before its store. May
/// block.
///
/// Keys and values are views that the next move makes invalid.
class KvCursor {
 public:
  virtual ~KvCursor() = default;
  /// To the first row at or after `key` inside the range; `key` may lie before or behind the
  /// current row.
  virtual void seek(std::string_view key) = 0;
  virtual void next() = 0;
  /// False past the end of the range or after an error; see status().
  [[nodiscard]] virtual bool valid() const = 0;
  [[nodiscard]] virtual std::string_view key() const = 0;
  [[nodiscard]] virtual std::string_view value() const = 0;
  [[nodiscard]] virtual Result<void> status() const = 0;
};

/// An ordered key space with a conditional batch: the one contract for metadata
/// (docs/adr/0002-metadata-contract.md).
///
/// Keys: 1 byte to 8 KiB, compared as unsigned bytes, any byte allowed. Values: up to 16 MiB.
/// Linearizable: a read that starts after a commit was acknowledged sees it. Thread-safe. Errors:
/// kCorruption, kIo, kNoSpace, kUnavailable.
class KvStore {
 public:
  using CommitDone = std::function<void(Result<void>)>;

  virtual ~KvStore() = default;

  /// The value of `key`, or nothing. May block on the disk or the network.
  virtual Result<std::optional<std::string>> get(std::string_view key) = 0;
  /// get() when that needs no wait: outer nothing means "ask get()". Never blocks.
  virtual std::optional<Result<std::optional<std::string>>> try_get(std::string_view key) = 0;
  /// At most `limit` rows of `range`, in `direction`. May block.
  virtual Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                          KvDirection direction = KvDirection::kForward) = 0;
  /// A forward cursor over `range`, not yet positioned: seek() first. Sees one point in time. May
  /// block.
  virtual std::unique_ptr<KvCursor> cursor(const KvRange& range) = 0;

  /// Queues `batch` and returns at once; `done` is called exactly once, on any thread, when the
  /// outcome is on stable storage (or, with durability "os", in the page cache).
  ///
  /// Nothing was written and the store goes on: kPrecondition (it names the first condition that
  /// does not hold), kResourceExhausted (the queue is full), kInvalidArgument (a limit of keys or
  /// values), kNoSpace (the disk's reserve is reached; batches that delete something may still
  /// pass), kCorruption (a row that a condition needs cannot be read), kUnavailable (an engine
  /// elsewhere did not answer in time). kIo: the outcome is unknown. An embedded engine is finished
  /// then, and every later commit gets kUnavailable until the store is opened anew; one elsewhere
  /// goes on.
  virtual void commit(KvBatch batch, CommitDone done) = 0;

  /// Whether commits are still taken: kUnavailable once the store is finished. Never blocks.
  [[nodiscard]] virtual Result<void> writable() const { return {}; }

  /// Counters for benchmarks and metrics: commits acknowledged, and syncs of the log that they
  /// took.
  struct Stats {
    std::uint64_t commits = 0;
    std::uint64_t syncs = 0;
  };
  [[nodiscard]] virtual Stats stats() const = 0;
};

/// The counter in a value written by KvWrite::add; 0 for nothing. kCorruption when it is not 8
/// bytes.
[[nodiscard]] Result<std::int64_t> decode_counter(const std::optional<std::string>& value);

/// For engines: kInvalidArgument when a key, value or range end of `batch` breaks the limits above.
[[nodiscard]] Result<void> check_limits(const KvBatch& batch);
/// For engines: gives the numbered rows of `batch` the next numbers; `last` is the last one given.
/// Called in the order in which batches take effect; once more when one is tried later again.
void number_rows(KvBatch& batch, std::uint64_t& last);
/// For engines: the bytes of its keys, values and range ends.
[[nodiscard]] std::size_t payload_bytes(const KvBatch& batch);
/// For engines: the kPrecondition of `condition`, the `index`-th (from 0) of its batch. Names no
/// key.
[[nodiscard]] Error condition_failed(const KvCondition& condition, std::size_t index);
/// For engines: whether a kAtMost condition with this limit holds of this row.
[[nodiscard]] bool counter_at_most(const std::optional<std::string>& value, std::string_view limit);
/// For engines: the 8 bytes of a counter, and its sum modulo 2^64.
[[nodiscard]] std::string encode_counter(std::int64_t counter);
[[nodiscard]] inline std::int64_t add_wrapping(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

}  // namespace kelp
