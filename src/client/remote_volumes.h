#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/remote_frames.h"
#include "client/remotes.h"
#include "client/volume_admin.h"
#include "client/volume_client.h"

namespace kelp {

/// The volume servers and the remotes as one: what a file id's volume says decides. A needle is one
/// object of the remote's bucket; what is read of it is verified against its checksums, and who
/// reads on gets more of it at once. Safe from any io thread.
class RemoteVolumes final : public VolumeClient {
 public:
  /// Both must outlive this.
  RemoteVolumes(VolumeClient& volumes, const Remotes& remotes)
      : volumes_(volumes), remotes_(remotes) {}

  /// For a remote: kResourceExhausted when bodies on their way there have all of their memory.
  Task<Result<std::unique_ptr<NeedleUpload>>> open(OpenNeedle request) override;
  /// Of a needle in a remote: kUnavailable when it does not answer or is not configured here.
  Task<Result<void>> read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) override;
  Task<Result<void>> read_shard(ShardRead request, MutableByteSpan buffer) override;
  [[nodiscard]] PinnedPages try_pin(FileId fid, std::uint64_t offset, std::size_t bytes) override;
  /// The first failure ends it: what was not asked for stays, and is asked for again.
  Task<Result<void>> remove(std::vector<FileId> fids) override;

 private:
  /// Verified bytes of a needle that somebody may want next.
  struct Window {
    FileId fid;
    std::uint64_t next = 0;  ///< Where its reader stopped.
    std::uint64_t offset = 0;
    std::string bytes;
  };
  Task<Result<void>> read_remote(FileId fid, std::uint64_t offset, MutableByteSpan buffer);
  Task<Result<RemoteStretch>> fetch(FileId fid, std::uint64_t offset, std::uint64_t bytes);
  bool read_window(const FileId& fid, std::uint64_t offset, MutableByteSpan buffer, bool& reads_on);
  void keep(const FileId& fid, std::uint64_t next, RemoteStretch stretch);
  Task<Result<void>> remove_remote(Remote& remote, std::vector<FileId> fids);

  VolumeClient& volumes_;
  const Remotes& remotes_;
  std::mutex mutex_;
  std::list<Window> windows_;  ///< What was used last is in front.
};

/// The volumes and the remotes as the collector and fsck look at them. Safe from any io thread.
class RemoteVolumeAdmin final : public VolumeAdmin {
 public:
  /// Both must outlive this.
  RemoteVolumeAdmin(VolumeAdmin& volumes, const Remotes& remotes)
      : volumes_(volumes), remotes_(remotes) {}

  /// Every remote is one more volume, of which nothing but its id is known.
  Task<Result<NodeStatus>> status() override;
  Task<Result<void>> create_volume(VolumeId volume, Generation generation,
                                   std::string collection) override;
  Task<Result<std::vector<NeedleInfo>>> list_needles(VolumeId volume, NeedleKey after,
                                                     std::uint32_t limit) override;
  /// kUnimplemented of a remote: that would fetch all of it.
  Task<Result<std::vector<NeedleInfo>>> verify_volume(VolumeId volume) override;

 private:
  VolumeAdmin& volumes_;
  const Remotes& remotes_;
};

}  // namespace kelp
