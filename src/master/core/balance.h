#pragma once

#include <vector>

#include "master/core/job_budget.h"
#include "master/core/survey.h"

namespace kelp::master {

/// Adds to `out` the moves that even out the bytes of the nodes that take part: active, steady.
/// Even means: to each in proportion to its disk. Moves under way count as done. Each move makes
/// the fullest and the emptiest node more alike by balance_bytes at least, so that it ends. Pure.
void plan_balance(const PlacementView& view, const Survey& survey, const PlanOptions& options,
                  JobBudget& budget, std::vector<StartJob>& out);

}  // namespace kelp::master
