#include "volume/shard_rebuild.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "async/all.h"
#include "client/rpc/rpc_limits.h"
#include "ec/reed_solomon.h"
#include "rpc/rpc_types.h"
#include "volume/core/needle_format.h"

namespace kelp {
namespace {

static_assert(kEcCellBytes == kNeedleBlockBytes, "whole cells are whole blocks");

/// Of all sources together, about, for one piece of a shard.
constexpr std::uint64_t kRoundBytes = 4 << 20;

std::uint64_t piece_bytes(EcScheme scheme) {
  const std::uint64_t cells = kRoundBytes / (scheme.data * kEcCellBytes);
  return std::clamp<std::uint64_t>(cells * kEcCellBytes, kEcCellBytes, kPieceBytes);
}

/// A shard that is there, read piece by piece.
struct Source {
  VolumeMember member;
  std::shared_ptr<VolumeNode> node;
  std::string image;  ///< Of the frame, as it came first.
  NeedleFrame frame;
  std::string body;  ///< The piece that was read last.
};

/// What of a needle's body lies in a piece.
std::uint64_t bytes_at(std::uint64_t body_bytes, std::uint64_t offset, std::uint64_t piece) {
  return std::min(piece, body_bytes - std::min(offset, body_bytes));
}

/// A shard that is made.
struct Made {
  std::uint8_t shard = 0;
  NeedleFrame frame;
  NeedleLayout layout;
  std::string image;
  BlockChecksums checksums;
};

/// Some of a needle's shards, being made from those of others: a piece of each of k sources at a
/// time.
class ShardRebuild {
 public:
  ShardRebuild(VolumeNodes& peers, VolumeId volume, Generation generation, StripeSources from,
               NeedleKey key, std::vector<RebuiltShard> wanted)
      : peers_(peers),
        volume_(volume),
        generation_(generation),
        key_(key),
        scheme_(from.scheme),
        piece_bytes_(piece_bytes(from.scheme)) {
    for (RebuiltShard& want : wanted) {
      made_.push_back({want.shard, {}, {}, std::move(want.image), {}});
    }
    for (VolumeMember& member : from.members) {
      const bool is_made = std::ranges::find(made_, member.shard, &Made::shard) != made_.end();
      if (is_made || member.shard >= scheme_.shards()) continue;
      unasked_.push_back({std::move(member), nullptr, {}, {}, {}});
    }
    std::ranges::reverse(unasked_);
  }

  Task<Result<std::vector<RebuiltShard>>> run() {
    KELP_CO_TRY(ReedSolomon* const code, ReedSolomon::shared(scheme_));
    std::uint64_t longest = 0;
    do {
      KELP_CO_CHECK(co_await read_pieces());
      if (offset_ == 0) longest = begin_images();
      KELP_CO_CHECK(compute(*code, bytes_at(longest, offset_, piece_bytes_)));
      offset_ += piece_bytes_;
    } while (offset_ < longest);
    co_return finish_images();
  }

 private:
  /// The piece at offset_ of k sources, those of the piece before first; for one that fails,
  /// another is asked.
  Task<Result<void>> read_pieces() {
    std::vector<Source> asked = std::exchange(sources_, {});
    while (true) {
      while (sources_.size() + asked.size() < scheme_.data && !unasked_.empty()) {
        asked.push_back(std::move(unasked_.back()));
        unasked_.pop_back();
        asked.back().node = peers_.at(asked.back().member.address);
      }
      if (asked.empty()) break;
      std::vector<Task<Result<void>>> reads;
      for (Source& source : asked) reads.push_back(read(&source));
      const auto outcomes = co_await all(std::move(reads));
      for (std::size_t i = 0; i < asked.size(); ++i) {
        Result<void> good = outcomes[i];
        if (good.has_value()) good = check_agreement(asked[i]);
        if (good.has_value()) {
          sources_.push_back(std::move(asked[i]));
        } else if (!failure_ || good.error().code() != Errc::kNotFound) {
          failure_ = good.error();
        }
      }
      asked.clear();
    }
    if (sources_.size() == scheme_.data) co_return Result<void>();
    const Error last = failure_.value_or(Error(Errc::kNotFound, "no other member is there"));
    co_return Error(last.code(),
                    fmt::format("needle {:x} of volume {}: {} of {} shards: {}", key_.value,
                                volume_.value, sources_.size(), scheme_.data, last.detail()));
  }

  Task<Result<void>> read(Source* source) const {
    auto read = source->node->read_part(volume_, generation_, key_, offset_, piece_bytes_);
    KELP_CO_TRY(NeedlePart part, co_await std::move(read));
    if (source->image.empty()) {
      KELP_CO_TRY(source->frame, decode_needle_frame(as_bytes(part.frame), kImageSeed));
      source->image = std::move(part.frame);
    } else if (source->image != part.frame) {
      co_return refuse(*source, "it is not the needle that it was");
    }
    const NeedleFrame& frame = source->frame;
    if (part.body.size() != bytes_at(frame.header.body_bytes, offset_, piece_bytes_) ||
        !blocks_match(as_bytes(part.body), offset_ / kNeedleBlockBytes, as_bytes(frame.table))) {
      co_return refuse(*source, "needle body: wrong checksum");
    }
    source->body = std::move(part.body);
    co_return Result<void>();
  }

