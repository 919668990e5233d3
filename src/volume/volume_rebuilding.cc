// Shards of volumes made anew: what VolumeService does where members of a volume with a scheme are
// lost. One server reads the k others and makes what is missing, those that get the other lost
// shards come to it (rebuild_shelf.h); each goes on alone when that fails.

#include <fmt/core.h>

#include "base/log.h"
#include "volume/copying.h"
#include "volume/core/packing.h"
#include "volume/shard_rebuild.h"
#include "volume/volume_service.h"

namespace kelp {

Task<Result<VolumeDigest>> VolumeService::rebuild(VolumeId volume, Generation generation,
                                                  std::string collection, StripeSources from,
                                                  Urgency urgency) {
  Fill fill = [this, generation, from, urgency](VolumePtr copy) {
    return rebuild_needles(std::move(copy), generation, from, urgency);
  };
  return make_copy(volume, generation, std::move(collection), urgency, std::move(fill));
}

Task<Result<std::string>> VolumeService::read_rebuilt(VolumeId volume, Generation generation,
                                                      std::uint8_t shard, NeedleKey key) {
  // Once it is taken in no pass over it begins any more.
  const auto here = find(volume);
  const bool done = here.has_value() && (*here)->role().generation >= generation;
  co_return co_await shelf_.take(volume, generation, shard, key, !done);
}

namespace {

/// What each of several servers lists, as far as all of them have been asked: keys with how many
/// have them, ascending.
class ShardListing {
 public:
  ShardListing(VolumeNodes& peers, const StripeSources& from, VolumeId volume, NeedleKey after)
      : peers_(peers), from_(from), volume_(volume), after_(after) {}

  /// The next keys; empty at the end. Every server must answer: a needle that is only known to one
  /// that did not would be left out.
  Task<Result<std::map<NeedleKey, std::uint32_t>>> next() {
    std::map<NeedleKey, std::uint32_t> found;
    NeedleKey complete_to{UINT64_MAX};
    for (const VolumeMember& member : from_.members) {
      const auto node = peers_.at(member.address);
      KELP_CO_TRY(const auto page, co_await node->list_needles(volume_, after_, kListed));
      if (page.size() >= kListed) complete_to = std::min(complete_to, page.back().key);
      for (const NeedleInfo& info : page) ++found[info.key];
    }
    found.erase(found.upper_bound(complete_to), found.end());
    if (!found.empty()) after_ = found.rbegin()->first;
    co_return found;
  }

 private:
  static constexpr std::uint32_t kListed = 1000;
  VolumeNodes& peers_;
  const StripeSources& from_;
  const VolumeId volume_;
  NeedleKey after_;
};

/// Where a server that rebuilds a shard of a volume has its images from: another one that makes
/// them in passing, as long as that goes well, else from k others. Makes those of others as well
/// where somebody waits for them.
class ShardImages {
 public:
  /// `pass` null: nobody does. All must outlive this.
  ShardImages(VolumeNodes& peers, VolumeId volume, Generation generation, StripeSources from,
              RebuildShelf::Pass* pass)
      : peers_(peers),
        volume_(volume),
        generation_(generation),
        from_(std::move(from)),
        pass_(pass) {}

  /// That of `key`, in the memory of `room` as far as it goes; keys ascend.
  Task<Result<std::string>> next(NeedleKey key, std::string room) {
    if (from_.maker) {
      auto fetched = co_await fetch(key);
      if (fetched.has_value()) {
        moved_ = 2 * fetched->size();
        co_return fetched;
      }
      if (fetched.error().code() == Errc::kCancelled) co_return fetched;
    }
    co_return co_await make(key, std::move(room));
  }
  /// Bytes that the last one took, read and made.
  [[nodiscard]] std::uint64_t moved() const { return moved_; }

 private:
  /// Whoever is asked so often in vain hangs.
  static constexpr int kMostQuestions = 60;

  /// After a failure nothing is asked for any more; one that was not kept is made here.
  Task<Result<std::string>> fetch(NeedleKey key) {
    const auto node = peers_.at(from_.maker->address);
    Error failure(Errc::kUnavailable, "it makes nothing");
    for (int i = 0; i < kMostQuestions; ++i) {
      auto image = co_await node->read_rebuilt(volume_, generation_, from_.shard, key);
      if (!image.has_value() && image.error().code() == Errc::kNotFound) co_return image;
      if (image.has_value() && image->empty()) continue;
      if (image.has_value() && is_ours(*image, key)) co_return image;
      failure = image.has_value() ? Error(Errc::kCorruption, "another needle came") : image.error();
      break;
    }
    logger("volume").info("rebuilt_alone volume={} shard={} from={} error={}", volume_.value,
                          from_.shard, from_.maker->node_id, log_value(failure.message()));
    from_.maker.reset();
    co_return failure;
  }

