#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/completion.h"
#include "async/task_group.h"
#include "client/master_client.h"
#include "client/master_control.h"
#include "master/core/live_gateways.h"
#include "master/job_runner.h"
#include "master/lease_desk.h"
#include "master/master_context.h"

namespace kelp::master {

/// The masters' group as one member sees it, without asking anybody.
struct GroupView {
  std::uint64_t self = 0;
  std::optional<std::uint64_t> leader;           ///< Nothing: none is known.
  std::map<std::uint64_t, std::string> masters;  ///< Id and rpc address of each.
};

/// One master: a member of the group that keeps the cluster's decisions in a Raft log. All know the
/// state; the leader decides, hears the volume servers, and runs the jobs. Safe from any io thread;
/// what is asked of it happens on the seams' executor.
class MasterService final : public MasterClient, public MasterControl {
 public:
  /// Opens Raft's log and takes part. Errors: those of raft::RaftNode::open; kCorruption and
  /// kPrecondition for a state of an older Kelp that does not fit.
  [[nodiscard]] static Task<Result<std::unique_ptr<MasterService>>> open(MasterSeams seams,
                                                                         MasterOptions options);
  ~MasterService() override;

  Task<Result<WriteLease>> lease(LeaseRequest request) override;
  Task<Result<void>> release(VolumeId volume, std::uint64_t bytes) override;
  Task<Result<VolumeLocation>> locate(VolumeId volume) override;

  Task<Result<HeartbeatAnswer>> heartbeat(Heartbeat beat) override;
  Task<Result<LocationChange>> watch_locations(std::uint64_t after, MonoTime deadline) override;
  Task<Result<NeedleKey>> key_floor() override;
  Task<Result<std::uint32_t>> count_gateway(std::uint64_t gateway) override;
  Task<Result<ClusterView>> view() override;
  Task<Result<void>> set_node_intent(std::string node_id, NodeIntent intent) override;
  Task<Result<void>> remove_node(std::string node_id) override;
  Task<Result<std::uint64_t>> move_volume(VolumeId volume, std::string from,
                                          std::string to) override;
  Task<Result<void>> pause_jobs(bool paused) override;
  Task<Result<AdminLockView>> admin_lock(AdminLockRequest request) override;
  Task<Result<std::vector<JobView>>> plan_jobs(PlanKind kind, bool start) override;
  Task<Result<void>> seal_volume(VolumeId volume) override;
  Task<Result<void>> set_volume_tier(VolumeId volume, std::string tag) override;
  Task<Result<std::uint64_t>> pack_volume(VolumeId volume, EcScheme scheme,
                                          std::optional<Spread> spread) override;
  Task<Result<std::vector<VolumeId>>> grow_volumes(std::string collection,
                                                   std::uint32_t count) override;
  Task<Result<void>> add_master(std::uint64_t id, std::string address) override;
  Task<Result<void>> remove_master(std::uint64_t id) override;
  Task<Result<void>> transfer_leadership(std::optional<std::uint64_t> id) override;

  /// What this master knows of its group, whether it leads or not.
  Task<GroupView> group();
  /// Returns when this master leads; kDeadlineExceeded after `deadline`.
  Task<Result<void>> wait_until_leading(MonoTime deadline);
  /// Calls that wait for news end with kUnavailable, now and later: so that a server that drains
  /// need not wait for them. From any thread, before stop().
  void end_waits();
  /// Ends everything; waiting calls end with kCancelled. Before the destructor, from any thread.
  Task<void> stop();
  /// What was decided, for fsck and the admin pages.
  Task<MasterState> state();

 private:
  MasterService(MasterSeams seams, MasterOptions options);

  /// Runs `task` on the seams' executor and gives its value.
  template <typename T>
  Task<T> here(Task<T> task) {
    auto start = [this, t = std::move(task)](std::function<void(T)> done) mutable {
      auto job = [this, t2 = std::move(t), d = std::move(done)]() mutable {
        tasks_.spawn(deliver<T>(std::move(t2), std::move(d)));
      };
      asio::post(context_.seams.executor, std::move(job));
    };
    co_return co_await await_callback<T>(std::move(start));
  }
  template <typename T>
  static Task<void> deliver(Task<T> task, std::function<void(T)> done) {
    done(co_await std::move(task));
  }

  Task<Result<void>> start();
  Task<Result<void>> import_old_state();
  void changed();
  Task<void> tick_forever();
  Task<void> turn();
  Task<void> lead_or_follow();

  // On the executor:
  Task<Result<HeartbeatAnswer>> take_heartbeat(Heartbeat beat);
  [[nodiscard]] bool can_do_without(const NodeIdentity& node) const;
  Result<HeartbeatAnswer> answer_to(NodeNumber number, const Heartbeat& beat);
  Task<Result<LocationChange>> await_locations(std::uint64_t after, MonoTime deadline);
  Task<Result<NeedleKey>> find_key_floor();
  Task<Result<std::uint32_t>> hear_gateway(std::uint64_t gateway);
  Task<Result<VolumeLocation>> find_location(VolumeId volume);
  Task<Result<void>> end_reservation(VolumeId volume, std::uint64_t bytes);
  Task<Result<ClusterView>> describe();
  Task<Result<void>> intend(std::string node_id, NodeIntent intent);
  Task<Result<void>> forget_node(std::string node_id);
  Task<Result<std::uint64_t>> start_move(VolumeId volume, std::string from, std::string to);
  Task<Result<AdminLockView>> lock_for(AdminLockRequest request);
  Task<Result<std::vector<JobView>>> plan(PlanKind kind, bool start);
  Task<Result<void>> seal(VolumeId volume);
  Task<Result<void>> keep_on(VolumeId volume, std::string tag);
  Task<Result<std::uint64_t>> start_packing(VolumeId volume, EcScheme scheme,
                                            std::optional<Spread> spread);
  Task<GroupView> describe_group();
  Task<Result<void>> join_master(std::uint64_t id, std::string address);
  class Turn;
  Task<Result<void>> await_turn();
  Task<Result<void>> let_learn(raft::NodeId node, std::string address, MonoTime deadline);
  Task<Result<void>> await_caught_up(raft::NodeId node, MonoTime deadline);
  Task<Result<void>> leave_master(std::uint64_t id);
  Task<Result<void>> transfer(std::optional<std::uint64_t> id);
  Task<Result<void>> await_leading(MonoTime deadline);
  Task<MasterState> copy_state();
  Task<void> end();
  [[nodiscard]] Result<NodeNumber> number_of(const std::string& node_id) const;

  MasterContext context_;
  LeaseDesk desk_;
  JobRunner jobs_;
  LiveGateways gateways_;
  TaskGroup tasks_;
  bool ending_ = false;            ///< end_waits() was called.
  bool led_ = false;               ///< Whether the parts were told that this master leads.
  bool changing_masters_ = false;  ///< One change of the members at a time.
  std::map<std::uint64_t, std::string> peers_;  ///< As last told to peers_changed.
  prometheus::Gauge& volume_count_;
  prometheus::Gauge& leading_;
};

}  // namespace kelp::master
