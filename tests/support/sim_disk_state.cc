// What a SimDisk keeps of names and sectors, and what a crash leaves of them.
#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/support/sim_disk.h"

namespace kelp::test {

void SimDisk::apply(std::map<std::string, InodePtr>& names, const NameChange& change) {
  for (const auto& [path, inode] : change) {
    if (inode) {
      names[path] = inode;
    } else {
      names.erase(path);
    }
  }
}

void SimDisk::change_names(NameChange change) {
  for (const auto& [path, inode] : change) {
    const auto old = names_.find(path);
    const bool moves = old != names_.end() && old->second == change.back().second;
    if (old == names_.end() || moves) continue;
    used_sectors_ -= old->second->sectors.size();
    old->second->linked = false;
  }
  apply(names_, change);
  pending_.push_back(std::move(change));
}

/// A file has one name, also when an earlier change of its name is not durable.
void SimDisk::make_durable(const NameChange& change) {
  for (const auto& [path, inode] : change) {
    if (inode)
      std::erase_if(durable_names_, [&](const auto& name) { return name.second == inode; });
  }
  apply(durable_names_, change);
}

/// Space of a file without a name is not counted: it goes when the last handle closes.
void SimDisk::count_used(const Inode& inode, int sectors) {
  if (inode.linked) used_sectors_ += sectors;
}

/// Call before a sector changes: remembers what stable storage holds of it.
void SimDisk::make_dirty(Inode& inode, std::uint64_t sector) {
  const auto [entry, added] = inode.dirty.try_emplace(sector);
  entry->second.forgotten = false;
  if (!added) return;
  const auto found = inode.sectors.find(sector);
  if (found != inode.sectors.end()) entry->second.durable = found->second;
}

Result<void> SimDisk::write(Inode& inode, std::uint64_t offset, ByteSpan bytes) {
  const std::uint64_t unit = options_.sector_bytes;
  while (!bytes.empty()) {
    const std::uint64_t sector = offset / unit;
    const auto in_sector = static_cast<std::size_t>(offset % unit);
    const auto count =
        std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(unit) - in_sector);
    auto found = inode.sectors.find(sector);
    if (found == inode.sectors.end() && (used_sectors_ + 1) * unit > options_.capacity_bytes) {
      return Error(Errc::kNoSpace, "no space left on the simulated disk");
    }
    make_dirty(inode, sector);
    if (found == inode.sectors.end()) {
      found =
          inode.sectors.emplace(sector, std::string(static_cast<std::size_t>(unit), '\0')).first;
      count_used(inode, 1);
    }
    found->second.replace(in_sector, count, as_text(bytes.first(count)));
    bytes = bytes.subspan(count);
    offset += count;
    inode.size = std::max(inode.size, offset);
  }
  return {};
}

void SimDisk::read(const Inode& inode, std::uint64_t offset, MutableByteSpan buffer) const {
  const std::uint64_t unit = options_.sector_bytes;
  while (!buffer.empty()) {
    const auto in_sector = static_cast<std::size_t>(offset % unit);
    const auto count =
        std::min<std::size_t>(buffer.size(), static_cast<std::size_t>(unit) - in_sector);
    const auto found = inode.sectors.find(offset / unit);
    if (found == inode.sectors.end()) {
      std::ranges::fill(buffer.first(count), std::byte{0});
    } else {
      std::memcpy(buffer.data(), found->second.data() + in_sector, count);
    }
    buffer = buffer.subspan(count);
    offset += count;
  }
}

void SimDisk::resize(Inode& inode, std::uint64_t size) {
  const std::uint64_t unit = options_.sector_bytes;
  if (size < inode.size) {
    const std::uint64_t whole = (size + unit - 1) / unit;
    auto it = inode.sectors.lower_bound(whole);
    while (it != inode.sectors.end()) {
      make_dirty(inode, it->first);
      it = inode.sectors.erase(it);
      count_used(inode, -1);
    }
    const auto last = inode.sectors.find(size / unit);
    if (size % unit != 0 && last != inode.sectors.end()) {
      make_dirty(inode, last->first);
      const auto kept = static_cast<std::size_t>(size % unit);
      last->second.replace(kept, std::string::npos, static_cast<std::size_t>(unit) - kept, '\0');
    }
  }
  inode.size = size;
}

void SimDisk::settle(const std::function<bool()>& keep_name,
                     const std::function<bool()>& keep_sector) {
  settle_names(keep_name);
  std::set<const Inode*> seen;
  used_sectors_ = 0;
  for (const auto& [path, inode] : names_) {
    if (!seen.insert(inode.get()).second) continue;
    settle_content(*inode, keep_sector);
    inode->linked = true;
    used_sectors_ += inode->sectors.size();
  }
  forget_handles();
}

void SimDisk::settle_names(const std::function<bool()>& keep) {
  for (const auto& change : std::exchange(pending_, {})) {
    if (keep()) make_durable(change);
  }
  names_ = durable_names_;
}

/// Each dirty sector is what was written or what was durable; the size goes with a coin of its own.
void SimDisk::settle_content(Inode& inode, const std::function<bool()>& keep) {
  const std::uint64_t unit = options_.sector_bytes;
  const bool keep_size = inode.size == inode.durable_size || keep();
  const std::uint64_t shorter = std::min(inode.size, inode.durable_size);
  std::uint64_t end = keep_size ? inode.size : inode.durable_size;
  for (const auto& [sector, undo] : inode.dirty) {
    const bool cut_off = inode.size < inode.durable_size && (sector + 1) * unit > shorter;
    const bool kept = cut_off ? keep_size : keep();
    if (kept && !keep_size && inode.size > inode.durable_size) {
      end = std::max(end,
                     std::min(inode.size, (sector + 1) * unit));  // written back: it is in the file
    }
    if (kept) continue;
    if (undo.durable) {
      inode.sectors[sector] = *undo.durable;
    } else {
      inode.sectors.erase(sector);
    }
  }
  inode.dirty.clear();
  inode.size = end;
  inode.durable_size = end;
}

void SimDisk::forget_handles() {
  ++epoch_;
  locks_.clear();
  off_ = false;
  power_off_at_ = UINT64_MAX;
}

}  // namespace kelp::test
