#include <fmt/format.h>

#include "master/core/commands.h"

namespace kelp::master {
namespace {

constexpr std::uint8_t kVersion = 6;
/// Of commands that no volume gets another scheme by.
constexpr std::uint8_t kVersionOfRepacks = 5;
/// Of commands that none is packed anew by either.
constexpr std::uint8_t kVersionOfTiers = 4;
/// Of commands that no seal, no tier and no targets of a repair are in either.
constexpr std::uint8_t kVersionOfStripes = 3;
/// Of commands that masters of versions before know: all but those, and those with a scheme.
constexpr std::uint8_t kVersionOfCopies = 2;

/// Values are stored: never renumber.
enum class Kind : std::uint8_t {
  kReserveKeys = 1,
  kCreateVolume = 2,
  kActivateVolume = 3,
  kSealVolume = 4,
  kDropVolume = 5,
  kRegisterNode = 6,
  kSetIntent = 7,
  kRemoveNode = 8,
  kStartJob = 9,
  kAdvanceJob = 10,
  kAbandonJob = 11,
  kPauseJobs = 12,
  kSetMaster = 13,
  kTakeLock = 14,
  kImportState = 15,
  kSetVolumeTier = 16,
  kLeaveOut = 17,
};

struct Encode {
  std::string& out;

  void operator()(const ReserveKeys& command) const {
    begin(Kind::kReserveKeys).fixed(command.count);
    encode_time(command.now, out);
  }
  void operator()(const CreateVolume& command) const {
    begin(Kind::kCreateVolume).fixed(command.volume.value);
    encode_volume(command.record, out);
  }
  void operator()(const ActivateVolume& command) const {
    begin(Kind::kActivateVolume).fixed(command.volume.value);
  }
  void operator()(const DropVolume& command) const {
    begin(Kind::kDropVolume).fixed(command.volume.value);
  }
  void operator()(const SealVolume& command) const {
    begin(Kind::kSealVolume).fixed(command.volume.value);
  }
  void operator()(const RegisterNode& command) const {
    begin(Kind::kRegisterNode);
    encode_node({command.identity, NodeIntent::kActive}, out);
  }
  void operator()(const SetIntent& command) const {
    auto writer = begin(Kind::kSetIntent);
    writer.fixed(command.node.value);
    writer.fixed(static_cast<std::uint8_t>(command.intent));
  }
  void operator()(const RemoveNode& command) const {
    begin(Kind::kRemoveNode).fixed(command.node.value);
  }
  void operator()(const StartJob& command) const {
    auto writer = begin(Kind::kStartJob);
    writer.fixed(command.expected.value);
    encode_job(command.job, out);
    writer.varint(command.lost.size());
    for (const NodeNumber lost : command.lost) writer.fixed(lost.value);
  }
  void operator()(const AdvanceJob& command) const {
    auto writer = begin(Kind::kAdvanceJob);
    writer.fixed(command.job.value);
    writer.fixed(static_cast<std::uint8_t>(command.from_step));
  }
  void operator()(const AbandonJob& command) const {
    begin(Kind::kAbandonJob).fixed(command.job.value);
  }
  void operator()(const LeaveOut& command) const {
    auto writer = begin(Kind::kLeaveOut);
    writer.fixed(command.job.value);
    writer.fixed(command.target.value);
  }
  void operator()(const PauseJobs& command) const {
    begin(Kind::kPauseJobs).fixed(static_cast<std::uint8_t>(command.paused));
  }
  void operator()(const SetMaster& command) const {
    auto writer = begin(Kind::kSetMaster);
    writer.fixed(command.id);
    writer.text(command.address);
  }
  void operator()(const TakeLock& command) const {
    auto writer = begin(Kind::kTakeLock);
    writer.text(command.owner);
    writer.fixed(command.token);
    encode_time(command.now, out);
    encode_time(command.expires, out);
  }
  void operator()(const ImportState& command) const {
    begin(Kind::kImportState).text(command.state);
  }
  void operator()(const SetVolumeTier& command) const {
    auto writer = begin(Kind::kSetVolumeTier);
    writer.fixed(command.volume.value);
    writer.text(command.tag);
  }

