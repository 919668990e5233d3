#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/crc.h"
#include "master/core/state.h"

namespace kelp::master {
namespace {

constexpr std::string_view kMagic = "KLPM";
constexpr std::uint32_t kVersion = 6;
constexpr std::uint32_t kVersionOfRepacks = 5;  ///< No volume is getting another scheme.
constexpr std::uint32_t kVersionOfTiers = 4;    ///< And none is being packed anew.
constexpr std::uint32_t kVersionOfSchemes = 3;  ///< And none has a tier, no job has targets.
constexpr std::uint32_t kVersionOfCopies = 2;   ///< And none has a scheme.
constexpr std::size_t kCrcBytes = 4;
constexpr std::uint8_t kFrozen = 1;
constexpr std::uint8_t kStriped = 2;  ///< A scheme and shard numbers follow the members.
/// In place of JobKind::kRepair: targets and their shards follow.
constexpr std::uint8_t kRepairOfSeveral = 4;

Error bad(std::string_view what, std::uint64_t value) {
  return {Errc::kCorruption, fmt::format("master state: {} {}", what, value)};
}

/// The part between version and checksum, and the version.
struct Body {
  std::string_view bytes;
  std::uint32_t version = 0;
};

Result<Body> checked_body(std::string_view bytes) {
  const std::size_t smallest = kMagic.size() + sizeof kVersion + kCrcBytes;
  if (bytes.size() < smallest || !bytes.starts_with(kMagic)) {
    return Error(Errc::kCorruption,
                 fmt::format("master state: {} bytes without the mark KLPM", bytes.size()));
  }
  ByteReader head(bytes.substr(kMagic.size()));
  const auto version = head.fixed<std::uint32_t>();
  if (version == 0 || version > kVersion) {
    return Error(
        version > kVersion ? Errc::kUnimplemented : Errc::kCorruption,
        fmt::format("master state has format {}, this program knows 1 to {}", version, kVersion));
  }
  const std::string_view covered = bytes.substr(0, bytes.size() - kCrcBytes);
  ByteReader tail(bytes.substr(covered.size()));
  if (const auto crc = tail.fixed<std::uint32_t>(); crc != crc32c(as_bytes(covered))) {
    return Error(Errc::kCorruption, "master state: the checksum differs");
  }
  return Body{covered.substr(kMagic.size() + sizeof kVersion), version};
}

/// Reads `count` times what `read` reads, until something fails.
template <typename Read>
Result<void> repeat(ByteReader& reader, Read read) {
  const std::uint64_t count = reader.varint();
  for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
    KELP_CHECK(read());
  }
  return {};
}

void encode_identity(const NodeIdentity& identity, std::string& out) {
  ByteWriter writer(out);
  writer.text(identity.node_id);
  writer.text(identity.address);
  writer.text(identity.data_centre);
  writer.text(identity.rack);
  writer.varint(identity.tags.size());
  for (const auto& tag : identity.tags) writer.text(tag);
}

NodeIdentity decode_identity(ByteReader& reader) {
  NodeIdentity identity;
  identity.node_id = reader.text();
  identity.address = reader.text();
  identity.data_centre = reader.text();
  identity.rack = reader.text();
  const std::uint64_t tags = reader.varint();
  for (std::uint64_t i = 0; i < tags && !reader.failed(); ++i) {
    identity.tags.emplace_back(reader.text());
  }
  return identity;
}

/// A volume of version 1, whose members are UUIDs: they become nodes of the state.
Result<VolumeRecord> decode_volume_v1(ByteReader& reader, MasterState& state) {
  VolumeRecord volume;
  volume.generation.value = reader.fixed<std::uint32_t>();
  const auto kind = reader.fixed<std::uint8_t>();
  const auto copies = reader.fixed<std::uint8_t>();
  const auto phase = reader.fixed<std::uint8_t>();
  volume.collection = reader.text();
  const std::uint64_t members = reader.varint();
  for (std::uint64_t i = 0; i < members && !reader.failed(); ++i) {
    const std::string node_id(reader.text());
    auto number = state.find_node(node_id);
    if (!number.has_value()) {
      number = state.next_node;
      ++state.next_node.value;
      state.nodes[*number].identity = {node_id, "", "default", "default", {}};
    }
    volume.members.push_back(*number);
  }
  if (reader.failed()) return volume;
  if (kind != 1 || copies != 1) return bad("scheme", kind);
  if (phase < 1 || phase > 3) return bad("volume phase", phase);
  volume.phase = static_cast<VolumePhase>(phase);
  return volume;
}

Result<void> decode_volumes(ByteReader& reader, std::uint32_t version, MasterState& state) {
  return repeat(reader, [&]() -> Result<void> {
    const VolumeId id{reader.fixed<std::uint32_t>()};
    KELP_TRY(VolumeRecord volume,
             version == 1 ? decode_volume_v1(reader, state) : decode_volume(reader));
    if (reader.failed()) return {};
    for (const NodeNumber member : volume.members) {
      if (!state.nodes.contains(member)) return bad("unknown member", member.value);
    }
    if (volume.phase != VolumePhase::kSealed) state.open_volumes.insert(id);
    if (id >= state.next_volume || !state.volumes.emplace(id, std::move(volume)).second) {
      return bad("misplaced volume", id.value);
    }
    return {};
  });
}

Result<void> decode_nodes(ByteReader& reader, MasterState& state) {
  return repeat(reader, [&]() -> Result<void> {
    const NodeNumber number{reader.fixed<std::uint32_t>()};
    KELP_TRY(NodeRecord node, decode_node(reader));
    if (reader.failed()) return {};
    if (number >= state.next_node || !state.nodes.emplace(number, std::move(node)).second) {
      return bad("misplaced node", number.value);
    }
    return {};
  });
}

Result<void> decode_jobs(ByteReader& reader, MasterState& state) {
  return repeat(reader, [&]() -> Result<void> {
    const JobId id{reader.fixed<std::uint64_t>()};
    KELP_TRY(const JobRecord job, decode_job(reader));
    if (reader.failed()) return {};
    if (id >= state.next_job || !state.volumes.contains(job.volume) ||
        !state.jobs.emplace(id, job).second) {
      return bad("misplaced job", id.value);
    }
    return {};
  });
}

void encode_rest(const MasterState& state, std::string& out) {
  ByteWriter writer(out);
  writer.varint(state.jobs.size());
  for (const auto& [id, job] : state.jobs) {
    writer.fixed(id.value);
    encode_job(job, out);
  }
  writer.varint(state.key_blocks.size());
  for (const KeyBlock& block : state.key_blocks) {
    writer.fixed(block.first.value);
    encode_time(block.reserved, out);
  }
  writer.varint(state.masters.size());
  for (const auto& [id, address] : state.masters) {
    writer.fixed(id);
    writer.text(address);
  }
  writer.fixed(static_cast<std::uint8_t>(state.jobs_paused));
  writer.fixed(static_cast<std::uint8_t>(state.lock.has_value()));
  if (!state.lock.has_value()) return;
  writer.text(state.lock->owner);
  writer.fixed(state.lock->token);
  encode_time(state.lock->expires, out);
}

Result<void> decode_rest(ByteReader& reader, MasterState& state) {
  KELP_CHECK(decode_jobs(reader, state));
  KELP_CHECK(repeat(reader, [&]() -> Result<void> {
    const NeedleKey first{reader.fixed<std::uint64_t>()};
    state.key_blocks.push_back({first, decode_time(reader)});
    return {};
  }));
  KELP_CHECK(repeat(reader, [&]() -> Result<void> {
    const auto id = reader.fixed<std::uint64_t>();
    state.masters[id] = reader.text();
    return {};
  }));
  const auto paused = reader.fixed<std::uint8_t>();
  const auto locked = reader.fixed<std::uint8_t>();
  if (paused > 1 || locked > 1) return bad("flag", std::max(paused, locked));
  state.jobs_paused = paused == 1;
  if (locked == 0) return {};
  AdminLock& lock = state.lock.emplace();
  lock.owner = reader.text();
  lock.token = reader.fixed<std::uint64_t>();
  lock.expires = decode_time(reader);
  return {};
}

/// The volumes that have a tier, behind all else.
void encode_tiers(const MasterState& state, std::string& out) {
  const auto has_one = [](const auto& volume) { return !volume.second.tier.empty(); };
  ByteWriter writer(out);
  writer.varint(static_cast<std::uint64_t>(std::ranges::count_if(state.volumes, has_one)));
  for (const auto& [id, volume] : state.volumes) {
    if (volume.tier.empty()) continue;
    writer.fixed(id.value);
    writer.text(volume.tier);
  }
}

Result<void> decode_tiers(ByteReader& reader, MasterState& state) {
  return repeat(reader, [&]() -> Result<void> {
    const VolumeId id{reader.fixed<std::uint32_t>()};
    const std::string tier(reader.text());
    if (reader.failed()) return {};
    const auto volume = state.volumes.find(id);
    if (volume == state.volumes.end() || tier.empty() || !volume->second.tier.empty()) {
      return bad("misplaced tier of volume", id.value);
    }
    volume->second.tier = tier;
    return {};
  });
}

std::uint32_t version_of(const MasterState& state) {
  const auto any_is = [&state](JobKind kind) {
    return std::ranges::any_of(state.jobs,
                               [kind](const auto& job) { return job.second.kind == kind; });
  };
  if (any_is(JobKind::kRecode)) return kVersion;
  if (any_is(JobKind::kRepack)) return kVersionOfRepacks;
  const auto has_targets = [](const auto& job) { return !job.second.targets.empty(); };
  if (std::ranges::any_of(state.jobs, has_targets)) return kVersionOfTiers;
  std::uint32_t version = kVersionOfCopies;
  for (const auto& [id, volume] : state.volumes) {
    if (!volume.tier.empty()) return kVersionOfTiers;
    if (volume.scheme) version = kVersionOfSchemes;
  }
  return version;
}

}  // namespace

