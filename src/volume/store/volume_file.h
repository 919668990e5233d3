#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_set.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/awaitable.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "client/volume_admin.h"
#include "client/volume_replicas.h"
#include "os/file_io.h"
#include "volume/core/extent_use.h"
#include "volume/core/needle_index.h"
#include "volume/core/superblock.h"
#include "volume/probe.h"
#include "volume/store/cached_log.h"
#include "volume/store/direct_window.h"
#include "volume/store/group_commit.h"
#include "volume/store/index_run.h"
#include "volume/store/needle_reader.h"

namespace kelp {

/// What the volumes of one server share; held by each of them.
struct VolumeShared {
  FileIo& io;
  WorkPool& pool;
  const Clock& clock;
  VolumeProbe probe;
  std::string directory;
  bool sync = true;               ///< False: durability "os".
  bool index_on_disk = false;     ///< Of every volume.
  std::uint64_t limit_bytes = 0;  ///< Length at which a volume takes no more needles.
  std::atomic<std::uint64_t> reserved_bytes = 0;  ///< Taken by uploads that are still going on.
  DiskPulse pulse{clock};
  bool direct_io = false;                  ///< Streams of background work go past the page cache.
  std::atomic<bool> no_direct_io = false;  ///< It was said that the disk cannot.
  BlockCache* cache = nullptr;             ///< Of what clients read; null: none.
};

/// One log of a volume, its index and its writes in flight. Vacuum replaces it by another one
/// (store/volume_vacuum.h): then it only answers reads that had begun. Thread-safe. Held by
/// shared_ptr: jobs and uploads keep it alive.
class VolumeFile : public std::enable_shared_from_this<VolumeFile> {
 public:
  /// Makes the files of an empty volume, durable on return. Blocks.
  [[nodiscard]] static Result<std::shared_ptr<VolumeFile>> create(
      std::shared_ptr<VolumeShared> shared, const Superblock& superblock);
  /// The same with its log at `path`, until somebody renames it.
  [[nodiscard]] static Result<std::shared_ptr<VolumeFile>> create_at(
      const std::string& path, std::shared_ptr<VolumeShared> shared, const Superblock& superblock);
  /// Opens a volume and brings its index up to date: the snapshot, then the rest of the log.
  /// Blocks. kCorruption, kUnimplemented (a newer format), kIo; kPermissionDenied for another
  /// cluster's.
  [[nodiscard]] static Result<std::shared_ptr<VolumeFile>> open(
      std::shared_ptr<VolumeShared> shared, VolumeId volume, const Uuid& cluster_id);
  /// The volume that a log's file name ("000000001.dat", a path in front or not) is of; nothing for
  /// other names.
  [[nodiscard]] static std::optional<VolumeId> volume_of(std::string_view path);
  /// "DIR/000000001.dat".
  [[nodiscard]] static std::string log_path(const std::string& directory, VolumeId volume);
  [[nodiscard]] static std::string snapshot_path(const std::string& directory, VolumeId volume);

  // --- for uploads: reserve, write, let_finish(), commit, then publish or abandon.

  /// Room for a needle at the end of the log. kNoSpace at the volume's limit, kUnavailable when
  /// read-only, kAlreadyExists for a key that is there or being written. Fails while is_moving():
  /// then try again at newest().
  Result<NeedlePlace> reserve(NeedleKey key, std::uint64_t bytes);
  /// Another log takes this one's place, or has.
  [[nodiscard]] bool is_moving() const;
  /// The log to go on with: this one, or the one that took its place. Waits while that is decided,
  /// which takes some syncs.
  Task<std::shared_ptr<VolumeFile>> newest();
  /// The log that took its place; null when none did.
  [[nodiscard]] std::shared_ptr<VolumeFile> successor_of() const;
  /// Lets an upload that began in `generation` become durable: from now until publish() or
  /// abandon() the role does not change. kConflict when it is another one by now, or frozen.
  Result<void> let_finish(Generation generation, NeedlePlace place);
  /// The needle is durable: from now on it is found.
  void publish(NeedleKey key, NeedlePlace place);
  /// It will never be: gives its place up. Bytes [hole_begin, hole_end) of the file hold nothing
  /// of use and are given back when there are some.
  void abandon(NeedleKey key, NeedlePlace place, std::uint64_t hole_begin, std::uint64_t hole_end);
  /// Writes into a reserved place; not durable yet. Blocks. An I/O error makes the volume
  /// read-only.
  Result<void> write(std::uint64_t offset, std::span<const ByteSpan> pieces);
  /// As File::begin_writing().
  void begin_writing(std::uint64_t offset, std::uint64_t bytes) {
    file_->begin_writing(offset, bytes);
  }
  Task<Result<void>> commit(LogWrite write);
  [[nodiscard]] std::uint32_t seed_at(std::uint64_t offset) const { return seed_.at(offset); }
  [[nodiscard]] VolumeShared& shared() const { return *shared_; }

