#include "volume/volume_export.h"

#include <fmt/core.h>

#include "base/encoding.h"
#include "base/metrics.h"
#include "crypto/random.h"
#include "volume/core/needle_tar.h"
#include "volume/store/volume_file.h"

namespace kelp {
namespace {

constexpr std::string_view kKeyword = "KELP.needle";
constexpr std::string_view kSuperblockName = "superblock";
constexpr std::size_t kNameKeyBytes = 56;
constexpr std::uint64_t kMaxRecordBytes = 64 * 1024;

/// "bucket-3/photos%2Fcat.jpg~1,01637037d6": always a name of its own, and one that leads nowhere
/// else when it is unpacked.
std::string name_of(VolumeId volume, const WholeNeedle& needle) {
  const FileId fid{volume, needle.header.key, needle.header.cookie};
  const auto pointer = split_back_pointer(needle.header, needle.back_pointer);
  const std::string_view key = pointer.has_value() ? pointer->key : needle.back_pointer;
  return fmt::format("bucket-{}/{}~{}", needle.header.bucket.value,
                     url_encode(key, false).substr(0, kNameKeyBytes), to_string(fid));
}

std::string encode_member(VolumeId volume, const WholeNeedle& needle, ByteSpan image) {
  const NeedleLayout layout = layout_of(needle.header);
  const ByteSpan table = image.subspan(layout.trailer_offset, layout.trailer_bytes - 4);
  const NeedleFrame frame{needle.header, std::string(needle.back_pointer),
                          std::string(as_text(table))};
  return encode_tar_member({.name = name_of(volume, needle),
                            .body_bytes = needle.body.size(),
                            .time_ns = needle.header.created_ns,
                            .keyword = std::string(kKeyword),
                            .record = hex_encode(encode_needle_frame(frame, kImageSeed))});
}

/// What an import makes the volume from. A damaged superblock's cluster is nobody's.
Superblock identity_of(const OfflineVolume& volume) {
  Superblock identity = volume.superblock().value_or(Superblock{.volume = volume.volume()});
  if (volume.role().has_value()) identity.generation = volume.role()->generation;
  identity.salt = {};  // it stays secret, and the new volume gets its own
  return identity;
}

}  // namespace

Result<VolumeExport> export_volume(const OfflineVolume& volume, const ExportSink& sink) {
  VolumeExport done;
  const std::string identity = encode_superblock(identity_of(volume));
  KELP_CHECK(sink(encode_tar_member(
      {.name = std::string(kSuperblockName), .body_bytes = identity.size(), .time_ns = 0})));
  KELP_CHECK(sink(identity));
  std::string image;
  auto visit = [&](const LogStep& step, bool live) -> Result<void> {
    if (!live) return {};
    const auto needle = volume.read(step, image);
    if (!needle.has_value()) {
      done.left_out.push_back({step.offset, step.header->key, true, needle.error().detail()});
      return {};
    }
    KELP_CHECK(sink(encode_member(volume.volume(), *needle, as_bytes(image))));
    KELP_CHECK(sink(as_text(needle->body)));
    KELP_CHECK(sink(tar_padding(needle->body.size())));
    ++done.needles;
    done.body_bytes += needle->body.size();
    return {};
  };
  KELP_TRY(done.end, volume.walk(visit));
  KELP_CHECK(sink(tar_end()));
  return done;
}

namespace {

/// One import, member by member.
class Import {
 public:
  Import(const ImportTarget& target, const ImportSource& source)
      : target_(target), source_(source) {}

  Result<VolumeImport> run() {
    KELP_CHECK(open_volume());
    while (true) {
      KELP_TRY(const bool more, take_member());
      if (!more) break;
    }
    KELP_CHECK(volume_->sync());
    KELP_CHECK(volume_->write_snapshot());
    return done_;
  }

 private:
  static Error corrupt(std::string_view what) {
    return {Errc::kCorruption, fmt::format("the export: {}", what)};
  }

  Result<std::string> bytes(std::uint64_t count) {
    std::string out(count, '\0');
    KELP_TRY(const std::size_t got, source_(std::as_writable_bytes(std::span(out))));
    if (got == count) return out;
    return corrupt("it ends too early");
  }