void encode_time(WallTime time, std::string& out) {
  ByteWriter(out).fixed(static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

WallTime decode_time(ByteReader& reader) {
  const auto count = static_cast<std::int64_t>(reader.fixed<std::uint64_t>());
  return WallTime(std::chrono::nanoseconds(count));
}

void encode_volume(const VolumeRecord& volume, std::string& out) {
  ByteWriter writer(out);
  writer.fixed(volume.generation.value);
  writer.fixed(volume.spread.other_data_centres);
  writer.fixed(volume.spread.other_racks);
  writer.fixed(volume.spread.other_nodes);
  writer.fixed(static_cast<std::uint8_t>(volume.phase));
  writer.fixed(
      static_cast<std::uint8_t>((volume.frozen ? kFrozen : 0) | (volume.scheme ? kStriped : 0)));
  writer.text(volume.collection);
  writer.varint(volume.members.size());
  for (const NodeNumber member : volume.members) writer.fixed(member.value);
  if (!volume.scheme) return;
  writer.fixed(volume.scheme.data);
  writer.fixed(volume.scheme.parity);
  for (const std::uint8_t shard : volume.shards) writer.fixed(shard);
}

namespace {

/// The scheme of a volume and which shard each member has, behind the members.
Result<void> decode_stripe(ByteReader& reader, VolumeRecord& volume) {
  volume.scheme.data = reader.fixed<std::uint8_t>();
  volume.scheme.parity = reader.fixed<std::uint8_t>();
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < volume.members.size() && !reader.failed(); ++i) {
    const auto shard = reader.fixed<std::uint8_t>();
    if (shard >= kMostShards || (seen >> shard & 1U) != 0) return bad("shard", shard);
    seen |= 1U << shard;
    volume.shards.push_back(shard);
  }
  if (reader.failed()) return {};
  const bool fits = check_scheme(volume.scheme).has_value() &&
                    static_cast<std::uint32_t>(std::bit_width(seen)) <= volume.scheme.shards();
  return fits ? Result<void>() : bad("scheme", volume.scheme.data);
}

}  // namespace

Result<VolumeRecord> decode_volume(ByteReader& reader) {
  VolumeRecord volume;
  volume.generation.value = reader.fixed<std::uint32_t>();
  volume.spread.other_data_centres = reader.fixed<std::uint8_t>();
  volume.spread.other_racks = reader.fixed<std::uint8_t>();
  volume.spread.other_nodes = reader.fixed<std::uint8_t>();
  const auto phase = reader.fixed<std::uint8_t>();
  const auto flags = reader.fixed<std::uint8_t>();
  volume.collection = reader.text();
  const std::uint64_t members = reader.varint();
  const bool striped = (flags & kStriped) != 0;
  if (members > (striped ? kMostShards : kMostCopies)) return bad("members of a volume:", members);
  for (std::uint64_t i = 0; i < members; ++i) {
    volume.members.emplace_back(reader.fixed<std::uint32_t>());
  }
  if (striped) {
    KELP_CHECK(decode_stripe(reader, volume));
  }
  if (reader.failed()) return volume;
  if (copies_of(volume.spread) > kMostCopies) return bad("copies:", copies_of(volume.spread));
  if (phase < 1 || phase > 3) return bad("volume phase", phase);
  if (flags > (kFrozen | kStriped)) return bad("flags", flags);
  volume.phase = static_cast<VolumePhase>(phase);
  volume.frozen = (flags & kFrozen) != 0;
  return volume;
}

void encode_node(const NodeRecord& node, std::string& out) {
  encode_identity(node.identity, out);
  ByteWriter(out).fixed(static_cast<std::uint8_t>(node.intent));
}

Result<NodeRecord> decode_node(ByteReader& reader) {
  NodeRecord node;
  node.identity = decode_identity(reader);
  const auto intent = reader.fixed<std::uint8_t>();
  if (reader.failed()) return node;
  if (intent < 1 || intent > 3) return bad("intent", intent);
  node.intent = static_cast<NodeIntent>(intent);
  return node;
}

void encode_job(const JobRecord& job, std::string& out) {
  ByteWriter writer(out);
  const bool several = !job.shards.empty();
  writer.fixed(several ? kRepairOfSeveral : static_cast<std::uint8_t>(job.kind));
  writer.fixed(static_cast<std::uint8_t>(job.step));
  writer.fixed(job.volume.value);
  writer.fixed(job.from.value_or(NodeNumber{}).value);  // 0 is no node
  writer.fixed(job.to.value);
  if (several) {
    writer.varint(job.targets.size());
    for (std::size_t i = 0; i < job.targets.size(); ++i) {
      writer.fixed(job.targets[i].value);
      writer.fixed(job.shards[i]);
    }
  }
  if (!packs(job.kind)) return;
  writer.fixed(job.scheme.data);
  writer.fixed(job.scheme.parity);
  if (!job.scheme) {
    writer.fixed(job.spread.other_data_centres);
    writer.fixed(job.spread.other_racks);
    writer.fixed(job.spread.other_nodes);
  }
  for (const NodeNumber target : job.targets) writer.fixed(target.value);
}

namespace {

/// Who gets which shard, behind a repair of several.
Result<void> decode_targets(ByteReader& reader, JobRecord& job) {
  const std::uint64_t count = reader.varint();
  if (reader.failed()) return {};
  if (count == 0 || count > kMostShards) return bad("targets of a repair:", count);
  std::uint32_t seen = 0;
  for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
    job.targets.emplace_back(reader.fixed<std::uint32_t>());
    const auto shard = reader.fixed<std::uint8_t>();
    if (shard >= kMostShards || (seen >> shard & 1U) != 0) return bad("shard", shard);
    seen |= 1U << shard;
    job.shards.push_back(shard);
  }
  if (reader.failed() || job.to == job.targets.front()) return {};
  return bad("first target", job.targets.front().value);
}

}  // namespace

