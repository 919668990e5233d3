#include "volume/store/log_scan.h"

#include "volume/store/log_walk.h"

namespace kelp {
namespace {

Result<void> apply(const NeedleHeader& header, std::uint64_t offset, NeedleIndex& index,
                   LogScan& scan) {
  if (header.tombstone) {
    ++scan.tombstones;
    KELP_CHECK(index.erase(header.key));
    return {};
  }
  ++scan.needles;
  const auto bytes = static_cast<std::uint32_t>(layout_of(header).total_bytes);
  KELP_CHECK(index.insert(header.key, {.offset = offset, .bytes = bytes}));
  return {};
}

}  // namespace

Result<LogScan> scan_log(File& file, const NeedleSeed& seed, std::uint64_t from,
                         std::uint64_t file_bytes, NeedleIndex& index) {
  LogScan scan;
  LogWalk walk(file, seed, from, file_bytes);
  while (true) {
    KELP_TRY(const auto step, walk.next());
    if (!step.has_value()) break;
    if (step->header.has_value() && step->trailer_matches) {
      KELP_CHECK(apply(*step->header, step->offset, index, scan));
      continue;
    }
    if (step->header.has_value()) ++scan.unfinished;
    scan.skipped_bytes += step->bytes;
  }
  scan.end = (walk.at() + kNeedleAlignment - 1) / kNeedleAlignment * kNeedleAlignment;
  return scan;
}

}  // namespace kelp
