#include "volume/extent_read.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "async/all.h"
#include "base/crc.h"
#include "volume/copying.h"
#include "volume/shard_rebuild.h"

namespace kelp {
namespace {

Error refuse(NeedleKey key, std::string_view why) {
  return {Errc::kCorruption, fmt::format("extent {:x}: {}", key.value, why)};
}

/// kCorruption unless `image` is shard `shard` of that extent.
Result<void> check_shard(std::string_view image, EcScheme scheme, std::uint8_t shard, NeedleKey key,
                         const ExtentUse& use) {
  KELP_TRY(const WholeNeedle needle, decode_needle(as_bytes(image), kImageSeed));
  const NeedleHeader& header = needle.header;
  const bool right = header.key == key && header.cookie == use.cookie && header.part &&
                     header.part->scheme == scheme && header.part->shard == shard &&
                     header.part->body_bytes == use.body_bytes;
  if (right) return {};
  return refuse(key, fmt::format("it is not shard {} of it that came", shard));
}

/// The image of shard `from.shard`.
Task<Result<std::string>> read_image(VolumeNodes& peers, VolumeId volume, Generation generation,
                                     StripeSources from, NeedleKey key, ExtentUse use) {
  for (const VolumeMember& member : from.members) {
    if (member.shard != from.shard) continue;
    const auto node = peers.at(member.address);
    auto image = co_await node->read_needle(volume, generation, key);
    const bool sound =
        image.has_value() && check_shard(*image, from.scheme, from.shard, key, use).has_value();
    if (sound) co_return image;
    if (!image.has_value() && image.error().code() == Errc::kCancelled) co_return image;
  }
  const EcScheme scheme = from.scheme;
  const std::uint8_t shard = from.shard;
  KELP_CO_TRY(std::string image,
              co_await rebuild_shard(peers, volume, generation, std::move(from), key));
  KELP_CO_CHECK(check_shard(image, scheme, shard, key, use));
  co_return image;
}

}  // namespace

Task<Result<std::string>> read_stripe(VolumeNodes& peers, VolumeId volume, Generation generation,
                                      StripeSources from, NeedleKey key, ExtentUse use) {
  KELP_CO_CHECK(check_scheme(from.scheme));
  std::vector<Task<Result<std::string>>> reads;
  for (std::uint8_t shard = 0; shard < from.scheme.data; ++shard) {
    from.shard = shard;
    reads.push_back(read_image(peers, volume, generation, from, key, use));
  }
  const auto images = co_await all(std::move(reads));
  std::vector<ByteSpan> bodies;
  for (const auto& image : images) {
    KELP_CO_CHECK(image);
    KELP_CO_TRY(const WholeNeedle needle, decode_needle(as_bytes(*image), kImageSeed));
    bodies.push_back(needle.body);
  }
  std::string body(use.body_bytes, '\0');
  for (const CellPiece& piece : cut_into_cells(from.scheme, 0, body.size())) {
    const ByteSpan shard = bodies[piece.shard];
    if (piece.shard_offset + piece.bytes > shard.size()) co_return refuse(key, "a shard is short");
    std::memcpy(body.data() + piece.body_offset, shard.data() + piece.shard_offset, piece.bytes);
  }
  co_return body;
}

Task<Result<std::string>> read_extent(VolumeNodes& peers, VolumeId volume, Generation generation,
                                      StripeSources from, NeedleKey key, ExtentUse use) {
  auto read = read_stripe(peers, volume, generation, std::move(from), key, use);
  KELP_CO_TRY(std::string body, co_await std::move(read));
  // Shards that all check may still make another body.
  if (crc32c(as_bytes(body)) != use.cookie.value) co_return refuse(key, "wrong checksum");
  co_return body;
}

Task<Result<std::string_view>> ExtentBodies::image_of(const PackedNeedle* needle, ExtentUse use) {
  const NeedleKey key = needle->place.extent;
  auto found = std::ranges::find(kept_, key, &Kept::key);
  if (found == kept_.end()) {
    if (kept_.size() == kMostKept) kept_.erase(kept_.begin());
    KELP_CO_CHECK(co_await take_piece(budget_, urgency_));
    auto body = co_await read_extent(peers_, volume_, generation_, from_, key, use);
    settle_piece(budget_, urgency_, body.has_value() ? body->size() : 0);
    KELP_CO_CHECK(body);
    read_ += body->size();
    kept_.push_back({key, *std::move(body)});
    found = std::prev(kept_.end());
  } else {
    std::rotate(found, std::next(found), kept_.end());
    found = std::prev(kept_.end());
  }
  co_return image_in(found->body, *needle);
}

}  // namespace kelp
