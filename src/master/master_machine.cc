#include "master/master_machine.h"

#include <algorithm>

#include "base/log.h"

namespace kelp::master {
namespace {

/// Errc (0: done), the first reserved key, the detail.
std::string encode_outcome(const Result<void>& result, NeedleKey reserved_first) {
  std::string out;
  ByteWriter writer(out);
  writer.fixed(result.has_value() ? std::uint8_t{0}
                                  : static_cast<std::uint8_t>(result.error().code()));
  writer.fixed(reserved_first.value);
  writer.text(result.has_value() ? std::string_view() : result.error().detail());
  return out;
}

}  // namespace

Result<CommandOutcome> decode_outcome(std::string_view answer) {
  ByteReader reader(answer);
  const auto code = reader.fixed<std::uint8_t>();
  CommandOutcome outcome;
  outcome.reserved_first.value = reader.fixed<std::uint64_t>();
  const std::string detail(reader.text());
  KELP_CHECK(reader.finish("outcome of a master command"));
  if (code != 0) outcome.result = Error(static_cast<Errc>(code), detail);
  return outcome;
}

MasterMachine::MasterMachine(std::string cluster_id) {
  state_.cluster_id = std::move(cluster_id);
}

std::string MasterMachine::apply(raft::LogIndex index, std::string_view command) {
  const auto decoded = decode_command(command);
  // Every replica of this version refuses it alike; a newer leader waits until all understand it.
  if (!decoded.has_value()) {
    logger("master").error("command_unknown index={} error={}", index.value,
                           log_value(decoded.error().message()));
    return encode_outcome(decoded.error(), {});
  }
  const NeedleKey mark = state_.key_mark;
  const auto applied = apply_command(state_, *decoded);
  if (applied.has_value()) note_locations(index, *decoded);
  if (changed_) changed_();
  return encode_outcome(applied, mark);
}

void MasterMachine::note_locations(raft::LogIndex index, const Command& command) {
  const auto note = [&](VolumeId volume) { locations_.note(index.value, volume); };
  if (const auto* create = std::get_if<CreateVolume>(&command)) return note(create->volume);
  if (const auto* activate = std::get_if<ActivateVolume>(&command)) return note(activate->volume);
  if (const auto* drop = std::get_if<DropVolume>(&command)) return note(drop->volume);
  if (const auto* seal = std::get_if<SealVolume>(&command)) return note(seal->volume);
  if (const auto* start = std::get_if<StartJob>(&command)) return note(start->job.volume);
  const auto note_job = [&](JobId id) {
    const auto job = state_.jobs.find(id);
    if (job != state_.jobs.end()) note(job->second.volume);
  };
  if (const auto* advance = std::get_if<AdvanceJob>(&command)) return note_job(advance->job);
  if (const auto* abandon = std::get_if<AbandonJob>(&command)) return note_job(abandon->job);
  if (const auto* node = std::get_if<RegisterNode>(&command)) {
    const auto number = state_.find_node(node->identity.node_id);
    for (const auto& [id, volume] : state_.volumes) {
      if (std::ranges::find(volume.members, *number) != volume.members.end()) note(id);
    }
  }
  if (std::holds_alternative<ImportState>(command)) locations_.reset(index.value);
}

std::string MasterMachine::snapshot() const {
  std::string out;
  ByteWriter(out).fixed(locations_.newest());
  return out + encode_state(state_);
}

Result<void> MasterMachine::restore(std::string_view snapshot) {
  ByteReader reader(snapshot);
  const auto sequence = reader.fixed<std::uint64_t>();
  if (reader.failed()) return Error(Errc::kCorruption, "the masters' snapshot is cut short");
  KELP_TRY(MasterState state, decode_state(snapshot.substr(sizeof sequence)));
  if (state.cluster_id != state_.cluster_id) {
    return Error(Errc::kPrecondition, "the masters' snapshot is another cluster's");
  }
  state_ = std::move(state);
  locations_.reset(sequence);
  if (changed_) changed_();
  return {};
}

void MasterMachine::leading(raft::Term term) {
  logger("master").info("leading term={}", term.value);
  leading_ = true;
  if (changed_) changed_();
}

void MasterMachine::following() {
  if (leading_) logger("master").info("following");
  leading_ = false;
  if (changed_) changed_();
}

}  // namespace kelp::master
