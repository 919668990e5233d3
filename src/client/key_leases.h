#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/awaitable.h"
#include "async/task_group.h"
#include "base/clock.h"
#include "client/master_client.h"
#include "wire/fid.h"

namespace kelp {

/// How much is taken ahead.
struct KeyLeaseOptions {
  std::uint32_t keys = 1024;                ///< Keys a lease asks for, 1 to 1,000,000.
  std::uint64_t bytes = 256ULL << 20;       ///< Room a lease asks for.
  std::chrono::seconds expiry_margin{60};   ///< A lease is not used in its last such time.
  std::chrono::seconds failure_memory{30};  ///< How long a failed volume is avoided.
};

class KeyLeases;

/// Keeps a key provisional, so that the collector leaves its needle alone: hold it until the
/// metadata names the needle or the upload is given up. Movable; safe on any thread; must die
/// before its KeyLeases.
class ProvisionalKey {
 public:
  ProvisionalKey() = default;
  ProvisionalKey(ProvisionalKey&& other) noexcept { swap(other); }
  ProvisionalKey& operator=(ProvisionalKey&& other) noexcept {
    ProvisionalKey old(std::move(other));
    swap(old);
    return *this;
  }
  ~ProvisionalKey() { release(); }
  /// Ends it early. The second call does nothing.
  void release();

 private:
  friend class KeyLeases;
  struct Batch;
  ProvisionalKey(KeyLeases* owner, std::shared_ptr<Batch> batch, std::uint32_t index)
      : owner_(owner), batch_(std::move(batch)), index_(index) {}
  void swap(ProvisionalKey& other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(batch_, other.batch_);
    std::swap(index_, other.index_);
  }
  KeyLeases* owner_ = nullptr;
  std::shared_ptr<Batch> batch_;
  std::uint32_t index_ = 0;
};

/// A fresh place for one needle.
struct LeasedFid {
  FileId fid;
  Generation generation;
  std::string token;                  ///< For OpenNeedle::token.
  std::vector<VolumeMember> members;  ///< For OpenNeedle::members; empty in process.
  EcScheme scheme;                    ///< For OpenNeedle::scheme.
  ProvisionalKey hold;                ///< Keep until the metadata names the fid.
};

/// Takes leases from the master ahead of need and hands out their keys one at a time: a put waits
/// for the master only when the next lease is late. Large needles and storage classes have leases
/// of their own where the master says so (WriteLease::large_from, classes). Thread-safe (a leaf
/// mutex).
class KeyLeases {
 public:
  /// `master` and `clock` must outlive this. `executor` runs the background requests; close() from
  /// it before this dies.
  KeyLeases(MasterClient& master, Clock& clock, Executor executor, KeyLeaseOptions options = {});
  ~KeyLeases();
  KeyLeases(const KeyLeases&) = delete;
  KeyLeases& operator=(const KeyLeases&) = delete;

  /// A place for a needle of `bytes` (1 byte to 64 MiB) of an object of that storage class, by its
  /// S3 name; empty, or one that lies as STANDARD does: there. Errors: those of
  /// MasterClient::lease; kCancelled after close().
  Task<Result<LeasedFid>> next(std::uint64_t bytes, std::string storage_class = {});

  /// Whether needles of one storage class may be named by objects of the other, as far as the last
  /// lease told.
  [[nodiscard]] bool lie_alike(std::string_view storage_class, std::string_view other) const;

  /// Smallest key that is provisional: its upload goes on, or it may yet be handed out. Whatever
  /// the metadata does not name below it is garbage. 0 before the first lease, so call next() or
  /// prepare() once.
  [[nodiscard]] NeedleKey oldest_provisional() const;

  /// Takes the first lease, so that the first put finds it.
  Task<Result<void>> prepare();

  /// Avoids `volume` for a while: it answered kUnavailable, kConflict or kNoSpace.
  void report_failed(VolumeId volume);

  /// Takes new leases from here on: metadata no longer takes the keys of those at hand.
  void forget();

  /// Gives unused room back and ends the background work. All ProvisionalKeys must be gone.
  Task<void> close();

 private:
  friend class ProvisionalKey;
  using Batch = ProvisionalKey::Batch;
  struct Failure {
    VolumeId volume;
    MonoTime until;
  };

  using Batches = std::deque<std::shared_ptr<Batch>>;
  /// Of a collection, which a storage class or all others lie in.
  struct Leases {
    std::string collection;
    std::array<Batches, 2> open;   ///< Keys are handed out front first; [1]: for large needles.
    std::uint64_t large_from = 0;  ///< WriteLease::large_from of the newest lease.
  };
  /// What a lease is asked for.
  struct Wanted {
    Leases* of = nullptr;
    bool large = false;
    std::uint64_t bytes = 1;
  };

  // Under mutex_:
  [[nodiscard]] std::string_view collection_of(std::string_view storage_class) const;
  Wanted wanted(std::uint64_t bytes, std::string_view storage_class);
  std::shared_ptr<Batch> usable(const Wanted& wanted);
  LeasedFid take(const std::shared_ptr<Batch>& batch, std::uint64_t bytes);
  Cookie cookie();
  std::vector<VolumeId> failed_now();
  [[nodiscard]] bool wants_spare(const Batches& open) const;
  /// What a spare lease should be taken of.
  std::optional<Wanted> spare();
  void retire(std::shared_ptr<Batch> batch);
  void retire_all();
  void settle(const Batch& batch);
  void start_background();

  // Without mutex_:
  Task<Result<void>> fetch_or_wait(Wanted wanted);
  Task<Result<void>> fetch(Wanted wanted);
  Task<void> work_in_background();
  void finished(const std::shared_ptr<Batch>& batch, std::uint32_t index);

  MasterClient& master_;
  Clock& clock_;
  const Executor executor_;
  const KeyLeaseOptions options_;
  TaskGroup tasks_;  ///< Touched on executor_ only.

  mutable std::mutex mutex_;
  /// By collection; never shrinks, and has the common one, whose name is empty, first.
  std::deque<Leases> leases_;
  std::vector<std::string> classes_;                         ///< WriteLease::classes of the newest.
  std::vector<std::shared_ptr<Batch>> unfinished_;           ///< Retired, with uploads that go on.
  std::vector<std::pair<VolumeId, std::uint64_t>> settled_;  ///< Reservations to give back.
  std::vector<std::function<void(bool)>> waiters_;           ///< For the fetch under way.
  std::vector<Failure> failures_;
  NeedleKey seen_end_;    ///< A later lease that begins below this is not used.
  MonoTime spare_after_;  ///< No background fetch before this, after one that failed.
  bool fetching_ = false;
  bool background_ = false;
  bool closed_ = false;
  std::array<std::uint32_t, 256> cookies_{};  ///< Random, used once each.
  std::size_t cookies_left_ = 0;
};

}  // namespace kelp