  /// The rest of it is checked when it is stored.
  [[nodiscard]] bool is_ours(const std::string& image, NeedleKey key) const {
    const auto header = decode_needle_header(as_bytes(image), kImageSeed);
    return header.has_value() && header->key == key && header->part &&
           header->part->scheme == from_.scheme && header->part->shard == from_.shard;
  }

  Task<Result<std::string>> make(NeedleKey key, std::string room) {
    std::vector<RebuiltShard> wanted;
    wanted.push_back({from_.shard, std::move(room)});
    if (pass_ != nullptr) {
      for (const std::uint8_t shard : pass_->wanted(key)) wanted.push_back({shard, {}});
    }
    KELP_CO_TRY(
        std::vector<RebuiltShard> made,
        co_await rebuild_shards(peers_, volume_, generation_, from_, key, std::move(wanted)));
    moved_ = made.front().image.size() * from_.scheme.data;
    for (const RebuiltShard& each : made) moved_ += each.image.size();
    if (pass_ != nullptr) {
      for (std::size_t i = 1; i < made.size(); ++i) {
        pass_->put(made[i].shard, key, std::move(made[i].image));
      }
      pass_->reached(key);
    }
    co_return std::move(made.front().image);
  }

  VolumeNodes& peers_;
  const VolumeId volume_;
  const Generation generation_;
  StripeSources from_;
  RebuildShelf::Pass* const pass_;
  std::uint64_t moved_ = 0;
};

}  // namespace

Task<Result<void>> VolumeService::rebuild_needles(VolumePtr copy, Generation generation,
                                                  StripeSources from, Urgency urgency) {
  const VolumeId volume = copy->superblock().volume;
  if (from.members.size() < from.scheme.data) {
    co_return Error(Errc::kUnavailable,
                    fmt::format("volume {}: {} members are there, {} needs {}", volume.value,
                                from.members.size(), to_string(from.scheme), from.scheme.data));
  }
  std::unique_ptr<RebuildShelf::Pass> pass;
  if (!from.others.empty()) pass = shelf_.begin(volume, generation, from.others);
  KELP_CO_TRY(const bool packed, co_await is_packed(volume, from));
  if (packed) {
    KELP_CO_CHECK(co_await copy_stubs(copy, generation, from, urgency));
  }
  // From the first key on: an earlier attempt may have left out what its sources lacked.
  ShardListing listing(*parts_.peers, from, volume, packed ? kLastNeedleKey : NeedleKey{});
  ShardImages images(*parts_.peers, volume, generation, from, pass.get());
  std::uint64_t left_out = 0;
  std::string room;  // of the image before: fresh memory costs as much as the copy into it
  while (true) {
    KELP_CO_TRY(const auto keys, co_await listing.next());
    if (keys.empty()) break;
    for (const auto& [key, holders] : keys) {
      KELP_CO_TRY(const auto place, copy->find(key));
      const bool there = place.has_value();
      if (there || holders < from.scheme.data) {
        if (!there) ++left_out;
        if (pass != nullptr) pass->reached(key);
        continue;
      }
      if (pass != nullptr) {
        KELP_CO_CHECK(co_await pass->await_room());
      }
      KELP_CO_CHECK(co_await take_piece(parts_.background, urgency));
      auto image = co_await images.next(key, std::move(room));
      settle_piece(parts_.background, urgency, image.has_value() ? images.moved() : 0);
      KELP_CO_CHECK(image);
      room = *std::move(image);
      KELP_CO_CHECK(co_await take_images(copy, std::as_writable_bytes(std::span(room))));
    }
  }
  if (pass != nullptr) {
    KELP_CO_CHECK(co_await pass->await_end());
  }
  if (left_out > 0) {
    logger("volume").warn("needles_left_out volume={} needles={} scheme={}", volume.value, left_out,
                          to_string(from.scheme));
  }
  co_return Result<void>();
}

}  // namespace kelp
