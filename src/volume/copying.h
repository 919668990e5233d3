#pragma once

#include <chrono>
#include <string>

#include "async/background_budget.h"
#include "client/volume_nodes.h"
#include "volume/store/volume_file.h"

namespace kelp {

// What making copies of volumes has in common (volume_replicas.cc, volume_packing.cc).

/// What a call of read_needles() brings, about.
inline constexpr std::uint64_t kCopyPieceBytes = 4 << 20;

/// The share of the budget that work is sure of (BackgroundBudget::take).
[[nodiscard]] std::uint32_t least_share(Urgency urgency);
/// Takes a piece from a server's budget; settle_piece() says how large it came to be. Null: there
/// is no limit. kCancelled.
[[nodiscard]] Task<Result<void>> take_piece(
    BackgroundBudget* budget, Urgency urgency,
    std::chrono::nanoseconds patience = std::chrono::hours(1));
/// See take_piece(); `moved` in bytes.
void settle_piece(BackgroundBudget* budget, Urgency urgency, std::uint64_t moved);

/// kConflict unless the copy is one to read_needles() from: frozen, in `generation`.
[[nodiscard]] Result<void> check_frozen(const VolumeFile& copy, Generation generation);

/// Copies that are being made lie here, out of the way of every start.
[[nodiscard]] std::string pull_dir(const std::string& directory);

/// The image of a stub (volume/core/packing.h) as one of `members` has it, to heal one's own.
/// kNotFound when `key` is no packed needle of theirs; else what the last one said.
[[nodiscard]] Task<Result<std::string>> fetch_stub(VolumeNodes& peers, VolumeId volume,
                                                   Generation generation,
                                                   std::vector<VolumeMember> members,
                                                   NeedleKey key);

/// Removes a file unless it is gone already. Blocks.
Result<void> remove_if_there(FileIo& io, const std::string& path);

}  // namespace kelp
