#pragma once

#include <vector>

#include "iam/core/job.h"

namespace kelp::iam {

/// Adds those of the parameter Tags; one of the same key is replaced. LimitExceeded.
[[nodiscard]] Outcome<void> add_tags(const Parameters& parameters, std::vector<Tag>& tags);
/// Takes away those that the parameter TagKeys names.
[[nodiscard]] Outcome<void> remove_tags(const Parameters& parameters, std::vector<Tag>& tags);
/// A page of them.
[[nodiscard]] Outcome<void> write_tag_page(Job& job, const std::vector<Tag>& tags);

}  // namespace kelp::iam
