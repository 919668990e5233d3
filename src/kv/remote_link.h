#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "kv/kv_store.h"

namespace kelp {

/// What an engine that is a server of its own is told at the start.
struct RemoteKvOptions {
  std::string url;           ///< Where it is; the engine's header says how it is written.
  std::string password;      ///< Empty: none. Never logged.
  std::uint64_t writer = 0;  ///< Names this process among those that write; random, not 0.
  /// Goes on with an engine whose settings break a promise, after a warning that says which.
  bool allow_unsafe = false;
  /// How long reads and commits wait for an engine that does not answer.
  std::chrono::nanoseconds patience = std::chrono::seconds(10);
  std::size_t queue_limit = 16'384;     ///< Commits waiting,
  std::size_t queue_bytes = 64U << 20;  ///< and their bytes; one larger waits alone.
  /// Rows whose key begins with this byte are stamped: behind the value that was put the engine
  /// adds 8 bytes, big-endian. Of two commits that touch one row, which at least one of them
  /// changes, the first has the lower stamp, and so has one that was acknowledged before the other
  /// was queued; only batches of one process may have the same. Such rows are put under keys of
  /// their own, and no condition asks for them. 0: none.
  char stamped_prefix = 0;
};

/// Whether the engine stamps what `write` puts.
[[nodiscard]] inline bool is_stamped(const KvWrite& write, char stamped_prefix) {
  return stamped_prefix != 0 && write.kind == KvWrite::Kind::kPut &&
         write.key.front() == stamped_prefix;
}

/// What to do about settings of `engine` that put promises at risk: nothing when `risks` is empty;
/// else a warning when allow_unsafe, or kInvalidArgument. `risks`: each ends with "; ".
[[nodiscard]] Result<void> accept_risks(std::string_view engine, const std::string& risks,
                                        bool allow_unsafe);

/// What became of each batch of a group: kBatchDone, kBatchAgain (not tried: send it once more), or
/// the index of the first condition that did not hold.
using GroupOutcomes = std::vector<std::int32_t>;
inline constexpr std::int32_t kBatchDone = -1;
inline constexpr std::int32_t kBatchAgain = -2;

/// "-1,0,-2": how outcomes are kept in the engine, beside the group.
[[nodiscard]] std::string print_outcomes(const GroupOutcomes& outcomes);
/// kCorruption for anything that print_outcomes() would not make.
[[nodiscard]] Result<GroupOutcomes> parse_outcomes(std::string_view text);

/// A writer's mark, as an engine without columns keeps it: which attempt to connect, the number of
/// its last group, and its outcomes.
struct WriterMark {
  std::uint64_t epoch = 0;
  std::uint64_t number = 0;
  std::string outcomes;

  /// "epoch.number.outcomes"
  [[nodiscard]] std::string text() const;
  /// kInternal for anything that text() would not make.
  [[nodiscard]] static Result<WriterMark> parse(std::string_view text);
};

/// The numbers by which a link tells whether a group, whose answer was lost, took effect. The
/// engine keeps the number and outcomes of the writer's last group, changed with the group itself.
class GroupNumbers {
 public:
  [[nodiscard]] std::uint64_t next() const { return acknowledged_ + 1; }
  void acknowledge() { ++acknowledged_; }
  /// What the engine holds after a reconnect, once no older attempt can take effect any more: the
  /// outcomes when the group that was sent last took effect. kCorruption when the engine forgot
  /// what it had acknowledged.
  Result<std::optional<GroupOutcomes>> recover(std::uint64_t number, std::string_view outcomes);

 private:
  std::uint64_t acknowledged_ = 0;
};

/// A connection by which one thread commits groups of batches. Blocks, for seconds at most.
class RemoteLink {
 public:
  virtual ~RemoteLink() = default;
  /// Connects anew, and shuts out what this writer sent before: afterwards it has taken effect or
  /// never will. Returns the outcomes of the last group sent if nobody was told and it took effect.
  ///
  /// kCorruption: the engine lost acknowledged commits. kInvalidArgument, kPermissionDenied,
  /// kUnauthenticated: it cannot be used as it is set up. Others: try again.
  virtual Result<std::optional<GroupOutcomes>> open() = 0;
  /// Commits `group` in its order, entirely or not at all, on stable storage when this returns.
  /// A group of batches each of which happens or not by its own conditions.
  ///
  /// kIo: the outcome is unknown, open() tells. kConflict: nothing was written, try again. Others:
  /// nothing was written, because of what was sent or of the engine's state.
  virtual Result<GroupOutcomes> send(std::span<const KvBatch* const> group) = 0;
};

/// A connection by which one thread at a time reads. Blocks, for seconds at most. kIo: connect
/// anew.
class RemoteReader {
 public:
  virtual ~RemoteReader() = default;
  virtual Result<std::optional<std::string>> get(std::string_view key) = 0;
  /// As KvStore::scan; `limit` is not 0 and the range not reversed.
  virtual Result<std::vector<KvRow>> scan(const KvRange& range, std::size_t limit,
                                          KvDirection direction) = 0;
  /// From here to end_snapshot() every read sees this point in time.
  virtual Result<void> begin_snapshot() = 0;
  virtual void end_snapshot() = 0;
};

/// An engine: makes connections. Thread-safe.
class RemoteEngine {
 public:
  virtual ~RemoteEngine() = default;
  virtual std::unique_ptr<RemoteLink> make_link() = 0;
  /// Connected.
  virtual Result<std::unique_ptr<RemoteReader>> make_reader() = 0;
};

}  // namespace kelp
