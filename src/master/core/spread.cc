// Choosing nodes as far apart as a spread asks.

#include <fmt/format.h>

#include <algorithm>
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

/// As many members of a spread around a first node as there are: greedily, in the order of the
/// candidates. Greedy is exact here: each of the three kinds takes from nodes that no other may.
std::vector<NodeNumber> spread_around(const Candidate& first, const std::vector<Candidate>& all,
                                      const Spread& spread) {
  std::vector<NodeNumber> members{first.number};
  std::set<std::string> centres{first.identity->data_centre};
  std::set<Rack> racks{rack_of(*first.identity)};
  unsigned nodes_left = spread.other_nodes;
  unsigned racks_left = spread.other_racks;
  unsigned centres_left = spread.other_data_centres;
  for (const Candidate& candidate : all) {
    if (candidate.number == first.number) continue;
    const NodeIdentity& at = *candidate.identity;
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
  }
  return members;
}

/// As many nodes as `count`, if there are, over racks as evenly as they stand in them: in the order
/// of the candidates, one of a rack that has the fewest so far. `used`: members already, by rack.
std::vector<NodeNumber> evenly(std::vector<Candidate> all, std::size_t count,
                               std::map<Rack, unsigned> used) {
  std::vector<NodeNumber> members;
  while (members.size() < count && !all.empty()) {
    const auto best = std::ranges::min_element(
        all, {}, [&used](const Candidate& each) { return used[rack_of(*each.identity)]; });
    ++used[rack_of(*best->identity)];
    members.push_back(best->number);
    all.erase(best);
  }
  return members;
}

std::map<Rack, unsigned> racks_of(const MasterState& state,
                                  const std::vector<NodeNumber>& members) {
  std::map<Rack, unsigned> used;
  for (const NodeNumber member : members) {
    const auto node = state.nodes.find(member);
    if (node != state.nodes.end()) ++used[rack_of(node->second.identity)];
  }
  return used;
}

Error too_few_nodes(EcScheme scheme, const std::vector<Candidate>& all, const Missing& missing) {
  return {missing.room ? Errc::kNoSpace : Errc::kUnavailable,
          fmt::format("{} cannot be placed: it needs {} nodes that take data, one for each shard, "
                      "and {} do{}{}",
                      to_string(scheme), scheme.shards(), all.size(),
                      missing.text.empty() ? "" : "; ", missing.text)};
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
                      "data centres take data{}{}",
                      copies_of(spread), spread.other_data_centres, spread.other_racks,
                      spread.other_nodes, need_of(spread), all.size(), racks.size(), centres.size(),
                      missing.text.empty() ? "" : "; ", missing.text)};
}

}  // namespace

bool can_avoid_slow(const PlacementView& view, const VolumeShape& shape, std::uint64_t bytes) {
  Missing missing;
  const auto quick = candidates(view, bytes, 0, shape.tag, true, missing);
  if (shape.scheme) return quick.size() >= shape.scheme.shards();
  return std::ranges::any_of(quick, [&](const Candidate& first) {
    return spread_around(first, quick, shape.spread).size() == copies_of(shape.spread);
  });
}

Result<std::vector<NodeNumber>> choose_members(const PlacementView& view, const VolumeShape& shape,
                                               std::uint64_t bytes, std::uint64_t salt) {
  Missing missing;
  const bool avoid = view.topology.any_slow(view.now) && can_avoid_slow(view, shape, bytes);
  const auto all = candidates(view, bytes, salt, shape.tag, avoid, missing);
  if (shape.scheme) {
    auto members = evenly(all, shape.scheme.shards(), {});
    if (members.size() == shape.scheme.shards()) return members;
    return too_few_nodes(shape.scheme, all, missing);
  }
  for (const Candidate& first : all) {
    auto members = spread_around(first, all, shape.spread);
    if (members.size() == copies_of(shape.spread)) return members;
  }
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
    return spread_around(first, all, spread).size() == members.size();
  });
}

bool may_replace(const PlacementView& view, const VolumeRecord& volume, NodeNumber from,
                 NodeNumber to) {
  const MasterState& state = view.state;
  const std::string& tag = view.options.layout_of(volume.collection).tag;
  if (!carries(state.nodes.at(to).identity, tag)) return false;
  std::vector<NodeNumber> members = volume.members;
  std::ranges::replace(members, from, to);
  if (!volume.scheme) return fits_spread(state, members, volume.spread);
  if (std::ranges::count(members, to) != 1) return false;
  auto before = racks_of(state, volume.members);
  auto after = racks_of(state, members);
  const Rack there = rack_of(state.nodes.at(to).identity);
  return after[there] <= before[rack_of(state.nodes.at(from).identity)];
}

Result<NodeNumber> choose_replacement(const PlacementView& view, const VolumeRecord& volume,
                                      const std::vector<NodeNumber>& leaving, std::uint64_t bytes,
                                      std::uint64_t salt) {
  std::vector<NodeNumber> staying = volume.members;
  for (const NodeNumber member : leaving) std::erase(staying, member);
  Missing missing;
  const std::string& tag = view.options.layout_of(volume.collection).tag;
  auto all = candidates(view, bytes, salt, tag, false, missing);
  if (volume.scheme) {
    std::erase_if(all, [&volume](const Candidate& each) {
      return std::ranges::find(volume.members, each.number) != volume.members.end();
    });
    const auto chosen = evenly(all, 1, racks_of(view.state, staying));
    if (!chosen.empty()) return chosen.front();
    return Error(
        missing.room ? Errc::kNoSpace : Errc::kUnavailable,
        fmt::format("a shard of {} cannot be placed: no node beside those of the other "
                    "shards takes data{}{}",
                    to_string(volume.scheme), missing.text.empty() ? "" : "; ", missing.text));
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