  // --- for copies (client/volume_replicas.h)

  [[nodiscard]] CopyRole role() const;
  /// As VolumeReplicas::set_role; waits for uploads that were let finish.
  Task<Result<void>> set_role(Generation oldest, CopyRole role);
  [[nodiscard]] Result<VolumeDigest> digest() const;
  /// Whether it is a packed volume.
  [[nodiscard]] bool holds_extents() const;
  /// What of each extent is alive. kCorruption when a stub does not check: then nobody knows which
  /// it needs. Blocks.
  Result<ExtentsUse> extents_use();
  /// For packing anew: the stubs and extents behind `after` that stay as they are and are not in
  /// `into`, as read_needles(); `after` goes on. Empty at the end. Blocks.
  Result<std::string> read_kept(const ExtentsUse& use, const VolumeFile& into, NeedleKey& after);
  /// The needles behind `after` that go into the next new extent, by key; empty at the end. The
  /// same on each member with the same stubs. Blocks.
  Result<std::vector<PackedNeedle>> next_extent(const ExtentsUse& use, NeedleKey after);
  /// The needles behind `after` that are to lie otherwise from now on: those of an extent or of
  /// some small ones, or one that has shards of its own; empty at the end. kCorruption. Blocks.
  Result<NeedleRun> next_run(NeedleKey after);
  /// The scheme of a needle's or an extent's shards; {}: it is whole, packed, or not here. Blocks.
  Result<EcScheme> scheme_of(NeedleKey key);
  /// kCorruption unless there are stubs of the same needles here as in `other`. Blocks.
  Result<void> check_same_needles(VolumeFile& other);
  /// What is packed here, as VolumeReplicas::pack() tells it. Blocks.
  Result<VolumeDigest> packed_digest();
  /// As VolumeReplicas::read_needles, up to about `bytes`. Blocks.
  static constexpr std::uint64_t kBatchBytes = 4ULL << 20;
  Result<std::string> read_needles(NeedleKey after, std::uint64_t bytes = kBatchBytes);
  /// As VolumeReplicas::read_needle. Blocks.
  Result<std::string> read_needle(NeedleKey key);
  /// As VolumeReplicas::read_part; nothing when `mode` is kCachedOnly and the disk would have to be
  /// waited for, else it blocks.
  Result<std::optional<NeedlePart>> read_part(NeedleKey key, std::uint64_t offset,
                                              std::size_t bytes, ReadMode mode);
  /// Appends the needles of such a batch that are not here yet, and seals each for its place in the
  /// bytes given; not durable before sync(). The last key. Blocks. kCorruption when one does not
  /// check.
  Result<NeedleKey> take_needles(MutableByteSpan batch);
  /// Makes everything written so far durable. Blocks.
  Result<void> sync();
  /// For a log of which a job wrote or read much at once: with direct_io it leaves the page cache.
  void leave_memory() {
    if (shared_->direct_io) file_->drop_pages();
  }
  /// For a job that reads much of it.
  [[nodiscard]] LogStream stream() const { return {file_, direct_}; }
  /// Where the needle lies; nothing when it is not here.
  /// Blocks when the index is on disk; kCorruption, kIo then.
  [[nodiscard]] Result<std::optional<NeedlePlace>> find(NeedleKey key) const;
  /// The same when memory knows; nothing when the disk has to be asked.
  [[nodiscard]] std::optional<std::optional<NeedlePlace>> find_at_once(NeedleKey key) const;
  /// As VolumeIndex::list(). Blocks when the index is on disk; kCorruption, kIo then.
  [[nodiscard]] Result<std::vector<IndexEntry>> list(std::optional<NeedleKey> after,
                                                     std::size_t limit) const;
  /// The largest key; nothing when empty.
  [[nodiscard]] Result<std::optional<NeedleKey>> last_key() const;

