#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "async/work_pool.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "client/master_client.h"
#include "client/volume_admin.h"
#include "master/core/commands.h"
#include "master/core/placement.h"
#include "master/core/reservations.h"
#include "master/core/state.h"
#include "master/turn.h"
#include "os/file_io.h"

namespace kelp::master {

/// Who the master is and where it keeps its state.
struct MasterOptions {
  std::string dir;             ///< Made when missing; holds the file `state`.
  std::string cluster_id;      ///< UUID text; a state of another cluster is refused.
  std::string cluster_secret;  ///< Signs lease tokens.
  PlacementOptions placement;
  std::uint64_t key_reserve = 1ULL << 20;  ///< Keys made durable at a time; a crash skips at most
                                           ///< so many.
  std::chrono::seconds lease_time{600};    ///< How long a token lets needles be opened.
};

/// What the master touches; everything must outlive it.
struct MasterSeams {
  FileIo& io;
  WorkPool& pool;
  Clock& clock;
  VolumeAdmin& volumes;
  Metrics& metrics;
};

/// The master of one node: the state is a file, replaced whole and durable before anything that
/// depends on it leaves. Safe from any io thread.
class MasterService final : public MasterClient {
 public:
  MasterService(MasterSeams seams, MasterOptions options, MasterState state);

  Task<Result<WriteLease>> lease(LeaseRequest request) override;
  Task<Result<void>> release(VolumeId volume, std::uint64_t bytes) override;
  Task<Result<VolumeLocation>> locate(VolumeId volume) override;

  /// A copy of what was decided, for fsck and the admin pages.
  [[nodiscard]] MasterState state() const;

 private:
  // Only in one's turn:
  Task<Result<VolumeId>> volume_for(LeaseRequest request, std::uint64_t keys_wanted);
  Task<Result<void>> make_volume(VolumeId volume, Generation generation, std::string collection);
  Task<Result<void>> commit(std::vector<Command> commands);
  void add_reserve(std::uint64_t keys_wanted, std::vector<Command>& commands) const;
  WriteLease grant(const LeaseRequest& request, VolumeId volume);

  MasterSeams seams_;
  const MasterOptions options_;
  prometheus::Counter& leases_;
  prometheus::Counter& refusals_;
  prometheus::Gauge& volume_count_;

  Turn turn_;
  NeedleKey next_key_;           ///< In one's turn. Always at most state_.key_mark.
  std::optional<Error> broken_;  ///< In one's turn. Set when the state on disk is in doubt.

  mutable std::mutex mutex_;  ///< Guards what follows; written in one's turn only.
  MasterState state_;
  Reservations reservations_;
};

/// Reads the state of `options.dir`, or starts a new one, and compares it with the volume server.
///
/// Errors: kCorruption when the state does not check, or is missing although volumes are there
/// (keys would be leased again); kPrecondition for another cluster's state; kUnimplemented for a
/// newer format.
[[nodiscard]] Task<Result<std::unique_ptr<MasterService>>> open_master(MasterSeams seams,
                                                                       MasterOptions options);

}  // namespace kelp::master
