// Volumes in shards that get another scheme or become copies: what VolumeService does so that one
// member puts needles together again for all servers that are to have them
// (docs/adr/0018-change-of-scheme.md).

#include <fmt/core.h>

#include "volume/copying.h"
#include "volume/core/packing.h"
#include "volume/extent_read.h"
#include "volume/store/volume_file.h"
#include "volume/volume_service.h"

namespace kelp {

/// What comes next behind `after`, for all targets; `read` gets the bytes that were read for it.
Task<Result<PackCache::Extent>> VolumeService::recode_next(VolumePtr found, Generation generation,
                                                           PackSource from, NeedleKey after,
                                                           Urgency urgency, ByteCount read) {
  auto list = [found, after] { return found->next_run(after); };
  KELP_CO_TRY(const NeedleRun run, co_await offload<NeedleRun>(parts_.pool, std::move(list)));
  if (run.empty()) co_return PackCache::Extent();
  const StripeSources stripe{.scheme = from.from, .shard = 0, .members = from.members};
  auto make = run.striped ? split_anew(found, generation, stripe, *run.striped, from.scheme, read)
                          : pack_run(found, generation, stripe, &run, from.scheme, urgency, read);
  auto made = co_await std::move(make);
  KELP_CO_CHECK(check_frozen(*found, generation));  // all the while
  KELP_CO_CHECK(made);
  co_return std::make_shared<const PackedExtent>(*std::move(made));
}

Task<Result<PackedExtent>> VolumeService::pack_run(VolumePtr found, Generation generation,
                                                   StripeSources stripe, const NeedleRun* run,
                                                   EcScheme scheme, Urgency urgency,
                                                   ByteCount read) {
  // The budget was asked for the whole of it.
  ExtentBodies bodies(*parts_.peers, nullptr, found->superblock().volume, generation,
                      std::move(stripe), urgency);
  std::string images;
  for (const PackedNeedle& needle : run->packed) {
    auto read_image = bodies.image_of(&needle, run->extents.at(needle.place.extent));
    KELP_CO_TRY(const std::string_view image, co_await std::move(read_image));
    images += image;
  }
  *read = bodies.read();
  if (!scheme) co_return keep_whole(std::move(images));
  auto pack = [&images, scheme] { return pack_extent(scheme, images); };
  co_return co_await offload<PackedExtent>(parts_.pool, std::move(pack));
}

Task<Result<PackedExtent>> VolumeService::split_anew(VolumePtr found, Generation generation,
                                                     StripeSources stripe, NeedleFrame frame,
                                                     EcScheme scheme, ByteCount read) {
  const NeedleHeader& header = frame.header;
  if (!header.part || header.part->scheme != stripe.scheme) {
    co_return Error(Errc::kCorruption, fmt::format("needle {:x} is no shard of {} here",
                                                   header.key.value, to_string(stripe.scheme)));
  }
  const ExtentUse use{.cookie = header.cookie, .body_bytes = header.part->body_bytes};
  auto gather = read_stripe(*parts_.peers, found->superblock().volume, generation,
                            std::move(stripe), header.key, use);
  KELP_CO_TRY(const std::string body, co_await std::move(gather));
  *read = body.size();
  auto split = [&frame, &body, scheme] { return split_needle(scheme, frame, body); };
  co_return co_await offload<PackedExtent>(parts_.pool, std::move(split));
}

}  // namespace kelp