  // --- for the service; errors as VolumeClient and VolumeAdmin say

  /// Takes `self` by value: whoever calls lets go of it before the coroutine begins.
  static Task<Result<void>> read(std::shared_ptr<VolumeFile> self, FileId fid,
                                 NeedleReader::Range range);
  [[nodiscard]] PinnedPages try_pin(const FileId& fid, std::uint64_t offset, std::size_t bytes);
  /// As VolumeReplicas::find_packed.
  static Task<Result<PackedPlace>> find_packed(std::shared_ptr<VolumeFile> self, FileId fid);
  Task<Result<void>> remove(std::vector<FileId> fids);
  Task<Result<std::vector<NeedleInfo>>> list_needles(NeedleKey after, std::uint32_t limit);
  /// `pass`: called with about what was read, between pieces; may wait, and end it with an error.
  using Pass = std::function<Task<Result<void>>(std::uint64_t bytes)>;
  Task<Result<std::vector<NeedleInfo>>> verify(Pass pass = {});
  [[nodiscard]] VolumeStatus status() const;
  /// Asks the disk how much room the log takes. Blocks.
  Result<void> measure_disk();
  /// As it was when last asked; 0: never.
  [[nodiscard]] std::uint64_t disk_bytes() const;
  [[nodiscard]] const Superblock& superblock() const { return superblock_; }

  // --- damage: found by a read, by verify() or by scrub (store/volume_scrub.h)

  /// Needles that do not match their checksums and are still here, ascending.
  [[nodiscard]] std::vector<NeedleKey> damaged() const;
  [[nodiscard]] bool superblock_damaged() const { return superblock_damaged_; }
  /// Counts, logs and keeps a damaged needle; false when it was removed meanwhile, or was known.
  bool note_damaged(const IndexEntry& entry, const Error& error);
  /// What is to be told of a needle that is still here and does not check; counts and notes it.
  Error does_not_check(const IndexEntry& entry);
  void note_superblock(bool sound) { superblock_damaged_ = !sound; }
  /// Whether an index on disk could not be read: rewrite_snapshot() mends it.
  [[nodiscard]] bool index_damaged() const { return index_damaged_; }
  /// Writes the snapshot though nothing changed, from the log if need be. Blocks.
  Result<void> rewrite_snapshot();

  /// kUnavailable when writes are refused.
  [[nodiscard]] Result<void> check_writable() const;
  /// Writes the index snapshot when something changed since the last one. Blocks.
  Result<void> write_snapshot();
  /// Heap used by the index, about.
  [[nodiscard]] std::size_t index_memory_bytes() const;

  VolumeFile(std::shared_ptr<VolumeShared> shared, std::shared_ptr<File> file,
             Superblock superblock, CopyRole role);
  ~VolumeFile();

 private:
  friend class VolumeScrub;
  friend class VolumeVacuum;

  /// A needle that a remove will take away.
  struct Doomed {
    IndexEntry entry;
    std::optional<NeedleHeader> header;  ///< Nothing when it is damaged.
  };

  // Under mutex_:
  /// Lookups that may read the index's file: whoever meets damage in it says so.
  [[nodiscard]] Result<std::optional<NeedlePlace>> look_up(NeedleKey key) const;
  [[nodiscard]] Result<std::vector<IndexEntry>> look_through(std::optional<NeedleKey> after,
                                                             std::size_t limit) const;
  [[nodiscard]] Result<void> check_thawed() const;
  [[nodiscard]] Result<void> check_place_is_given() const;
  void note_change(NeedleKey key);
  void end_finishing(std::uint64_t offset);

  Result<std::shared_ptr<VolumeFile>> accept_role(Generation oldest, CopyRole role);
  Task<void> await_finishing();
  Result<void> store_role();

