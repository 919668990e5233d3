#include "master/core/commands.h"

#include <fmt/format.h>

namespace kelp::master {
namespace {

constexpr std::uint8_t kVersion = 1;
// Values are stored: never renumber.
constexpr std::uint8_t kReserveKeys = 1;
constexpr std::uint8_t kCreateVolume = 2;
constexpr std::uint8_t kActivateVolume = 3;
constexpr std::uint8_t kSealVolume = 4;

Result<void> move_phase(MasterState& state, VolumeId volume, VolumePhase from, VolumePhase to) {
  const auto found = state.volumes.find(volume);
  if (found == state.volumes.end() || found->second.phase != from) {
    return Error(Errc::kConflict,
                 fmt::format("volume {} is not in phase {}", volume.value, static_cast<int>(from)));
  }
  found->second.phase = to;
  return {};
}

struct Apply {
  MasterState& state;

  Result<void> operator()(const ReserveKeys& command) const {
    std::uint64_t mark = 0;
    if (__builtin_add_overflow(state.key_mark.value, command.count, &mark)) {
      return Error(Errc::kConflict, "the key space is used up");
    }
    state.key_mark = NeedleKey{mark};
    return {};
  }
  Result<void> operator()(const CreateVolume& command) const {
    if (command.volume < state.next_volume || command.volume.value == UINT32_MAX) {
      return Error(Errc::kConflict,
                   fmt::format("volume id {} was used before or is out of range, next is {}",
                               command.volume.value, state.next_volume.value));
    }
    state.next_volume = VolumeId{command.volume.value + 1};
    state.volumes.emplace(command.volume, command.record);
    return {};
  }
  Result<void> operator()(const ActivateVolume& command) const {
    return move_phase(state, command.volume, VolumePhase::kCreating, VolumePhase::kWritable);
  }
  Result<void> operator()(const SealVolume& command) const {
    return move_phase(state, command.volume, VolumePhase::kWritable, VolumePhase::kSealed);
  }
};

struct Encode {
  std::string& out;

  void operator()(const ReserveKeys& command) const {
    ByteWriter writer(out);
    writer.fixed(kReserveKeys);
    writer.fixed(command.count);
  }
  void operator()(const CreateVolume& command) const {
    ByteWriter writer(out);
    writer.fixed(kCreateVolume);
    writer.fixed(command.volume.value);
    encode_volume(command.record, out);
  }
  void operator()(const ActivateVolume& command) const { one(kActivateVolume, command.volume); }
  void operator()(const SealVolume& command) const { one(kSealVolume, command.volume); }

 private:
  void one(std::uint8_t kind, VolumeId volume) const {
    ByteWriter writer(out);
    writer.fixed(kind);
    writer.fixed(volume.value);
  }
};

Result<Command> read_command(ByteReader& reader) {
  const auto kind = reader.fixed<std::uint8_t>();
  switch (kind) {
    case kReserveKeys:
      return Command(ReserveKeys{reader.fixed<std::uint64_t>()});
    case kCreateVolume: {
      const VolumeId volume{reader.fixed<std::uint32_t>()};
      KELP_TRY(VolumeRecord record, decode_volume(reader));
      return Command(CreateVolume{volume, std::move(record)});
    }
    case kActivateVolume:
      return Command(ActivateVolume{VolumeId{reader.fixed<std::uint32_t>()}});
    case kSealVolume:
      return Command(SealVolume{VolumeId{reader.fixed<std::uint32_t>()}});
    default:
      return Error(Errc::kUnimplemented, fmt::format("master command {} is not known", kind));
  }
}

}  // namespace

Result<void> apply_command(MasterState& state, const Command& command) {
  return std::visit(Apply{state}, command);
}

std::string encode_command(const Command& command) {
  std::string out;
  ByteWriter(out).fixed(kVersion);
  std::visit(Encode{out}, command);
  return out;
}

Result<Command> decode_command(std::string_view bytes) {
  ByteReader reader(bytes);
  if (const auto version = reader.fixed<std::uint8_t>(); version != kVersion) {
    return Error(
        version > kVersion ? Errc::kUnimplemented : Errc::kCorruption,
        fmt::format("master command has format {}, this program knows {}", version, kVersion));
  }
  KELP_TRY(Command command, read_command(reader));
  KELP_CHECK(reader.finish("master command"));
  return command;
}

}  // namespace kelp::master
