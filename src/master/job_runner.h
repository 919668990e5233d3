#pragma once

#include <map>
#include <set>

#include "async/task_group.h"
#include "master/master_context.h"
#include "master/master_probe.h"
#include "rpc/retry.h"

namespace kelp::master {

/// Plans and runs jobs while this master leads: each step's work is done, then recorded. A job that
/// stands still is tried again; a new leader goes on where the last one stopped. Everything on the
/// context's executor.
class JobRunner {
 public:
  /// `context` must outlive this.
  explicit JobRunner(MasterContext& context);
  /// Starts what should be started and runs what was recorded; call it about once a second.
  Task<Result<void>> turn();
  /// Leadership ended, or the process does: stops working on jobs, which stay recorded.
  Task<void> stop();
  /// What the last attempt at a job came to; empty when well.
  [[nodiscard]] std::string error_of(JobId id) const;

 private:
  Task<void> run(JobId id);
  Task<Result<void>> step(JobId id, JobRecord job, VolumeRecord volume);
  Task<Result<void>> work_on(JobRecord job, VolumeRecord volume);
  Task<Result<void>> confirm_targets(JobId id);
  Task<Result<void>> freeze(JobRecord job, VolumeRecord volume);
  Task<Result<void>> copy(JobRecord job, VolumeRecord volume);
  Task<Result<void>> copy_from(NodeNumber source, JobRecord job, VolumeRecord volume);
  Task<Result<void>> check_covers(JobRecord job, VolumeDigest made, NodeNumber other);
  [[nodiscard]] std::vector<NodeNumber> sources(const JobRecord& job,
                                                const VolumeRecord& volume) const;
  Task<Result<void>> thaw(JobRecord job, VolumeRecord volume);
  Task<Result<void>> retire(JobRecord job, VolumeRecord volume);
  // Of shards (job_rebuild.cc):
  Task<Result<void>> rebuild(JobRecord job, VolumeRecord volume);
  Task<Result<void>> rebuild_several(JobRecord job, VolumeRecord volume);
  [[nodiscard]] StripeSources shard_sources(const JobRecord& job, const VolumeRecord& volume) const;
  Task<Result<void>> leave_out(JobId id, std::map<NodeNumber, Error> failed);
  // Of seals (job_seal.cc):
  Task<Result<void>> pack(JobRecord job, VolumeRecord volume);
  Task<Result<void>> pack_from(NodeNumber source, JobRecord job, VolumeRecord volume);
  Task<Result<void>> pack_at_targets(PackSource from, JobRecord job, VolumeRecord volume);
  Task<Result<void>> verify_packed(JobRecord job, VolumeRecord volume);
  Task<Result<void>> settle(JobRecord job, VolumeRecord volume);
  Task<Result<void>> retire_copies(JobRecord job, VolumeRecord volume);
  Task<Result<void>> give_up(JobRecord job, VolumeRecord volume);
  // Of changes of scheme (job_recode.cc):
  Task<Result<void>> recode_from(NodeNumber source, JobRecord job, VolumeRecord volume);
  Task<Result<void>> check_knows_all(NodeNumber source, JobRecord job, VolumeRecord volume);
  Task<Result<void>> check_counts(JobRecord job, VolumeRecord volume, VolumeDigest packed);
  // Of volumes that are packed anew (job_repack.cc):
  Task<Result<void>> repack(JobRecord job, VolumeRecord volume);
  Task<void> ask_for_sparse(std::vector<NodeNumber> nodes, SparseReports found);
  void look_for_sparse();
  Task<void> retire_strays(std::vector<StrayCopy> strays);
  void name_unexplained(const Survey& survey);
  [[nodiscard]] Urgency urgency_of(const JobRecord& job, const VolumeRecord& volume) const;
  [[nodiscard]] bool hopeless(const JobRecord& job, const Error& error, int attempts) const;
  void rest(const JobRecord& job);
  [[nodiscard]] bool repack_rests(VolumeId volume) const;
  [[nodiscard]] std::set<VolumeId> resting() const;

  MasterContext& context_;
  TaskGroup tasks_;
  std::map<JobId, std::uint64_t> running_;  ///< The task of each job that is worked on.
  std::map<JobId, std::string> errors_;     ///< What the last attempt came to.
  /// Of a repair of several shards.
  struct Several {
    std::set<NodeNumber> made;  ///< Who has its shard, as far as this leader asked.
    int failures = 0;
  };
  std::map<JobId, Several> several_;
  /// Of a volume whose last job was given up: each such job froze it for nothing.
  struct Rest {
    Backoff backoff;
    MonoTime until;
  };
  std::map<VolumeId, Rest> rests_;
  /// Of those that could not be packed anew: only that waits, they lack nothing.
  std::map<VolumeId, Rest> repack_rests_;
  std::set<StrayCopy> unexplained_;  ///< Named in the log already.
  MonoTime looked_{};                ///< For unexplained copies.
  SparseReports sparse_;             ///< Of the last look.
  MonoTime asked_{};                 ///< For sparse volumes.
  bool asking_ = false;
  bool retiring_ = false;
  MasterProbe probe_;
  prometheus::Counter& done_;
  prometheus::Counter& abandoned_;
};

}  // namespace kelp::master
