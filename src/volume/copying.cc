#include "volume/copying.h"

#include <fmt/core.h>

#include "volume/core/packing.h"

namespace kelp {

std::uint32_t least_share(Urgency urgency) {
  switch (urgency) {
    case Urgency::kLastCopy:
      return 1;
    case Urgency::kRepair:
      return 2;
    case Urgency::kMove:
      break;
  }
  return BackgroundBudget::kLeastShare;
}

Task<Result<void>> take_piece(BackgroundBudget* budget, Urgency urgency,
                              std::chrono::nanoseconds patience) {
  if (budget == nullptr) co_return Result<void>();
  co_return co_await budget->take(kCopyPieceBytes, least_share(urgency), patience);
}

void settle_piece(BackgroundBudget* budget, Urgency urgency, std::uint64_t moved) {
  if (budget != nullptr) budget->settle(kCopyPieceBytes, moved, least_share(urgency));
}

Result<void> check_frozen(const VolumeFile& copy, Generation generation) {
  const CopyRole role = copy.role();
  if (role.generation == generation && role.frozen) return {};
  return Error(Errc::kConflict,
               fmt::format("volume {} is {} in generation {}, it is copied frozen in {}",
                           copy.superblock().volume.value, role.frozen ? "frozen" : "not frozen",
                           role.generation.value, generation.value));
}

std::string pull_dir(const std::string& directory) {
  return directory + "/pull";
}

Task<Result<std::string>> fetch_stub(VolumeNodes& peers, VolumeId volume, Generation generation,
                                     std::vector<VolumeMember> members, NeedleKey key) {
  Error last(Errc::kNotFound, fmt::format("nobody has needle {:x} packed", key.value));
  if (is_extent(key)) co_return last;
  for (const VolumeMember& member : members) {
    const auto node = peers.at(member.address);
    auto part = co_await node->read_part(volume, generation, key, 0, 0);
    if (!part.has_value()) {
      last = part.error();
      continue;
    }
    KELP_CO_TRY(const NeedleFrame frame, decode_needle_frame(as_bytes(part->frame), kImageSeed));
    if (frame.header.packed_bytes == 0) break;
    auto image = co_await node->read_needle(volume, generation, key);
    if (image.has_value()) co_return image;
    last = image.error();
  }
  co_return last;
}

Result<void> remove_if_there(FileIo& io, const std::string& path) {
  auto removed = io.remove(path);
  if (!removed.has_value() && removed.error().code() == Errc::kNotFound) return {};
  return removed;
}

}  // namespace kelp
