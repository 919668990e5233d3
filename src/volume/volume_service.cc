#include "volume/volume_service.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "async/background_budget.h"
#include "base/log.h"
#include "crypto/random.h"
#include "crypto/uuid.h"
#include "volume/core/needle_format.h"
#include "volume/needle_upload.h"
#include "volume/replicated_upload.h"
#include "volume/store/volume_file.h"

namespace kelp {
namespace {

constexpr std::uint32_t kListLimit = 10'000;
constexpr std::uint64_t kNodeIdBytes = 64;  // a UUID and a line's end, and room to see more
constexpr auto kSpaceAge = std::chrono::seconds(1);
/// A disk with less room is asked each time: others may write on it, too.
constexpr std::uint64_t kPlenty = 1ULL << 30;

Task<Result<void>> answer(Error error) {
  co_return error;
}

}  // namespace

Result<std::unique_ptr<VolumeService>> VolumeService::start(VolumeServiceOptions options,
                                                            VolumeServiceParts parts) {
  std::unique_ptr<VolumeService> service(new VolumeService(std::move(options), std::move(parts)));
  KELP_CHECK(service->load());
  return service;
}

VolumeService::VolumeService(VolumeServiceOptions options, VolumeServiceParts parts)
    : options_(std::move(options)), parts_(std::move(parts)), shelf_(parts_.clock, parts_.timers) {
  shared_.reset(new VolumeShared{.io = parts_.io,
                                 .pool = parts_.pool,
                                 .clock = parts_.clock,
                                 .probe = VolumeProbe(parts_.metrics, options_.metrics_directory),
                                 .directory = options_.directory,
                                 .sync = options_.sync,
                                 .index_on_disk = options_.index_on_disk,
                                 .limit_bytes = options_.volume_limit_bytes,
                                 .direct_io = options_.direct_io,
                                 .cache = parts_.cache});
}

/// What it counted in gauges that outlive it goes with it.
VolumeService::~VolumeService() {
  while (!volumes_.empty()) forget(volumes_.begin()->first);
  while (!refused_.empty()) forget(refused_.begin()->first);
}

std::uint64_t reserve_of(const VolumeServiceOptions& options, const DiskSpace& space) {
  return std::min(options.reserve_bytes, space.total_bytes / 20);
}

Result<void> VolumeService::load() {
  KELP_TRY(cluster_id_, parse_uuid(options_.cluster_id));
  KELP_CHECK(parts_.io.make_dirs(options_.directory));
  KELP_TRY(lock_, parts_.io.lock_dir(options_.directory));
  KELP_CHECK(load_node_id());
  KELP_TRY(const auto names, parts_.io.list(options_.directory));
  for (const std::string& name : names) {
    const auto volume = VolumeFile::volume_of(name);
    if (!volume.has_value()) continue;
    KELP_CHECK(load_volume(*volume));
  }
  return {};
}

Result<void> VolumeService::load_node_id() {
  const std::string path = node_id_path();
  auto text = read_whole_file(parts_.io, path, kNodeIdBytes);
  if (!text.has_value()) {
    if (text.error().code() != Errc::kNotFound) return std::move(text).error();
    node_id_ = random_uuid();
    return write_file_atomically(parts_.io, path, node_id_ + "\n");
  }
  if (text->ends_with('\n')) text->pop_back();
  if (!parse_uuid(*text).has_value()) {
    return Error(Errc::kCorruption, fmt::format("{} does not hold a UUID", path));
  }
  node_id_ = *std::move(text);
  return {};
}

/// Opens one volume. What is wrong with one disk or file must not take the others away; what is
/// wrong with the whole directory (another cluster, a newer program's) stops the start.
Result<void> VolumeService::load_volume(VolumeId volume) {
  auto opened = VolumeFile::open(shared_, volume, cluster_id_);
  if (opened.has_value()) {
    volumes_.emplace(volume, *std::move(opened));
    return {};
  }
  const Errc code = opened.error().code();
  if (code == Errc::kPermissionDenied || code == Errc::kUnimplemented) return opened.error();
  logger("volume").error("volume_refused volume={} error={}", volume.value,
                         log_value(opened.error().message()));
  shared_->probe.read_only_volumes.Increment();
  shared_->probe.refused_volumes.Increment();
  refused_.emplace(volume,
                   Error(Errc::kUnavailable, fmt::format("volume {} was refused at start: {}",
                                                         volume.value, opened.error().message())));
  return {};
}

Task<Result<std::unique_ptr<NeedleUpload>>> VolumeService::open(OpenNeedle request) {
  KELP_CO_CHECK(check_request(request));
  KELP_CO_CHECK(parts_.verify_token(request));
  KELP_CO_CHECK(check_works());
  if (parts_.clock.mono() < refusing_until_.load()) {
    co_return Error(Errc::kUnavailable,
                    fmt::format("the disk of {} is slow: new needles go elsewhere", node_id_));
  }
  KELP_CO_TRY(const VolumePtr volume, find(request.fid.volume));
  const Generation generation = volume->role().generation;
  if (generation != request.generation) {
    co_return Error(Errc::kConflict,
                    fmt::format("volume {} is of generation {}, not {}", request.fid.volume.value,
                                generation.value, request.generation.value));
  }
  KELP_CO_CHECK(check_space(request.body_bytes));
  served(request.body_bytes);
  KELP_CO_TRY(auto upload, co_await begin_upload(volume, request));
  if (request.members.size() < 2) co_return std::move(upload);
  if (parts_.peers == nullptr || request.members.front().node_id != node_id_) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("needle {} is to be passed on by {}", to_string(request.fid),
                                request.members.front().node_id));
  }
  co_return co_await open_replicated(std::move(upload), *parts_.peers, std::move(request));
}

