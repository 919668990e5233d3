#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "wire/cluster.h"

namespace kelp::server {

/// A cluster for people: a table each of masters, nodes, volumes and jobs.
[[nodiscard]] std::string text_of(const ClusterView& view);
/// The same for programs; the names are those of the struct.
[[nodiscard]] boost::json::value json_of(const ClusterView& view);

}  // namespace kelp::server
