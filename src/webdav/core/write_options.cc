#include "webdav/core/write_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kelp::webdav {
namespace {

std::unexpected<Failure> refuse(const s3::Query::Parameter& parameter, std::string_view why) {
  return failed(400, fmt::format("{}={}: {}", parameter.name, parameter.value, why));
}

Outcome<bool> read_flag(const s3::Query::Parameter& parameter) {
  if (parameter.value == "true") return true;
  if (parameter.value == "false" || parameter.value.empty()) return false;
  return refuse(parameter, "neither true nor false");
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 9 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Parameters that say where and how data should lie.
Outcome<void> check_wish(const s3::Query::Parameter& parameter, const StoreFacts& facts) {
  const auto& [name, value] = parameter;
  if (name == "maxMB") {
    // How a body is cut is nobody's business but ours: any size does.
    if (!is_number(value)) return refuse(parameter, "not a whole number");
  } else if (name == "collection") {
    if (!value.empty() && value != facts.bucket) {
      return refuse(parameter, "a bucket is its own collection");
    }
  } else if (name == "replication") {
    if (!value.empty() && value != facts.replication) {
      return refuse(parameter, fmt::format("new data of this cluster has {} (master.spread)",
                                           facts.replication));
    }
  } else if (name == "ttl") {
    if (!value.empty() && value != "0") return refuse(parameter, "files do not expire here");
  } else if (name == "fsync" || name == "saveInside" || name == "skipCheckParentDir") {
    // Written data is synced anyway, where a body lies is decided by its size, parents need not be.
    KELP_DAV_CHECK(read_flag(parameter));
  } else {
    constexpr std::array<std::string_view, 4> kPlaces{"dataCenter", "rack", "dataNode", "disk"};
    if (std::ranges::find(kPlaces, name) == kPlaces.end()) {
      return refuse(parameter, "no such parameter");
    }
    if (!value.empty()) return refuse(parameter, "a request does not place data");
  }
  return {};
}

}  // namespace

Outcome<WriteOptions> read_write_options(std::span<const s3::Query::Parameter> parameters,
                                         const StoreFacts& facts) {
  WriteOptions options;
  for (const s3::Query::Parameter& parameter : parameters) {
    if (parameter.name == "op") {
      if (parameter.value != "append") return refuse(parameter, "only append is known");
      options.append = true;
    } else if (parameter.name == "recursive") {
      KELP_DAV_TRY(options.recursive, read_flag(parameter));
    } else if (parameter.name == "mv.from" || parameter.name == "cp.from") {
      if (parameter.value.empty()) return refuse(parameter, "names nothing");
      (parameter.name == "mv.from" ? options.move_from : options.copy_from) = parameter.value;
    } else {
      KELP_DAV_CHECK(check_wish(parameter, facts));
    }
  }
  const int what = (options.append ? 1 : 0) + (options.move_from.empty() ? 0 : 1) +
                   (options.copy_from.empty() ? 0 : 1);
  if (what > 1) return failed(400, "op, mv.from and cp.from do not go together");
  return options;
}

}  // namespace kelp::webdav
