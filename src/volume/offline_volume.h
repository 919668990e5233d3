#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/volume_replicas.h"
#include "os/file_io.h"
#include "volume/core/index_snapshot.h"
#include "volume/core/superblock.h"
#include "volume/core/volume_index.h"
#include "volume/store/log_walk.h"

namespace kelp {

/// A volume as a tool sees it while no server has it: its log, as far as that can be read, and what
/// lies beside it. Changes nothing. Blocks.
class OfflineVolume {
 public:
  /// Opens the log at `path` ("…/000000001.dat").
  ///
  /// Errors  kNotFound, kIo; kInvalidArgument for a name that no volume has; kCorruption when
  ///         neither superblock nor index snapshot tell the salt, without which no needle can be
  ///         told from other bytes; kUnimplemented for a newer format.
  [[nodiscard]] static Result<OfflineVolume> open(FileIo& io, const std::string& path);

  [[nodiscard]] VolumeId volume() const { return volume_; }
  [[nodiscard]] std::uint64_t file_bytes() const { return file_bytes_; }
  /// An error when it is damaged: then the salt is the snapshot's.
  [[nodiscard]] const Result<Superblock>& superblock() const { return superblock_; }
  [[nodiscard]] const Result<CopyRole>& role() const { return role_; }
  /// kNotFound when there is none, or one of another log; else why it cannot be used.
  [[nodiscard]] const Result<IndexSnapshot>& snapshot() const { return snapshot_; }

  /// Is told each step of the log; `live`: the needle is there to be read. An error ends the walk.
  using Visit = std::function<Result<void>(const LogStep& step, bool live)>;
  /// Where a walk ended, and why when that is not the end of the log.
  struct End {
    std::uint64_t offset = 0;
    std::optional<Error> stopped;
  };
  /// Goes over the whole log, twice: what is dead is known at its end only. Errors of `visit`.
  [[nodiscard]] Result<End> walk(const Visit& visit) const;
  /// The needle of a step, every checksum compared; it points into `bytes`, which hold it as it
  /// lies there. kCorruption, kIo.
  [[nodiscard]] Result<WholeNeedle> read(const LogStep& step, std::string& bytes) const;

 private:
  OfflineVolume(std::unique_ptr<File> file, VolumeId volume);
  [[nodiscard]] LogWalk log() const;

  std::unique_ptr<File> file_;
  VolumeId volume_;
  std::uint64_t file_bytes_ = 0;
  Result<Superblock> superblock_;
  Result<CopyRole> role_;
  Result<IndexSnapshot> snapshot_;
  std::array<std::byte, 16> salt_{};
};

/// What was found wrong, or worth a word, in a volume.
struct VolumeFinding {
  std::uint64_t offset = 0;
  std::optional<NeedleKey> key;
  bool damage = false;  ///< Else what a crash or an upload that was given up leaves.
  std::string what;
};

/// What a check of a volume saw.
struct VolumeCheck {
  std::uint64_t needles = 0;  ///< Live ones, damaged ones too.
  std::uint64_t needle_bytes = 0;
  std::uint64_t removed = 0;  ///< Needles that a tombstone names, or that another came before.
  std::uint64_t tombstones = 0;
  std::vector<VolumeFinding> findings;
  [[nodiscard]] bool sound() const;
};

/// Compares every checksum of a volume: superblock, role, headers, trailers, blocks, and the index
/// snapshot with the log.
[[nodiscard]] Result<VolumeCheck> check_volume(const OfflineVolume& volume);

}  // namespace kelp