 private:
  ByteWriter begin(Kind kind) const {
    ByteWriter writer(out);
    writer.fixed(static_cast<std::uint8_t>(kind));
    return writer;
  }
};

VolumeId read_volume(ByteReader& reader) {
  return VolumeId{reader.fixed<std::uint32_t>()};
}

NodeNumber read_node(ByteReader& reader) {
  return NodeNumber{reader.fixed<std::uint32_t>()};
}

/// A value of an enumeration that has `last` as its last.
template <typename T>
Result<T> read_value(ByteReader& reader, T last) {
  const auto value = reader.fixed<std::uint8_t>();
  if (!reader.failed() && (value < 1 || value > static_cast<std::uint8_t>(last))) {
    return Error(Errc::kCorruption, fmt::format("master command: value {}", value));
  }
  return static_cast<T>(value);
}

Result<Command> read_volume_command(Kind kind, ByteReader& reader) {
  const VolumeId volume = read_volume(reader);
  switch (kind) {
    case Kind::kCreateVolume: {
      KELP_TRY(VolumeRecord record, decode_volume(reader));
      return Command(CreateVolume{volume, std::move(record)});
    }
    case Kind::kActivateVolume:
      return Command(ActivateVolume{volume});
    case Kind::kDropVolume:
      return Command(DropVolume{volume});
    default:
      return Command(SealVolume{volume});
  }
}

Result<Command> read_job_command(Kind kind, ByteReader& reader) {
  if (kind == Kind::kStartJob) {
    StartJob start;
    start.expected.value = reader.fixed<std::uint32_t>();
    KELP_TRY(start.job, decode_job(reader));
    const std::uint64_t lost = reader.varint();
    for (std::uint64_t i = 0; i < lost && !reader.failed(); ++i) {
      start.lost.push_back(read_node(reader));
    }
    return Command(std::move(start));
  }
  const JobId job{reader.fixed<std::uint64_t>()};
  if (kind == Kind::kAbandonJob) return Command(AbandonJob{job});
  if (kind == Kind::kLeaveOut) return Command(LeaveOut{job, read_node(reader)});
  KELP_TRY(const JobStep step, read_value(reader, JobStep::kVerify));
  return Command(AdvanceJob{job, step});
}

Result<Command> read_command(ByteReader& reader) {
  const auto kind = static_cast<Kind>(reader.fixed<std::uint8_t>());
  switch (kind) {
    case Kind::kReserveKeys: {
      const auto count = reader.fixed<std::uint64_t>();
      return Command(ReserveKeys{count, decode_time(reader)});
    }
    case Kind::kCreateVolume:
    case Kind::kActivateVolume:
    case Kind::kDropVolume:
    case Kind::kSealVolume:
      return read_volume_command(kind, reader);
    case Kind::kRegisterNode: {
      KELP_TRY(NodeRecord node, decode_node(reader));
      return Command(RegisterNode{std::move(node.identity)});
    }
    case Kind::kSetIntent: {
      const NodeNumber node = read_node(reader);
      KELP_TRY(const NodeIntent intent, read_value(reader, NodeIntent::kMaintenance));
      return Command(SetIntent{node, intent});
    }
    case Kind::kRemoveNode:
      return Command(RemoveNode{read_node(reader)});
    case Kind::kStartJob:
    case Kind::kAdvanceJob:
    case Kind::kAbandonJob:
    case Kind::kLeaveOut:
      return read_job_command(kind, reader);
    case Kind::kPauseJobs:
      return Command(PauseJobs{reader.fixed<std::uint8_t>() != 0});
    case Kind::kSetMaster: {
      const auto id = reader.fixed<std::uint64_t>();
      return Command(SetMaster{id, std::string(reader.text())});
    }
    case Kind::kTakeLock: {
      TakeLock command;
      command.owner = reader.text();
      command.token = reader.fixed<std::uint64_t>();
      command.now = decode_time(reader);
      command.expires = decode_time(reader);
      return Command(std::move(command));
    }
    case Kind::kImportState:
      return Command(ImportState{std::string(reader.text())});
    case Kind::kSetVolumeTier: {
      const VolumeId volume = read_volume(reader);
      return Command(SetVolumeTier{volume, std::string(reader.text())});
    }
  }
  return Error(Errc::kUnimplemented,
               fmt::format("master command {} is not known", static_cast<int>(kind)));
}

}  // namespace

namespace {

std::uint8_t version_of(const Command& command) {
  const auto* const start = std::get_if<StartJob>(&command);
  const auto* const advance = std::get_if<AdvanceJob>(&command);
  if (start != nullptr && start->job.kind == JobKind::kRecode) return kVersion;
  if (start != nullptr && start->job.kind == JobKind::kRepack) return kVersionOfRepacks;
  if ((start != nullptr && !start->job.targets.empty()) ||
      (advance != nullptr && advance->from_step > JobStep::kRelease) ||
      std::holds_alternative<SetVolumeTier>(command) || std::holds_alternative<LeaveOut>(command)) {
    return kVersionOfTiers;
  }
  const auto* const create = std::get_if<CreateVolume>(&command);
  return create != nullptr && create->record.scheme ? kVersionOfStripes : kVersionOfCopies;
}

}  // namespace

std::string encode_command(const Command& command) {
  std::string out;
  ByteWriter(out).fixed(version_of(command));
  std::visit(Encode{out}, command);
  return out;
}

Result<Command> decode_command(std::string_view bytes) {
  ByteReader reader(bytes);
  if (const auto version = reader.fixed<std::uint8_t>();
      version < kVersionOfCopies || version > kVersion) {
    return Error(version > kVersion ? Errc::kUnimplemented : Errc::kCorruption,
                 fmt::format("master command has format {}, this program knows {} to {}", version,
                             kVersionOfCopies, kVersion));
  }
  KELP_TRY(Command command, read_command(reader));
  KELP_CHECK(reader.finish("master command"));
  return command;
}

}  // namespace kelp::master
