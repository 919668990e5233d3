#include "volume/rebuild_shelf.h"

#include <fmt/core.h>

#include <algorithm>

namespace kelp {
namespace {

/// Making or storing an image takes longer.
constexpr std::chrono::milliseconds kPause{2};

}  // namespace

/// Guarded by the shelf's mutex.
struct RebuildShelf::Pass::Made {
  /// One shard of the needles, for one server.
  struct Row {
    NeedleKey from;  ///< Smaller keys are not asked for any more.
    MonoTime came;   ///< When it lately took one, or waited for the next.
    std::map<NeedleKey, std::string> images;
  };
  VolumeId volume;
  Generation generation;
  std::map<std::uint8_t, Row> rows;  ///< By shard.
  std::uint64_t bytes = 0;           ///< Of all images.
  NeedleKey reached;
  bool over = false;

  void drop(Row& row, std::map<NeedleKey, std::string>::iterator image) {
    bytes -= image->second.size();
    row.images.erase(image);
  }
  /// Whoever gets `row` asks for `key`.
  void asks_for(Row& row, NeedleKey key) {
    row.from = std::max(row.from, key);
    while (!row.images.empty() && row.images.begin()->first < row.from) {
      drop(row, row.images.begin());
    }
  }
  void give_up(std::uint8_t shard) {
    const auto row = rows.find(shard);
    while (!row->second.images.empty()) drop(row->second, row->second.images.begin());
    rows.erase(row);
  }
  void end() {
    over = true;
    rows.clear();
    bytes = 0;
  }
};

RebuildShelf::RebuildShelf(const Clock& clock, Timers* timers) : clock_(clock), timers_(timers) {}
RebuildShelf::~RebuildShelf() = default;

RebuildShelf::Pass::Pass(RebuildShelf& shelf, std::shared_ptr<Made> made)
    : shelf_(shelf), made_(std::move(made)) {}

RebuildShelf::Pass::~Pass() {
  const std::lock_guard lock(shelf_.mutex_);
  made_->end();
  const auto kept = shelf_.passes_.find(made_->volume);
  if (kept != shelf_.passes_.end() && kept->second == made_) shelf_.passes_.erase(kept);
}

std::unique_ptr<RebuildShelf::Pass> RebuildShelf::begin(VolumeId volume, Generation generation,
                                                        const std::vector<std::uint8_t>& shards) {
  auto made = std::make_shared<Pass::Made>();
  made->volume = volume;
  made->generation = generation;
  for (const std::uint8_t shard : shards) {
    if (timers_ != nullptr) made->rows[shard].came = clock_.mono();
  }
  const std::lock_guard lock(mutex_);
  auto& kept = passes_[volume];
  if (kept != nullptr) kept->end();
  kept = made;
  return std::unique_ptr<Pass>(new Pass(*this, std::move(made)));
}

std::vector<std::uint8_t> RebuildShelf::Pass::wanted(NeedleKey key) const {
  const std::lock_guard lock(shelf_.mutex_);
  std::vector<std::uint8_t> out;
  for (const auto& [shard, row] : made_->rows) {
    if (row.from <= key) out.push_back(shard);
  }
  return out;
}

Task<Result<void>> RebuildShelf::Pass::await_room() {
  return await_less(kRoomBytes);
}

Task<Result<void>> RebuildShelf::Pass::await_end() {
  return await_less(1);
}

Task<Result<void>> RebuildShelf::Pass::await_less(std::uint64_t bytes) {
  while (true) {
    {
      const std::lock_guard lock(shelf_.mutex_);
      if (made_->bytes < bytes) co_return Result<void>();
      const MonoTime late = shelf_.clock_.mono() - kPatience;
      std::vector<std::uint8_t> gone;
      for (const auto& [shard, row] : made_->rows) {
        if (row.came < late && !row.images.empty()) gone.push_back(shard);
      }
      for (const std::uint8_t shard : gone) made_->give_up(shard);
    }
    KELP_CO_CHECK(co_await shelf_.pause());
  }
}

void RebuildShelf::Pass::put(std::uint8_t shard, NeedleKey key, std::string image) {
  const std::lock_guard lock(shelf_.mutex_);
  const auto row = made_->rows.find(shard);
  if (row == made_->rows.end() || key < row->second.from) return;
  made_->bytes += image.size();
  row->second.images.emplace(key, std::move(image));
}

void RebuildShelf::Pass::reached(NeedleKey key) {
  const std::lock_guard lock(shelf_.mutex_);
  made_->reached = key;
}

Task<Result<void>> RebuildShelf::pause() const {
  co_return co_await timers_->sleep_until(clock_.mono() + kPause);
}

std::optional<Result<std::string>> RebuildShelf::look(VolumeId volume, Generation generation,
                                                      std::uint8_t shard, NeedleKey key,
                                                      bool may_begin) {
  const std::lock_guard lock(mutex_);
  const auto found = passes_.find(volume);
  const bool there = found != passes_.end() && found->second->generation == generation;
  if (!there && may_begin && timers_ != nullptr) return std::nullopt;
  const Error none(Errc::kConflict,
                   fmt::format("no shards of volume {} are made for others here", volume.value));
  if (!there || found->second->over) return none;
  Pass::Made& made = *found->second;
  const auto row = made.rows.find(shard);
  if (row == made.rows.end()) return none;
  made.asks_for(row->second, key);
  const auto image = row->second.images.find(key);
  if (image != row->second.images.end()) {
    row->second.came = clock_.mono();
    made.bytes -= image->second.size();
    std::string out = std::move(image->second);
    row->second.images.erase(image);
    return out;
  }
  if (key > made.reached) {
    row->second.came = clock_.mono();
    return std::nullopt;
  }
  // One that is behind is not waited for: it makes its own meanwhile.
  return Error(Errc::kNotFound, fmt::format("needle {:x} of volume {} is not kept for others",
                                            key.value, volume.value));
}

Task<Result<std::string>> RebuildShelf::take(VolumeId volume, Generation generation,
                                             std::uint8_t shard, NeedleKey key, bool may_begin) {
  const MonoTime end = clock_.mono() + kAnswerAfter;
  while (true) {
    auto answer = look(volume, generation, shard, key, may_begin);
    if (answer.has_value()) co_return *std::move(answer);
    if (clock_.mono() >= end) {
      // Whoever waits for a pass that never begins waits no longer.
      answer = look(volume, generation, shard, key, false);
      co_return answer.has_value() ? *std::move(answer) : std::string();
    }
    KELP_CO_CHECK(co_await pause());
  }
}

}  // namespace kelp
