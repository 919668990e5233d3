#include "server/disk_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/config_value.h"
#include "master/core/placement.h"
#include "server/config.h"
#include "server/toml_text.h"

namespace kelp::server {
namespace {

constexpr std::uint64_t kMostReserve = 1ULL << 40;

Result<void> set_port(std::uint16_t& port, const std::string& text) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (code == std::errc{} && end == text.data() + text.size() && port > 0) return {};
  return Error(Errc::kInvalidArgument,
               fmt::format("port '{}' does not lie between 1 and 65535", text));
}

Result<void> check_disk(const VolumeDiskConfig& disk) {
  // Two ways to write one path would be two disks.
  if (!disk.path.starts_with('/') || (disk.path.size() > 1 && disk.path.ends_with('/'))) {
    return Error(Errc::kInvalidArgument, "path begins with a slash and does not end with one");
  }
  if (disk.reserve.value_or(0) > kMostReserve) {
    return Error(Errc::kInvalidArgument, "reserve must lie between 0 and 1TiB");
  }
  for (const std::string& tag : disk.tags) {
    if (!tag.starts_with(master::kHostTag)) continue;
    return Error(Errc::kInvalidArgument, "its machine is said by volume.host");
  }
  return {};
}

}  // namespace

Result<bool> set_disk_value(VolumeDiskConfig& to, std::string_view name, const std::string& text) {
  if (name == "path") {
    to.path = text;
  } else if (name == "tags") {
    to.tags = split_words(text);
  } else if (name == "reserve") {
    KELP_TRY(to.reserve, parse_bytes(text));
  } else if (name == "port") {
    KELP_CHECK(set_port(to.port, text));
  } else {
    return false;
  }
  return true;
}

Result<void> check_disks(std::span<const VolumeDiskConfig> disks) {
  std::set<std::string_view> paths;
  std::set<std::uint16_t> ports;
  for (const VolumeDiskConfig& disk : disks) {
    auto checked = check_disk(disk);
    if (checked.has_value() && !paths.insert(disk.path).second) {
      checked = Error(Errc::kInvalidArgument, "it is there twice");
    }
    if (checked.has_value() && disk.port != 0 && !ports.insert(disk.port).second) {
      checked = Error(Errc::kInvalidArgument, fmt::format("port {} is there twice", disk.port));
    }
    if (!checked.has_value()) {
      return Error(Errc::kInvalidArgument,
                   fmt::format("volume.disk '{}': {}", disk.path, checked.error().detail()));
    }
  }
  return {};
}

std::string print_disks(std::span<const VolumeDiskConfig> disks) {
  std::string out;
  for (const VolumeDiskConfig& disk : disks) {
    out += fmt::format("\n[[volume.disk]]\npath = {}\n", toml_quoted(disk.path));
    if (!disk.tags.empty()) {
      out += fmt::format("tags = {}\n", toml_quoted(fmt::format("{}", fmt::join(disk.tags, ","))));
    }
    if (disk.reserve.has_value()) out += fmt::format("reserve = {}\n", *disk.reserve);
    if (disk.port != 0) out += fmt::format("port = {}\n", disk.port);
  }
  return out;
}

bool is_cached(const VolumeDiskPlace& place, const Config& config) {
  const VolumeConfig& volume = config.volume;
  const auto carried = [&place](const std::string& tag) {
    return std::ranges::find(place.tags, tag) != place.tags.end();
  };
  return !volume.cache.empty() &&
         (volume.cache_tags.empty() || std::ranges::any_of(volume.cache_tags, carried));
}

std::vector<VolumeDiskPlace> disk_places(const Config& config, std::string_view machine) {
  const VolumeConfig& volume = config.volume;
  std::vector<std::string> tags = volume.tags;
  const std::string_view host = !volume.host.empty()    ? volume.host
                                : !volume.disks.empty() ? machine
                                                        : std::string_view();
  if (!host.empty()) tags.push_back(fmt::format("{}{}", master::kHostTag, host));
  if (volume.disks.empty()) {
    return {{.path = config.dir, .tags = std::move(tags), .reserve = volume.reserve}};
  }
  std::vector<VolumeDiskPlace> places;
  for (const VolumeDiskConfig& disk : volume.disks) {
    VolumeDiskPlace place{.path = disk.path,
                          .tags = disk.tags,
                          .reserve = disk.reserve.value_or(volume.reserve),
                          .port = disk.port,
                          .listed = true};
    place.tags.insert(place.tags.end(), tags.begin(), tags.end());
    places.push_back(std::move(place));
  }
  return places;
}

}  // namespace kelp::server