Task<Result<void>> VolumeService::read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) {
  // No coroutine of its own: this is the hottest path of the room.
  auto volume = find(fid.volume);
  if (any_packed_ && in_switch(fid.volume)) {
    served(buffer.size());
    return read_whole_in_switch(fid, offset, buffer);
  }
  if (!volume.has_value()) return answer(std::move(volume).error());
  served(buffer.size());
  return VolumeFile::read(*std::move(volume), fid, {.offset = offset, .buffer = buffer});
}

Task<Result<void>> VolumeService::read_shard(ShardRead request, MutableByteSpan buffer) {
  served(buffer.size());
  if (in_switch(request.fid.volume)) return read_in_switch(std::move(request), buffer);
  auto volume = find(request.fid.volume);
  if (!volume.has_value()) return answer(std::move(volume).error());
  const NeedleReader::Shard shard{request.scheme, request.shard, request.body_end};
  return VolumeFile::read(*std::move(volume), request.fid,
                          {.offset = request.offset, .buffer = buffer, .shard = shard});
}

Result<std::string> VolumeService::collection_of(VolumeId volume) const {
  KELP_TRY(const VolumePtr found, find(volume));
  return found->superblock().collection;
}

Task<Result<NeedleFrame>> VolumeService::head(FileId fid) {
  KELP_CO_TRY(const VolumePtr volume, find(fid.volume));
  KELP_CO_TRY(const NeedlePart part,
              co_await read_part(fid.volume, volume->role().generation, fid.key, 0, 0));
  KELP_CO_TRY(NeedleFrame frame, decode_needle_frame(as_bytes(part.frame), kImageSeed));
  if (frame.header.cookie == fid.cookie) co_return frame;
  co_return Error(Errc::kNotFound, fmt::format("needle {:x}: cookie differs", fid.key.value));
}

PinnedPages VolumeService::try_pin(FileId fid, std::uint64_t offset, std::size_t bytes) {
  const auto volume = find(fid.volume);
  if (!volume.has_value()) return {};
  // What is not lent here is read(), and what is more than fits is asked for again.
  PinnedPages pages = (*volume)->try_pin(fid, offset, bytes);
  if (!pages.empty()) served(pages.size());
  return pages;
}

Task<Result<void>> VolumeService::remove(std::vector<FileId> fids) {
  KELP_CO_CHECK(check_works());
  std::map<VolumeId, std::vector<FileId>> by_volume;
  for (const FileId& fid : fids) by_volume[fid.volume].push_back(fid);
  for (auto& [id, group] : by_volume) {
    KELP_CO_TRY(const VolumePtr volume, find(id));
    KELP_CO_CHECK(co_await volume->remove(std::move(group)));
  }
  co_return Result<void>();
}

