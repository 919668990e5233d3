#include "server/volume_disks.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/log.h"
#include "net/network.h"

namespace kelp::server {
namespace {

/// `address` with the port that is `offset` behind its own, or with `port` when that is not 0.
std::string moved(const std::string& address, std::uint16_t port, std::uint16_t offset) {
  const auto at = parse_host_port(address);  // the configuration was checked
  if (!at.has_value() || (at->port == 0 && port == 0)) return address;
  const unsigned next = port != 0 ? port : at->port + offset;
  return fmt::format("{}:{}", address.substr(0, address.rfind(':')), next);
}

}  // namespace

VolumeDisks::VolumeDisks(VolumeDiskWorld world) : world_(std::move(world)) {}

Task<Result<void>> VolumeDisks::open(std::vector<VolumeDiskPlace> places) {
  co_await open_all(places);
  const auto works = [](const auto& item) { return item.second.disk != nullptr; };
  if (std::ranges::any_of(slots_, works)) co_return Result<void>();
  if (slots_.size() == 1 && !places.front().listed) co_return *slots_.begin()->second.error;
  std::string why;
  for (const auto& [path, slot] : slots_) why += fmt::format("; {}", slot.error->message());
  co_return Error(Errc::kUnavailable,
                  fmt::format("none of {} directories can be served{}", slots_.size(), why));
}

Task<void> VolumeDisks::reload(std::vector<VolumeDiskPlace> places) {
  std::vector<std::string> gone;
  for (const auto& [path, slot] : slots_) {
    const auto place = std::ranges::find(places, path, &VolumeDiskPlace::path);
    const bool stays = place != places.end() && *place == slot.place && slot.disk != nullptr &&
                       !slot.disk->failure().has_value();
    if (!stays) gone.push_back(path);
  }
  const MonoTime grace = world_.clock.mono() + world_.config.threads.drain_grace;
  for (const std::string& path : gone) co_await close_one(path, grace);
  co_await open_all(std::move(places));
  logger("volume").info("disks_reloaded disks={}", slots_.size());
}

Task<void> VolumeDisks::close(MonoTime grace) {
  while (!slots_.empty()) co_await close_one(slots_.begin()->first, grace);
}

/// Side by side: to read a large index takes a while.
Task<void> VolumeDisks::open_all(std::vector<VolumeDiskPlace> places) {
  TaskGroup opening(world_.rpc.executor);
  for (const VolumeDiskPlace& place : places) {
    if (!slots_.contains(place.path)) opening.spawn(open_one(add(place)));
  }
  co_await opening.join();
}

/// A slot for it, with the smallest offset that no other one has whose port is not said.
VolumeDisks::Slot& VolumeDisks::add(const VolumeDiskPlace& place) {
  std::uint16_t offset = 0;
  const auto taken = [&offset](const auto& item) {
    return item.second.place.port == 0 && item.second.offset == offset;
  };
  while (std::ranges::any_of(slots_, taken)) ++offset;
  std::uint16_t http_offset = 0;
  const auto http_taken = [&http_offset](const auto& item) {
    return item.second.http_offset == http_offset;
  };
  while (std::ranges::any_of(slots_, http_taken)) ++http_offset;
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_[place.path];
  slot.place = place;
  slot.offset = offset;
  slot.http_offset = http_offset;
  slot.error = Error(Errc::kUnavailable, "it is being opened");
  return slot;
}

Task<void> VolumeDisks::open_one(Slot& slot) {
  const std::string& path = slot.place.path;
  auto disk = std::make_unique<VolumeDisk>(world_, slot.place);
  auto opened = co_await disk->open(addresses_of(slot));
  failed_gauge(world_.metrics, slot.place).Set(opened.has_value() ? 0 : 1);
  if (!opened.has_value()) {
    logger("volume").error("disk_refused directory={} error={}", log_value(path),
                           log_value(opened.error().message()));
    co_await disk->close(world_.clock.mono());
    const std::lock_guard lock(mutex_);
    slot.error = std::move(opened).error();
    co_return;
  }
  logger("volume").info("disk_opened directory={} node={} address={}", log_value(path),
                        disk->node_id(), disk->address());
  const std::lock_guard lock(mutex_);
  slot.disk = std::move(disk);
  slot.error.reset();
}

Task<void> VolumeDisks::close_one(std::string path, MonoTime grace) {
  const auto take = [this, &path] {
    const std::lock_guard lock(mutex_);
    return slots_.extract(path);
  };
  const auto taken = take();
  if (taken.mapped().disk != nullptr) {
    const std::string node = taken.mapped().disk->node_id();
    co_await taken.mapped().disk->close(grace);
    logger("volume").info("disk_closed directory={} node={}", log_value(path), node);
  }
  failed_gauge(world_.metrics, taken.mapped().place).Set(0);
}

VolumeDisk::Addresses VolumeDisks::addresses_of(const Slot& slot) const {
  const VolumeConfig& volume = world_.config.volume;
  const std::uint16_t port = slot.place.port;
  const auto unless_empty = [](const std::string& address, std::uint16_t own, std::uint16_t by) {
    return address.empty() ? address : moved(address, own, by);
  };
  return {.listen = moved(volume.listen, port, slot.offset),
          .reach = unless_empty(volume.address, port, slot.offset),
          .http_listen = unless_empty(volume.http_listen, 0, slot.http_offset),
          .http_reach = unless_empty(volume.http_address, 0, slot.http_offset)};
}

std::string VolumeDisks::addresses() const {
  return listed([](const VolumeDisk& disk) { return disk.address(); });
}

std::string VolumeDisks::http_addresses() const {
  return listed([](const VolumeDisk& disk) { return disk.http_address(); });
}

std::string VolumeDisks::listed(std::string (*of)(const VolumeDisk&)) const {
  std::string out;
  for (const auto& [path, slot] : slots_) {
    const std::string address = slot.disk == nullptr ? "" : of(*slot.disk);
    if (!address.empty()) out += (out.empty() ? "" : ",") + address;
  }
  return out;
}

Readiness VolumeDisks::look() const {
  const std::lock_guard lock(mutex_);
  Readiness found;
  std::string troubles;
  for (const auto& [path, slot] : slots_) {
    const auto trouble = slot.disk == nullptr ? slot.error : slot.disk->trouble();
    if (!trouble.has_value()) {
      found.ready = true;
    } else {
      troubles += fmt::format("{}: {}\n", path, trouble->message());
    }
  }
  found.text =
      (found.ready ? "ready\n" : "not ready: no directory takes part in the cluster\n") + troubles;
  return found;
}

}  // namespace kelp::server
