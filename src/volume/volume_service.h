#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <vector>

#include "async/background_budget.h"
#include "async/work_pool.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "client/volume_nodes.h"
#include "os/file_io.h"
#include "volume/core/needle_format.h"
#include "volume/core/superblock.h"
#include "volume/pack_cache.h"
#include "volume/rebuild_shelf.h"
#include "volume/store/needle_reader.h"

namespace kelp {

class BlockCache;
class VolumeFile;
class VolumeVacuum;
struct ExtentsUse;
struct NeedleRun;
struct VolumeShared;

/// Where and how a volume server keeps its needles.
struct VolumeServiceOptions {
  std::string directory;   ///< Made when missing; one process owns it.
  std::string cluster_id;  ///< UUID text; volumes of another cluster are refused.
  bool sync = true;        ///< False: durability "os", acknowledge from the page cache.
  std::uint64_t volume_limit_bytes = 32ULL << 30;  ///< A longer log takes no more needles.
  /// Free room of the disk that new needles leave alone; at most a twentieth of the disk.
  std::uint64_t reserve_bytes = 256ULL << 20;
  /// A volume with less garbage is not vacuumed by itself.
  std::uint64_t vacuum_least_bytes = 64ULL << 20;
  /// Indexes stay on disk: some 10 bytes of memory for 340 needles instead of 4 KiB, and one more
  /// read for a needle.
  bool index_on_disk = false;
  /// Vacuum and copies read and write past the page cache.
  bool direct_io = false;
  std::string metrics_directory;  ///< VolumeProbe's label; empty: none.
};

/// Room that new needles leave alone, for tombstones, vacuum, metadata and snapshots.
[[nodiscard]] std::uint64_t reserve_of(const VolumeServiceOptions& options, const DiskSpace& space);

/// What the service works with; all outlive it, and jobs in `pool` outlive it too: end the pool
/// before `io`.
struct VolumeServiceParts {
  FileIo& io;
  WorkPool& pool;
  const Clock& clock;
  Metrics& metrics;
  /// Says whether the request's token allows it: kPermissionDenied, kConflict.
  std::function<Result<void>(const OpenNeedle&)> verify_token;
  /// The other volume servers, to pass needles on to and to copy from; null: there are none.
  VolumeNodes* peers = nullptr;
  /// What work that nobody waits for keeps to, and clients' requests are told to; null: there is no
  /// such work, vacuum and scrub are refused.
  BackgroundBudget* background = nullptr;
  Timers* timers = nullptr;
  /// Of what clients read; null: none. Outlives the service and the jobs in its pool.
  BlockCache* cache = nullptr;
};

/// What of a volume does not match its checksums.
struct DamagedVolume {
  VolumeId volume;
  std::vector<NeedleKey> needles;  ///< Ascending.
  bool superblock = false;         ///< On the disk; what is in memory is sound.
};

/// A volume server: the volumes of one directory. In process it is itself the client that gateways
/// use; over rpc a thin layer calls it. Safe from any io thread.
class VolumeService final : public VolumeNode {
 public:
  /// Locks the directory and opens every volume in it; deletes nothing. Blocks. A volume that is
  /// damaged or cannot be read is logged and refused by itself (kUnavailable), all others work.
  /// kUnavailable when another process owns the directory, kPermissionDenied for another cluster's
  /// volumes, kUnimplemented for a newer format.
  [[nodiscard]] static Result<std::unique_ptr<VolumeService>> start(VolumeServiceOptions options,
                                                                    VolumeServiceParts parts);
  ~VolumeService() override;

  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle request) override;
  Task<Result<void>> read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) override;
  Task<Result<void>> read_shard(ShardRead request, MutableByteSpan buffer) override;
  PinnedPages try_pin(FileId fid, std::uint64_t offset, std::size_t bytes) override;
  Task<Result<void>> remove(std::vector<FileId> fids) override;

  Task<Result<NodeStatus>> status() override;
  Task<Result<void>> create_volume(VolumeId volume, Generation generation,
                                   std::string collection) override;
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId volume, NeedleKey after,
                                                     std::uint32_t limit) override;
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId volume) override;

  Task<Result<void>> set_role(VolumeId volume, Generation oldest, CopyRole role) override;
  Task<Result<VolumeDigest>> pull(VolumeId volume, Generation generation, std::string collection,
                                  VolumeMember source, Urgency urgency) override;
  Task<Result<VolumeDigest>> rebuild(VolumeId volume, Generation generation, std::string collection,
                                     StripeSources from, Urgency urgency) override;
  Task<Result<std::string>> read_rebuilt(VolumeId volume, Generation generation, std::uint8_t shard,
                                         NeedleKey key) override;
  Task<Result<VolumeDigest>> digest(VolumeId volume, bool verify) override;
  Task<Result<void>> retire(VolumeId volume, Generation generation) override;
  Task<Result<std::string>> read_needles(VolumeId volume, Generation generation, NeedleKey after,
                                         Urgency urgency) override;
  Task<Result<std::string>> read_needle(VolumeId volume, Generation generation,
                                        NeedleKey key) override;
  Task<Result<NeedlePart>> read_part(VolumeId volume, Generation generation, NeedleKey key,
                                     std::uint64_t offset, std::size_t bytes) override;

  /// The collection of a volume that is here. kNotFound, kUnavailable for one refused at start.
  [[nodiscard]] Result<std::string> collection_of(VolumeId volume) const;
  /// All of a needle but its body, verified. kNotFound (also for a wrong cookie), kCorruption.
  Task<Result<NeedleFrame>> head(FileId fid);
  Task<Result<VolumeDigest>> pack(VolumeId volume, Generation generation, std::string collection,
                                  PackSource from, Urgency urgency) override;
  Task<Result<VolumeDigest>> verify_packed(VolumeId volume, Generation generation,
                                           Urgency urgency) override;
  Task<Result<void>> adopt_packed(VolumeId volume, Generation generation) override;
  Task<Result<void>> drop_packed(VolumeId volume, Generation generation) override;
  Task<Result<std::string>> read_packed(VolumeId volume, Generation generation, PackSource from,
                                        NeedleKey after, Urgency urgency) override;
  Task<Result<PackedPlace>> find_packed(FileId fid, EcScheme scheme) override;
  Task<Result<VolumeDigest>> repack(VolumeId volume, Generation generation, std::string collection,
                                    StripeSources from, Urgency urgency) override;
  Task<Result<std::vector<SparseVolume>>> sparse_volumes() override;

  /// Gives the room of removed needles of a volume back (store/volume_vacuum.h); reads and writes
  /// go on. `replacements`: needles to take instead of damaged ones. One volume at a time:
  /// kResourceExhausted. kNoSpace when the live needles do not fit beside the old log; half of the
  /// reserve may be used for them. kUnavailable for a read-only volume, kCorruption for a damaged
  /// needle: then nothing changes.
  Task<Result<void>> vacuum(VolumeId volume, std::map<NeedleKey, std::string> replacements = {});
  /// Removes the extents of a packed volume that no needle lies in any more; how many they were.
  /// Notes what is alive in the others, for sparse_volumes().
  /// The volume takes no needles, so what is dead stays dead. 0 for other volumes, and while it is
  /// frozen.
  Task<Result<std::size_t>> drop_dead_extents(VolumeId volume);
  /// Asks the disk how much room each volume takes. Blocks.
  Result<void> measure_disk();
  /// The volume whose vacuum gives most room for what it costs, of those whose garbage is at least
  /// `garbage` (0 to 1) of their room; nothing when there is none. kNoSpace when none of them fits.
  Result<std::optional<VolumeId>> choose_vacuum(double garbage,
                                                const std::set<VolumeId>& not_these);
  /// Volumes with damage that is known and not healed.
  [[nodiscard]] std::vector<DamagedVolume> damaged() const;

  /// Writes and syncs a few bytes when the disk was idle, so that how quick it is stays known
  /// (NodeStatus::write_micros), and looks whether the directory is still there. Call it about once
  /// a second; returns when the disk did it.
  Task<void> feel_pulse();
  /// Why the whole directory counts as failed, as feel_pulse() found: it takes no write, or is gone
  /// from its path. From then on it tells of no volume and no room, takes nothing new, and to jobs
  /// it is one that has no copy; what can still be read is. For good: it has to be opened again.
  /// Thread-safe.
  [[nodiscard]] std::optional<Error> failure() const;
  /// New needles get kUnavailable until then: the master saw that this disk is much slower than the
  /// others. All else goes on.
  void refuse_needles_until(MonoTime until) { refusing_until_ = until; }

  /// UUID of this server, kept in its directory.
  [[nodiscard]] const std::string& node_id() const { return node_id_; }
  /// Writes index snapshots so that the next start is quick. Call it once nothing runs any more;
  /// without it nothing is lost. Blocks. The first error, after trying all.
  Result<void> close();
  /// Heap used by the indexes, about.
  [[nodiscard]] std::size_t index_memory_bytes() const;

 private:
  friend class VolumeUpkeep;

  using VolumePtr = std::shared_ptr<VolumeFile>;
  VolumeService(VolumeServiceOptions options, VolumeServiceParts parts);

  Result<void> load();
  Result<void> load_node_id();
  Result<void> load_volume(VolumeId volume);
  Result<void> make_volume(VolumeId volume, Generation generation, const std::string& collection);
  Result<VolumePtr> begin_pull(VolumeId volume, Generation generation,
                               const std::string& collection);
  [[nodiscard]] bool may_go_on(const VolumeFile& copy) const;
  Task<Result<void>> sync_copy(VolumePtr copy);
  [[nodiscard]] std::shared_ptr<VolumeShared> pull_shared() const;
  Result<void> begin_copying(VolumeId volume);
  /// Makes a copy beside what is here, as the only job that does so for this volume.
  using Making = std::function<Task<Result<VolumeDigest>>()>;
  Task<Result<VolumeDigest>> one_at_a_time(VolumeId volume, Making make);
  /// Puts the needles of a volume into a new copy, from the key on that it has.
  using Fill = std::function<Task<Result<void>>(VolumePtr)>;
  Task<Result<VolumeDigest>> make_copy(VolumeId volume, Generation generation,
                                       std::string collection, Urgency urgency, Fill fill);
  Task<Result<VolumeDigest>> make_alone(VolumeId volume, Generation generation,
                                        std::string collection, Urgency urgency, Fill fill);
  Task<Result<void>> rebuild_needles(VolumePtr copy, Generation generation, StripeSources from,
                                     Urgency urgency);
  Task<Result<NeedleKey>> take_images(VolumePtr copy, MutableByteSpan images);
  Task<Result<void>> pull_needles(VolumePtr copy, Generation generation, VolumeMember source,
                                  Urgency urgency);
  Task<Result<VolumeDigest>> pack_alone(VolumeId volume, Generation generation,
                                        std::string collection, PackSource from, Urgency urgency);
  Result<VolumePtr> begin_packing(VolumeId volume, Generation generation,
                                  const std::string& collection, const std::string& source);
  [[nodiscard]] VolumePtr find_adopted(VolumeId volume, Generation generation) const;
  void keep_packed(VolumeId volume, const VolumePtr& copy);
  void forget_packed(VolumeId volume);
  using ByteCount = std::shared_ptr<std::atomic<std::uint64_t>>;
  Task<Result<PackCache::Extent>> recode_next(VolumePtr found, Generation generation,
                                              PackSource from, NeedleKey after, Urgency urgency,
                                              ByteCount read);
  Task<Result<PackedExtent>> pack_run(VolumePtr found, Generation generation, StripeSources stripe,
                                      const NeedleRun* run, EcScheme scheme, Urgency urgency,
                                      ByteCount read);
  Task<Result<PackedExtent>> split_anew(VolumePtr found, Generation generation,
                                        StripeSources stripe, NeedleFrame frame, EcScheme scheme,
                                        ByteCount read);
  Result<VolumePtr> open_packed(VolumeId volume, Generation generation);
  Result<void> drop_files(VolumeId volume);
  Task<Result<bool>> is_packed(VolumeId volume, StripeSources from) const;
  Task<Result<void>> copy_stubs(VolumePtr copy, Generation generation, StripeSources from,
                                Urgency urgency);
  Task<Result<void>> copy_stubs_of(VolumeMember member, VolumePtr copy, Generation generation,
                                   Urgency urgency);
  [[nodiscard]] std::vector<VolumePtr> readable(VolumeId volume) const;
  [[nodiscard]] bool in_switch(VolumeId volume) const;
  Task<Result<void>> read_in_switch(ShardRead request, MutableByteSpan buffer);
  Task<Result<void>> read_whole_in_switch(FileId fid, std::uint64_t offset, MutableByteSpan buffer);
  Task<Result<void>> read_in(std::vector<VolumePtr> places, FileId fid, NeedleReader::Range range);
  Task<Result<VolumeDigest>> repack_alone(VolumeId volume, Generation generation,
                                          std::string collection, StripeSources from,
                                          Urgency urgency);
  Task<Result<void>> make_anew(VolumePtr here, VolumePtr copy, StripeSources from, Urgency urgency);
  Task<Result<void>> copy_kept(VolumePtr here, VolumePtr copy,
                               std::shared_ptr<const ExtentsUse> use, Urgency urgency);
  Task<Result<void>> pack_sparse(VolumePtr here, VolumePtr copy,
                                 std::shared_ptr<const ExtentsUse> use, StripeSources from,
                                 Urgency urgency);
  void keep_replaced(VolumeId volume);
  /// An unfinished copy has everything of `source` up to `after`.
  struct Pulled {
    std::string source;
    Generation generation;
    NeedleKey after;
  };
  [[nodiscard]] NeedleKey go_on_after(const VolumeFile& copy, const std::string& source);
  void reached(VolumeId volume, NeedleKey after);
  Result<void> adopt(VolumeId volume, Generation generation);
  Result<void> remove_files(VolumeId volume, Generation generation);
  void forget(VolumeId volume);
  void served(std::uint64_t bytes);
  Result<VolumePtr> find(VolumeId volume) const;
  Result<VolumePtr> find_in(VolumeId volume, Generation generation) const;
  [[nodiscard]] std::vector<VolumePtr> all() const;
  Result<void> check_request(const OpenNeedle& request) const;
  [[nodiscard]] Result<void> check_works() const;
  Result<void> check_home();
  Result<void> look_home();
  Result<void> try_disk();
  void failed(const Error& error);
  Result<void> check_space(std::uint64_t bytes);
  Result<DiskSpace> space();
  [[nodiscard]] std::string node_id_path() const { return options_.directory + "/node_id"; }
  [[nodiscard]] std::string scrub_path() const { return options_.directory + "/scrub"; }
  Result<std::uint64_t> vacuum_room();
  Result<void> check_vacuum_room(std::uint64_t bytes);
  [[nodiscard]] std::string vacuum_folder() const { return options_.directory + "/vacuum"; }
  Result<void> clear_vacuum();
  Task<Result<void>> run_vacuum(VolumePtr source, VolumeVacuum& job);
  Result<void> switch_log(const VolumePtr& source, VolumeVacuum& job);

  const VolumeServiceOptions options_;
  const VolumeServiceParts parts_;
  Uuid cluster_id_{};
  std::shared_ptr<VolumeShared> shared_;
  std::string node_id_;
  std::unique_ptr<DirLock> lock_;

  mutable std::shared_mutex volumes_mutex_;
  std::map<VolumeId, VolumePtr> volumes_;
  std::map<VolumeId, Error> refused_;     ///< Volumes that could not be opened, and why.
  std::set<VolumeId> copying_;            ///< Volumes of which a copy is being made here.
  std::map<VolumeId, Pulled> pulled_;     ///< How far unfinished copies are.
  std::set<VolumeId> begun_;              ///< Of them, those that this process began.
  std::map<VolumeId, VolumePtr> packed_;  ///< What pack() made and nobody adopted yet.
  std::atomic<bool> any_packed_ = false;  ///< Whether there is such a one.
  /// What adopt_packed() set aside, until it thaws: who found a stub in it still reads the extent,
  /// and who knows the scheme before the shard.
  std::map<VolumeId, VolumePtr> replaced_;
  /// What drop_dead_extents() found, of a log made in that generation.
  struct Looked {
    Generation made;
    SparseVolume found;
  };
  void note_looked(VolumeId volume, Looked looked);
  void forget_looked(VolumeId volume);
  std::map<VolumeId, Looked> looked_;
  PackCache pack_cache_;
  RebuildShelf shelf_;       ///< Shards that are made here for others.
  std::mutex create_mutex_;  ///< One creation at a time; blocks, pool threads only.
  std::atomic<bool> vacuuming_ = false;

  std::atomic<MonoTime> refusing_until_ = MonoTime{};
  std::unique_ptr<File> pulse_file_;  ///< What feel_pulse() writes to; made by it.
  std::atomic<bool> failed_ = false;  ///< Set once, after failure_.
  std::optional<Error> failure_;

  std::mutex space_mutex_;
  DiskSpace space_;
  MonoTime space_read_{};
  bool space_known_ = false;
};

}  // namespace kelp
