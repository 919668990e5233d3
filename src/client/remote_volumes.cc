#include "client/remote_volumes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "async/all.h"
#include "client/body_count.h"
#include "wire/remote_volume.h"

namespace kelp {
namespace {

/// A reader that reads on gets so much ahead: a call of a remote takes as long for that.
constexpr std::uint64_t kAhead = 2 << 20;
/// Readers of which something is kept.
constexpr std::size_t kWindows = 16;
/// Removals of a remote at once.
constexpr std::size_t kTogether = 8;

std::string name_of(const FileId& fid) {
  return remote_name(fid.key, fid.cookie);
}

class RemoteUpload final : public NeedleUpload {
 public:
  /// `memory`: for the body.
  RemoteUpload(Remote& remote, MemoryBudget::Share memory, const FileId& fid,
               std::uint64_t body_bytes)
      : remote_(remote),
        memory_(std::move(memory)),
        name_(name_of(fid)),
        frames_(fid, body_bytes),
        count_(body_bytes) {}

  /// The last bytes send all of them: an object of many needles keeps one of them in memory.
  Task<Result<void>> append(ByteSpan bytes) override {
    KELP_CO_CHECK(take(bytes));
    if (count_.left() > 0) co_return Result<void>();
    KELP_CO_CHECK(co_await remote_.put(name_, frames_.take()));
    memory_ = {};
    there_ = true;
    co_return Result<void>();
  }
  Result<bool> append_here(ByteSpan bytes) override {
    if (bytes.size() >= count_.left()) return false;
    KELP_CHECK(take(bytes));
    return true;
  }
  Task<Result<void>> finish() override {
    KELP_CO_CHECK(count_.close());
    if (there_) co_return Result<void>();
    co_return Error(Errc::kUnavailable, "the remote did not take it");
  }

 private:
  Result<void> take(ByteSpan bytes) {
    KELP_CHECK(count_.take(bytes.size()));
    frames_.append(bytes);
    return {};
  }

