#include "filer/body_mover.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "base/crc.h"
#include "filer/row_walk.h"
#include "wire/needle_origin.h"

namespace kelp {
namespace {

constexpr std::size_t kPieceBytes = 256 << 10;

std::uint64_t sum_of(const std::vector<Chunk>& chunks) {
  return std::accumulate(
      chunks.begin(), chunks.end(), std::uint64_t{0},
      [](std::uint64_t sum, const Chunk& chunk) { return sum + chunk.size_bytes; });
}

/// Of all bytes of a needle.
Task<Result<std::uint32_t>> checksum_of(VolumeClient& volumes, Chunk chunk) {
  std::string buffer(std::min<std::uint64_t>(kPieceBytes, chunk.size_bytes), '\0');
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < chunk.size_bytes; at += buffer.size()) {
    buffer.resize(std::min<std::uint64_t>(kPieceBytes, chunk.size_bytes - at));
    KELP_CO_CHECK(co_await volumes.read(chunk.fid, at, std::as_writable_bytes(std::span(buffer))));
    crc = crc32c(as_bytes(buffer), crc);
  }
  co_return crc;
}

}  // namespace

Task<Result<bool>> BodyMover::lie_alike(std::string from, std::string to) {
  if (!prepared_) {
    KELP_CO_CHECK(co_await leases_.prepare());
    prepared_ = true;
  }
  co_return leases_.lie_alike(from, to);
}

Task<Result<MovedBody>> BodyMover::copy(BodyToMove body) {
  MovedBody moved;
  std::uint64_t offset = 0;
  for (const Chunk& chunk : body.chunks) {
    if (co_await was_cancelled()) co_return Error(Errc::kCancelled, "copy cancelled");
    const NeedleKey first = moved.chunks.empty() ? NeedleKey{} : moved.chunks.front().fid.key;
    KELP_CO_TRY(const Chunk copied, co_await copy_needle(body, offset, first, chunk, moved));
    moved.chunks.push_back(copied);
    offset += chunk.size_bytes;
  }
  co_return moved;
}

Task<Result<Chunk>> BodyMover::copy_needle(const BodyToMove& body, std::uint64_t offset,
                                           NeedleKey first, Chunk from, MovedBody& moved) {
  KELP_CO_TRY(LeasedFid place, co_await leases_.next(from.size_bytes, body.to));
  const NeedleOrigin origin{.bucket = body.bucket_name,
                            .body = first == NeedleKey{} ? place.fid.key : first,
                            .offset = offset,
                            .total_bytes = sum_of(body.chunks),
                            .upload_id = {}};
  OpenNeedle request{.fid = place.fid,
                     .generation = place.generation,
                     .token = std::move(place.token),
                     .body_bytes = from.size_bytes,
                     .bucket = body.bucket,
                     .object_key = body.key,
                     .members = std::move(place.members),
                     .scheme = place.scheme,
                     .origin = encode_origin(origin)};
  auto opened = co_await volumes_.open(std::move(request));
  if (!opened) {
    leases_.report_failed(place.fid.volume);
    co_return opened.error();
  }
  const std::unique_ptr<NeedleUpload> upload = *std::move(opened);
  std::string buffer;
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < from.size_bytes; at += buffer.size()) {
    buffer.resize(std::min<std::uint64_t>(kPieceBytes, from.size_bytes - at));
    KELP_CO_CHECK(co_await volumes_.read(from.fid, at, std::as_writable_bytes(std::span(buffer))));
    crc = crc32c(as_bytes(buffer), crc);
    KELP_CO_CHECK(co_await upload->append(as_bytes(buffer)));
  }
  KELP_CO_CHECK(co_await upload->finish());
  const Chunk copied{.fid = place.fid, .size_bytes = from.size_bytes};
  KELP_CO_TRY(const std::uint32_t read_back, co_await checksum_of(volumes_, copied));
  if (read_back != crc) {
    co_return Error(Errc::kCorruption, fmt::format("the copy {} of needle {} is not the same",
                                                   to_string(copied.fid), to_string(from.fid)));
  }
  moved.holds.push_back(std::move(place.hold));
  co_return copied;
}

}  // namespace kelp