Result<JobRecord> decode_job(ByteReader& reader) {
  JobRecord job;
  const auto kind = reader.fixed<std::uint8_t>();
  const auto step = reader.fixed<std::uint8_t>();
  job.volume.value = reader.fixed<std::uint32_t>();
  const NodeNumber from{reader.fixed<std::uint32_t>()};
  if (from.value != 0) job.from = from;
  job.to.value = reader.fixed<std::uint32_t>();
  if (reader.failed()) return job;
  if (kind < 1 || kind > static_cast<int>(JobKind::kRecode)) return bad("job kind", kind);
  const bool packing = packs(static_cast<JobKind>(kind));
  const bool its_own = step == static_cast<std::uint8_t>(JobStep::kCopy) ? !packing : packing;
  if (step < 1 || step > 7 || ((step == 2 || step > 5) && !its_own)) return bad("job step", step);
  job.kind = kind == kRepairOfSeveral ? JobKind::kRepair : static_cast<JobKind>(kind);
  job.step = static_cast<JobStep>(step);
  if (kind == kRepairOfSeveral) {
    KELP_CHECK(decode_targets(reader, job));
  }
  if (!packs(job.kind)) return job;
  job.scheme.data = reader.fixed<std::uint8_t>();
  job.scheme.parity = reader.fixed<std::uint8_t>();
  if (reader.failed()) return job;
  if (job.kind == JobKind::kRecode && job.scheme == EcScheme{}) {
    job.spread.other_data_centres = reader.fixed<std::uint8_t>();
    job.spread.other_racks = reader.fixed<std::uint8_t>();
    job.spread.other_nodes = reader.fixed<std::uint8_t>();
    if (copies_of(job.spread) > kMostCopies) return bad("copies:", copies_of(job.spread));
  } else if (!check_scheme(job.scheme).has_value()) {
    return bad("scheme", job.scheme.data);
  }
  while (job.targets.size() < wanted_members(job)) {
    job.targets.emplace_back(reader.fixed<std::uint32_t>());
  }
  return job;
}

