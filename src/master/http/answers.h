#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "master/master_service.h"
#include "wire/cluster.h"
#include "wire/lease.h"

namespace kelp::master {

// The bodies of the masters' HTTP (docs/operations/master-http.md). The members are named as
// scripts of operators know them. Pure.

/// Of /dir/assign: one file id for `lease.key_count` needles; those behind it have the keys that
/// follow, under the same cookie.
[[nodiscard]] boost::json::value assign_answer(const WriteLease& lease, Cookie cookie);
/// Of /dir/lookup. `asked` is what the request named.
[[nodiscard]] boost::json::value lookup_answer(std::string_view asked,
                                               const VolumeLocation& location);
/// Of /dir/status: nodes by data centre and rack, and which volumes take data. Room counts in
/// volumes of `volume_size_limit` bytes.
[[nodiscard]] boost::json::value dir_status_answer(const ClusterView& view,
                                                   std::uint64_t volume_size_limit);
/// Of /vol/status: every copy, by data centre, rack and node.
[[nodiscard]] boost::json::value volume_status_answer(const ClusterView& view);
/// Of /cluster/status: what the asked master knows by itself.
[[nodiscard]] boost::json::value cluster_status_answer(const GroupView& group);

/// "001".
[[nodiscard]] std::string spread_digits(const Spread& spread);

}  // namespace kelp::master
