// Choosing nodes as far apart as a spread asks.

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <map>
#include <set>

#include "base/rng.h"
#include "master/core/placement.h"

namespace kelp::master {
namespace {

struct Candidate {
  NodeNumber number;
  const NodeIdentity* identity = nullptr;
  double order = 0;  ///< Smaller comes first.
};

/// Why nodes cannot take a copy.
struct Missing {
  std::string text;
  bool room = false;  ///< One of them would, if it had room.
};

/// The nodes with `tag` that may take `bytes` more, in an order drawn from `salt`: those with more
/// room come first more often (Efraimidis and Spirakis, 2006: the key -ln(u) / weight). What the
/// others lack goes to `missing`.
std::vector<Candidate> candidates(const PlacementView& view, std::uint64_t bytes,
                                  std::uint64_t salt, std::string_view tag, bool avoid_slow,
                                  Missing& missing) {
  std::vector<Candidate> out;
  const Rooms rooms(view);
  for (const auto& [number, node] : view.state.nodes) {
    const auto lacks = [&](std::string_view why) {
      missing.text +=
          fmt::format("{}{} {}", missing.text.empty() ? "" : ", ", node.identity.node_id, why);
    };
    if (node.intent != NodeIntent::kActive) {
      lacks("is draining or in maintenance");
    } else if (!carries(node.identity, tag)) {
      lacks(fmt::format("has no tag {}", tag));
    } else if (!view.topology.steady(number, view.now)) {
      lacks("is not heard");
    } else if (avoid_slow && view.topology.slow(number, view.now)) {
      lacks("has a slow disk");
    } else if (const std::uint64_t room = rooms.of(number); room < bytes || room == 0) {
      lacks(fmt::format("has room for {} bytes", room));
      missing.room = true;
    } else {
      Rng rng(salt * 0x9e3779b97f4a7c15ULL + number.value);
      const double u = (static_cast<double>(rng.next() >> 11) + 1) / 9007199254740993.0;
      // Slow ones come last: a copy there is better than none.
      const double last = view.topology.slow(number, view.now) ? 1e9 : 0;
      out.push_back({number, &node.identity, last - std::log(u) / static_cast<double>(room)});
    }
  }
  std::ranges::sort(out, {}, &Candidate::order);
  return out;
}

using Rack = std::pair<std::string, std::string>;  ///< Data centre and rack.

Rack rack_of(const NodeIdentity& identity) {
  return {identity.data_centre, identity.rack};
}

/// Whether a machine may have two copies.
enum class Hosts : bool { kApart, kShared };

/// As many members of a spread around a first node as there are: greedily, in the order of the
/// candidates. Greedy is exact here: each of the three kinds takes from nodes that no other may,
/// and a machine stands in one rack.
std::vector<NodeNumber> spread_around(const Candidate& first, const std::vector<Candidate>& all,
                                      const Spread& spread, Hosts hosts) {
  std::vector<NodeNumber> members{first.number};
  std::set<std::string_view> machines{host_of(*first.identity)};
  std::set<std::string> centres{first.identity->data_centre};
  std::set<Rack> racks{rack_of(*first.identity)};
  unsigned nodes_left = spread.other_nodes;
  unsigned racks_left = spread.other_racks;
  unsigned centres_left = spread.other_data_centres;
  for (const Candidate& candidate : all) {
    if (candidate.number == first.number) continue;
    const NodeIdentity& at = *candidate.identity;
    if (hosts == Hosts::kApart && machines.contains(host_of(at))) continue;
    if (at.data_centre != first.identity->data_centre) {
      if (centres_left == 0 || !centres.insert(at.data_centre).second) continue;
      --centres_left;
    } else if (at.rack != first.identity->rack) {
      if (racks_left == 0 || !racks.insert(rack_of(at)).second) continue;
      --racks_left;
    } else {
      if (nodes_left == 0) continue;
      --nodes_left;
    }
    members.push_back(candidate.number);
    machines.insert(host_of(at));
  }
  return members;
}

/// How many members stand in each rack and on each machine.
struct Crowd {
  std::map<Rack, unsigned> racks;
  std::map<std::string_view, unsigned> hosts;