  static Task<Result<std::optional<NeedlePlace>>> find_for_client(std::shared_ptr<VolumeFile> self,
                                                                  NeedleKey key);
  Result<void> load_index();
  std::uint64_t load_snapshot(std::uint64_t file_bytes);
  Result<void> load_needles(std::shared_ptr<const IndexRun> run);
  Result<void> write_snapshot_file(const IndexSnapshotHeader& header);
  Result<void> index_snapshot_file();
  Result<void> rebuild_index();
  void keep_sound_rows(NeedleIndex& made) const;
  void index_is_damaged(const Error& error) const;
  [[nodiscard]] std::uint64_t settled_bytes() const;
  void went_read_only(const Error& error);
  void count_changes(std::size_t changes);
  [[nodiscard]] bool still_at(const IndexEntry& entry) const;
  Result<void> explain(Error error, const FileId& fid, NeedlePlace place);
  Task<Result<bool>> remove_here(const std::vector<FileId>& fids);
  Result<std::optional<std::vector<Doomed>>> pick(const std::vector<FileId>& fids, ReadMode mode);
  Result<NeedlePlace> reserve_tombstones(std::size_t count, std::size_t each_bytes);
  std::string encode_tombstones(const std::vector<Doomed>& doomed, std::uint64_t offset) const;
  std::vector<Doomed> drop(const std::vector<Doomed>& doomed, std::uint64_t tombstones_at);
  void give_back(const std::vector<Doomed>& dropped);
  Result<void> each_needle(std::optional<NeedleKey> after,
                           const std::function<Result<void>(const IndexEntry&)>& visit);
  [[nodiscard]] Result<IndexEntry> entry_of(NeedleKey key) const;
  Error gone_or_damaged(const IndexEntry& entry);
  Result<NeedleKey> extent_of(const IndexEntry& entry);
  Result<ExtentUse> extent_at(const PackedPlace& place);
  Result<void> append_image(const IndexEntry& entry, LogStream& stream, std::string& batch);
  Result<void> open_direct(const std::string& path);
  Result<std::vector<NeedleInfo>> describe(const std::vector<IndexEntry>& entries);
  Result<NeedleKey> verify_some(const std::vector<IndexEntry>& entries,
                                std::vector<NeedleInfo>& failed);

  const std::shared_ptr<VolumeShared> shared_;
  const std::shared_ptr<File> file_;
  std::shared_ptr<File> direct_;  ///< The same for reads past the page cache; null: none.
  const Superblock superblock_;
  const NeedleSeed seed_;
  NeedleReader reader_;
  std::unique_ptr<CachedLog> cached_;  ///< What clients read with; null: reader_.
  std::shared_ptr<GroupCommit> group_commit_;
  std::atomic<bool> read_only_ = false;
  mutable std::atomic<bool> index_damaged_ = false;  ///< That on disk.
  std::atomic<bool> superblock_damaged_ = false;     ///< On the disk; the one in memory is sound.

  std::mutex snapshot_mutex_;  ///< One snapshot at a time; waits, so never on an io thread.

  std::mutex role_mutex_;  ///< One write of the role at a time; waits, so never on an io thread.

  mutable std::mutex mutex_;  ///< Guards all below; a leaf, held for moments.
  CopyRole role_;
  std::set<std::uint64_t> finishing_;  ///< Offsets of uploads that were let finish.
  std::vector<std::function<void(bool)>> role_waiters_;  ///< Told when finishing_ is empty.
  NeedleIndex index_;
  std::uint64_t end_ = kSuperblockBytes;  ///< Where the next needle goes.
  std::set<std::uint64_t> open_places_;   ///< Offsets taken whose outcome the index does not show.
  boost::unordered_flat_set<std::uint64_t> open_keys_;
  std::set<NeedleKey> damaged_;
  std::size_t changes_ = 0;  ///< Needles and tombstones since the last snapshot.
  bool snapshotting_ = false;
  /// Keys of needles that came or went since vacuum began to copy; nothing when it does not.
  std::optional<std::vector<NeedleKey>> changed_keys_;
  /// The same since a snapshot of an index on disk was begun.
  std::optional<std::vector<NeedleKey>> changed_since_snapshot_;
  bool closed_ = false;  ///< No place is given out: another log is about to take over.
  std::shared_ptr<VolumeFile> successor_;
  std::vector<std::function<void(bool)>> move_waiters_;  ///< Told when closed_ ends.
  std::uint64_t disk_bytes_ = 0;                         ///< As measure_disk() found it.
};

}  // namespace kelp