Task<Result<NodeStatus>> VolumeService::status() {
  NodeStatus status;
  status.node_id = node_id_;
  status.write_micros = static_cast<std::uint64_t>(shared_->pulse.latency().count());
  if (failed_) {
    // It cannot be asked any more. What it holds is as good as gone, so that it is copied from
    // elsewhere and no job waits for it.
    const std::lock_guard lock(space_mutex_);
    status.total_bytes = space_.total_bytes;
    shared_->probe.free_bytes.Set(0);
    co_return status;
  }
  KELP_CO_TRY(const DiskSpace disk, space());
  const std::uint64_t kept = reserve_of(options_, disk) + shared_->reserved_bytes.load();
  status.total_bytes = disk.total_bytes;
  status.free_bytes = disk.free_bytes - std::min(disk.free_bytes, kept);
  shared_->probe.disk_bytes.Set(static_cast<double>(status.total_bytes));
  shared_->probe.free_bytes.Set(static_cast<double>(status.free_bytes));
  for (const VolumePtr& volume : all()) status.volumes.push_back(volume->status());
  const std::shared_lock lock(volumes_mutex_);
  for (const auto& [id, error] : refused_) {
    status.volumes.push_back({.volume = id, .generation = {}, .collection = {}, .read_only = true});
  }
  co_return status;
}

Task<void> VolumeService::feel_pulse() {
  shared_->probe.write_seconds.Set(static_cast<double>(shared_->pulse.latency().count()) / 1e6);
  if (failed_) co_return;
  auto look = [this] { return try_disk(); };
  const auto felt = co_await offload<void>(parts_.pool, std::move(look));
  if (felt.has_value() || felt.error().code() == Errc::kResourceExhausted) co_return;
  if (felt.error().code() == Errc::kNoSpace || felt.error().code() == Errc::kCancelled) co_return;
  failed(felt.error());
}

/// Whether the path still leads to this directory. The open files of a disk that was exchanged may
/// go on to work, while its path leads to another one, whose files are not ours.
Result<void> VolumeService::look_home() {
  const std::string path = node_id_path();
  const auto text = read_whole_file(parts_.io, path, kNodeIdBytes);
  if (!text.has_value() && text.error().code() != Errc::kNotFound) return text.error();
  if (text.has_value() && text->starts_with(node_id_)) return {};
  return Error(Errc::kIo, fmt::format("{} is {}", path, text.has_value() ? "another's" : "gone"));
}

/// Before anything is changed by its path. Blocks.
Result<void> VolumeService::check_home() {
  KELP_CHECK(check_works());
  return look_home();
}

Result<void> VolumeService::try_disk() {
  KELP_CHECK(look_home());
  if (!shared_->pulse.idle()) return {};
  if (pulse_file_ == nullptr) {
    KELP_TRY(pulse_file_, parts_.io.open(options_.directory + "/pulse", OpenMode::kCreate));
  }
  constexpr std::string_view kBytes = "Written and synced when the disk is idle, to time it.\n";
  const std::array<ByteSpan, 1> pieces{as_bytes(kBytes)};
  const DiskPulse::Write timed(shared_->pulse);
  KELP_CHECK(pulse_file_->write_at(0, pieces));
  return pulse_file_->sync();
}

void VolumeService::failed(const Error& error) {
  failure_ = Error(Errc::kUnavailable, fmt::format("the directory {} has failed: {}",
                                                   options_.directory, error.message()));
  failed_ = true;
  logger("volume").error("disk_failed directory={} error={}", options_.directory,
                         log_value(error.message()));
}

std::optional<Error> VolumeService::failure() const {
  if (!failed_) return std::nullopt;
  return failure_;
}

Result<void> VolumeService::check_works() const {
  if (!failed_) return {};
  return *failure_;
}

Task<Result<void>> VolumeService::create_volume(VolumeId volume, Generation generation,
                                                std::string collection) {
  if (collection.size() > kMaxCollectionBytes) {
    co_return Error(Errc::kInvalidArgument,
                    fmt::format("a collection's name has at most {} bytes", kMaxCollectionBytes));
  }
  KELP_CO_CHECK(check_works());
  KELP_CO_CHECK(check_space(kSuperblockBytes));
  auto job = [this, volume, generation, &collection] {
    return make_volume(volume, generation, collection);
  };
  co_return co_await offload<void>(parts_.pool, std::move(job));
}

Result<void> VolumeService::make_volume(VolumeId volume, Generation generation,
                                        const std::string& collection) {
  const std::lock_guard creating(create_mutex_);
  KELP_CHECK(check_home());
  {
    const std::shared_lock lock(volumes_mutex_);
    if (volumes_.contains(volume) || refused_.contains(volume)) {
      return Error(Errc::kAlreadyExists, fmt::format("volume {} exists", volume.value));
    }
  }
  Superblock superblock{.volume = volume,
                        .generation = generation,
                        .cluster_id = cluster_id_,
                        .salt = {},
                        .created_ns = parts_.clock.wall().time_since_epoch().count(),
                        .collection = collection};
  random_bytes(superblock.salt);
  KELP_TRY(VolumePtr made, VolumeFile::create(shared_, superblock));
  const std::unique_lock lock(volumes_mutex_);
  volumes_.emplace(volume, std::move(made));
  return {};
}

