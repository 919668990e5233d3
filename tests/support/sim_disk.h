#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "os/file_io.h"

namespace kelp::test {

/// What is done to a SimDisk; for counters and faults.
enum class DiskOp : std::uint8_t {
  kOpen,
  kRead,
  kWrite,
  kSync,
  kTruncate,
  kPunch,
  kRename,
  kRemove,
  kSyncDir
};
inline constexpr std::size_t kDiskOps = 9;

struct SimDiskOptions {
  std::uint64_t seed = 1;  ///< Of the faults and torn writes that the disk draws itself.
  std::uint64_t capacity_bytes = 1ULL << 40;
  std::uint32_t sector_bytes = 512;           ///< What is written whole or not at all: 512 or 4096.
  std::uint32_t read_error_per_million = 0;   ///< read_at answers kIo.
  std::uint32_t write_error_per_million = 0;  ///< write_at writes a part and answers kIo.
  std::uint32_t sync_error_per_million = 0;   ///< sync answers kIo and forgets, as kernels do.
  std::uint32_t cold_read_per_million = 0;    ///< try_read_at answers false.
};

/// One machine's disk in memory: the twin of PosixFileIo for tests and the simulation. It knows
/// what is on stable storage and what is not, so that crash() loses what a power cut may lose:
///
/// - of bytes written and not synced: any subset of the sectors, also of one write (torn);
/// - of creations, renames and removals without sync_dir: any subset.
///
/// A failed sync is never made good by a later one (the kernel forgets): what it should have
/// written may still be lost. Directories themselves are durable once made. Thread-safe; a File or
/// DirLock must not outlive the disk.
class SimDisk final : public FileIo {
 public:
  explicit SimDisk(SimDiskOptions options = {});
  ~SimDisk() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::string& dir) override;
  Result<void> make_dirs(const std::string& dir) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<bool> exists(const std::string& path) override;
  Result<void> sync_dir(const std::string& dir) override;
  Result<std::unique_ptr<DirLock>> lock_dir(const std::string& dir) override;
  Result<DiskSpace> space(const std::string& dir) override;

  // --- the end of the machine or of the process

  /// A power cut and a restart: files opened before answer kIo for ever, locks are gone, of what
  /// was not durable `rng` chooses what is left. Power is on again.
  void crash(Rng& rng);
  /// The worst power cut: nothing is left that was not durable.
  void crash_losing_all();
  /// kill -9: open files and locks are gone, the page cache stays.
  void kill();
  /// From the `nth` (from 1) operation from now that changes the disk on (write, sync, truncate,
  /// punch, creating open, rename, remove, sync_dir) everything answers kIo until crash(). A write
  /// that is hit may be written in part.
  void power_off_after(std::uint64_t nth);
  [[nodiscard]] bool powered_off() const;

  // --- faults

  /// The `nth` (from 1) operation `op` from now answers `code`; a write writes a part first.
  void fail_nth(DiskOp op, std::uint64_t nth, Errc code = Errc::kIo);
  /// What fail_nth() planned and has not come does not come any more.
  void fail_no_more();
  /// Called before every operation, under the disk's lock (do not call the disk); an Error fails
  /// it.
  using Hook = std::function<std::optional<Error>(DiskOp op, const std::string& path)>;
  void set_hook(Hook hook);
  /// Replaces the rates and the capacity; the seed and the sector size stay.
  void set_faults(SimDiskOptions options);
  /// Flips a bit of a stored byte, as rot does. The file must be that long.
  void flip_bit(const std::string& path, std::uint64_t byte_offset, unsigned bit);
  /// From now on reads of the sector of this byte answer kIo. The file must be that long.
  void set_unreadable(const std::string& path, std::uint64_t byte_offset);

  // --- what happened

  /// Operations `op` that were asked for, failed ones too.
  [[nodiscard]] std::uint64_t count(DiskOp op) const;
  /// Operations that change the disk, as power_off_after counts them.
  [[nodiscard]] std::uint64_t changes() const;
  /// Running hash of all operations and their outcome, for determinism tests.
  [[nodiscard]] std::uint64_t trace_hash() const;
  /// The file as readers see it now, no fault applied; nothing when missing.
  [[nodiscard]] std::optional<std::string> content(const std::string& path) const;

 private:
  friend class SimFile;
  friend class SimDirLock;
  struct Undo {
    std::optional<std::string> durable;  ///< What stable storage holds; nothing: a hole.
    bool forgotten = false;              ///< A failed sync dropped it: no later sync writes it.
  };
  struct Inode {
    std::map<std::uint64_t, std::string> sectors;  ///< What readers see; a missing one is zeros.
    std::map<std::uint64_t, Undo> dirty;
    std::uint64_t size = 0;
    std::uint64_t durable_size = 0;
    bool linked = true;                  ///< Has a name.
    std::set<std::uint64_t> unreadable;  ///< Sectors.
  };
  using InodePtr = std::shared_ptr<Inode>;
  /// Names to set (or, with null, to take away) in one step; not durable yet.
  using NameChange = std::vector<std::pair<std::string, InodePtr>>;

  std::optional<Error> before(DiskOp op, const std::string& path, bool changes);
  void note(std::uint64_t value);
  void change_names(NameChange change);
  void make_durable(const NameChange& change);
  void count_used(const Inode& inode, int sectors);
  Result<void> needs_parent(const std::string& path) const;
  void make_dirty(Inode& inode, std::uint64_t sector);
  Result<void> write(Inode& inode, std::uint64_t offset, ByteSpan bytes);
  void read(const Inode& inode, std::uint64_t offset, MutableByteSpan buffer) const;
  void resize(Inode& inode, std::uint64_t size);
  void settle_names(const std::function<bool()>& keep);
  void settle_content(Inode& inode, const std::function<bool()>& keep);
  void settle(const std::function<bool()>& keep_name, const std::function<bool()>& keep_sector);
  void forget_handles();
  static void apply(std::map<std::string, InodePtr>& names, const NameChange& change);

  mutable std::mutex mutex_;
  SimDiskOptions options_;
  Rng rng_;
  Hook hook_;
  std::map<std::string, InodePtr> names_;
  std::map<std::string, InodePtr> durable_names_;
  std::vector<NameChange> pending_;  ///< From durable_names_ to names_, in order.
  std::set<std::string> dirs_;
  std::set<std::string> locks_;
  std::uint64_t epoch_ = 0;  ///< Rises when the machine or process ends; older handles are dead.
  std::uint64_t used_sectors_ = 0;
  std::uint64_t changes_ = 0;
  std::uint64_t power_off_at_ = UINT64_MAX;
  bool off_ = false;
  std::array<std::uint64_t, kDiskOps> counts_{};
  struct Planned {
    std::uint64_t at;
    Errc code;
  };
  std::array<std::vector<Planned>, kDiskOps> planned_;
  std::uint64_t hash_ = 0;
};

}  // namespace kelp::test
