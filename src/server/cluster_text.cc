#include "server/cluster_text.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdint>

#include "master/http/answers.h"
#include "s3gw/core/http_date.h"

namespace kelp::server {
namespace {

std::string_view name_of(NodeIntent intent) {
  switch (intent) {
    case NodeIntent::kActive:
      return "active";
    case NodeIntent::kDraining:
      return "draining";
    case NodeIntent::kMaintenance:
      return "maintenance";
  }
  return "";
}

std::string member_names(const VolumeLocation& location) {
  std::string out;
  for (const VolumeMember& member : location.members) {
    out += (out.empty() ? "" : ",") + member.node_id.substr(0, 8);
  }
  return out;
}

/// "ec(4,2)"; empty for copies.
std::string scheme_of(const VolumeView& volume) {
  return volume.location.scheme ? to_string(volume.location.scheme) : "";
}

/// How often needles lie how far apart.
std::string redundancy_of(const VolumeView& volume) {
  if (volume.location.scheme) return scheme_of(volume);
  return "spread " + master::spread_digits(volume.spread);
}

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes >= 1ULL << 40) return fmt::format("{:.1f}TiB", value / (1ULL << 40));
  if (bytes >= 1ULL << 30) return fmt::format("{:.1f}GiB", value / (1ULL << 30));
  return fmt::format("{:.1f}MiB", value / (1ULL << 20));
}

std::string time_text(WallTime time) {
  return s3::iso8601_seconds(std::chrono::floor<std::chrono::seconds>(time));
}

Result<WallTime> parse_time(std::string_view text) {
  const auto refuse = [text] {
    return Error(Errc::kInvalidArgument,
                 fmt::format("'{}' is no time: write 2026-01-31T12:00:00Z, in UTC", text));
  };
  constexpr std::size_t kSecondsEnd = 19;
  constexpr std::size_t kMostDigits = 9;
  if (text.size() <= kSecondsEnd || text.back() != 'Z') return refuse();
  if (text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') return refuse();
  std::string_view fraction = text.substr(kSecondsEnd, text.size() - kSecondsEnd - 1);
  std::string basic(text.substr(0, kSecondsEnd));
  std::erase_if(basic, [](char c) { return c == '-' || c == ':'; });
  const auto seconds = s3::parse_basic_date(basic + "Z");
  if (!seconds) return refuse();
  std::int64_t nanoseconds = 0;
  if (!fraction.empty()) {
    if (fraction.front() != '.' || fraction.size() < 2 || fraction.size() > kMostDigits + 1) {
      return refuse();
    }
    fraction.remove_prefix(1);
    for (std::size_t i = 0; i < kMostDigits; ++i) {
      const char digit = i < fraction.size() ? fraction[i] : '0';
      if (digit < '0' || digit > '9') return refuse();
      nanoseconds = nanoseconds * 10 + (digit - '0');
    }
  }
  return WallTime(*seconds) + std::chrono::nanoseconds(nanoseconds);
}

std::string text_of(const ClusterView& view) {
  std::string out = fmt::format("cluster {} term {}{}\n", view.cluster_id, view.term,
                                view.jobs_paused ? ", jobs are paused" : "");
  for (const MasterView& master : view.masters) {
    out += fmt::format("master {:<4} {:<22} {}{}\n", master.id, master.address,
                       master.leader ? "leads" : (master.alive ? "follows" : "silent"),
                       master.learner ? " (learner)" : "");
  }
  for (const NodeView& node : view.nodes) {
    out += fmt::format("node {} {:<22} {}/{} {:<11} {:<6} volumes {:<5} free {} of {}\n",
                       node.identity.node_id, node.identity.address, node.identity.data_centre,
                       node.identity.rack, name_of(node.intent),
                       node.alive ? (node.slow ? "slow" : "alive") : "silent", node.volumes,
                       bytes_text(node.free_bytes), bytes_text(node.total_bytes));
  }
  for (const VolumeView& volume : view.volumes) {
    out += fmt::format("volume {:<6} {:<9} generation {:<4} {} {}/{} {} {:<10} on {} {}\n",
                       volume.location.volume.value, volume.phase, volume.location.generation.value,
                       volume.location.scheme ? "shards" : "copies", volume.copies_healthy,
                       volume.copies_asked, redundancy_of(volume), bytes_text(volume.bytes),
                       member_names(volume.location), volume.collection);
  }
  for (const JobView& job : view.jobs) {
    out += fmt::format("job {:<6} {} of volume {} at {} from {} to {} {}\n", job.id, job.kind,
                       job.volume.value, job.step, job.from.empty() ? "-" : job.from, job.to,
                       job.error);
  }
  return out;
}

boost::json::value json_of(const ClusterView& view) {
  boost::json::array masters;
  for (const MasterView& master : view.masters) {
    masters.push_back({{"id", master.id},
                       {"address", master.address},
                       {"leader", master.leader},
                       {"learner", master.learner},
                       {"alive", master.alive},
                       {"match", master.match}});
  }
  boost::json::array nodes;
  for (const NodeView& node : view.nodes) {
    nodes.push_back({{"node_id", node.identity.node_id},
                     {"address", node.identity.address},
                     {"data_centre", node.identity.data_centre},
                     {"rack", node.identity.rack},
                     {"intent", name_of(node.intent)},
                     {"alive", node.alive},
                     {"total_bytes", node.total_bytes},
                     {"free_bytes", node.free_bytes},
                     {"volumes", node.volumes},
                     {"slow", node.slow},
                     {"write_micros", node.write_micros}});
  }
  boost::json::array volumes;
  for (const VolumeView& volume : view.volumes) {
    boost::json::array members;
    for (const VolumeMember& member : volume.location.members) {
      members.push_back(boost::json::string(member.node_id));
    }
    volumes.push_back({{"volume", volume.location.volume.value},
                       {"generation", volume.location.generation.value},
                       {"phase", volume.phase},
                       {"collection", volume.collection},
                       {"spread", master::spread_digits(volume.spread)},
                       {"scheme", scheme_of(volume)},
                       {"copies_asked", volume.copies_asked},
                       {"copies_healthy", volume.copies_healthy},
                       {"bytes", volume.bytes},
                       {"members", std::move(members)}});
  }
  boost::json::array jobs;
  for (const JobView& job : view.jobs) {
    jobs.push_back({{"id", job.id},
                    {"kind", job.kind},
                    {"step", job.step},
                    {"volume", job.volume.value},
                    {"from", job.from},
                    {"to", job.to},
                    {"error", job.error}});
  }
  return {{"cluster_id", view.cluster_id},  {"term", view.term},
          {"masters", std::move(masters)},  {"nodes", std::move(nodes)},
          {"volumes", std::move(volumes)},  {"jobs", std::move(jobs)},
          {"jobs_paused", view.jobs_paused}};
}

}  // namespace kelp::server
