#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "kelp/result.h"
#include "wire/cluster.h"

namespace kelp::server {

/// "1.5GiB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);
/// "2013-05-24T00:00:00Z".
[[nodiscard]] std::string time_text(WallTime time);
/// The reverse of time_text(), with or without a fraction of a second. kInvalidArgument.
[[nodiscard]] Result<WallTime> parse_time(std::string_view text);
/// A cluster for people: a table each of masters, nodes, volumes and jobs.
[[nodiscard]] std::string text_of(const ClusterView& view);
/// The same for programs; the names are those of the struct.
[[nodiscard]] boost::json::value json_of(const ClusterView& view);

}  // namespace kelp::server