  void add(const NodeIdentity& node) {
    ++racks[rack_of(node)];
    ++hosts[host_of(node)];
  }
};

Crowd crowd_of(const MasterState& state, const std::vector<NodeNumber>& members) {
  Crowd crowd;
  for (const NodeNumber member : members) {
    const auto node = state.nodes.find(member);
    if (node != state.nodes.end()) crowd.add(node->second.identity);
  }
  return crowd;
}

/// Of the members of a volume, how many a machine may have: what the volume can lose.
unsigned most_on_host(EcScheme scheme) {
  return scheme ? scheme.parity : 1;
}

/// As many nodes as `count`, if there are, over racks, and in those over machines, as evenly as
/// they stand in them: in the order of the candidates, one of a rack that has the fewest so far,
/// and none of a machine that has `most`. `used`: by members already.
std::vector<NodeNumber> evenly(std::vector<Candidate> all, std::size_t count, Crowd used,
                               unsigned most) {
  std::vector<NodeNumber> members;
  const auto crowd = [&used](const Candidate& each) {
    return std::pair(used.racks[rack_of(*each.identity)], used.hosts[host_of(*each.identity)]);
  };
  while (members.size() < count) {
    std::erase_if(all, [&](const Candidate& each) { return crowd(each).second >= most; });
    if (all.empty()) break;
    const auto best = std::ranges::min_element(all, {}, crowd);
    used.add(*best->identity);
    members.push_back(best->number);
    all.erase(best);
  }
  return members;
}

/// The members of a new volume in the order of the candidates; too few of them, or none, when it
/// cannot be made.
std::vector<NodeNumber> new_members(const std::vector<Candidate>& all, const VolumeShape& shape,
                                    bool share_hosts) {
  if (shape.scheme) {
    const std::size_t count = shape.scheme.shards();
    auto members = evenly(all, count, {}, most_on_host(shape.scheme));
    if (members.size() == count || !share_hosts) return members;
    return evenly(all, count, {}, UINT_MAX);
  }
  for (const Hosts hosts : {Hosts::kApart, Hosts::kShared}) {
    if (hosts == Hosts::kShared && !share_hosts) break;
    for (const Candidate& first : all) {
      auto members = spread_around(first, all, shape.spread, hosts);
      if (members.size() == copies_of(shape.spread)) return members;
    }
  }
  return {};
}

std::size_t wanted_members(const VolumeShape& shape) {
  return shape.scheme ? shape.scheme.shards() : copies_of(shape.spread);
}

/// On how many machines the candidates stand, when some share one; else nothing.
std::string on_machines(const std::vector<Candidate>& all, unsigned most) {
  std::set<std::string_view> hosts;
  for (const Candidate& each : all) hosts.insert(host_of(*each.identity));
  if (hosts.size() == all.size()) return {};
  return fmt::format(", on {} machines of which each may have {}", hosts.size(), most);
}

Error too_few_nodes(EcScheme scheme, const std::vector<Candidate>& all, const Missing& missing) {
  return {missing.room ? Errc::kNoSpace : Errc::kUnavailable,
          fmt::format("{} cannot be placed: it needs {} nodes that take data, one for each shard, "
                      "and {} do{}{}{}",
                      to_string(scheme), scheme.shards(), all.size(),
                      on_machines(all, most_on_host(scheme)), missing.text.empty() ? "" : "; ",
                      missing.text)};
}

/// What a spread asks for, in words: "2 nodes in the same rack and 1 other data centre".
std::string need_of(const Spread& spread) {
  const auto count = [](unsigned n, std::string_view what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
  };
  std::string out = count(spread.other_nodes + 1U, "node");
  if (spread.other_nodes > 0) out += " in the same rack";
  if (spread.other_racks > 0) {
    out += ", " + count(spread.other_racks, "other rack") + " of its data centre";
  }
  if (spread.other_data_centres > 0) {
    out += ", " + count(spread.other_data_centres, "other data centre");
  }
  return out;
}

Error too_few(const Spread& spread, const std::vector<Candidate>& all, const Missing& missing) {
  std::set<std::string> centres;
  std::set<Rack> racks;
  for (const Candidate& candidate : all) {
    centres.insert(candidate.identity->data_centre);
    racks.insert(rack_of(*candidate.identity));
  }
  return {missing.room ? Errc::kNoSpace : Errc::kUnavailable,
          fmt::format("{} copies (spread {}{}{}: {}) cannot be placed: {} nodes in {} racks in {} "
                      "data centres take data{}{}{}",
                      copies_of(spread), spread.other_data_centres, spread.other_racks,
                      spread.other_nodes, need_of(spread), all.size(), racks.size(), centres.size(),
                      on_machines(all, 1), missing.text.empty() ? "" : "; ", missing.text)};
}

}  // namespace

bool can_avoid_slow(const PlacementView& view, const VolumeShape& shape, std::uint64_t bytes) {
  Missing missing;
  const auto quick = candidates(view, bytes, 0, shape.tag, true, missing);
  return new_members(quick, shape, view.options.share_hosts).size() == wanted_members(shape);
}

Result<std::vector<NodeNumber>> choose_members(const PlacementView& view, const VolumeShape& shape,
                                               std::uint64_t bytes, std::uint64_t salt) {
  Missing missing;
  const bool avoid = view.topology.any_slow(view.now) && can_avoid_slow(view, shape, bytes);
  const auto all = candidates(view, bytes, salt, shape.tag, avoid, missing);
  auto members = new_members(all, shape, view.options.share_hosts);
  if (members.size() == wanted_members(shape)) return members;
  if (shape.scheme) return too_few_nodes(shape.scheme, all, missing);
  return too_few(shape.spread, all, missing);
}

bool fits_spread(const MasterState& state, const std::vector<NodeNumber>& members,
                 const Spread& spread) {
  std::vector<Candidate> all;
  for (const NodeNumber member : members) {
    const auto node = state.nodes.find(member);
    if (node == state.nodes.end()) return false;
    all.push_back({member, &node->second.identity, 0});
  }
  return std::ranges::any_of(all, [&](const Candidate& first) {
    return spread_around(first, all, spread, Hosts::kShared).size() == members.size();
  });
}

bool may_replace(const PlacementView& view, const VolumeRecord& volume, NodeNumber from,
                 NodeNumber to) {
  const MasterState& state = view.state;
  const std::string& tag = tag_of(view.options, volume);
  if (!carries(state.nodes.at(to).identity, tag)) return false;
  std::vector<NodeNumber> members = volume.members;
  std::ranges::replace(members, from, to);
  Crowd before = crowd_of(state, volume.members);
  Crowd after = crowd_of(state, members);
  const NodeIdentity& here = state.nodes.at(from).identity;
  const NodeIdentity& there = state.nodes.at(to).identity;
  const unsigned most = std::max(most_on_host(volume.scheme), before.hosts[host_of(here)]);
  if (after.hosts[host_of(there)] > most) return false;
  if (!volume.scheme) return fits_spread(state, members, volume.spread);
  if (std::ranges::count(members, to) != 1) return false;
  return after.racks[rack_of(there)] <= before.racks[rack_of(here)];
}

Result<NodeNumber> choose_replacement(const PlacementView& view, const VolumeRecord& volume,
                                      const std::vector<NodeNumber>& leaving, std::uint64_t bytes,
                                      std::uint64_t salt) {
  std::vector<NodeNumber> staying = volume.members;
  for (const NodeNumber member : leaving) std::erase(staying, member);
  Missing missing;
  const std::string& tag = tag_of(view.options, volume);
  auto all = candidates(view, bytes, salt, tag, false, missing);
  if (volume.scheme) {
    std::erase_if(all, [&volume](const Candidate& each) {
      return std::ranges::find(volume.members, each.number) != volume.members.end();
    });
    const unsigned most = most_on_host(volume.scheme);
    const Crowd crowd = crowd_of(view.state, staying);
    auto chosen = evenly(all, 1, crowd, most);
    if (chosen.empty() && view.options.share_hosts) chosen = evenly(all, 1, crowd, UINT_MAX);
    if (!chosen.empty()) return chosen.front();
    return Error(missing.room ? Errc::kNoSpace : Errc::kUnavailable,
                 fmt::format("a shard of {} cannot be placed: no node beside those of the other "
                             "shards takes data, of a machine with less than {} shards{}{}",
                             to_string(volume.scheme), most, missing.text.empty() ? "" : "; ",
                             missing.text));
  }
  Crowd crowd = crowd_of(view.state, staying);
  const auto copies = [&crowd](const Candidate& each) {
    return crowd.hosts[host_of(*each.identity)];
  };
  if (view.options.share_hosts) {
    std::ranges::sort(
        all, {}, [&copies](const Candidate& each) { return std::pair(copies(each), each.order); });
  } else {
    std::erase_if(all, [&copies](const Candidate& each) { return copies(each) > 0; });
  }
  for (const Candidate& candidate : all) {
    if (std::ranges::find(volume.members, candidate.number) != volume.members.end()) continue;
    std::vector<NodeNumber> together = staying;
    together.push_back(candidate.number);
    if (fits_spread(view.state, together, volume.spread)) return candidate.number;
  }
  return too_few(volume.spread, all, missing);
}

}  // namespace kelp::master