  /// That it is the shard that its member should have, under the same key, cookie and length as
  /// the others.
  [[nodiscard]] Result<void> check_agreement(const Source& source) const {
    const NeedleHeader& header = source.frame.header;
    if (header.key != key_ || header.tombstone) return refuse(source, "another needle came");
    if (!header.part || header.part->scheme != scheme_ ||
        header.part->shard != source.member.shard) {
      return refuse(
          source, fmt::format("it is not shard {} of {}", source.member.shard, to_string(scheme_)));
    }
    if (sources_.empty()) return {};
    const NeedleHeader& first = sources_.front().frame.header;
    if (header.cookie != first.cookie || header.part->body_bytes != first.part->body_bytes) {
      return refuse(source, "its shard is of another body than that of others");
    }
    return {};
  }

  [[nodiscard]] Error refuse(const Source& source, std::string_view what) const {
    return {Errc::kCorruption,
            fmt::format("needle {:x} at {}: {}", key_.value, source.member.node_id, what)};
  }

  /// The bytes of the longest shard, which are computed of each.
  std::uint64_t begin_images() {
    const NeedleFrame& source = sources_.front().frame;
    const std::uint64_t longest = shard_bytes(scheme_, 0, source.header.part->body_bytes);
    for (Made& made : made_) {
      made.frame.header = source.header;
      made.frame.back_pointer = source.back_pointer;
      made.frame.header.part->shard = made.shard;
      made.frame.header.body_bytes = stored_bytes(*made.frame.header.part);
      made.layout = layout_of(made.frame.header);
      const std::uint64_t bytes =
          std::max(made.layout.total_bytes, made.layout.body_offset + longest);
      made.image.resize_and_overwrite(bytes, [bytes](char*, std::size_t) { return bytes; });
    }
    return longest;
  }

  Result<void> compute(ReedSolomon& code, std::uint64_t bytes) {
    std::vector<ByteSpan> shards(scheme_.shards());
    for (Source& source : sources_) {
      source.body.resize(bytes, '\0');  // Cells that are not there count as zeros.
      shards[source.member.shard] = as_bytes(source.body);
    }
    std::vector<WantedShard> out;
    for (Made& made : made_) {
      const auto image = std::as_writable_bytes(std::span(made.image));
      out.push_back({made.shard, image.subspan(made.layout.body_offset + offset_, bytes)});
    }
    KELP_CHECK(code.reconstruct(shards, out));
    for (std::size_t i = 0; i < out.size(); ++i) {
      Made& made = made_[i];
      made.checksums.update(
          out[i].out.first(bytes_at(made.frame.header.body_bytes, offset_, bytes)));
    }
    return {};
  }

  std::vector<RebuiltShard> finish_images() {
    std::vector<RebuiltShard> images;
    for (Made& made : made_) {
      const auto blocks = std::move(made.checksums).finish();
      made.frame.table = as_text(std::as_bytes(std::span(blocks)));
      const std::string frame = encode_needle_frame(made.frame, kImageSeed);
      std::memcpy(made.image.data(), frame.data(), made.layout.body_offset);
      made.image.resize(made.layout.trailer_offset);
      made.image += std::string_view(frame).substr(made.layout.body_offset);
      made.image.resize(made.layout.total_bytes, '\0');
      images.push_back({made.shard, std::move(made.image)});
    }
    return images;
  }

  VolumeNodes& peers_;
  const VolumeId volume_;
  const Generation generation_;
  const NeedleKey key_;
  const EcScheme scheme_;
  const std::uint64_t piece_bytes_;
  std::vector<Made> made_;       ///< In the order that was asked for.
  std::vector<Source> unasked_;  ///< The next one last.
  std::vector<Source> sources_;
  std::optional<Error> failure_;
  std::uint64_t offset_ = 0;  ///< Of the piece, in every shard.
};

}  // namespace

Task<Result<std::vector<RebuiltShard>>> rebuild_shards(VolumeNodes& peers, VolumeId volume,
                                                       Generation generation, StripeSources from,
                                                       NeedleKey key,
                                                       std::vector<RebuiltShard> wanted) {
  KELP_CO_CHECK(check_scheme(from.scheme));
  std::uint32_t seen = 0;
  for (const RebuiltShard& want : wanted) {
    const bool known = want.shard < from.scheme.shards() && (seen >> want.shard & 1U) == 0;
    if (!known) {
      co_return Error(Errc::kInvalidArgument,
                      fmt::format("{} has no shard {}, or one is made twice",
                                  to_string(from.scheme), want.shard));
    }
    seen |= 1U << want.shard;
  }
  if (wanted.empty()) co_return wanted;
  ShardRebuild rebuild(peers, volume, generation, std::move(from), key, std::move(wanted));
  co_return co_await rebuild.run();
}

Task<Result<std::string>> rebuild_shard(VolumeNodes& peers, VolumeId volume, Generation generation,
                                        StripeSources from, NeedleKey key, std::string room) {
  std::vector<RebuiltShard> wanted;
  wanted.push_back({from.shard, std::move(room)});
  KELP_CO_TRY(
      std::vector<RebuiltShard> made,
      co_await rebuild_shards(peers, volume, generation, std::move(from), key, std::move(wanted)));
  co_return std::move(made.front().image);
}

}  // namespace kelp
