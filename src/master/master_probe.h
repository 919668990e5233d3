#pragma once

#include <cstddef>
#include <map>

#include "base/metrics.h"
#include "master/core/survey.h"
#include "raft/node/raft_node.h"

namespace kelp::master {

/// What the leading master knows of the cluster, as metrics. All are 0 on the others, so that the
/// greatest of all masters is the truth. On the masters' executor.
class MasterProbe {
 public:
  explicit MasterProbe(Metrics& metrics);
  /// `survey` is one of `view`; `standing` counts jobs whose last attempt failed.
  void look(const PlacementView& view, const Survey& survey, std::size_t standing);
  /// The masters' group as its leader sees it.
  void look(const raft::NodeStatus& group);
  /// This master does not lead any more.
  void clear();

 private:
  void count_nodes(const PlacementView& view);
  void count_volumes(const PlacementView& view, const Survey& survey);

  prometheus::Gauge& short_volumes_;
  prometheus::Gauge& at_risk_volumes_;
  prometheus::Gauge& unreadable_volumes_;
  prometheus::Gauge& nodes_;
  prometheus::Gauge& alive_nodes_;
  prometheus::Gauge& slow_nodes_;
  prometheus::Gauge& disk_bytes_;
  prometheus::Gauge& free_bytes_;
  prometheus::Gauge& members_;
  prometheus::Gauge& alive_members_;
  prometheus::Gauge& standing_jobs_;
  prometheus::Gauge& jobs_paused_;
  std::map<JobKind, prometheus::Gauge*> jobs_;
};

}  // namespace kelp::master
