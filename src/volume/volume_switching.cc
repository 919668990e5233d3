// Volumes of which something else lies beside what is here, until it takes its place: where reads
// find their needles meanwhile (docs/adr/0011-sealed-volumes.md, 0015-repacking.md).

#include <fmt/core.h>

#include "volume/store/volume_file.h"
#include "volume/volume_service.h"

namespace kelp {
namespace {

/// Another log may have what is asked for.
bool other_may_have(const Error& error) {
  return error.code() == Errc::kNotFound || error.code() == Errc::kConflict;
}

/// What says most of why no log has it.
void note(std::optional<Error>& reason, const Error& error) {
  if (!reason || reason->code() == Errc::kNotFound) reason = error;
}

Error not_here(VolumeId volume) {
  return {Errc::kNotFound, fmt::format("volume {} is not here", volume.value)};
}

}  // namespace

/// Where the needles of a volume are read, in this order: what pack() made counts as soon as it is
/// whole, so that no read waits for the switch. What is packed anew is read like before until it is
/// adopted, because other members may not have theirs yet. What was left of a job that was given up
/// counts no more: it has what was removed since.
std::vector<VolumeService::VolumePtr> VolumeService::readable(VolumeId volume) const {
  std::vector<VolumePtr> found;
  VolumePtr packed;
  {
    const std::shared_lock lock(volumes_mutex_);
    if (const auto here = volumes_.find(volume); here != volumes_.end()) {
      found.push_back(here->second);
    }
    if (const auto made = packed_.find(volume); made != packed_.end()) packed = made->second;
  }
  if (packed == nullptr) return found;
  if (found.empty()) return {packed};
  if (packed->role().generation != found[0]->role().generation) return found;
  found.push_back(packed);
  if (!found[0]->holds_extents()) std::swap(found[0], found[1]);
  return found;
}

bool VolumeService::in_switch(VolumeId volume) const {
  const std::shared_lock lock(volumes_mutex_);
  return packed_.contains(volume) || replaced_.contains(volume);
}

/// Of a volume that gets another scheme both logs say a place, each in its own extents: whoever
/// asks knows in which ones the members have it that he is going to ask.
Task<Result<PackedPlace>> VolumeService::find_packed(FileId fid, EcScheme scheme) {
  const bool choose = scheme && in_switch(fid.volume);
  std::optional<Error> reason;
  for (const VolumePtr& log : readable(fid.volume)) {
    auto found = co_await VolumeFile::find_packed(log, fid);
    if (!found.has_value()) {
      if (found.error().code() != Errc::kNotFound && !choose) co_return found;
      if (!other_may_have(found.error())) co_return found;
      note(reason, found.error());
      continue;
    }
    if (!choose) co_return found;
    auto look = [log, extent = found->extent] { return log->scheme_of(extent); };
    KELP_CO_TRY(const EcScheme lies_in, co_await offload<EcScheme>(parts_.pool, std::move(look)));
    if (lies_in == scheme) co_return found;
    note(reason,
         Error(Errc::kConflict, fmt::format("needle {} lies in {}, not in {}", to_string(fid),
                                            to_string(lies_in), to_string(scheme))));
  }
  if (reason) co_return *reason;
  KELP_CO_CHECK(find(fid.volume));
  co_return not_here(fid.volume);
}

/// Extents of the one kind and of the other have one key perhaps; then they have other cookies, or
/// lie in another scheme.
Task<Result<void>> VolumeService::read_in_switch(ShardRead request, MutableByteSpan buffer) {
  std::vector<VolumePtr> places = readable(request.fid.volume);
  {
    const std::shared_lock lock(volumes_mutex_);
    const auto before = replaced_.find(request.fid.volume);
    if (before != replaced_.end()) places.push_back(before->second);
  }
  const NeedleReader::Shard shard{request.scheme, request.shard, request.body_end};
  const NeedleReader::Range range{.offset = request.offset, .buffer = buffer, .shard = shard};
  co_return co_await read_in(std::move(places), request.fid, range);
}

/// Of a volume that becomes copies, or copies that become shards.
Task<Result<void>> VolumeService::read_whole_in_switch(FileId fid, std::uint64_t offset,
                                                       MutableByteSpan buffer) {
  std::vector<VolumePtr> places = readable(fid.volume);
  if (places.size() == 2 && places[0]->holds_extents()) std::swap(places[0], places[1]);
  const NeedleReader::Range range{.offset = offset, .buffer = buffer};
  co_return co_await read_in(std::move(places), fid, range);
}

/// From the first log that has it so.
Task<Result<void>> VolumeService::read_in(std::vector<VolumePtr> places, FileId fid,
                                          NeedleReader::Range range) {
  std::optional<Error> reason;
  for (VolumePtr& each : places) {
    const auto outcome = co_await VolumeFile::read(std::move(each), fid, range);
    if (outcome.has_value() || !other_may_have(outcome.error())) co_return outcome;
    note(reason, outcome.error());
  }
  co_return reason.value_or(not_here(fid.volume));
}

/// Before what was made takes its place.
void VolumeService::keep_replaced(VolumeId volume) {
  const auto here = find(volume);
  if (!here.has_value()) return;
  const std::unique_lock lock(volumes_mutex_);
  replaced_[volume] = *here;
}

}  // namespace kelp
