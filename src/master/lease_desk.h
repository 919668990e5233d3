#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/task_group.h"
#include "master/master_context.h"

namespace kelp::master {

/// Hands out leases and has volumes made ahead of need. Leader only; everything on the context's
/// executor.
class LeaseDesk {
 public:
  /// `context` must outlive this.
  explicit LeaseDesk(MasterContext& context);
  /// Ends what runs beside. Before the destructor.
  Task<void> stop();

  /// As MasterClient::lease.
  Task<Result<WriteLease>> lease(LeaseRequest request);
  /// The first of all keys that this desk reserved less than `age` ago, whatever the wall clock did
  /// since; none: nothing.
  [[nodiscard]] std::optional<NeedleKey> first_younger_than(std::chrono::seconds age);
  /// Leadership begins or ends: keys reserved before are never handed out again.
  void forget_keys() { next_key_ = end_key_ = NeedleKey{}; }
  /// As MasterControl::grow_volumes.
  Task<Result<std::vector<VolumeId>>> grow_now(std::string collection, std::uint32_t count);
  /// Makes volumes until it is cancelled.
  Task<void> grow_forever();
  /// Reserves keys ahead of need, and a fresh block once an hour, so that a block's age bounds that
  /// of its leases.
  Task<Result<void>> refresh_keys();

 private:
  /// A collection that wants a volume, for large needles or for others.
  struct Wanted {
    std::string collection;
    bool large = false;
    friend auto operator<=>(const Wanted&, const Wanted&) = default;
  };

  Task<Result<WriteLease>> volume_for(LeaseRequest request);
  Task<Result<WriteLease>> keys_alone(LeaseRequest request);
  WriteLease take_keys(const LeaseRequest& request);
  WriteLease grant(const LeaseRequest& request, VolumeId id);
  void seal(VolumeId full);
  Task<void> seal_one(VolumeId full);
  Task<Result<void>> reserve(std::uint64_t keys);
  Task<Result<void>> grow(Wanted wanted, std::vector<VolumeId> exclude);
  Task<Result<VolumeId>> make_one(Wanted wanted);
  Task<Result<void>> make(VolumeId id);
  Task<Result<void>> make_at(NodeNumber member, VolumeId id, VolumeRecord record);
  [[nodiscard]] std::uint64_t keys_left() const { return end_key_.value - next_key_.value; }

  MasterContext& context_;
  TaskGroup tasks_;
  std::set<VolumeId> sealing_;
  prometheus::Counter& leases_;
  prometheus::Counter& refusals_;
  NeedleKey next_key_;  ///< Up to end_key_: reserved by this leadership, not leased yet.
  NeedleKey end_key_;
  MonoTime reserved_at_{};
  struct Block {
    NeedleKey first;
    MonoTime reserved;
  };
  std::deque<Block> blocks_;  ///< That were reserved here lately, in order.
  bool reserving_ = false;
  Event reserved_;                                  ///< A reservation ended, well or not.
  std::map<Wanted, std::vector<VolumeId>> wanted_;  ///< Other volumes than these.
  Event wanted_changed_;
  Event grown_;                       ///< An attempt to make a volume ended.
  std::optional<Error> last_growth_;  ///< What it came to, when not well.
};

}  // namespace kelp::master
