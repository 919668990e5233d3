#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "wire/cluster.h"

namespace kelp::server {

/// "1.5GiB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
/// "2013-05-24T00:00:00Z".
[[nodiscard]] std::string time_text(WallTime time);
/// A cluster for people: a table each of masters, nodes, volumes and jobs.
[[nodiscard]] std::string text_of(const ClusterView& view);
/// The same for programs; the names are those of the struct.
[[nodiscard]] boost::json::value json_of(const ClusterView& view);

}  // namespace kelp::server
