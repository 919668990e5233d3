#pragma once

#include <atomic>
#include <boost/unordered/unordered_flat_set.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async/timers.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "client/location_cache.h"
#include "client/node_health.h"
#include "client/volume_nodes.h"

namespace kelp {

/// The volume servers of a cluster as one: a needle is written through its primary, which passes it
/// on; read from any member, a second one being asked when the first is late or fails; removed at
/// all. In a volume with a scheme it is cut into shards, one for each member (striped_upload.h),
/// and read from those (striped_read.h); or it is packed: then a member says in which extent it
/// lies, and that is read so. Safe from any io thread.
class ClusterVolumes final : public VolumeClient {
 public:
  /// Everything must outlive this.
  ClusterVolumes(VolumeNodes& nodes, LocationCache& locations, Clock& clock, Timers& timers,
                 Metrics& metrics);

  /// Besides VolumeClient's errors: kUnavailable when the primary does not answer.
  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle request) override;
  /// The first good answer of any member. kCorruption only when no member has a good copy.
  Task<Result<void>> read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) override;
  /// At every member; kUnavailable while one does not answer (it is asked again later).
  Task<Result<void>> remove(std::vector<FileId> fids) override;

 private:
  struct Race;
  Task<Result<void>> read_once(FileId fid, std::uint64_t offset, MutableByteSpan buffer);
  Task<Result<void>> read_striped(VolumeLocation location, FileId fid, std::uint64_t offset,
                                  MutableByteSpan buffer);
  Task<Result<void>> read_packed(VolumeLocation location, FileId fid, std::uint64_t offset,
                                 MutableByteSpan buffer);
  struct BodyRange {
    std::uint64_t offset = 0;
    MutableByteSpan buffer;
  };
  Task<Result<void>> read_place(VolumeLocation location, FileId fid, PackedPlace place,
                                BodyRange wanted);
  Task<Result<void>> read_at(VolumeMember member, FileId fid, std::uint64_t offset,
                             MutableByteSpan buffer);
  Task<Result<void>> find_at(VolumeMember member, FileId fid, EcScheme scheme, PackedPlace* place);
  void note_answer(const VolumeMember& member, const Result<void>& outcome, MonoTime begin);
  Task<void> run_in_race(std::shared_ptr<Race> race, std::size_t runner);
  Task<void> wait_in_race(std::shared_ptr<Race> race, std::size_t runner);
  Task<Result<void>> race(std::shared_ptr<Race> race);
  [[nodiscard]] bool knows_packed(VolumeId volume);

  VolumeNodes& nodes_;
  LocationCache& locations_;
  Clock& clock_;
  Timers& timers_;
  NodeHealth health_;
  std::atomic<std::uint64_t> turn_ = 0;
  std::mutex packed_mutex_;
  /// Volumes that were found to be packed: a location does not say it, their shards do.
  boost::unordered_flat_set<std::uint32_t> packed_;
  prometheus::Counter& hedged_;
  prometheus::Counter& read_around_;
  prometheus::Counter& rebuilt_;
};

}  // namespace kelp