  Remote& remote_;
  MemoryBudget::Share memory_;
  const std::string name_;
  RemoteFrames frames_;
  BodyCount count_;
  bool there_ = false;
};

}  // namespace

Task<Result<std::unique_ptr<NeedleUpload>>> RemoteVolumes::open(OpenNeedle request) {
  if (!is_remote(request.fid.volume)) co_return co_await volumes_.open(std::move(request));
  KELP_CO_TRY(Remote* const remote, remotes_.of(request.fid.volume));
  KELP_CO_TRY(auto memory, remote->memory_for(remote_bytes(request.body_bytes)));
  co_return std::make_unique<RemoteUpload>(*remote, std::move(memory), request.fid,
                                           request.body_bytes);
}

Task<Result<void>> RemoteVolumes::read(FileId fid, std::uint64_t offset, MutableByteSpan buffer) {
  if (is_remote(fid.volume)) return read_remote(fid, offset, buffer);
  return volumes_.read(fid, offset, buffer);
}

Task<Result<void>> RemoteVolumes::read_shard(ShardRead request, MutableByteSpan buffer) {
  return volumes_.read_shard(std::move(request), buffer);
}

PinnedPages RemoteVolumes::try_pin(FileId fid, std::uint64_t offset, std::size_t bytes) {
  if (is_remote(fid.volume)) return {};
  return volumes_.try_pin(fid, offset, bytes);
}

Task<Result<void>> RemoteVolumes::read_remote(FileId fid, std::uint64_t offset,
                                              MutableByteSpan buffer) {
  if (buffer.empty()) co_return Result<void>();
  bool reads_on = false;
  if (read_window(fid, offset, buffer, reads_on)) co_return Result<void>();
  const std::uint64_t end = offset + buffer.size();
  KELP_CO_TRY(
      RemoteStretch got,
      co_await fetch(fid, offset, reads_on ? std::max(kAhead, end - offset) : end - offset));
  if (end > got.body_bytes) {
    co_return Error(Errc::kInvalidArgument, fmt::format("needle {} ends at {}, asked for {}",
                                                        to_string(fid), got.body_bytes, end));
  }
  if (got.offset + got.bytes.size() < end) {
    const Error cut(Errc::kCorruption,
                    fmt::format("needle {} at its remote is cut off at {} of {}", to_string(fid),
                                got.offset + got.bytes.size(), got.body_bytes));
    (*remotes_.of(fid.volume))->note_damage(cut);
    co_return cut;
  }
  std::memcpy(buffer.data(), got.bytes.data() + (offset - got.offset), buffer.size());
  if (end < got.body_bytes) keep(fid, end, std::move(got));
  co_return Result<void>();
}

/// All frames that came of [offset, offset + bytes), verified.
Task<Result<RemoteStretch>> RemoteVolumes::fetch(FileId fid, std::uint64_t offset,
                                                 std::uint64_t bytes) {
  KELP_CO_TRY(Remote* const remote, remotes_.of(fid.volume));
  const RemoteRange range = remote_range(offset, bytes);
  auto stored = co_await remote->get(name_of(fid), range.offset, range.bytes);
  Result<RemoteStretch> opened = stored ? open_remote_frames(fid, range.offset, *stored)
                                        : Result<RemoteStretch>(stored.error());
  if (!opened && opened.error().code() == Errc::kCorruption) remote->note_damage(opened.error());
  co_return opened;
}

/// True when what is kept filled `buffer`. `reads_on`: whether this begins where a read ended.
bool RemoteVolumes::read_window(const FileId& fid, std::uint64_t offset, MutableByteSpan buffer,
                                bool& reads_on) {
  const std::lock_guard lock(mutex_);
  const auto reader_of = [&](const Window& each) { return each.fid == fid && each.next == offset; };
  const auto found = std::ranges::find_if(windows_, reader_of);
  if (found == windows_.end()) return false;
  reads_on = true;
  const std::uint64_t end = offset + buffer.size();
  if (offset < found->offset || end > found->offset + found->bytes.size()) {
    windows_.erase(found);
    return false;
  }
  std::memcpy(buffer.data(), found->bytes.data() + (offset - found->offset), buffer.size());
  found->next = end;
  windows_.splice(windows_.begin(), windows_, found);
  return true;
}

void RemoteVolumes::keep(const FileId& fid, std::uint64_t next, RemoteStretch stretch) {
  const std::lock_guard lock(mutex_);
  windows_.push_front({fid, next, stretch.offset, std::move(stretch.bytes)});
  if (windows_.size() > kWindows) windows_.pop_back();
}

Task<Result<void>> RemoteVolumes::remove(std::vector<FileId> fids) {
  std::map<VolumeId, std::vector<FileId>> remote;
  std::vector<FileId> local;
  for (const FileId& fid : fids) {
    (is_remote(fid.volume) ? remote[fid.volume] : local).push_back(fid);
  }
  for (auto& [volume, group] : remote) {
    KELP_CO_TRY(Remote* const there, remotes_.of(volume));
    KELP_CO_CHECK(co_await remove_remote(*there, std::move(group)));
  }
  if (local.empty()) co_return Result<void>();
  co_return co_await volumes_.remove(std::move(local));
}

Task<Result<void>> RemoteVolumes::remove_remote(Remote& remote, std::vector<FileId> fids) {
  for (std::size_t from = 0; from < fids.size(); from += kTogether) {
    std::vector<Task<Result<void>>> removals;
    for (std::size_t i = from; i < std::min(fids.size(), from + kTogether); ++i) {
      removals.push_back(remote.remove(name_of(fids[i])));
    }
    for (Result<void>& removed : co_await all(std::move(removals))) {
      if (!removed) co_return std::move(removed);
    }
  }
  co_return Result<void>();
}

Task<Result<NodeStatus>> RemoteVolumeAdmin::status() {
  KELP_CO_TRY(NodeStatus status, co_await volumes_.status());
  for (const auto& each : remotes_.all()) {
    status.volumes.push_back(
        {.volume = each->volume(), .generation = Generation{1}, .collection = {}});
  }
  co_return status;
}

Task<Result<void>> RemoteVolumeAdmin::create_volume(VolumeId volume, Generation generation,
                                                    std::string collection) {
  return volumes_.create_volume(volume, generation, std::move(collection));
}

Task<Result<std::vector<NeedleInfo>>> RemoteVolumeAdmin::list_needles(VolumeId volume,
                                                                      NeedleKey after,
                                                                      std::uint32_t limit) {
  if (!is_remote(volume)) co_return co_await volumes_.list_needles(volume, after, limit);
  KELP_CO_TRY(Remote* const remote, remotes_.of(volume));
  std::vector<NeedleInfo> needles;
  std::string from = last_remote_name(after);
  while (needles.empty()) {
    KELP_CO_TRY(const auto objects, co_await remote->list(from));
    if (objects.empty()) break;
    for (const RemoteObject& object : objects) {
      // What is not a needle's somebody else put there.
      const auto fid = parse_remote_name(volume, object.name);
      if (!fid || needles.size() == limit) continue;
      needles.push_back({.key = fid->key,
                         .cookie = fid->cookie,
                         .body_bytes = remote_body_bytes(object.size_bytes).value_or(0),
                         .bucket = {}});
    }
    from = objects.back().name;
  }
  co_return needles;
}

Task<Result<std::vector<NeedleInfo>>> RemoteVolumeAdmin::verify_volume(VolumeId volume) {
  if (!is_remote(volume)) co_return co_await volumes_.verify_volume(volume);
  co_return Error(Errc::kUnimplemented, "what lies in a remote is verified when it is read");
}

}  // namespace kelp
