#include "raft/node/node_probe.h"

namespace kelp::raft {

NodeProbe::NodeProbe(Metrics& metrics)
    : term(metrics.gauge("kelp_raft_term", "Term that this member is in.")),
      role(metrics.gauge("kelp_raft_role",
                         "0 follower, 1 pre-candidate, 2 candidate, 3 leader, 4 learner.")),
      commit_index(metrics.gauge("kelp_raft_commit_index", "Newest entry known to be committed.")),
      applied_index(metrics.gauge("kelp_raft_applied_index", "Newest entry that was applied.")),
      failed(metrics.gauge("kelp_raft_failed", "1 when the member stopped after an error.")),
      elections(metrics.counter("kelp_raft_elections_total", "Elections this member stood for.")),
      proposals(metrics.counter("kelp_raft_proposals_total", "Commands proposed here.")),
      snapshots_made(metrics.counter("kelp_raft_snapshots_made_total", "Snapshots made here.")),
      snapshots_installed(metrics.counter("kelp_raft_snapshots_installed_total",
                                          "Snapshots taken over from a leader.")),
      append_seconds(metrics.histogram(
          "kelp_raft_append_seconds", "Time to write and sync what had gathered for the log.",
          {0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2})) {}

}  // namespace kelp::raft