Task<Result<std::vector<NeedleInfo>>> VolumeService::list_needles(VolumeId volume, NeedleKey after,
                                                                  std::uint32_t limit) {
  KELP_CO_TRY(const VolumePtr found, find(volume));
  co_return co_await found->list_needles(after, std::min(limit, kListLimit));
}

Task<Result<std::vector<NeedleInfo>>> VolumeService::verify_volume(VolumeId volume) {
  KELP_CO_TRY(const VolumePtr found, find(volume));
  co_return co_await found->verify();
}

Result<void> VolumeService::close() {
  if (all().empty()) return {};
  KELP_CHECK(check_home());
  Result<void> outcome;
  for (const VolumePtr& volume : all()) {
    auto written = volume->write_snapshot();
    if (written.has_value()) continue;
    logger("volume").warn("snapshot_failed volume={} error={}", volume->superblock().volume.value,
                          log_value(written.error().message()));
    if (outcome.has_value()) outcome = std::move(written);
  }
  return outcome;
}

std::size_t VolumeService::index_memory_bytes() const {
  std::size_t bytes = 0;
  for (const VolumePtr& volume : all()) bytes += volume->index_memory_bytes();
  return bytes;
}

/// Clients go first.
void VolumeService::served(std::uint64_t bytes) {
  if (parts_.background != nullptr) parts_.background->note_foreground(bytes);
}

Result<VolumeService::VolumePtr> VolumeService::find(VolumeId volume) const {
  const std::shared_lock lock(volumes_mutex_);
  if (const auto at = volumes_.find(volume); at != volumes_.end()) return at->second;
  if (const auto at = refused_.find(volume); at != refused_.end()) return at->second;
  return Error(Errc::kNotFound, fmt::format("volume {} is not on this server", volume.value));
}

std::vector<VolumeService::VolumePtr> VolumeService::all() const {
  const std::shared_lock lock(volumes_mutex_);
  std::vector<VolumePtr> volumes;
  volumes.reserve(volumes_.size());
  for (const auto& [id, volume] : volumes_) volumes.push_back(volume);
  return volumes;
}

Result<void> VolumeService::check_request(const OpenNeedle& request) const {
  if (request.body_bytes == 0 || request.body_bytes > kMaxNeedleBodyBytes) {
    return Error(Errc::kInvalidArgument, fmt::format("a needle has 1 to {} bytes, not {}",
                                                     kMaxNeedleBodyBytes, request.body_bytes));
  }
  if (request.part) {
    KELP_CHECK(check_part(*request.part));
    if (request.body_bytes != stored_bytes(*request.part)) {
      return Error(
          Errc::kInvalidArgument,
          fmt::format("shard {} of {} of {} bytes has {} bytes, not {}", request.part->shard,
                      to_string(request.part->scheme), request.part->body_bytes,
                      stored_bytes(*request.part), request.body_bytes));
    }
  }
  if (request.object_key.size() > kMaxObjectKeyBytes) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("an object key has at most {} bytes", kMaxObjectKeyBytes));
  }
  if (request.origin.size() > kMaxOriginBytes) {
    return Error(Errc::kInvalidArgument,
                 fmt::format("an origin has at most {} bytes", kMaxOriginBytes));
  }
  return {};
}

Result<void> VolumeService::check_space(std::uint64_t bytes) {
  KELP_TRY(const DiskSpace disk, space());
  const std::uint64_t kept = reserve_of(options_, disk) + shared_->reserved_bytes.load();
  if (disk.free_bytes >= kept && disk.free_bytes - kept >= bytes) {
    const std::lock_guard lock(space_mutex_);
    space_.free_bytes -= std::min(space_.free_bytes, bytes);  // until the disk is asked again
    return {};
  }
  return Error(Errc::kNoSpace,
               fmt::format("{}: {} bytes are free, {} of them reserved, {} more are asked for",
                           options_.directory, disk.free_bytes, kept, bytes));
}

/// What the disk has: as it says now, or, when there is plenty, as it said at most kSpaceAge ago,
/// less what was let in since.
Result<DiskSpace> VolumeService::space() {
  const std::lock_guard lock(space_mutex_);
  const MonoTime now = parts_.clock.mono();
  if (!space_known_ || space_.free_bytes < kPlenty || now - space_read_ >= kSpaceAge) {
    KELP_TRY(space_, parts_.io.space(options_.directory));
    space_read_ = now;
    space_known_ = true;
  }
  return space_;
}

}  // namespace kelp
