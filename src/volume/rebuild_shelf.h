#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "async/timers.h"
#include "base/ids.h"
#include "kelp/result.h"

namespace kelp {

/// Needle images that one server makes for others while it rebuilds its own shard of a volume: each
/// lies here until the server that is to have it comes for it. Who makes them waits for room, so
/// that all go through the volume together and each needle is read once. Thread-safe.
class RebuildShelf {
 public:
  /// Of the images of one volume; the next needle is made when there is less.
  static constexpr std::uint64_t kRoomBytes = 8 << 20;
  /// Whoever comes for nothing so long is not waited for any more.
  static constexpr std::chrono::seconds kPatience{30};
  /// A question waits so long at most.
  static constexpr std::chrono::seconds kAnswerAfter{5};

  /// What is made for others of one volume, from the first needle to the last; its end takes away
  /// what nobody came for.
  class Pass {
   public:
    ~Pass();
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    /// The shards that somebody may still come for, of the needle `key` and later ones.
    [[nodiscard]] std::vector<std::uint8_t> wanted(NeedleKey key) const;
    /// Waits until there is room; who does not come in time is given up. kCancelled.
    Task<Result<void>> await_room();
    /// The same until nothing is left.
    Task<Result<void>> await_end();
    /// An image of `key` for whoever makes `shard`.
    void put(std::uint8_t shard, NeedleKey key, std::string image);
    /// Nothing more comes up to `key`.
    void reached(NeedleKey key);

   private:
    friend class RebuildShelf;
    struct Made;
    Pass(RebuildShelf& shelf, std::shared_ptr<Made> made);
    Task<Result<void>> await_less(std::uint64_t bytes);

    RebuildShelf& shelf_;
    const std::shared_ptr<Made> made_;
  };

  /// `timers` null: nobody waits, and nothing is made for others. Both must outlive this.
  RebuildShelf(const Clock& clock, Timers* timers);
  ~RebuildShelf();

  /// Begins a pass over a volume, which makes `shards` for others. It ends another one's of that
  /// volume.
  [[nodiscard]] std::unique_ptr<Pass> begin(VolumeId volume, Generation generation,
                                            const std::vector<std::uint8_t>& shards);
  /// See VolumeReplicas::read_rebuilt(). `may_begin`: a pass that is not under way yet is waited
  /// for. Whoever asks for a key needs no smaller one any more.
  Task<Result<std::string>> take(VolumeId volume, Generation generation, std::uint8_t shard,
                                 NeedleKey key, bool may_begin);

 private:
  /// An answer, when there is one now.
  [[nodiscard]] std::optional<Result<std::string>> look(VolumeId volume, Generation generation,
                                                        std::uint8_t shard, NeedleKey key,
                                                        bool may_begin);
  Task<Result<void>> pause() const;

  const Clock& clock_;
  Timers* const timers_;
  mutable std::mutex mutex_;
  std::map<VolumeId, std::shared_ptr<Pass::Made>> passes_;  ///< Also the last one that ended.
};

}  // namespace kelp