  /// A member's bytes, without what fills its last block.
  Result<std::string> body_of(const TarBlock& block, std::uint64_t limit) {
    if (block.body_bytes > limit) return corrupt(fmt::format("{} is too large", block.name));
    KELP_TRY(std::string body, bytes(block.body_bytes + tar_padding(block.body_bytes).size()));
    body.resize(block.body_bytes);
    return body;
  }

  Result<std::optional<TarBlock>> next_block() {
    KELP_TRY(const std::string block, bytes(kTarBlockBytes));
    return decode_tar_block(block);
  }

  Result<void> open_volume() {
    KELP_TRY(const auto first, next_block());
    if (!first.has_value() || first->name != kSuperblockName) {
      return corrupt("it does not begin with a superblock");
    }
    KELP_TRY(const std::string body, body_of(*first, kSuperblockBytes));
    KELP_TRY(Superblock superblock, decode_superblock(as_bytes(body)));
    if (target_.cluster_id) {
      if (superblock.cluster_id == Uuid{}) superblock.cluster_id = *target_.cluster_id;
      if (superblock.cluster_id != *target_.cluster_id) {
        return Error(
            Errc::kPermissionDenied,
            fmt::format("the export is of cluster {}, {} of {}", to_string(superblock.cluster_id),
                        target_.directory, to_string(*target_.cluster_id)));
      }
    }
    std::shared_ptr<VolumeShared> shared(new VolumeShared{.io = target_.io,
                                                          .pool = target_.pool,
                                                          .clock = target_.clock,
                                                          .probe = VolumeProbe(metrics_),
                                                          .directory = target_.directory,
                                                          .limit_bytes = UINT64_MAX});
    done_.volume = superblock.volume;
    const std::string path = VolumeFile::log_path(target_.directory, superblock.volume);
    KELP_TRY(const bool there, target_.io.exists(path));
    done_.made = !there;
    if (there) {
      KELP_TRY(volume_,
               VolumeFile::open(std::move(shared), superblock.volume, superblock.cluster_id));
      return {};
    }
    random_bytes(superblock.salt);
    KELP_TRY(volume_, VolumeFile::create(std::move(shared), superblock));
    return {};
  }

  /// False at the end.
  Result<bool> take_member() {
    KELP_TRY(const auto head, next_block());
    if (!head.has_value()) return false;
    if (head->type != 'x')
      return corrupt(fmt::format("{} has no record of its needle", head->name));
    KELP_TRY(const std::string records, body_of(*head, kMaxRecordBytes));
    KELP_TRY(const auto record, find_pax_record(records, kKeyword));
    if (!record.has_value()) return corrupt("a member has no record of its needle");
    KELP_TRY(const std::string bytes_of_frame, hex_decode(*record));
    KELP_TRY(const NeedleFrame frame, decode_needle_frame(as_bytes(bytes_of_frame), kImageSeed));
    KELP_TRY(const auto member, next_block());
    if (!member.has_value() || member->body_bytes != frame.header.body_bytes) {
      return corrupt("a member is not as long as its record says");
    }
    KELP_TRY(const std::string body, body_of(*member, kMaxNeedleBodyBytes));
    if (!blocks_match(as_bytes(body), 0, as_bytes(frame.table))) {
      return corrupt(fmt::format("{} does not match its checksums", member->name));
    }
    KELP_TRY(const auto there, volume_->find(frame.header.key));
    if (there.has_value()) {
      ++done_.were_here;
      return true;
    }
    std::string image = encode_needle(frame.header, frame.back_pointer, as_bytes(body), kImageSeed);
    KELP_CHECK(volume_->take_needles(std::as_writable_bytes(std::span(image))));
    ++done_.needles;
    done_.body_bytes += body.size();
    return true;
  }

  const ImportTarget& target_;
  const ImportSource& source_;
  Metrics metrics_;
  std::shared_ptr<VolumeFile> volume_;
  VolumeImport done_;
};

}  // namespace

Result<VolumeImport> import_volume(const ImportTarget& target, const ImportSource& source) {
  return Import(target, source).run();
}

}  // namespace kelp
