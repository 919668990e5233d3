#include "volume/shard_rebuild.h"

#include <fmt/format.h>

#include <algorithm>

#include "async/all.h"
#include "ec/reed_solomon.h"
#include "volume/core/needle_format.h"

namespace kelp {
namespace {

constexpr std::uint32_t kImageSeed = 0;

/// A shard as its server gave it.
struct Source {
  std::uint8_t shard = 0;
  std::string image;
  WholeNeedle needle;  ///< Of `image`, verified.
};

/// Checks an image and that it is the shard that its member should have, under the same key,
/// cookie and length as the others.
Result<WholeNeedle> check_source(std::string_view image, const VolumeMember& member,
                                 const StripeSources& from, NeedleKey key,
                                 const std::vector<Source>& others) {
  KELP_TRY(WholeNeedle needle, decode_needle(as_bytes(image), kImageSeed));
  const NeedleHeader& header = needle.header;
  const auto refuse = [&](std::string_view what) {
    return Error(Errc::kCorruption,
                 fmt::format("needle {:x} at {}: {}", key.value, member.node_id, what));
  };
  if (header.key != key || header.tombstone) return refuse("another needle came");
  if (!header.part || header.part->scheme != from.scheme || header.part->shard != member.shard) {
    return refuse(fmt::format("it is not shard {} of {}", member.shard, to_string(from.scheme)));
  }
  if (!others.empty()) {
    const NeedleHeader& first = others.front().needle.header;
    if (header.cookie != first.cookie || header.part->body_bytes != first.part->body_bytes) {
      return refuse("its shard is of another body than that of others");
    }
  }
  return needle;
}

/// Shards of `data` members, asking as many at a time as are missing.
Task<Result<std::vector<Source>>> read_sources(VolumeNodes& peers, VolumeId volume,
                                               Generation generation, StripeSources from,
                                               NeedleKey key) {
  std::vector<Source> sources;
  std::optional<Error> failure;
  std::size_t next = 0;
  while (sources.size() < from.scheme.data && next < from.members.size()) {
    std::vector<std::shared_ptr<VolumeNode>> nodes;
    std::vector<Task<Result<std::string>>> reads;
    const std::size_t begin = next;
    for (; next < from.members.size() && sources.size() + reads.size() < from.scheme.data; ++next) {
      nodes.push_back(peers.at(from.members[next].address));
      reads.push_back(nodes.back()->read_needle(volume, generation, key));
    }
    auto images = co_await all(std::move(reads));
    for (std::size_t i = 0; i < images.size(); ++i) {
      const VolumeMember& member = from.members[begin + i];
      if (!images[i].has_value()) {
        const bool missing = images[i].error().code() == Errc::kNotFound;
        if (!failure || !missing) failure = images[i].error();
        continue;
      }
      auto needle = check_source(*images[i], member, from, key, sources);
      if (!needle.has_value()) {
        failure = needle.error();
        continue;
      }
      // The views into the image stay good: it is longer than any string keeps in place.
      sources.push_back({member.shard, *std::move(images[i]), *needle});
    }
  }
  if (sources.size() == from.scheme.data) co_return sources;
  const Error last = failure.value_or(Error(Errc::kNotFound, "no other member is there"));
  co_return Error(last.code(),
                  fmt::format("needle {:x} of volume {}: {} of {} shards: {}", key.value,
                              volume.value, sources.size(), from.scheme.data, last.detail()));
}

/// The body of shard `wanted`.
Result<std::string> compute(const std::vector<Source>& sources, EcScheme scheme,
                            std::uint8_t wanted) {
  const StripePart part{scheme, wanted, sources.front().needle.header.part->body_bytes};
  std::string body(shard_bytes(scheme, 0, part.body_bytes), '\0');
  if (shard_bytes(scheme, wanted, part.body_bytes) > 0) {
    std::vector<ByteSpan> shards(scheme.shards());
    std::vector<std::string> padded;  // those that are shorter than the longest
    padded.reserve(sources.size());
    for (const Source& source : sources) {
      shards[source.shard] = source.needle.body;
      if (source.needle.body.size() == body.size()) continue;
      padded.emplace_back(as_text(source.needle.body)).resize(body.size(), '\0');
      shards[source.shard] = as_bytes(padded.back());
    }
    const WantedShard out{wanted, std::as_writable_bytes(std::span(body))};
    KELP_TRY(ReedSolomon* const code, ReedSolomon::shared(scheme));
    KELP_CHECK(code->reconstruct(shards, std::span(&out, 1)));
  }
  body.resize(stored_bytes(part));
  return body;
}

}  // namespace

Task<Result<std::string>> rebuild_shard(VolumeNodes& peers, VolumeId volume, Generation generation,
                                        StripeSources from, NeedleKey key) {
  KELP_CO_CHECK(check_scheme(from.scheme));
  if (from.shard >= from.scheme.shards()) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("{} has no shard {}", to_string(from.scheme), from.shard));
  }
  std::erase_if(from.members, [&from](const VolumeMember& member) {
    return member.shard == from.shard || member.shard >= from.scheme.shards();
  });
  KELP_CO_TRY(const std::vector<Source> sources,
              co_await read_sources(peers, volume, generation, from, key));
  KELP_CO_TRY(const std::string body, compute(sources, from.scheme, from.shard));
  NeedleHeader header = sources.front().needle.header;
  header.part->shard = from.shard;
  co_return encode_needle(header, sources.front().needle.back_pointer, as_bytes(body), kImageSeed);
}

}  // namespace kelp
