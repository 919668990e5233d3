#include "server/readiness.h"

#include <fmt/format.h>

#include <functional>
#include <utility>
#include <vector>

#include "filer/core/keys.h"

namespace kelp::server {
namespace {

constexpr std::chrono::seconds kAge{1};
constexpr std::size_t kMostNamed = 10;

Readiness not_ready(const Error& error) {
  return {.ready = false, .text = fmt::format("not ready: {}\n", error.detail())};
}

/// A full queue says that there is much to do, not that it cannot be done.
bool busy(const Error& error) {
  return error.code() == Errc::kResourceExhausted;
}

/// One line for each of the first volumes that are not well.
std::string describe_volumes(const NodeStatus& node) {
  std::string text;
  std::size_t unwell = 0;
  for (const VolumeStatus& volume : node.volumes) {
    if (!volume.read_only || ++unwell > kMostNamed) continue;
    const bool refused = volume.generation == Generation{};
    text += fmt::format("volume {} {}\n", volume.volume.value,
                        refused ? "was refused: it is not served" : "takes no writes");
  }
  if (unwell > kMostNamed) text += fmt::format("and {} volumes more\n", unwell - kMostNamed);
  return text;
}

}  // namespace

Task<Readiness> ReadinessCheck::look() {
  const MonoTime now = seams_.clock.mono();
  {
    const std::lock_guard lock(mutex_);
    if (last_ && now - looked_ < kAge) co_return *last_;
  }
  Readiness found = co_await look_now();
  const std::lock_guard lock(mutex_);
  last_ = found;
  looked_ = now;
  co_return found;
}

Task<Readiness> ReadinessCheck::look_now() {
  const auto metadata = co_await try_metadata();
  if (!metadata && !busy(metadata.error())) co_return not_ready(metadata.error());
  const auto node = co_await seams_.volumes.status();
  if (!node) co_return not_ready(node.error());
  const std::string unwell = describe_volumes(*node);
  const auto room = co_await try_master();
  const bool full = !room && room.error().code() == Errc::kNoSpace;
  if (!room && !full && !busy(room.error())) {
    Readiness found = not_ready(room.error());
    found.text += unwell;
    co_return found;
  }
  std::string text = "ready\n";
  if (full) text += "no room for new data; reads and deletes go on\n";
  co_return Readiness{.ready = true, .text = text + unwell};
}

Task<Result<void>> ReadinessCheck::try_metadata() {
  KELP_CO_CHECK(seams_.store.writable());
  using Rows = std::vector<KvRow>;
  std::move_only_function<Result<Rows>(KvStore&)> read = [](KvStore& store) {
    return store.scan(keys::all_metadata(), 1);
  };
  const auto rows = co_await kv_.read<Rows>(std::move(read));
  if (!rows) {
    co_return Error(rows.error().code(), "metadata cannot be read: " + rows.error().detail());
  }
  co_return Result<void>();
}

Task<Result<void>> ReadinessCheck::try_master() {
  LeaseRequest request;
  request.bytes = 1;
  const auto lease = co_await seams_.master.lease(std::move(request));
  if (!lease) co_return lease.error();
  co_return co_await seams_.master.release(lease->volume, lease->bytes);
}

}  // namespace kelp::server