std::string encode_state(const MasterState& state) {
  std::string out(kMagic);
  ByteWriter writer(out);
  const std::uint32_t version = version_of(state);
  writer.fixed(version);
  writer.text(state.cluster_id);
  writer.fixed(state.key_mark.value);
  writer.fixed(state.next_volume.value);
  writer.fixed(state.next_node.value);
  writer.fixed(state.next_job.value);
  writer.varint(state.nodes.size());
  for (const auto& [number, node] : state.nodes) {
    writer.fixed(number.value);
    encode_node(node, out);
  }
  writer.varint(state.volumes.size());
  for (const auto& [id, volume] : state.volumes) {
    writer.fixed(id.value);
    encode_volume(volume, out);
  }
  encode_rest(state, out);
  if (version >= kVersionOfTiers) encode_tiers(state, out);
  writer.fixed(crc32c(as_bytes(out)));
  return out;
}

Result<MasterState> decode_state(std::string_view bytes) {
  KELP_TRY(const Body body, checked_body(bytes));
  ByteReader reader(body.bytes);
  MasterState state;
  state.cluster_id = reader.text();
  state.key_mark.value = reader.fixed<std::uint64_t>();
  state.next_volume.value = reader.fixed<std::uint32_t>();
  if (body.version > 1) {
    state.next_node.value = reader.fixed<std::uint32_t>();
    state.next_job.value = reader.fixed<std::uint64_t>();
    KELP_CHECK(decode_nodes(reader, state));
  }
  KELP_CHECK(decode_volumes(reader, body.version, state));
  if (body.version > 1) {
    KELP_CHECK(decode_rest(reader, state));
  }
  if (body.version >= kVersionOfTiers) {
    KELP_CHECK(decode_tiers(reader, state));
  }
  KELP_CHECK(reader.finish("master state"));
  return state;
}

}  // namespace kelp::master
